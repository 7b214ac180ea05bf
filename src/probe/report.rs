//! What a probe has seen, for people and for programs.

use super::count::Counter;
use super::target::Target;
use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

/// When what was reached.
#[derive(Debug)]
pub struct Times {
    /// The offer was sent.
    pub offered: Instant,
    /// The answer came.
    pub answered: Option<Instant>,
    /// A pair of addresses worked.
    pub ice: Option<Instant>,
    /// The connection was encrypted.
    pub connected: Option<Instant>,
}

/// What a probe has seen of a stream.
///
/// Times with `_ms` are milliseconds since the offer, unless said otherwise.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The stream's WHEP address.
    pub url: String,
    /// The answer came.
    pub answered_ms: Option<f64>,
    /// A pair of addresses worked.
    pub ice_ms: Option<f64>,
    /// The connection was encrypted.
    pub connected_ms: Option<f64>,
    /// The first packet came.
    pub first_packet_ms: Option<f64>,
    /// The first frame, which is a keyframe, was whole.
    pub first_frame_ms: Option<f64>,
    /// Width and height in pixels, if the stream says so in a form that is understood.
    pub size: Option<(u32, u32)>,
    /// From the first frame to the last, seconds.
    pub seconds: f64,
    /// Whole frames.
    pub frames: u64,
    /// Whole frames a second; null for a single one.
    pub frames_per_second: Option<f64>,
    /// The longest time in which no new frame could be shown, after the first.
    pub longest_pause_ms: f64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames that could not be shown: something was missing, or there was no keyframe before.
    pub broken_frames: u64,
    /// Packets that came, each counted once.
    pub packets: u64,
    /// Packets that did not come, or came too late.
    pub lost_packets: u64,
    /// Bytes of video.
    pub bytes: u64,
    /// Bytes of video a second; null for a single packet.
    pub bytes_per_second: Option<f64>,
    /// How long the server took to confirm the leaving, milliseconds. By then the camera is closed,
    /// unless others watch.
    pub left_ms: Option<f64>,
    /// Why the server did not confirm it.
    pub left_error: Option<String>,
}

impl Report {
    /// Sums up.
    pub(super) fn new(target: &Target, times: &Times, count: &Counter, left: Result<Duration, String>) -> Self {
        let since = |at: Option<Instant>| at.map(|at| ms(at.saturating_duration_since(times.offered)));
        let span = |from: Option<Instant>, to: Option<Instant>| {
            let span = from.zip(to).map_or(0.0, |(from, to)| to.saturating_duration_since(from).as_secs_f64());
            (span, move |amount: u64| (span > 0.0).then(|| amount as f64 / span))
        };
        let (seconds, frames_in) = span(count.first_frame, count.last_frame);
        let (_, bytes_in) = span(count.first_packet, count.last_packet);
        Self {
            url: target.to_string(),
            answered_ms: since(times.answered),
            ice_ms: since(times.ice),
            connected_ms: since(times.connected),
            first_packet_ms: since(count.first_packet),
            first_frame_ms: since(count.first_frame),
            size: count.size,
            seconds,
            frames: count.frames,
            frames_per_second: frames_in(count.frames.saturating_sub(1)),
            longest_pause_ms: ms(count.longest_pause),
            keyframes: count.keyframes,
            broken_frames: count.broken,
            packets: count.packets,
            lost_packets: count.lost,
            bytes: count.bytes,
            bytes_per_second: bytes_in(count.bytes),
            left_ms: left.as_ref().ok().copied().map(ms),
            left_error: left.err(),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{ms:.0} ms"));
        let size = self.size.map_or("of unknown size".to_owned(), |(width, height)| format!("{width}x{height}"));
        writeln!(f, "{}: {size}", self.url)?;
        writeln!(
            f,
            "after the offer: answer {}, ICE {}, connected {}, first packet {}, first frame {}",
            at(self.answered_ms),
            at(self.ice_ms),
            at(self.connected_ms),
            at(self.first_packet_ms),
            at(self.first_frame_ms)
        )?;
        let rate = self.frames_per_second.map_or(String::new(), |rate| format!(", {rate:.1} a second"));
        writeln!(
            f,
            "{} frames in {:.1} s{rate}, never {:.0} ms without; {} keyframes, {} broken",
            self.frames,
            self.seconds,
            self.longest_pause_ms.ceil(),
            self.keyframes,
            self.broken_frames
        )?;
        let rate = self.bytes_per_second.map_or(String::new(), |rate| format!("; {:.1} kB/s", rate / 1e3));
        writeln!(f, "{} packets, {} lost{rate}", self.packets, self.lost_packets)?;
        match (&self.left_ms, &self.left_error) {
            (_, Some(error)) => writeln!(f, "the server did not confirm that we left: {error}"),
            (left, None) => writeln!(f, "left, confirmed after {}", at(*left)),
        }
    }
}
