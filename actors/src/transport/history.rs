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
    pub transport_wide: u16,
    /// When it was taken, in NTP's format, if its packets said so.
    pub capture_time: Option<u64>,
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

    /// The frame of the packet that was sent last with this number, and which of its packets that is; `next` is the
    /// number of the packet that comes next.
    pub fn find(&self, number: u16, next: u64) -> Option<(&Sent, usize)> {
        let index = next.checked_sub(u64::from((next as u16).wrapping_sub(number)))?;
        let after = self.0.partition_point(|sent| sent.first <= index);
        let sent = self.0.get(after.checked_sub(1)?)?;
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
        Sent { first, frame, at, timestamp: 0, transport_wide: 0, capture_time: None }
    }

    #[test]
    fn a_packet_is_found_in_its_frame_across_roll_overs() {
        let (mut history, now) = (History::default(), Instant::now());
        for (first, packets) in [(65_530, 3), (65_533, 5), (65_538, 1)] {
            history.push(sent(first, packets, now));
        }
        let find = |number, next| history.find(number, next).map(|(sent, nth)| (sent.first, nth));
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
