//! Devices that give pictures.

use super::capture_error::CaptureError;
use crate::ids::StreamId;
use crate::media::PictureSink;
use crate::supervisor::recipient::Recipient;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A camera that can be opened.
pub trait Capture: Send + Sync {
    /// Begins to open the device on a thread of its own and returns at once. What becomes of it
    /// is told to `events`, with `session` in each event so that late ones can be told apart.
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture>;

    /// From now on tells when the device is plugged in or out, as long as what is returned lives.
    /// None if that cannot be known without opening it; then it is tried again and again.
    fn watch(&self, _events: Recipient<Plugged>) -> Option<Box<dyn Send>> {
        None
    }
}

/// Whether a device is there: told once at the beginning of a watch, and at each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugged {
    /// It is there.
    In,
    /// It is not.
    Out,
}

/// Where a capture thread reports to.
pub type CaptureEvents = Recipient<CaptureEvent>;

/// A device that is open, or about to be. Dropping it closes the device, too, but tells nobody.
pub trait OpenCapture: Send {
    /// From now on `sink` gets every picture.
    fn attach(&self, stream: StreamId, sink: Arc<dyn PictureSink>);
    /// `stream` gets no more pictures.
    fn detach(&self, stream: &StreamId);
    /// Asks the device to close, without waiting. What is returned resolves when the descriptor
    /// is closed (or the process reaped); it fails if the thread died, which closes it as well.
    fn close(self: Box<Self>) -> oneshot::Receiver<()>;
}

/// What a capture thread reports to its camera.
#[derive(Debug)]
pub struct CaptureEvent {
    /// The `session` that was given to [`Capture::open`].
    pub session: u64,
    /// What happened.
    pub kind: CaptureEventKind,
}

/// The kinds of [`CaptureEvent`].
#[derive(Debug)]
pub enum CaptureEventKind {
    /// The device gives pictures.
    Opened(CaptureInfo),
    /// A picture was broken and was left out.
    LeftOut,
    /// It gives no pictures any more, and is being closed; [`Ended`](Self::Ended) follows when it is.
    Failing(CaptureError),
    /// The thread has ended by itself and the descriptor is closed.
    Ended(CaptureError),
    /// The thread panicked, with these words; the descriptor is closed.
    Panicked(String),
}

/// What was agreed with the device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureInfo {
    /// The device or program in use, for people: `/dev/video0`, `pid 4711`.
    pub device: String,
    /// Format and size, for people: `MJPG 1280x720`.
    pub format: String,
    /// Frames a second; 0 if the device does not say.
    pub fps: f32,
    /// What could not be done as it was wished, for people.
    pub warning: Option<String>,
}
