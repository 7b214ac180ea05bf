//! Hands frames to the viewers of one media thread.
//!
//! A stream gives a frame to each thread once, however many watch: what is done for each viewer is done on the
//! viewer's own thread, one after the other.
//!
//! Frames wait where the peers of that thread find them, too. Whoever is about to do what takes long, as a step of a
//! handshake does, hands out first what waits: so a frame waits for one of them, however many connect at a time.

use crate::ids::StreamId;
use crate::media::Frame;
use crate::supervisor::context::Context;
use crate::supervisor::mailbox::MAILBOX;
use crate::supervisor::recipient::{Recipient, SendError};
use crate::supervisor::registered::Registered;
use actix::prelude::*;
use crossbeam_queue::ArrayQueue;
use std::fmt;
use std::sync::Arc;

/// Frames that may wait: a thread with more of them is behind.
const WAITING_MAX: usize = 256;

/// For each frame that waits there is a message that does, or as many messages wait as may.
const _: () = assert!(WAITING_MAX <= MAILBOX);

/// The frames that wait for the viewers of one thread, and the actor there that hands them out. Clones are the same.
#[derive(Clone, Debug)]
pub struct MediaQueue {
    waiting: Arc<ArrayQueue<Spread>>,
    actor: Registered<Fanout>,
}

/// The actor.
#[derive(Debug)]
pub struct Fanout {
    waiting: Arc<ArrayQueue<Spread>>,
}

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
#[derive(Clone, Debug)]
pub struct Spread {
    /// What each of them gets.
    pub deliver: Deliver,
    /// Who.
    pub to: Arc<[Arc<dyn TakeFrames>]>,
}

impl Spread {
    /// Hands it out here and now.
    pub fn hand_out(&self) {
        self.to.iter().for_each(|viewer| viewer.take(&self.deliver));
    }
}

/// A frame waits.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
struct Waiting;

impl MediaQueue {
    /// Of a thread whose actor will have this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { waiting: Arc::new(ArrayQueue::new(WAITING_MAX)), actor: Registered::new(name) }
    }

    /// The actor.
    pub fn actor(&self) -> &Registered<Fanout> {
        &self.actor
    }

    /// A new incarnation of it.
    pub fn fanout(&self) -> Fanout {
        Fanout { waiting: self.waiting.clone() }
    }

    /// Sends frames by way of the actor. If there is none, or it is just being started again, viewers get them here
    /// and now: nobody misses a frame for that. If that thread is behind, they are lost to all of them.
    pub fn send(&self, spread: Spread) {
        let refused = self.waiting.push(spread).err();
        if let Err(SendError::Ended(_)) = self.actor.try_send(Waiting) {
            self.hand_out();
            refused.iter().for_each(Spread::hand_out);
        }
    }

    /// Hands out what waits now, and not what comes meanwhile. To be called on that thread: where others do, because it has no
    /// actor, viewers may get frames out of order, as if they had missed one.
    pub fn hand_out(&self) {
        for _ in 0..self.waiting.len() {
            self.waiting.pop().iter().for_each(Spread::hand_out);
        }
    }
}

impl PartialEq for MediaQueue {
    fn eq(&self, other: &Self) -> bool {
        self.actor == other.actor
    }
}

impl Actor for Fanout {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // What the incarnation before this left has nobody else who tells of it.
        for _ in 0..self.waiting.len() {
            ctx.mailbox().do_send(Waiting);
        }
    }
}

impl Handler<Waiting> for Fanout {
    type Result = ();

    fn handle(&mut self, _: Waiting, ctx: &mut Self::Context) {
        // A peer may have handed it out.
        let Some(spread) = self.waiting.pop() else { return };
        spread.hand_out();
        // However many frames wait: in between, the others on this thread have their turn.
        ctx.wait(tokio::task::yield_now().into_actor(self));
    }
}
