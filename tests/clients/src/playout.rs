//! Which frames could be shown, and when: what a browser makes of the packets that come.
//!
//! A frame can be decoded once it is complete and every packet since the last keyframe is there. After a hole that
//! is not mended, the next complete keyframe begins anew, and is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use str0m::rtp::RtpHeader;

/// A hole that has lasted for so long is not waited for any more.
const HOLE_MAX: Duration = Duration::from_millis(300);
/// A keyframe is asked for again after so long.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Of video (RFC 6184, section 5.1).
const CLOCK_RATE: f64 = 90_000.0;

/// What came of one connection. All times are since 1970.
#[derive(Debug, Default)]
pub struct Playout {
    /// The number after the last that could be decoded.
    next: Option<u64>,
    /// Packets behind a hole.
    ahead: BTreeMap<u64, Piece>,
    /// Of those, the first ones of keyframes.
    keyframes: BTreeSet<u64>,
    /// Where the hole is, and since when.
    hole: Option<(Option<u64>, Duration)>,
    asked: Option<Duration>,
    /// Sender reports: when each came, and a moment by RTP's clock and by everybody's.
    clocks: Vec<(Duration, u32, Duration)>,
    /// When a frame could be decoded, and its RTP time.
    decoded: Vec<(Duration, u32)>,
    counting: Option<Counting>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    time: u32,
    marker: bool,
}

#[derive(Debug)]
struct Counting {
    since: Duration,
    /// Bytes of each second.
    bytes: Vec<u64>,
    asked: u64,
}

/// What could be decoded since counting began.
#[derive(Clone, Debug)]
pub struct Picture {
    /// When counting began, since 1970.
    pub since: Duration,
    /// Whole seconds that were counted.
    pub seconds: usize,
    /// Each decodable frame: when it was complete, since 1970, and its age by then if that is known, in ms.
    pub frames: Vec<(Duration, Option<f64>)>,
    /// The longest time without one after the first. A silence that still lasts counts, too.
    pub freeze: Option<Duration>,
    /// Bytes of each second, UDP's payload.
    pub bytes: Vec<u64>,
    /// Keyframes that were asked for because of holes.
    pub asked: u64,
}

impl Picture {
    /// Frames of each whole second.
    pub fn frames_a_second(&self) -> Vec<u32> {
        let mut seconds = vec![0; self.seconds];
        for (at, _) in &self.frames {
            if let Some(second) = seconds.get_mut(at.saturating_sub(self.since).as_secs() as usize) {
                *second += 1;
            }
        }
        seconds
    }
}

impl Playout {
    /// Counts bytes.
    pub fn datagram(&mut self, now: Duration, length: usize) {
        let Some(counting) = &mut self.counting else { return };
        let second = now.saturating_sub(counting.since).as_secs() as usize;
        if counting.bytes.len() <= second {
            counting.bytes.resize(second + 1, 0);
        }
        counting.bytes[second] += length as u64;
    }

    /// A sender report came.
    pub fn clock(&mut self, now: Duration, rtp: u32, ntp: SystemTime) {
        self.clocks.push((now, rtp, ntp.duration_since(UNIX_EPOCH).unwrap_or_default()));
    }

    /// A packet came, by itself or because it was asked for.
    pub fn packet(&mut self, now: Duration, number: u64, header: &RtpHeader, payload: &[u8]) {
        let piece = Piece { time: header.timestamp, marker: header.marker };
        self.take(now, number, piece, begins_keyframe(payload));
    }

    fn take(&mut self, now: Duration, number: u64, piece: Piece, keyframe: bool) {
        if self.next.is_some_and(|next| number < next) || self.ahead.insert(number, piece).is_some() {
            return;
        }
        if keyframe {
            self.keyframes.insert(number);
        }
        if self.next != Some(number) {
            self.begin_anew(piece.time);
        }
        self.go_on(now);
        // Each hole has a time of its own: one that follows another that was mended is waited for as long.
        match self.hole {
            _ if self.ahead.is_empty() => self.hole = None,
            Some((at, _)) if at == self.next => {}
            _ => self.hole = Some((self.next, now)),
        }
    }

