//! A subscription that ends by itself if its peer dies.

use crate::departure::{Cause, Verdict};
use crate::ids::{PeerId, StreamId};
use crate::ports::Clock;
use crate::stream::{Disconnected, Link, Stream, Subscribe};
use actix::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// That a peer is among the subscribers of a stream.
pub struct Subscription {
    peer: PeerId,
    stream: StreamId,
    addr: Addr<Stream>,
    clock: Arc<dyn Clock>,
    ended: bool,
}

impl Subscription {
    /// Subscribes. Frames come at once if the connection is `ready`.
    pub fn new(
        peer: PeerId,
        stream: StreamId,
        addr: Addr<Stream>,
        clock: Arc<dyn Clock>,
        link: Link,
        ready: bool,
    ) -> Self {
        addr.do_send(Subscribe { peer: peer.clone(), link, ready });
        Self { peer, stream, addr, clock, ended: false }
    }

    /// The stream's name.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The stream.
    pub fn addr(&self) -> &Addr<Stream> {
        &self.addr
    }

    /// The viewer is gone; the request is answered when the stream is released.
    pub fn end(mut self, verdict: Verdict) -> Request<Stream, Disconnected> {
        self.ended = true;
        self.addr.send(self.disconnected(Some(verdict.cause), verdict.at, verdict.silence))
    }

    /// The viewer goes on to another stream.
    pub fn leave_for_another(mut self) -> Request<Stream, Disconnected> {
        self.ended = true;
        self.addr.send(self.disconnected(None, self.clock.now(), Duration::ZERO))
    }

    fn disconnected(&self, cause: Option<Cause>, at: Instant, silence: Duration) -> Disconnected {
        Disconnected { peer: self.peer.clone(), cause, at, silence }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.ended {
            self.addr.do_send(self.disconnected(Some(Cause::Crashed), self.clock.now(), Duration::ZERO));
        }
    }
}
