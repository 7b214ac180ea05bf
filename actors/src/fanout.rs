//! Hands frames to the viewers of one media thread.
//!
//! A stream sends one message a thread and frame, however many watch: what is done for each viewer is done on the
//! viewer's own thread, one after the other.

use crate::ids::StreamId;
use crate::media::Frame;
use crate::supervisor::context::Context;
use crate::supervisor::recipient::{Recipient, SendError};
use crate::supervisor::registered::Registered;
use actix::prelude::*;
use std::fmt;
use std::sync::Arc;

/// The actor.
#[derive(Debug, Default)]
pub struct Fanout;

/// Frames for a viewer.
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

impl Deliver {
    /// Frames of the past of a stream.
    pub fn replay(stream: &StreamId, frames: &[Arc<Frame>]) -> Self {
        Self::Replay { stream: stream.clone(), frames: frames.to_vec() }
    }
}

/// Takes a stream's frames for one viewer. Who misses one sees the gap in the numbers, and goes on at the next keyframe.
pub trait TakeFrames: Send + Sync + fmt::Debug {
    /// Takes them; never waits.
    fn take(&self, deliver: &Deliver);
}

/// Takes frames as messages. They are dropped if its mailbox is full.
impl TakeFrames for Recipient<Deliver> {
    fn take(&self, deliver: &Deliver) {
        let _ = self.try_send(deliver.clone());
    }
}

/// A frame for viewers of this thread.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub struct Spread {
    /// What each of them gets.
    pub deliver: Deliver,
    /// Who.
    pub to: Arc<[Arc<dyn TakeFrames>]>,
}

impl Spread {
    /// Sends it by way of their thread's actor. If there is none, or it is just being started again, they get it here
    /// and now: nobody misses a frame for that. If that thread is behind, the frame is lost to all of them.
    pub fn send(self, fanout: Option<&Registered<Fanout>>) {
        let sent = match fanout {
            Some(fanout) => fanout.try_send(self),
            None => Err(SendError::Ended(self)),
        };
        if let Err(SendError::Ended(spread)) = sent {
            spread.hand_out();
        }
    }

    fn hand_out(&self) {
        self.to.iter().for_each(|viewer| viewer.take(&self.deliver));
    }
}

impl Actor for Fanout {
    type Context = Context<Self>;
}

impl Handler<Spread> for Fanout {
    type Result = ();

    fn handle(&mut self, spread: Spread, ctx: &mut Self::Context) {
        spread.hand_out();
        // However many frames wait: in between, the others on this thread have their turn.
        ctx.wait(tokio::task::yield_now().into_actor(self));
    }
}