    /// Goes on at a keyframe behind the hole if it is complete.
    fn begin_anew(&mut self, time: u32) {
        let of_this_frame = |at: &&u64| self.ahead.get(at).is_some_and(|piece| piece.time == time);
        // Slices of a keyframe begin as the frame does: it is the first that counts.
        let Some(&first) = self.keyframes.iter().find(of_this_frame) else { return };
        for (expected, (&number, piece)) in (first..).zip(self.ahead.range(first..)) {
            if number != expected || piece.time != time {
                return;
            }
            if piece.marker {
                self.ahead = self.ahead.split_off(&first);
                self.keyframes = self.keyframes.split_off(&first);
                self.next = Some(first);
                return;
            }
        }
    }

    /// Decodes what is complete without a hole.
    fn go_on(&mut self, now: Duration) {
        while let Some(next) = self.next
            && let Some(piece) = self.ahead.remove(&next)
        {
            self.keyframes.remove(&next);
            self.next = Some(next + 1);
            if piece.marker {
                self.decoded.push((now, piece.time));
            }
        }
    }

    /// Whether a keyframe is to be asked for now.
    pub fn asks(&mut self, now: Duration) -> bool {
        let Some((_, since)) = self.hole else { return false };
        let soon = self.asked.is_some_and(|asked| now.saturating_sub(asked) < ASK_EVERY);
        if soon || now.saturating_sub(since) < HOLE_MAX {
            return false;
        }
        self.asked = Some(now);
        if let Some(counting) = &mut self.counting {
            counting.asked += 1;
        }
        true
    }

    /// Starts to count anew.
    pub fn count_anew(&mut self, now: Duration) {
        self.counting = Some(Counting { since: now, bytes: Vec::new(), asked: 0 });
    }

    /// What came since counting began.
    pub fn picture(&self, now: Duration) -> Picture {
        let since = self.counting.as_ref().map_or(now, |counting| counting.since);
        let frames: Vec<_> =
            self.decoded.iter().filter(|(at, _)| *at >= since).map(|&(at, time)| (at, self.age(at, time))).collect();
        // A silence that began before counting did is counted from then on.
        let before = self.decoded.first().filter(|(at, _)| *at < since).map(|_| since);
        let moments: Vec<_> = before.into_iter().chain(frames.iter().map(|(at, _)| *at)).collect();
        let ends = moments.iter().skip(1).chain([&now]);
        let freeze = moments.iter().zip(ends).map(|(from, to)| to.saturating_sub(*from)).max();
        Picture {
            since,
            seconds: now.saturating_sub(since).as_secs() as usize,
            frames,
            freeze,
            bytes: self.counting.as_ref().map(|counting| counting.bytes.clone()).unwrap_or_default(),
            asked: self.counting.as_ref().map_or(0, |counting| counting.asked),
        }
    }

    /// How old a frame was at a moment, in ms.
    fn age(&self, at: Duration, time: u32) -> Option<f64> {
        // A sender may let its clock leap. Of the reports before and after the one that is nearer knows how it stood.
        let after = self.clocks.partition_point(|(came, ..)| *came <= at);
        let around = self.clocks[after.saturating_sub(1)..].iter().take(2);
        let nearest = around.min_by_key(|(_, rtp, _)| time.wrapping_sub(*rtp).cast_signed().unsigned_abs());
        let &(_, rtp, ntp) = nearest?;
        let captured = ntp.as_secs_f64() + f64::from(time.wrapping_sub(rtp).cast_signed()) / CLOCK_RATE;
        Some((at.as_secs_f64() - captured) * 1e3)
    }
}

