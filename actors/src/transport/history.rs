//! What was sent to one viewer lately, as references to the frames that all viewers share. Pure.
//!
//! A viewer's packets are numbered one by one, so that a frame and the number of its first packet are enough to make any
//! of its packets again.

use crate::media::Frame;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a packet can be asked for again: a second of the longest round trips that video is watched over, and a bit.
const KEPT: Duration = Duration::from_millis(1500);

/// And no more frames than this.
const FRAMES_MAX: usize = 512;

/// A frame as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Number of its first packet, roll-overs included.
    pub first: u64,
    pub frame: Arc<Frame>,
    pub at: Instant,
    pub timestamp: u32,
    /// Number of its first packet among all of the connection.
    pub transport_wide: u64,
    /// When it was taken, in NTP's format, if its packets said so.
    pub capture_time: Option<u64>,
    /// When its packets were last sent again; empty as long as none was.
    again: Vec<Option<Instant>>,
}

impl Sent {
    /// A frame whose first packet leaves now.
    pub fn new(
        first: u64,
        frame: Arc<Frame>,
        at: Instant,
        timestamp: u32,
        transport_wide: u64,
        capture_time: Option<u64>,
    ) -> Self {
        Self { first, frame, at, timestamp, transport_wide, capture_time, again: vec![] }
    }

    /// When one of its packets was last sent again.
    pub fn again(&mut self, nth: usize) -> &mut Option<Instant> {
        if self.again.len() <= nth {
            self.again.resize(self.frame.cuts.len().max(nth + 1), None);
        }
        &mut self.again[nth]
    }
}

/// The last frames.
#[derive(Debug, Default)]
pub struct History(VecDeque<Sent>);

impl History {
    /// A frame was sent.
    pub fn push(&mut self, sent: Sent) {
        self.forget(sent.at);
        if self.0.len() == FRAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(sent);
    }

    /// Lets go what is too old.
    pub fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|sent| now.saturating_duration_since(sent.at) > KEPT) {
            self.0.pop_front();
        }
    }

    /// The last frame.
    pub fn last_mut(&mut self) -> Option<&mut Sent> {
        self.0.back_mut()
    }

    /// The frame of the packet that was sent last with this number, and which of its packets that is; `next` is the
    /// number of the packet that comes next.
    pub fn find(&mut self, number: u16, next: u64) -> Option<(&mut Sent, usize)> {
        let index = next.checked_sub(u64::from((next as u16).wrapping_sub(number)))?;
        self.at(index)
    }

    /// The frame of the packet with this number, roll-overs included, and which of its packets that is.
    pub fn at(&mut self, index: u64) -> Option<(&mut Sent, usize)> {
        let after = self.0.partition_point(|sent| sent.first <= index);
        let sent = self.0.get_mut(after.checked_sub(1)?)?;
        let nth = (index - sent.first) as usize;
        (nth < sent.frame.cuts.len()).then_some((sent, nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, Cuts, Origin};

    fn sent(first: u64, packets: usize, at: Instant) -> Sent {
        let mut cuts = Cuts::default();
        (0..packets).for_each(|nth| cuts.push(&[], nth..nth + 1));
        let (number, keyframe, origin, codec) = (first, false, Origin::Encoder, Codec::H264);
        let unit = vec![0; packets].into();
        let frame = Arc::new(Frame { number, captured: at, keyframe, origin, codec, unit, cuts });
        Sent::new(first, frame, at, 0, 0, None)
    }

    #[test]
    fn a_packet_is_found_in_its_frame_across_roll_overs() {
        let (mut history, now) = (History::default(), Instant::now());
        for (first, packets) in [(65_530, 3), (65_533, 5), (65_538, 1)] {
            history.push(sent(first, packets, now));
        }
        let mut find = |number, next| history.find(number, next).map(|(sent, nth)| (sent.first, nth));
        assert_eq!(find(65_530, 65_539), Some((65_530, 0)));
        assert_eq!(find(65_535, 65_539), Some((65_533, 2)));
        assert_eq!(find(0, 65_539), Some((65_533, 3)));
        assert_eq!(find(2, 65_539), Some((65_538, 0)));
        assert_eq!(find(3, 65_539), None, "it is yet to be sent");
        assert_eq!(find(65_529, 65_539), None, "forgotten, or never sent");
        assert!(History::default().find(5, 3).is_none());
    }

    #[test]
    fn a_second_and_a_half_is_kept_but_not_too_many_frames() {
        let (mut history, start) = (History::default(), Instant::now());
        for nth in 0..3000u64 {
            history.push(sent(nth, 1, start + Duration::from_millis(nth * 10)));
        }
        assert_eq!(history.0.len(), 151);
        for nth in 3000..9000u64 {
            history.push(sent(nth, 1, start + Duration::from_millis(30_000)));
        }
        assert_eq!(history.0.len(), FRAMES_MAX);
        history.forget(start + Duration::from_secs(40));
        assert!(history.0.is_empty());
    }
}
