//! Bits a second over the last second, at whatever time one asks. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Measures a bit rate. It needs no timer to fall to 0 when nothing comes: it is what it is when it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    recent: VecDeque<(Instant, usize)>,
    total: u64,
}

impl Rate {
    /// Counts `bytes`.
    pub fn add(&mut self, now: Instant, bytes: usize) {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW) {
            self.recent.pop_front();
        }
        self.recent.push_back((now, bytes));
        self.total += bytes as u64;
    }

    /// Nothing comes for the time being.
    pub fn rest(&mut self) {
        self.recent = VecDeque::new();
    }

    /// All bytes that were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bits a second over the last second.
    pub fn at(&self, now: Instant) -> u64 {
        let lately = self.recent.iter().rev().take_while(|(at, _)| now.saturating_duration_since(*at) < WINDOW);
        lately.map(|(_, bytes)| *bytes as u64 * 8).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn only_the_last_second_counts() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for n in 0..100 {
            let now = after(start, 100 * n);
            rate.add(now, 1000);
            assert_eq!(rate.at(now), 8000 * (n + 1).min(10));
            assert!(rate.recent.len() <= 10, "the past is forgotten");
        }
        assert_eq!(rate.total(), 100_000);
    }

    #[test]
    fn at_rest_the_rate_is_nothing_and_all_stays_counted() {
        let start = Instant::now();
        let mut rate = Rate::default();
        rate.add(start, 1000);
        rate.rest();
        assert_eq!((rate.at(start), rate.total()), (0, 1000));
        rate.add(start, 500);
        assert_eq!((rate.at(start), rate.total()), (4000, 1500));
    }

    #[test]
    fn it_falls_to_nothing_within_a_second_of_silence() {
        let start = Instant::now();
        let mut rate = Rate::default();
        (0..10).for_each(|n| rate.add(after(start, 100 * n), 1000));
        for (ms, bps) in [(900, 80_000), (1000, 72_000), (1450, 40_000), (1899, 8_000), (1900, 0), (60_000, 0)] {
            assert_eq!(rate.at(after(start, ms)), bps, "at {ms} ms");
        }
    }
}