/// Whether a keyframe begins here: with its parameters, or with the first of its slices (RFC 6184, sections 5.6 to
/// 5.8; a slice begins with the number of its first macroblock, and that is 0 if the first bit is set).
fn begins_keyframe(payload: &[u8]) -> bool {
    let begins = |unit: u8, slice: Option<&u8>| match unit & 0x1f {
        7 => true,
        5 => slice.is_some_and(|byte| byte & 0x80 != 0),
        _ => false,
    };
    match payload {
        [head, rest @ ..] if head & 0x1f == 24 => {
            let mut units = rest;
            while let [high, low, unit, slice @ ..] = units {
                if begins(*unit, slice.first()) {
                    return true;
                }
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                units = units.get(2 + length..).unwrap_or_default();
            }
            false
        }
        [head, unit, slice @ ..] if head & 0x1f == 28 => unit & 0x80 != 0 && begins(*unit, slice.first()),
        [unit, slice @ ..] => begins(*unit, slice.first()),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece, Playout, begins_keyframe};
    use std::time::{Duration, UNIX_EPOCH};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// Two packets a frame: numbers 2n and 2n + 1, at the RTP time 3000 n.
    fn give(playout: &mut Playout, at: u64, number: u64, keyframe: bool) {
        let piece = Piece { time: (number / 2 * 3_000) as u32, marker: number % 2 == 1 };
        playout.take(MS(at), number, piece, keyframe && number.is_multiple_of(2));
    }

    #[test]
    fn a_mended_hole_holds_frames_up_and_loses_none() {
        let mut playout = Playout::default();
        playout.count_anew(MS(0));
        playout.clock(MS(0), 0, UNIX_EPOCH);
        for number in [0, 1, 2, 4, 5] {
            give(&mut playout, 10 * number, number, number < 2);
        }
        assert!(!playout.asks(MS(100)));
        give(&mut playout, 200, 3, false);
        let picture = playout.picture(MS(250));
        let seen: Vec<_> = picture.frames.iter().map(|(at, age)| (at.as_millis(), age.unwrap().round())).collect();
        assert_eq!(seen, [(10, 10.0), (200, 167.0), (200, 133.0)]);
        assert_eq!(picture.freeze, Some(MS(190)));
    }

    #[test]
    fn a_clock_that_leaps_makes_no_frame_old() {
        let mut playout = Playout::default();
        playout.count_anew(MS(0));
        playout.clock(MS(0), 0, UNIX_EPOCH);
        // A tenth of a second later all is 12 s ahead.
        playout.decoded = vec![(MS(20), 900), (MS(120), 9_000 + 1_080_000), (MS(1_120), 99_000 + 1_080_000)];
        playout.clock(MS(600), 45_000 + 1_080_000, UNIX_EPOCH + MS(500));
        let ages: Vec<_> = playout.picture(MS(2_000)).frames.iter().map(|(_, age)| age.unwrap().round()).collect();
        assert_eq!(ages, [10.0, 20.0, 20.0]);
    }

    #[test]
    fn behind_a_hole_only_a_keyframe_begins_anew() {
        let mut playout = Playout::default();
        playout.count_anew(MS(0));
        for number in [0, 1, 3, 4, 5] {
            give(&mut playout, number, number, number < 2);
        }
        assert!(!playout.asks(MS(302)) && playout.asks(MS(303)) && !playout.asks(MS(400)) && playout.asks(MS(803)));
        // A keyframe without its beginning is none.
        give(&mut playout, 900, 7, true);
        give(&mut playout, 901, 9, true);
        assert_eq!(playout.picture(MS(1_000)).frames.len(), 1);
        give(&mut playout, 902, 10, false);
        give(&mut playout, 903, 11, false);
        give(&mut playout, 904, 8, true);
        assert_eq!(playout.picture(MS(2_500)).frames.len(), 3);
        assert_eq!(playout.picture(MS(2_500)).frames_a_second(), [3, 0]);
        assert!(!playout.asks(MS(5_000)));
    }

    #[test]
    fn keyframes_are_known_by_their_first_packet() {
        assert!(begins_keyframe(&[0x78, 0, 2, 0x09, 0xf0, 0, 2, 0x67, 0x42]));
        assert!(begins_keyframe(&[0x7c, 0x85, 0x88]) && begins_keyframe(&[0x65, 0x88]));
        assert!(!begins_keyframe(&[0x7c, 0x85, 0x08]), "a later slice");
        assert!(!begins_keyframe(&[0x7c, 0x05, 0x88]), "a later part");
        assert!(!begins_keyframe(&[0x41, 0x9a]) && !begins_keyframe(&[]));
    }
}
