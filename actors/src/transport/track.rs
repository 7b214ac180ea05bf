//! One viewer's own view of a stream: its timestamps, and which frames it
//! can decode. Pure.
//!
//! Frames are split into RTP payloads once for everybody; only what this module decides differs
//! between viewers. It stays continuous when the viewer is switched to another stream.

use crate::media::Frame;
use std::time::{Duration, Instant};

/// RTP clock rate of video (RFC 6184).
const CLOCK_RATE: f64 = 90_000.0;

/// Who waits for a keyframe asks again when none has come: what was asked for may have been lost, too.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Timestamp ticks between replayed frames: 1 ms, so that the past is played in a blink.
const REPLAY_TICKS: u32 = 90;

/// By so much a track's clock leaps, in seconds. libwebrtc learns anew how late frames are when one seems to be more than 10 s
/// early.
const LEAP_S: u32 = 12;

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Send it with this RTP timestamp.
    Send(u32),
    /// The viewer cannot decode it; a keyframe has been asked for lately.
    Skip,
    /// The viewer cannot decode it: ask for a keyframe.
    SkipAndAsk,
}

/// Numbering and continuity of one viewer's track.
#[derive(Clone, Debug)]
pub struct Track {
    epoch: Instant,
    timestamp_offset: u32,
    last_timestamp: Option<u32>,
    expected: Option<u64>,
    /// When a keyframe was last asked for, if none has come since.
    asked: Option<Instant>,
}

impl Track {
    /// A track that starts at a random number (RFC 3550, section 5.1).
    pub fn new(epoch: Instant, timestamp_offset: u32) -> Self {
        Self { epoch, timestamp_offset, last_timestamp: None, expected: None, asked: None }
    }

    /// Whether the viewer can have this frame, which has just been taken.
    /// If it cannot, that is only said if the viewer `may_ask` for what it needs.
    pub fn admit(&mut self, frame: &Frame, now: Instant, may_ask: impl FnOnce() -> bool) -> Admission {
        let timestamp = self.timestamp_at(frame.captured);
        self.admit_at(frame, timestamp, now, may_ask)
    }

    /// Whether the viewer can have this frame, the `nth` of `count` that lead up to `now`.
    pub fn admit_replayed(&mut self, frame: &Frame, nth: usize, count: usize, now: Instant) -> Admission {
        let behind = (count - nth) as u32 * REPLAY_TICKS;
        let timestamp = self.timestamp_at(now).wrapping_sub(behind);
        self.admit_at(frame, timestamp, now, || true)
    }

    /// Has the clock leap. What was sent last was held up, by a link or by the viewer's own machine. The viewer would take later
    /// frames, which come in time, for early, and show them as much too late.
    pub fn leap(&mut self) {
        self.timestamp_offset = self.timestamp_offset.wrapping_add(LEAP_S * CLOCK_RATE as u32);
    }

    /// From here on frames are those of another stream, whose numbers mean something else.
    pub fn switch(&mut self) {
        self.expected = None;
        self.asked = None;
    }

    fn admit_at(&mut self, frame: &Frame, timestamp: u32, now: Instant, may_ask: impl FnOnce() -> bool) -> Admission {
        if !frame.keyframe && self.expected != Some(frame.number) {
            self.expected = None;
            let lately = |asked| now.saturating_duration_since(asked) < ASK_EVERY;
            if self.asked.is_some_and(lately) || !may_ask() {
                return Admission::Skip;
            }
            self.asked = Some(now);
            return Admission::SkipAndAsk;
        }
        self.expected = Some(frame.number + 1);
        self.asked = None;
        // Two frames never share a timestamp, and time never runs backwards, whatever the
        // device's clock does.
        let timestamp = match self.last_timestamp {
            Some(last) if (timestamp.wrapping_sub(last) as i32) <= 0 => last.wrapping_add(1),
            _ => timestamp,
        };
        self.last_timestamp = Some(timestamp);
        Admission::Send(timestamp)
    }

    /// That of the last frame.
    pub fn last_timestamp(&self) -> Option<u32> {
        self.last_timestamp
    }

