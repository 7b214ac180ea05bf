//! What arrives for a viewer.

use super::Peer;
use crate::ports::Inbound;
use crate::supervisor::context::Context;
use crate::transport::is_dtls;
use actix::prelude::*;

impl Peer {
    /// From now on what is for this name arrives here, and the answers of a viewer that only answers.
    pub(super) fn register(&self, (ufrag, password): &(String, String), ctx: &mut Context<Self>) {
        self.datagrams.register(ufrag, password, ctx.recipient());
        let lite = self.connection.lock().transport.lite().to_vec();
        lite.into_iter().for_each(|address| self.datagrams.expect(ufrag, address));
    }

    /// From now on nothing arrives.
    pub(super) fn forget(&self) {
        self.names.iter().for_each(|(ufrag, _)| self.datagrams.forget(ufrag));
    }
}

impl Handler<Inbound> for Peer {
    type Result = ();

    fn handle(&mut self, message: Inbound, ctx: &mut Self::Context) {
        if message.datagrams.iter().any(|(_, datagram)| is_dtls(datagram)) {
            // That takes long, and many may do it: the frames of those who watch go first.
            self.queue.hand_out();
        }
        self.look(ctx);
        for (from, datagram) in message.datagrams {
            if self.status.remote.is_none() {
                self.status.remote = Some(from.to_string());
            }
            // What a handshake waits for begins when it goes on, however long its datagrams waited in a crowd.
            let at = if is_dtls(&datagram) { self.clock.now() } else { message.at };
            self.connection.lock().transport.read(from, &datagram, at);
        }
        for (to, quoted) in message.undeliverable {
            self.came_back(to, &quoted, message.at);
        }
        self.drain(ctx);
    }
}
