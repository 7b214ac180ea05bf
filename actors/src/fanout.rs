//! Hands frames to the viewers of one media thread.
//!
//! A stream sends one message a thread and frame, however many watch: what is done for each viewer is done on the
//! viewer's own thread.

use crate::ids::StreamId;
use crate::media::Frame;
use crate::supervisor::address::Recipient;
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::sync::Arc;

/// The actor.
#[derive(Debug, Default)]
pub struct Fanout;

/// One frame for a viewer. Dropped if its mailbox is full.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum Deliver {
    /// The next frame.
    Next {
        /// Whose.
        stream: StreamId,
        /// The frame.
        frame: Arc<Frame>,
    },
    /// Frames of the past that lead up to the present picture.
    Replay {
        /// Whose.
        stream: StreamId,
        /// The frames, from a keyframe on.
        frames: Vec<Arc<Frame>>,
    },
}

/// A frame for viewers of this thread.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Spread {
    /// What each of them gets.
    pub deliver: Deliver,
    /// Where they take frames.
    pub to: Arc<[Recipient<Deliver>]>,
}

impl Spread {
    /// Gives each viewer its frame.
    pub fn hand_out(&self) {
        for viewer in self.to.iter() {
            // A viewer whose mailbox is full misses this frame, sees the gap in the numbers, and
            // goes on at the next keyframe. It never slows the others.
            let _ = viewer.try_send(self.deliver.clone());
        }
    }
}

impl Actor for Fanout {
    type Context = Context<Self>;
}

impl Handler<Spread> for Fanout {
    type Result = ();

    fn handle(&mut self, spread: Spread, _: &mut Self::Context) {
        spread.hand_out();
    }
}
