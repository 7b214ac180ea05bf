//! A peer's way to a stream whose camera cannot be open beside the present one.
//!
//! That one has to be let go first, and the picture pauses. A device may take its time to close: meanwhile the peer hears all
//! that it has to hear, for its viewer may want yet another stream, or leave. Then nothing is opened for it any more.

use super::subscription::{StreamRef, Subscription};
use crate::board::{Board, ReleaseRecord, milliseconds};
use crate::departure::Verdict;
use crate::ids::{CameraId, PeerId, StreamId};
use crate::ports::Clock;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::future::Future;
use std::sync::Arc;

/// One that is under way.
pub struct Exchange {
    /// Where it leads.
    pub to: (StreamId, StreamRef),
    /// What it began with.
    from: (StreamId, CameraId),
    /// Resolves when that is let go: whether its camera is closed then. None if it had been let go before, which is recorded.
    release: Shared<BoxFuture<'static, Option<bool>>>,
}

impl Exchange {
    /// Lets go what is watched.
    pub fn new(old: Subscription, to: (StreamId, StreamRef)) -> Self {
        let from = (old.stream().clone(), old.entry().camera_id.clone());
        Self { to, from, release: old.leave_in_exchange().boxed().shared() }
    }

    /// Resolves when the other camera may be opened.
    pub fn released(&self) -> impl Future<Output = ()> + use<> {
        self.release.clone().map(drop)
    }

    /// The viewer has left: resolves when what it watched before is released, which is its release then.
    pub async fn leave(self, peer: PeerId, verdict: Verdict, board: Board, clock: Arc<dyn Clock>) {
        let Some(closed) = self.release.await else { return };
        let closed = closed.then(|| milliseconds(clock.now().saturating_duration_since(verdict.at)));
        board.released(ReleaseRecord {
            at: clock.unix_ms(),
            stream: self.from.0,
            camera: self.from.1,
            peer,
            cause: verdict.cause,
            detected_ms: milliseconds(verdict.silence),
            // It was told before there was a verdict.
            stop_ms: closed.map(|_| 0.0),
            closed_ms: closed,
        });
    }
}
