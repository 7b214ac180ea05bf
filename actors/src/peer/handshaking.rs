//! One handshake at a time on a thread.
//!
//! A step of a DTLS handshake is public-key cryptography: a millisecond, in which a frame could be sealed for fifty
//! viewers. Three hundred who come at once must not make those wait who watch already. So who shakes hands stands in line, in
//! the order in which they came, and between two of them whatever else is to be done on the thread is done.

use super::Peer;
use crate::supervisor::context::Context;
use actix::prelude::*;
use bytes::BytesMut;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// Datagrams of a handshake that may wait. Both sides repeat what is lost.
const WAITING_MAX: usize = 16;

/// Whose turn it is on a media thread.
pub type Handshakes = Arc<Semaphore>;

/// For a thread on which nobody shakes hands.
pub fn handshakes() -> Handshakes {
    Arc::new(Semaphore::new(1))
}

/// A peer's place in the line.
pub struct Handshaking {
    line: Handshakes,
    stands: bool,
    waiting: Vec<(SocketAddr, BytesMut, Instant)>,
}

impl Handshaking {
    /// Nothing has come yet.
    pub fn new(line: Handshakes) -> Self {
        Self { line, stands: false, waiting: vec![] }
    }
}

impl Peer {
    /// Whether a datagram is part of a handshake (RFC 7983): afterwards DTLS only says farewell, for which nobody waits.
    pub(super) fn is_handshake(&self, datagram: &[u8]) -> bool {
        !self.connected && matches!(datagram.first(), Some(20..=63))
    }

    /// Reads a datagram when it is this peer's turn.
    pub(super) fn stand_in_line(&mut self, from: SocketAddr, datagram: BytesMut, at: Instant, ctx: &mut Context<Self>) {
        let Handshaking { line, stands, waiting } = &mut self.handshaking;
        if waiting.len() < WAITING_MAX {
            waiting.push((from, datagram, at));
        }
        if !std::mem::replace(stands, true) {
            // It is never closed; and whoever leaves the line, by whatever road, lets the next go on.
            let turn = line.clone().acquire_owned();
            ctx.spawn(turn.into_actor(self).map(|_turn, peer, ctx| peer.take_turn(ctx)));
        }
    }

    fn take_turn(&mut self, ctx: &mut Context<Self>) {
        self.handshaking.stands = false;
        let waiting = std::mem::take(&mut self.handshaking.waiting);
        if self.presence.verdict().is_some() {
            return;
        }
        for (from, datagram, at) in waiting {
            self.connection.lock().transport.read(from, &datagram, at);
        }
        self.drain(ctx);
    }
}
