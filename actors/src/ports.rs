//! The traits through which the actors reach the world. The world implements them; nothing here
//! blocks, and nothing here knows a driver, a socket or a file.

use crate::ids::{CameraId, StreamId};
use crate::media::{Frame, PictureSink};
use crate::supervisor::address::Recipient;
use crate::transport::Batch;
use actix::Message;
use bytes::BytesMut;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Tells the time. The decisions take time as an argument; this is where the actors get it.
pub trait Clock: Send + Sync {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Milliseconds since the Unix epoch, for people to read.
    fn unix_ms(&self) -> u64;
}

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
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
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
#[derive(Message, Debug)]
#[rtype(result = "()")]
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

/// Why a camera cannot be had, and what its operator can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// There is no such device now.
    #[error("{device} is not there: plug the camera in, or correct `source`")]
    Absent {
        /// What was looked for.
        device: String,
    },
    /// Somebody else has it.
    #[error("{device} is in use{}: close the other program", holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default())]
    Busy {
        /// The device.
        device: String,
        /// Who holds it, where that could be found out.
        holder: Option<String>,
    },
    /// We may not open it.
    #[error("no permission to open {device}: add the server's user to the group that owns it (usually `video`)")]
    Denied {
        /// The device.
        device: String,
    },
    /// It cannot do what is asked.
    #[error("{device} cannot do {what}: see `lenscap devices` for what it can do")]
    Unsupported {
        /// The device.
        device: String,
        /// What was asked of it.
        what: String,
    },
    /// It was unplugged while in use.
    #[error("{device} was unplugged")]
    Unplugged {
        /// The device.
        device: String,
    },
    /// It is open, but has given no picture for too long.
    #[error("{device} has given no picture for {} s: it is started again", silence.as_secs_f32())]
    Stalled {
        /// The device.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
    },
    /// A program was started, and has not written anything.
    #[error(
        "{device} has written nothing for {} s: its command must write H.264 (Annex B) to its standard output",
        silence.as_secs_f32()
    )]
    Silent {
        /// The command.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
    },
    /// A program writes something else.
    #[error(
        "{device} has written {} kB in which there is no video: its command must write H.264 (Annex B, with ffmpeg \
         `-f h264`) to its standard output, and nothing else",
        bytes.div_ceil(1000)
    )]
    NoVideo {
        /// The command.
        device: String,
        /// Bytes that it has written.
        bytes: u64,
    },
    /// It gives pictures, but for too long none of them could be shown.
    #[error(
        "{device} has given no picture for {} s that could be shown, but {broken} broken ones: it is started again; if \
         that does not help, try another cable, USB port or `format`",
        silence.as_secs_f32()
    )]
    OnlyBroken {
        /// The device.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
        /// How many came since the last good one.
        broken: u64,
    },
    /// Another camera of its exclusive group is open.
    #[error("camera {holder:?} is being watched, and only one camera of {group:?} can be open at a time")]
    GroupBusy {
        /// The group.
        group: String,
        /// Who is open.
        holder: CameraId,
    },
    /// A program that gives pictures ended by itself.
    #[error("the program ended ({status}): its own messages are in the log")]
    ProgramEnded {
        /// Its exit status or the signal that ended it.
        status: String,
    },
    /// Anything else the system says.
    #[error("{device}: {message}")]
    Failed {
        /// The device.
        device: String,
        /// What the system said.
        message: String,
    },
}

impl CaptureError {
    /// Whether the device itself has no error to report: then its supervisor starts it afresh.
    pub fn is_stall(&self) -> bool {
        matches!(self, CaptureError::Stalled { .. } | CaptureError::OnlyBroken { .. })
    }

    /// The error code of the signalling protocol.
    pub fn code(&self) -> &'static str {
        match self {
            CaptureError::Absent { .. } | CaptureError::Unplugged { .. } => "camera_absent",
            CaptureError::Busy { .. } | CaptureError::GroupBusy { .. } => "camera_busy",
            _ => "camera_failed",
        }
    }
}

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
#[derive(Message, Debug)]
#[rtype(result = "()")]
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

/// Sends datagrams, and leads those that arrive to the peers they are meant for.
pub trait Datagrams: Send + Sync {
    /// From now on STUN requests for this ICE user name fragment that are signed with `password`, and what
    /// comes from the addresses of such, go to `inbox`.
    fn register(&self, ufrag: &str, password: &str, inbox: Recipient<Inbound>);
    /// Undoes [`Datagrams::register`], addresses included.
    fn forget(&self, ufrag: &str);
    /// Sends, in order; a run is one system call where the system can do that. Gives how many datagrams it has taken:
    /// fewer than all if there is no room for more at present.
    fn send(&self, batch: &Batch) -> usize;
    /// Reads all that has arrived by now and leads it to its peers, so that whoever asks its own mailbox
    /// next is not deceived by a reader that is late.
    fn drain(&self);
}

/// Datagrams for one peer, in the order of their arrival.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Inbound {
    /// When they were read from the socket.
    pub at: Instant,
    /// Where they came from, and what they contain.
    pub datagrams: Vec<(SocketAddr, BytesMut)>,
    /// Datagrams that came back: where they could not be delivered, and as much of them as was quoted;
    /// nothing of those that our own host would not send.
    pub undeliverable: Vec<(SocketAddr, BytesMut)>,
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        // tokio's time is the system's, but stands still and jumps in tests that ask for it.
        tokio::time::Instant::now().into_std()
    }

    fn unix_ms(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64
    }
}
