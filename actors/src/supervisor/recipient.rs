//! Where messages of one kind go, whoever takes them. No actor is named here, so the world can report to one without knowing
//! what an actor is.

use std::fmt;
use std::sync::Arc;

/// Why a message was not taken; it is given back.
#[derive(Debug, PartialEq, Eq)]
pub enum SendError<M> {
    /// As many messages as may wait do.
    Full(M),
    /// The incarnation has ended.
    Ended(M),
}

/// Takes messages of one kind for one incarnation of an actor. When that has ended, messages are
/// lost, as in OTP; whoever cares watches its [name](super::registered::Registered).
pub struct Recipient<M>(Arc<dyn Post<M>>);

/// What a [`Recipient`] stands for.
pub(super) trait Post<M>: Send + Sync {
    fn do_send(&self, message: M) -> bool;
    fn try_send(&self, message: M) -> Result<(), SendError<M>>;
}

impl<M> Recipient<M> {
    pub(super) fn new(post: Arc<dyn Post<M>>) -> Self {
        Self(post)
    }

    /// Sends, however many wait; whether the incarnation still lived.
    pub fn do_send(&self, message: M) -> bool {
        self.0.do_send(message)
    }

    /// Sends what may be lost.
    ///
    /// # Errors
    ///
    /// If as many messages wait as may, or if the incarnation has ended; with the message.
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_send(message)
    }
}

impl<M> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whether they are the same incarnation's.
impl<M> PartialEq for Recipient<M> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl<M> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient")
    }
}