    /// The RTP timestamp of this moment.
    pub fn timestamp_at(&self, at: Instant) -> u32 {
        let ticks = match at.checked_duration_since(self.epoch) {
            Some(after) => (after.as_secs_f64() * CLOCK_RATE) as i64,
            None => -((self.epoch.saturating_duration_since(at).as_secs_f64() * CLOCK_RATE) as i64),
        };
        self.timestamp_offset.wrapping_add(ticks as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, Cuts, Origin};

    fn frame(number: u64, keyframe: bool, captured: Instant) -> Frame {
        let (origin, codec) = (Origin::Encoder, Codec::H264);
        Frame { number, captured, keyframe, origin, codec, unit: Default::default(), cuts: Cuts::default() }
    }

    #[test]
    fn a_viewer_starts_at_a_keyframe_and_asks_for_it_until_one_has_come() {
        let start = Instant::now();
        let mut track = Track::new(start, 1000);
        assert_eq!(track.admit(&frame(4, false, start), start, || true), Admission::SkipAndAsk);
        assert_eq!(track.admit(&frame(5, false, start), start, || true), Admission::Skip);
        assert_eq!(track.admit(&frame(6, false, start), start + ASK_EVERY, || true), Admission::SkipAndAsk);
        assert_eq!(track.admit(&frame(7, false, start), start + ASK_EVERY, || true), Admission::Skip);
        assert_eq!(track.admit(&frame(8, true, start), start, || true), Admission::Send(1000));
        let later = start + Duration::from_millis(100);
        assert_eq!(track.admit(&frame(9, false, later), start, || true), Admission::Send(10_000));
    }

    #[test]
    fn after_a_gap_nothing_is_sent_before_the_next_keyframe() {
        let start = Instant::now();
        let mut track = Track::new(start, 0);
        track.admit(&frame(1, true, start), start, || true);
        assert_eq!(track.admit(&frame(3, false, start), start, || true), Admission::SkipAndAsk);
        assert_eq!(track.admit(&frame(4, false, start), start, || true), Admission::Skip);
        assert!(matches!(track.admit(&frame(5, true, start), start, || true), Admission::Send(_)));
        assert!(matches!(track.admit(&frame(6, false, start), start, || true), Admission::Send(_)));
    }

    #[test]
    fn timestamps_only_grow_even_where_the_clock_wraps_or_the_device_goes_back() {
        let start = Instant::now();
        let mut track = Track::new(start, u32::MAX - 10);
        let mut last = None;
        for n in 0..50u64 {
            let at = start + Duration::from_micros(if n % 7 == 6 { 0 } else { n * 50 });
            let Admission::Send(now) = track.admit(&frame(n, n == 0, at), start, || true) else {
                panic!("frame {n} refused")
            };
            if let Some(last) = last {
                assert!((now.wrapping_sub(last) as i32) > 0);
            }
            last = Some(now);
        }
    }

    #[test]
    fn a_replay_is_squeezed_into_milliseconds_and_ends_before_the_present() {
        let start = Instant::now();
        let now = start + Duration::from_secs(8);
        let mut track = Track::new(start, 0);
        let stamps: Vec<u32> = (0..5usize)
            .map(|nth| {
                let past = frame(nth as u64, nth == 0, start + Duration::from_secs(nth as u64));
                match track.admit_replayed(&past, nth, 5, now) {
                    Admission::Send(stamp) => stamp,
                    refused => panic!("{refused:?}"),
                }
            })
            .collect();
        assert_eq!(stamps, [719_550, 719_640, 719_730, 719_820, 719_910]);
        assert_eq!(track.admit(&frame(5, false, now), start, || true), Admission::Send(720_000));
    }

    #[test]
    fn a_leap_is_longer_than_any_lateness_that_browsers_believe_and_the_clock_goes_on_from_there() {
        let start = Instant::now();
        let mut track = Track::new(start, u32::MAX - 100_000);
        let stamps = [0, 1, 2].map(|nth| {
            let at = start + Duration::from_secs(nth);
            let Admission::Send(stamp) = track.admit(&frame(nth, nth == 0, at), at, || true) else {
                panic!("frame {nth} refused")
            };
            assert!(track.timestamp_at(at) == stamp, "reports tell of the same clock");
            track.leap();
            stamp
        });
        assert!(stamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == 13 * 90_000));
    }

    #[test]
    fn a_switch_keeps_counting_and_waits_for_the_other_streams_keyframe() {
        let start = Instant::now();
        let mut track = Track::new(start, 0);
        track.admit(&frame(10, true, start), start, || true);
        track.switch();
        assert_eq!(track.admit(&frame(11, false, start), start, || true), Admission::SkipAndAsk);
        assert_eq!(track.admit(&frame(3, true, start), start, || true), Admission::Send(1));
    }
}
