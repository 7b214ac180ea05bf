//! What is shown of cameras, streams and peers, and remembered of those that left.

use super::rate::Rate;
use crate::departure::Cause;
use crate::ids::{CameraId, PeerId, StreamId};
use crate::media::Size;
use serde::Serialize;

/// States of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// No descriptor is open.
    #[default]
    Closed,
    /// The device is being opened.
    Opening,
    /// Pictures come.
    Capturing,
    /// The device is being closed.
    Closing,
    /// It failed and is tried again after a delay.
    Backoff,
    /// It is not plugged in; tried again after a delay.
    Absent,
    /// It failed too often, or its actors did; tried again when somebody asks for it.
    Failed,
}

impl CameraState {
    /// Whether no descriptor is open and no process runs.
    pub fn is_shut(self) -> bool {
        matches!(self, CameraState::Closed | CameraState::Backoff | CameraState::Absent | CameraState::Failed)
    }
}

/// States of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Nobody watches, nothing runs.
    #[default]
    Idle,
    /// Somebody watches; no frame has come yet.
    Starting,
    /// Frames flow.
    Live,
    /// The last subscriber has left and the camera is being let go.
    Stopping,
    /// All who watch are suspect, and nothing runs until one of them proves to be there.
    Paused,
    /// Its camera, its encoder or itself failed and is tried again after a delay.
    Backoff,
    /// Its camera is [failed](CameraState::Failed), or its encoder failed too often; tried again when
    /// somebody asks for it.
    Failed,
}

impl StreamState {
    /// The word of the signalling protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamState::Idle => "idle",
            StreamState::Starting => "starting",
            StreamState::Live => "live",
            StreamState::Stopping => "stopping",
            StreamState::Paused => "paused",
            StreamState::Backoff => "backoff",
            StreamState::Failed => "failed",
        }
    }
}

/// States of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Offer and answer are being exchanged.
    Negotiating,
    /// ICE and DTLS are at work.
    #[default]
    Connecting,
    /// Connected, frames may flow.
    Watching,
    /// It has been silent for longer than its path allows: it holds no camera open.
    Suspect,
    /// It has been silent for so long that it counts as a viewer no more; its connection is kept.
    Away,
    /// It has left.
    Gone,
}

/// A camera as `/debug` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CameraStatus {
    /// Its source, without credentials.
    pub source: String,
    /// Its state.
    pub state: CameraState,
    /// The device or program in use.
    pub device: Option<String>,
    /// Format and size agreed with the device.
    pub format: Option<String>,
    /// Frames a second agreed with the device.
    pub fps: Option<f32>,
    /// When the device was opened, in ms since the Unix epoch.
    pub opened_at: Option<u64>,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
    /// How often it was opened.
    pub opens: u64,
    /// How often it failed.
    pub failures: u64,
    /// Broken pictures that were left out.
    pub left_out: u64,
}

/// A stream as `/debug` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// The camera it shows.
    pub camera: CameraId,
    /// The name that viewers know it by: another one than its own if it is a small rendition.
    pub known_as: StreamId,
    /// How large it is.
    pub rendition: Size,
    /// Its state.
    pub state: StreamState,
    /// Who watches.
    pub subscribers: Vec<PeerId>,
    /// Always `H264` for now.
    pub codec: &'static str,
    /// Payload bits a second over the second before the board is [read](super::Board::snapshot).
    pub bitrate_bps: u64,
    /// What its encoder is held to for the sake of the slowest link (`adaptive_bitrate`), bits a second; none if it is not.
    pub limited_to_bps: Option<u32>,
    /// By which `bitrate_bps` is known.
    #[serde(skip)]
    pub rate: Rate,
    /// Frames since the stream last went live.
    pub frames: u64,
    /// Pictures that could not be decoded, since the server was started.
    pub left_out: u64,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
}

impl StreamStatus {
    /// A rendition of a stream of this camera that nobody has watched yet.
    pub fn of(camera: CameraId, known_as: StreamId, rendition: Size) -> Self {
        Self {
            camera,
            known_as,
            rendition,
            state: StreamState::Idle,
            subscribers: vec![],
            codec: "H264",
            bitrate_bps: 0,
            limited_to_bps: None,
            rate: Rate::default(),
            frames: 0,
            left_out: 0,
            last_error: None,
        }
    }
}

/// A peer as `/debug` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PeerStatus {
    /// The stream it watches.
    pub stream: Option<StreamId>,
    /// The rendition of it that it is sent, or about to be.
    pub rendition: Size,
    /// Its state.
    pub state: PeerState,
    /// How it signals: `ws` or `whep`.
    pub transport: &'static str,
    /// The address its packets come from.
    pub remote: Option<String>,
    /// Usual round trip, by probes and receiver reports, ms.
    pub rtt_ms: Option<f64>,
    /// How long nothing had proved that it was there when this was written, ms.
    pub suspicion: f64,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// RTP packets it reported as lost.
    pub lost_packets: u64,
    /// Packets sent again.
    pub resent_packets: u64,
    /// Frames withheld because it could not decode them: it had to wait for a keyframe.
    pub skipped_frames: u64,
    /// Frames dropped because they would have come late over its link.
    pub late_frames: u64,
    /// Packets dropped because the socket did not take them in time.
    pub refused_packets: u64,
    /// What is known of its link; none if the viewer gives no transport-wide feedback.
    pub link: Option<LinkStatus>,
}

/// What is known of the link to a viewer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LinkStatus {
    /// What arrives, bits a second.
    pub arrives_bps: u64,
    /// What it carries, bits a second, if that has shown itself to be little.
    pub carries_bps: Option<u64>,
    /// What the stream has at present, bits a second.
    pub stream_bps: u64,
    /// How long packets wait on the way, ms.
    pub queue_ms: f64,
}

/// One viewer's leaving, and what it took to let the camera go.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseRecord {
    /// When it was complete, in ms since the Unix epoch.
    pub at: u64,
    /// The stream left.
    pub stream: StreamId,
    /// Its camera.
    pub camera: CameraId,
    /// Who left.
    pub peer: PeerId,
    /// By what it was recognized.
    pub cause: Cause,
    /// Age of the last sign of life when the verdict fell, ms.
    pub detected_ms: f64,
    /// From the verdict to the order that closes the device, ms; none if others still watch, or none was open.
    pub stop_ms: Option<f64>,
    /// From the verdict to the closed descriptor, ms; none if others still watch, or it does not close.
    pub closed_ms: Option<f64>,
}

/// That a viewer was found to have left.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRecord {
    /// When, in ms since the Unix epoch.
    pub at: u64,
    /// Who.
    pub peer: PeerId,
    /// By what.
    pub cause: Cause,
    /// Age of the last sign of life, ms.
    pub silence_ms: f64,
    /// How long after a verdict that nobody had asked for the viewer was back, ms, if that was
    /// [soon](super::returning::SOON): the verdict was probably wrong.
    pub returned_ms: Option<f64>,
}
