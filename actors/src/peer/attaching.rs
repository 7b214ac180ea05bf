//! How a peer goes from one signalling connection to another.
//!
//! A connection over TCP that was cut is as good as dead for as long again as the cut has lasted, for so its retransmissions are
//! spaced (RFC 6298, section 5.5); the media path is back at once. So the page opens another one beside it.

use super::{Ask, Attach, Hangup, Line, Peer, Signal};
use crate::departure::Cause;
use actix::prelude::*;

/// So many changes of a viewer's signalling connection are told: more than a walk through a house has.
const LINES_TOLD: u32 = 10;

impl Handler<Ask> for Peer {
    type Result = ();

    fn handle(&mut self, _: Ask, ctx: &mut Self::Context) {
        // Who is not connected yet cannot be asked.
        if self.connected {
            self.look(ctx);
            self.silence.ask();
            self.drain(ctx);
        }
    }
}

impl Handler<Attach> for Peer {
    type Result = Line;

    fn handle(&mut self, Attach(signals): Attach, ctx: &mut Self::Context) -> Self::Result {
        self.look(ctx);
        self.line.0 += 1;
        let former = std::mem::replace(&mut self.signals, signals);
        let _ = former.try_send(Signal::Elsewhere);
        // A page may do so as often as it likes, and nobody reads that for ever.
        let level = if self.line.0 <= LINES_TOLD { log::Level::Info } else { log::Level::Debug };
        log::log!(level, "root/peers/{}: goes on over another signalling connection", self.id);
        // Nobody knows what was lost with the former one.
        self.tell_again();
        self.line
    }
}

impl Handler<Hangup> for Peer {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Hangup(line): Hangup, ctx: &mut Self::Context) -> Self::Result {
        let verdict = (line == self.line).then(|| self.presence.leaving(Cause::WsClosed, self.clock.now())).flatten();
        match verdict {
            Some(verdict) => AtomicResponse::new(self.depart(verdict, ctx)),
            None => AtomicResponse::new(Box::pin(actix::fut::ready(()))),
        }
    }
}

impl Peer {
    /// How it is with the stream that is wanted, and which is sent: the page does not know, or has asked once more.
    pub(super) fn tell_again(&mut self) {
        let Some(wanted) = self.next.as_ref().map(|(next, _)| next).or(self.watching.as_ref()) else { return };
        if let Some(state) = self.board.read(|board| Some(board.streams.get(wanted.id())?.state)) {
            let _ = self.signals.try_send(Signal::State(wanted.stream().clone(), state));
        }
        if self.next.is_none() {
            self.shows.again(wanted.stream(), self.clock.now());
            self.tell_what_shows();
        }
    }
}
