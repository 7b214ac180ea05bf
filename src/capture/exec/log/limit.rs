//! How many lines a program may say: some at once, and so many a second. Pure.

use std::time::{Duration, Instant};

/// Lines that may come at once: what a program says at its start, and when it ends.
const BURST: f64 = 100.0;

/// Lines a second after that.
pub const PER_SECOND: f64 = 5.0;

/// What was left out is said no more often than this.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Whether a line is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is, and before it that so many were not, if that is to be said now.
    Said {
        /// Lines.
        left_out: u64,
    },
    /// It is counted.
    LeftOut,
}

/// A bucket of tokens, one a line.
#[derive(Clone, Debug)]
pub struct Limit {
    tokens: f64,
    at: Instant,
    left_out: u64,
    /// Since when lines have been left out that nobody has been told of.
    since: Option<Instant>,
}

impl Limit {
    /// A full one.
    pub fn new(now: Instant) -> Self {
        Self { tokens: BURST, at: now, left_out: 0, since: None }
    }

    /// A line comes.
    pub fn admit(&mut self, now: Instant) -> Admission {
        self.tokens = BURST.min(self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND);
        self.at = now.max(self.at);
        if self.tokens < 1.0 {
            self.left_out += 1;
            self.since.get_or_insert(now);
            return Admission::LeftOut;
        }
        self.tokens -= 1.0;
        let due = self.since.is_some_and(|since| now.saturating_duration_since(since) >= REPORT_EVERY);
        Admission::Said { left_out: if due { self.left_out() } else { 0 } }
    }

    /// Lines that nobody has been told of yet; asking counts as telling.
    pub fn left_out(&mut self) -> u64 {
        self.since = None;
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_said_whole_and_then_so_many_a_second() {
        for (every_ms, lines, said) in
            [(0, 1000, 100), (1, 10_000, 150), (100, 100, 100), (100, 600, 399), (250, 14_400, 14_400)]
        {
            let start = Instant::now();
            let mut limit = Limit::new(start);
            let admitted = (0..lines)
                .filter(|nth| limit.admit(start + Duration::from_millis(nth * every_ms)) != Admission::LeftOut)
                .count() as u64;
            assert!(admitted.abs_diff(said) <= 1, "{admitted} of {lines}, one in {every_ms} ms");
        }
    }

    #[test]
    fn what_was_left_out_is_said_once_in_a_while() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut limit = Limit::new(start);
        let left_out = (0..103).filter(|_| limit.admit(start) == Admission::LeftOut);
        assert_eq!(left_out.count(), 3);
        assert_eq!(limit.admit(at(9_000)), Admission::Said { left_out: 0 }, "not yet");
        assert_eq!(limit.admit(at(10_000)), Admission::Said { left_out: 3 });
        assert_eq!(limit.admit(at(60_000)), Admission::Said { left_out: 0 });
        assert_eq!(limit.left_out(), 0);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let start = Instant::now() + Duration::from_secs(10);
        let mut limit = Limit::new(start);
        let said = (0..1000u64).filter(|nth| {
            let now = if nth % 2 == 0 { start } else { start - Duration::from_secs(9) };
            limit.admit(now) != Admission::LeftOut
        });
        assert_eq!(said.count(), 100);
    }
}
