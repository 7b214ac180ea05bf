//! What flows from a camera to its viewers: a [`Picture`] leaves the device, a [`Frame`] leaves
//! the encoder.

mod cuts;

pub use cuts::{Cuts, PAYLOAD_BYTES_MAX, RUN_PACKETS_MAX};

use bytes::Bytes;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One picture as the device gave it.
#[derive(Clone, Debug)]
pub struct Picture {
    /// When the device gave it.
    pub captured: Instant,
    /// The picture itself.
    pub content: Content,
}

/// A picture that was taken longer ago is not shown to a newcomer as if it were the present.
pub const FRESH: Duration = Duration::from_secs(1);

/// Whether a picture that was taken then can still be shown as the present.
pub fn is_fresh(captured: Instant, now: Instant) -> bool {
    now.saturating_duration_since(captured) <= FRESH
}

/// The forms in which devices give pictures.
#[derive(Clone)]
pub enum Content {
    /// One H.264 access unit in Annex B form (ITU-T H.264, Annex B), already encoded.
    H264(Bytes),
    /// One JPEG image.
    Jpeg(Bytes),
    /// One uncompressed image.
    Raw(RawImage),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Content::H264(data) => write!(f, "H264({} bytes)", data.len()),
            Content::Jpeg(data) => write!(f, "Jpeg({} bytes)", data.len()),
            Content::Raw(image) => write!(f, "{:?}({}x{})", image.layout, image.width, image.height),
        }
    }
}

/// One uncompressed image.
#[derive(Clone)]
pub struct RawImage {
    /// How the samples lie in memory.
    pub layout: Layout,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Bytes from one row of the first plane to the next.
    pub stride: usize,
    /// The planes, one after the other.
    pub data: Bytes,
}

/// Memory layouts of uncompressed images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Planar 4:2:0: Y, then U, then V.
    I420,
    /// Planar 4:2:0: Y, then U and V interleaved.
    Nv12,
    /// Packed 4:2:2: Y U Y V.
    Yuyv,
}

/// Where a frame was encoded, which decides how a viewer that joins gets its first picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By us: an IDR can be had on request.
    Encoder,
    /// By the device: the next IDR comes when it comes, so the group of pictures is kept.
    Device,
}

/// How a frame is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// H.264 in Annex B form, packetized by RFC 6184 with packetization-mode=1.
    #[default]
    H264,
}

/// How large the pictures of a stream are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// As the stream is configured.
    #[default]
    Full,
    /// For viewers whose link cannot carry that: half as wide and high, at a fraction of the bit rate.
    Small,
}

/// What an encoder makes of a stream: each rendition has one, and only while somebody watches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rendition {
    /// How it is encoded.
    pub codec: Codec,
    /// How large it is.
    pub size: Size,
}

impl Rendition {
    /// For viewers whose link cannot carry the full one.
    pub const SMALL: Self = Self { codec: Codec::H264, size: Size::Small };
}

/// One encoded access unit, whole, and where it is cut into packets: once, for all viewers.
#[derive(Clone)]
pub struct Frame {
    /// Counts up by one a frame. A gap means that a frame was lost on its way here.
    pub number: u64,
    /// When the picture was taken.
    pub captured: Instant,
    /// Whether decoding can start here (an IDR with its parameter sets).
    pub keyframe: bool,
    /// Who encoded it.
    pub origin: Origin,
    /// How it is encoded.
    pub codec: Codec,
    /// The access unit, for whoever wants it whole: files, snapshots, another packetization.
    pub unit: Bytes,
    /// Where it is cut into the payloads of its RTP packets.
    pub cuts: Cuts,
}

impl Frame {
    /// Bytes of RTP payload.
    pub fn len(&self) -> usize {
        self.cuts.payload_bytes()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.cuts.len() == 0
    }

    /// The payload of one packet, in its two parts: what is made up for it, and what is the access unit's.
    /// Both are empty if there is no such packet.
    pub fn packet(&self, nth: usize) -> (&[u8], &[u8]) {
        let (prefix, range) = self.cuts.packet(nth);
        (prefix, self.unit.get(range).unwrap_or_default())
    }

    /// The payloads in order, each put together; the last one's packet carries the marker.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = Bytes> {
        (0..self.cuts.len()).map(|nth| {
            let (prefix, range) = self.cuts.packet(nth);
            if prefix.is_empty() {
                return self.unit.slice(range);
            }
            Bytes::from([prefix, &self.unit[range]].concat())
        })
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.keyframe { "IDR" } else { "P" };
        write!(f, "Frame({} {kind} {} bytes)", self.number, self.len())
    }
}

/// Where a capture thread leaves its pictures. Never blocks: what has no room is dropped and
/// counted by the receiver.
pub trait PictureSink: Send + Sync {
    /// Takes one picture.
    fn push(&self, picture: &Arc<Picture>);

    /// Pictures are missing before the next. Of a device that encodes nothing can be decoded before its next keyframe.
    fn lost(&self) {}

    /// What became of the pictures since it was last asked.
    fn findings(&self) -> Findings {
        Findings::default()
    }
}

/// What became of pictures at one who decodes them. Those that are passed on as they are, or left out for the sake of
/// a lower rate, are neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// So many were decoded.
    pub shown: u64,
    /// So many could not be.
    pub refused: u64,
}
