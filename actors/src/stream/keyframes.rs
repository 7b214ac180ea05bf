//! How a subscriber comes by a picture that it can decode.
//!
//! Our own encoder makes a keyframe when it is asked. A device cannot be asked: what there is of its present group of
//! pictures is replayed.

use super::Stream;
use super::messages::{FramesMissed, KeyframeWanted, Link};
use super::routes::Routes;
use super::subscribers::Group;
use crate::fanout::Deliver;
use crate::ids::PeerId;
use crate::media::Origin;
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::time::Duration;

/// Keyframes are forced no more often than this, whoever asks.
const KEYFRAME_SPACING: Duration = Duration::from_millis(250);

impl Stream {
    /// Forces an IDR now, or as soon as the last one is old enough.
    pub(super) fn force_keyframe(&mut self, ctx: &mut Context<Self>) {
        let Some((_, encoding)) = &self.encoding else { return };
        let now = self.clock.now();
        let wait = self
            .last_forced
            .map_or(Duration::ZERO, |last| KEYFRAME_SPACING.saturating_sub(now.saturating_duration_since(last)));
        if wait.is_zero() {
            self.last_forced = Some(now);
            encoding.force_keyframe();
        } else if self.forced_later.is_none() {
            self.forced_later = Some(ctx.run_later(wait, |stream, ctx| {
                stream.forced_later = None;
                stream.force_keyframe(ctx);
            }));
        }
    }

    /// Sends a newcomer what it needs for its first picture.
    pub(super) fn greet(&mut self, peer: &PeerId, link: &Link, ctx: &mut Context<Self>) {
        match self.gop.replay(self.clock.now()) {
            Group::None => self.force_keyframe(ctx),
            Group::Old => self.subscribers.wait_for_group(peer),
            Group::Fresh(frames) => {
                debug_assert!(frames.iter().all(|frame| frame.origin == Origin::Device));
                Routes::send_once(std::iter::once(link), &Deliver::replay(&self.id, frames));
            }
        }
    }
}

impl Handler<KeyframeWanted> for Stream {
    type Result = ();

    fn handle(&mut self, _: KeyframeWanted, ctx: &mut Self::Context) {
        self.force_keyframe(ctx);
    }
}

impl Handler<FramesMissed> for Stream {
    type Result = ();

    fn handle(&mut self, FramesMissed { peer }: FramesMissed, ctx: &mut Self::Context) {
        let now = self.clock.now();
        match self.gop.replay(now) {
            Group::None => self.force_keyframe(ctx),
            Group::Old => {}
            // A device cannot be asked for a keyframe, but the one that the others go by is here.
            Group::Fresh(frames) => {
                if let Some(link) = self.subscribers.replay_to(&peer, now) {
                    Routes::send_once(std::iter::once(link), &Deliver::replay(&self.id, frames));
                }
            }
        }
    }
}
