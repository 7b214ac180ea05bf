//! When packets were sent, by their RTP sequence numbers. Pure.
//!
//! A receiver report says which packet came last, up to a second later: that tells of the path at the time when
//! that packet was sent, not of now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that are remembered: some seconds of them.
const FRAMES: usize = 256;

/// The last frames, each by its last packet.
#[derive(Debug, Default)]
pub struct Journal {
    /// When the first was sent.
    epoch: Option<Instant>,
    frames: VecDeque<Packed>,
}

/// The number of a frame's last packet, and below it when that was sent, in microseconds after the epoch: 48 bits of them
/// are nine years. There are many of these.
#[derive(Clone, Copy, Debug)]
struct Packed(u64);

impl Packed {
    const TIME_BITS: u32 = 48;

    fn new(last: u16, after: Duration) -> Self {
        let micros = after.as_micros() as u64 & ((1 << Self::TIME_BITS) - 1);
        Self(u64::from(last) << Self::TIME_BITS | micros)
    }

    fn last(self) -> u16 {
        (self.0 >> Self::TIME_BITS) as u16
    }

    fn after(self) -> Duration {
        Duration::from_micros(self.0 & ((1 << Self::TIME_BITS) - 1))
    }
}

impl Journal {
    /// A frame was sent, whose last packet has this number.
    pub fn note(&mut self, last: u16, at: Instant) {
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        let epoch = *self.epoch.get_or_insert(at);
        self.frames.push_back(Packed::new(last, at.saturating_duration_since(epoch)));
    }

    /// When the packet with this number was sent; none if that is too long ago, or it never was.
    pub fn sent(&self, number: u16) -> Option<Instant> {
        // Numbers wrap around: what is less than half the circle ahead is later (RFC 3550, appendix A.1).
        let reaches = |last: u16| last.wrapping_sub(number) < 0x8000;
        let nth = self.frames.iter().position(|entry| reaches(entry.last()))?;
        let forgotten = nth == 0 && self.frames.len() == FRAMES;
        self.epoch.filter(|_| !forgotten).map(|epoch| epoch + self.frames[nth].after())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_was_sent_with_its_frame() {
        let (mut journal, start) = (Journal::default(), Instant::now());
        assert_eq!(journal.sent(1), None);
        let at = |nth: u64| start + Duration::from_millis(33 * nth);
        for (nth, last) in [65_530, 65_535, 4, 9].into_iter().enumerate() {
            journal.note(last, at(nth as u64));
        }
        for (number, nth) in [(65_531, 1), (65_535, 1), (0, 2), (4, 2), (5, 3), (9, 3)] {
            assert_eq!(journal.sent(number), Some(at(nth)), "{number}");
        }
        assert_eq!(journal.sent(10), None, "it is yet to be sent");
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let (mut journal, start) = (Journal::default(), Instant::now());
        for number in 0..1000u16 {
            journal.note(number, start);
        }
        assert_eq!(journal.sent(700), None);
        assert_eq!(journal.sent(800), Some(start));
        assert_eq!(journal.frames.len(), FRAMES);
    }
}
