//! What a probe has seen, for people and for programs.

use super::count::Counter;
use super::target::Target;
use crate::screen::{Screen, Tone, counted};
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

impl Report {
    fn screen(&self) -> Screen {
        let at = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{ms:.0} ms"));
        let size = self.size.map_or("of unknown size".to_owned(), |(width, height)| format!("{width}x{height}"));
        let rate = self.frames_per_second.map_or(String::new(), |rate| format!(", {rate:.1} a second"));
        let bytes = self.bytes_per_second.map_or(String::new(), |rate| format!("; {:.1} kB/s", rate / 1e3));
        let caution = |is_so: bool| if is_so { Tone::Caution } else { Tone::Plain };
        let mut screen = Screen::new(format!("{} plays: {size}", self.url), Tone::Good);
        let steps = [
            ("answer", self.answered_ms),
            ("ICE", self.ice_ms),
            ("connected", self.connected_ms),
            ("first packet", self.first_packet_ms),
            ("first frame", self.first_frame_ms),
        ];
        let steps = steps.map(|(step, ms)| format!("{step} {}", at(ms))).join(", ");
        screen.line("Offer", format!("sent; then {steps}"), Tone::Plain);
        let frames = format!(
            "{} in {:.1} s{rate}, never {:.0} ms without; {}, {} broken",
            self.frames,
            self.seconds,
            self.longest_pause_ms.ceil(),
            counted(self.keyframes as usize, "keyframe"),
            self.broken_frames
        );
        screen.line("Frames", frames, caution(self.broken_frames > 0));
        let packets = format!("{}, {} lost{bytes}", self.packets, self.lost_packets);
        screen.line("Packets", packets, caution(self.lost_packets > 0));
        match (&self.left_ms, &self.left_error) {
            (_, Some(error)) => {
                screen.line("Left", format!("and the server did not confirm it: {error}"), Tone::Caution)
            }
            (left, None) => screen.line("Left", format!("confirmed after {}", at(*left)), Tone::Plain),
        };
        screen
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.screen().fmt(f)
    }
}
