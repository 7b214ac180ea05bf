//! The socket.

use crate::supervisor::recipient::Recipient;
use crate::transport::Batch;
use bytes::BytesMut;
use std::net::SocketAddr;
use std::time::Instant;

/// Sends datagrams, and leads those that arrive to the peers they are meant for.
pub trait Datagrams: Send + Sync {
    /// From now on STUN requests for this ICE user name fragment that are signed with `password`, and what
    /// comes from the addresses of such, go to `inbox`.
    fn register(&self, ufrag: &str, password: &str, inbox: Recipient<Inbound>);
    /// What comes from `address` goes to whoever is registered by this name, too, though no request has come from there: who lives
    /// there only answers (ice-lite, RFC 8445, section 2.5). It takes nothing from those who were heard there.
    fn expect(&self, ufrag: &str, address: SocketAddr);
    /// Undoes [`Datagrams::register`], addresses included.
    fn forget(&self, ufrag: &str);
    /// Sends, in order; a run is one system call where the system can do that. Gives how many datagrams it has taken:
    /// fewer than all if there is no room for more at present.
    fn send(&self, batch: &Batch) -> usize;
    /// Reads all that has arrived by now and leads it to its peers, so that whoever asks its own mailbox
    /// next is not deceived by a reader that is late.
    fn drain(&self);
}

/// Datagrams for one peer, in the order of their arrival.
#[derive(Debug)]
pub struct Inbound {
    /// When they were read from the socket.
    pub at: Instant,
    /// Where they came from, and what they contain.
    pub datagrams: Vec<(SocketAddr, BytesMut)>,
    /// Datagrams that came back: where they could not be delivered, and as much of them as was quoted;
    /// nothing of those that our own host would not send.
    pub undeliverable: Vec<(SocketAddr, BytesMut)>,
}
