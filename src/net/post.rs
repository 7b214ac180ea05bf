//! What arrives together: one message for each of those it is for, so that a flood does not fill their mailboxes.

use lenscap_actors::ports::Inbound;
use lenscap_actors::supervisor::recipient::Recipient;
use std::time::Instant;

/// The messages.
pub struct Post {
    at: Instant,
    messages: Vec<(Recipient<Inbound>, Inbound)>,
}

impl Post {
    /// Nothing yet; all of it arrives at the same time.
    pub fn new(at: Instant) -> Self {
        Self { at, messages: vec![] }
    }

    /// The message for an inbox.
    pub fn to(&mut self, inbox: &Recipient<Inbound>) -> &mut Inbound {
        let nth = self.messages.iter().position(|(known, _)| known == inbox).unwrap_or_else(|| {
            let message = Inbound { at: self.at, datagrams: vec![], undeliverable: vec![] };
            self.messages.push((inbox.clone(), message));
            self.messages.len() - 1
        });
        &mut self.messages[nth].1
    }

    /// Delivers.
    pub fn send(self) {
        for (inbox, message) in self.messages {
            // A peer that cannot keep up loses them, as it would on any network.
            let _ = inbox.try_send(message);
        }
    }
}
