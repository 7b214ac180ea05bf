//! Encoders.

use crate::media::{Frame, PictureSink};
use crate::supervisor::recipient::Recipient;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Makes encoders: one for each time a stream goes live.
pub trait Encode: Send + Sync {
    /// Starts an encoder on a thread of its own and returns at once.
    fn start(&self, session: u64, events: EncodeEvents) -> Box<dyn Encoding>;
}

/// Where an encoder reports to.
pub type EncodeEvents = Recipient<EncodeEvent>;

/// A running encoder. Dropping it ends its thread, without waiting for it.
pub trait Encoding: Send {
    /// Where the pictures go in.
    fn sink(&self) -> Arc<dyn PictureSink>;
    /// Asks for an IDR as soon as there is a picture to make it from. Without effect on pictures
    /// that arrive encoded.
    fn force_keyframe(&self);
    /// The range of bit rates that it can be [held to](Encoding::hold_to), bits a second. None if it is not to be, cannot
    /// be, or has no picture yet.
    fn bit_rates(&self) -> Option<RangeInclusive<u32>> {
        None
    }
    /// From now on it is to make so many bits a second.
    fn hold_to(&self, _bps: u32) {}
}

/// What an encoder reports to its stream.
#[derive(Debug)]
pub struct EncodeEvent {
    /// The `session` that was given to [`Encode::start`].
    pub session: u64,
    /// What happened.
    pub kind: EncodeEventKind,
}

/// The kinds of [`EncodeEvent`].
#[derive(Debug)]
pub enum EncodeEventKind {
    /// A frame is ready.
    Frame(Arc<Frame>),
    /// A picture could not be decoded and was left out.
    LeftOut,
    /// The thread has ended by itself; the reason is for people.
    Ended(String),
    /// The thread panicked, with these words.
    Panicked(String),
}
