//! How a subscriber comes by a picture that it can decode.
//!
//! Our own encoder is asked for a [keyframe](super::keyframes). A device cannot be asked: what there is of its present group of
//! pictures is replayed.

use super::Stream;
use super::messages::{KeyframeWanted, Link, StreamNotice};
use super::routes::Routes;
use super::subscribers::Replay;
use crate::fanout::Deliver;
use crate::ids::PeerId;
use crate::media::{Frame, Origin};
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who asks so soon after a keyframe of our own encoder gets that again: it is nearly the present, and nobody else is
/// sent another.
const REPEATED: Duration = Duration::from_millis(300);

impl Stream {
    /// Forces an IDR now, or as soon as the last one is old enough.
    fn force_keyframe(&mut self, ctx: &mut Context<Self>) {
        // The encoder would make one of the last picture before the camera failed, as if that were the present.
        let Some((_, encoding)) = self.encoding.as_ref().filter(|_| self.failed_at.is_none()) else { return };
        let wait = self.keyframes.force(self.clock.now());
        if wait.is_zero() {
            encoding.force_keyframe();
        } else {
            self.force_later(wait, ctx);
        }
    }

    fn force_later(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        if self.keyframes.later.is_none() {
            self.keyframes.later = Some(ctx.run_later(wait, |stream, ctx| {
                stream.keyframes.later = None;
                stream.force_keyframe(ctx);
            }));
        }
    }

    /// Sends a newcomer what it needs for its first picture.
    pub(super) fn send_first_picture(&mut self, peer: &PeerId, link: &Link, ctx: &mut Context<Self>) {
        match self.gop.replay(self.clock.now()) {
            Replay::None => {
                self.force_keyframe(ctx);
                if self.gop.is_of_device() {
                    link.notices.do_send(StreamNotice::AwaitsKeyframe(self.id.clone()));
                }
            }
            Replay::Old => self.subscribers.wait_for_gop(peer),
            Replay::Fresh(frames) => self.replay(link, frames),
        }
    }

    fn replay(&self, link: &Link, frames: &[Arc<Frame>]) {
        Routes::send_once(std::iter::once(link), &Deliver::replay(&self.id, frames));
    }
}

fn is_worth_repeating(frames: &[Arc<Frame>], now: Instant) -> bool {
    frames.first().is_some_and(|first| {
        first.origin == Origin::Device || now.saturating_duration_since(first.captured) <= REPEATED
    })
}

impl Handler<KeyframeWanted> for Stream {
    type Result = ();

    fn handle(&mut self, KeyframeWanted { peer, missed }: KeyframeWanted, ctx: &mut Self::Context) {
        let now = self.clock.now();
        // Another keyframe is the present. The group of a device is not: whoever has it all is not to be shown it once more.
        let has_reason = missed || !self.gop.is_of_device();
        let Some(link) = self.subscribers.heed(&peer, has_reason, now).cloned() else { return };
        match self.gop.replay(now) {
            // A device cannot be asked for a keyframe, but the one that the others go by is here.
            Replay::Fresh(frames) if is_worth_repeating(frames, now) => self.replay(&link, frames),
            Replay::Old => {}
            Replay::None | Replay::Fresh(_) => {
                let wait = self.keyframes.wanted.wait(now);
                if self.keyframes.wanted.heed(now) {
                    self.force_keyframe(ctx);
                } else {
                    self.force_later(wait, ctx);
                }
            }
        }
    }
}
