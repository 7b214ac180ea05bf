//! What streams and cameras say to each other.

use crate::ids::StreamId;
use crate::media::PictureSink;
use crate::ports::{CaptureError, CaptureEvent, Plugged};
use crate::supervisor::recipient::Recipient;
use actix::prelude::*;
use std::sync::Arc;
use std::time::Instant;

/// What a camera tells the streams that are attached to it.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum CameraNotice {
    /// Pictures come.
    Capturing,
    /// It failed; it is tried again by itself.
    Failed(CaptureError),
    /// It failed too often, in words; it is not tried again before somebody asks for it.
    GivenUp(String),
}

/// A stream wants this camera's pictures.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Attach {
    /// Who.
    pub stream: StreamId,
    /// Where the pictures go.
    pub sink: Arc<dyn PictureSink>,
    /// Where news goes.
    pub notices: Recipient<CameraNotice>,
}

/// A stream needs no more pictures. The answer comes after the device is closed, if it was the
/// last one, and says when that was.
#[derive(Message)]
#[rtype(result = "Detached")]
pub struct Detach {
    /// Who.
    pub stream: StreamId,
}

/// A stream has died. If it was the last one the device stays open for a moment: the stream is
/// about to be started again, and opening a camera takes longer than that.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Abandon {
    /// Which.
    pub stream: StreamId,
}

/// Nobody may be waiting any more for a stream that died: answered when the device is closed, unless
/// somebody is attached.
#[derive(Message)]
#[rtype(result = "Detached")]
pub struct AwaitClosed;

/// The answer to [`Detach`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, MessageResponse)]
pub enum Detached {
    /// The device is closed.
    Closed {
        /// When its closing was ordered; none if it was closed already.
        ordered: Option<Instant>,
    },
    /// Another stream still needs it.
    InUse,
    /// The device did not close in time; it is being waited for no longer.
    Stuck {
        /// When its closing was ordered; none if that was for somebody before.
        ordered: Option<Instant>,
    },
}

impl Message for CaptureEvent {
    type Result = ();
}

impl Message for Plugged {
    type Result = ();
}
