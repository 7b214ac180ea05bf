//! What is said to a stream, and what it says to its subscribers.

use crate::board::StreamState;
use crate::departure::Cause;
use crate::fanout::{MediaQueue, TakeFrames};
use crate::ids::{PeerId, StreamId};
use crate::ports::EncodeEvent;
use crate::supervisor::recipient::Recipient;
use actix::prelude::*;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a stream reaches one subscriber.
#[derive(Clone, Debug)]
pub struct Link {
    /// Takes frames as they come.
    pub frames: Arc<dyn TakeFrames>,
    /// The frames for all subscribers on its thread; without it each is handed its own.
    pub queue: Option<MediaQueue>,
    /// Takes news.
    pub notices: Recipient<StreamNotice>,
}

/// What a stream tells its subscribers.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub enum StreamNotice {
    /// Its state changed.
    State(StreamId, StreamState),
    /// Something is wrong; the stream goes on trying unless its state is `Failed`.
    Trouble {
        /// Which stream.
        stream: StreamId,
        /// Error code of the signalling protocol.
        code: &'static str,
        /// In words.
        message: String,
    },
    /// There is no keyframe for this newcomer, and none can be asked for: its picture begins with the next one.
    AwaitsKeyframe(StreamId),
}

impl StreamNotice {
    /// Which stream it is about.
    pub fn stream(&self) -> &StreamId {
        match self {
            StreamNotice::State(stream, _)
            | StreamNotice::Trouble { stream, .. }
            | StreamNotice::AwaitsKeyframe(stream) => stream,
        }
    }
}

/// A viewer wants this stream.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Subscribe {
    /// Who.
    pub peer: PeerId,
    /// How to reach it.
    pub link: Link,
    /// Whether its connection stands already.
    pub ready: bool,
    /// Whether it is [suspect](Suspect) from the beginning.
    pub suspect: bool,
}

/// A subscriber may have gone: it holds no camera open until it is [alive](Alive).
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Suspect {
    /// Who.
    pub peer: PeerId,
    /// When the suspicion fell.
    pub at: Instant,
    /// How long nothing had proved that it was there.
    pub silence: Duration,
}

/// A suspect has proved to be there.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Alive {
    /// Who.
    pub peer: PeerId,
}

/// The connection of a subscriber stands: send it a picture.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Ready {
    /// Who.
    pub peer: PeerId,
}

/// A subscriber cannot decode what it has: it says so (RTCP PLI or FIR), or frames were lost on their way to it.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct KeyframeWanted {
    /// Who.
    pub peer: PeerId,
    /// Whether anything was lost on the way to it, or not sent, since it last wanted one: some ask at intervals, whatever they have.
    pub missed: bool,
}

/// What the link of a subscriber carries has changed.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct LinkCarries {
    /// Who.
    pub peer: PeerId,
    /// Bits a second, if that has shown itself to be little.
    pub bps: Option<f64>,
}

/// A viewer is gone, or watches something else.
#[derive(Message, Debug)]
#[rtype(result = "Released")]
pub struct Disconnected {
    /// Who.
    pub peer: PeerId,
    /// By what its leaving was recognized; none if it went on to another stream.
    pub cause: Option<Cause>,
    /// When that was.
    pub at: Instant,
    /// Age of the last sign of life then.
    pub silence: Duration,
}

/// The answer to [`Disconnected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, MessageResponse)]
pub enum Released {
    /// It was the last subscriber, and the camera is closed.
    Closed {
        /// From the verdict to the closed descriptor.
        took: Duration,
    },
    /// Others still watch.
    Shared,
    /// It was no subscriber.
    Unknown,
}

impl Message for EncodeEvent {
    type Result = ();
}
