//! How a stream's encoder follows the slowest link of its viewers.

use super::Stream;
use super::bitrate::LOOK_EVERY;
use super::messages::LinkCarries;
use crate::supervisor::context::Context;
use actix::prelude::*;

impl Stream {
    /// Holds the encoder to what the slowest link carries.
    fn follow_slowest(&mut self, ctx: &mut Context<Self>) {
        let Some((_, encoding)) = &self.encoding else { return };
        let Some(range) = encoding.bit_rates() else { return };
        if let Some(bps) = self.bitrate.step(self.subscribers.slowest(), &range, self.clock.now()) {
            encoding.hold_to(bps);
            let limit = self.bitrate.limit();
            self.board.stream(&self.id, |stream| stream.limited_to_bps = limit);
        }
        match (self.bitrate.is_limited(), self.rises) {
            (true, None) => {
                self.rises = Some(ctx.run_interval(LOOK_EVERY, |stream, ctx| stream.follow_slowest(ctx)));
            }
            (false, Some(timer)) => {
                ctx.cancel_future(timer);
                self.rises = None;
            }
            _ => {}
        }
    }
}

impl Handler<LinkCarries> for Stream {
    type Result = ();

    fn handle(&mut self, LinkCarries { peer, bps }: LinkCarries, ctx: &mut Self::Context) {
        self.subscribers.carries(&peer, bps);
        self.follow_slowest(ctx);
    }
}
