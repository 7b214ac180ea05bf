//! What a viewer asks for again, and how much of it is sent. Pure.
//!
//! A few bytes ask for many: so a packet is sent again once in a round trip, and all of them with half of what the stream
//! itself has.

use super::waiting::Pace;
use std::time::{Duration, Instant};

/// Numbers that are remembered at a time.
const WANTED_MAX: usize = 512;

/// Bytes that may be sent again at once: two large frames.
const BURST: usize = 128 << 10;

/// Bytes a second that any stream may have sent again.
const RATE_MIN: f64 = 125_000.0;

/// Before it is measured. And a round trip is taken for no longer than the second: who asks twice in that is in earnest.
const ROUND_TRIP: Duration = Duration::from_millis(50);
const ROUND_TRIP_MAX: Duration = Duration::from_millis(500);

/// What is asked for.
#[derive(Debug)]
pub struct Again {
    wanted: Vec<u16>,
    budget: Pace,
    round_trip: Duration,
    sent: u64,
}

impl Again {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { wanted: vec![], budget: Pace::new(BURST, now), round_trip: ROUND_TRIP, sent: 0 }
    }

    /// A round trip was measured.
    pub fn measured(&mut self, round_trip: Duration) {
        self.round_trip = ((self.round_trip * 3 + round_trip) / 4).min(ROUND_TRIP_MAX);
    }

    /// Packets with these numbers are wanted.
    pub fn want(&mut self, numbers: &[u16]) {
        self.wanted.extend(numbers.iter().take(WANTED_MAX.saturating_sub(self.wanted.len())));
    }

    /// Whether nothing is wanted.
    pub fn is_idle(&self) -> bool {
        self.wanted.is_empty()
    }

    /// What is wanted.
    pub fn take(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.wanted)
    }

    /// Whether a packet of so many bytes, that was last sent again at `last`, is sent again now, where all may have so
    /// many bytes a second. If so, that is noted.
    pub fn allows(&mut self, last: &mut Option<Instant>, bytes: usize, rate: f64, now: Instant) -> bool {
        let lately = |at| now.saturating_duration_since(at) < self.round_trip;
        if last.is_some_and(lately) || self.budget.room(rate.max(RATE_MIN), BURST, now) == 0 {
            return false;
        }
        self.budget.spend(bytes);
        self.sent += 1;
        *last = Some(now);
        true
    }

    /// Packets that were sent again.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_sent_again_once_in_a_round_trip_and_all_within_their_budget() {
        let start = Instant::now();
        let mut again = Again::new(start);
        (0..50).for_each(|_| again.measured(Duration::from_millis(100)));
        let (mut lately, at) = (None, |ms| start + Duration::from_millis(ms));
        let times: Vec<u64> = (0..450).step_by(10).filter(|&ms| again.allows(&mut lately, 1200, 1e6, at(ms))).collect();
        assert_eq!(times, [0, 100, 200, 300, 400]);
        let asked = (0..10_000).filter(|ms| again.allows(&mut None, 1200, 125_000.0, at(1000 + ms))).count();
        assert!((1130..1160).contains(&asked), "{asked} of 1200 bytes in ten seconds at 125 kB/s");
    }
}
