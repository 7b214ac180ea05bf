//! Whether there is a reason for it that a viewer cannot decode what it has. Pure.
//!
//! Some ask for a keyframe at intervals, whatever they have: for our own encoder that is one keyframe more, but of a device that
//! encodes by itself they would be sent seconds of the past each time.

use super::Dropped;
use super::rtcp::Feedback;

/// What a viewer has missed since it last asked.
#[derive(Debug, Default)]
pub struct Misses {
    any: bool,
    /// By its last report.
    lost: i32,
    /// What it had not been sent when it last asked.
    dropped: Dropped,
}

impl Misses {
    /// The viewer reports.
    pub fn reported(&mut self, feedback: &Feedback) {
        self.any |= !feedback.nacked.is_empty();
        if let Some(reception) = &feedback.reception {
            self.any |= reception.lost > self.lost;
            self.lost = reception.lost;
        }
    }

    /// Whether it has missed anything since this was last asked, where all in all so much was not sent.
    pub fn take(&mut self, dropped: Dropped) -> bool {
        let withheld = std::mem::replace(&mut self.dropped, dropped) != dropped;
        std::mem::take(&mut self.any) || withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::rtcp::Reception;

    #[test]
    fn whatever_was_lost_or_withheld_is_a_reason_once() {
        let (mut misses, none) = (Misses::default(), Dropped::default());
        assert!(!misses.take(none));
        let nack = Feedback { nacked: vec![7], ..Feedback::default() };
        misses.reported(&nack);
        misses.reported(&Feedback::default());
        assert!(misses.take(none) && !misses.take(none));
        let report = |lost| Feedback { reception: Some(Reception::of_losses(lost)), ..Feedback::default() };
        for (lost, is_reason) in [(0, false), (3, true), (3, false), (2, false), (3, true)] {
            misses.reported(&report(lost));
            assert_eq!(misses.take(none), is_reason, "{lost}");
        }
        for dropped in [Dropped { late: 1, refused: 0 }, Dropped { late: 1, refused: 2 }] {
            assert!(misses.take(dropped) && !misses.take(dropped), "{dropped:?}");
        }
    }
}
