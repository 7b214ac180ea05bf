//! Which pictures of a camera a stream shows. Pure.

use std::time::{Duration, Instant};

/// Thins pictures out to at most so many a second.
#[derive(Debug)]
pub struct Pacer {
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Pacer {
    /// At most so many a second; none: all.
    pub fn new(fps: Option<u32>) -> Self {
        Self { interval: fps.map(|fps| Duration::from_secs(1) / fps), next: None }
    }

    /// Whether a picture that was taken then is to be shown.
    pub fn is_due(&self, captured: Instant) -> bool {
        let (Some(interval), Some(next)) = (self.interval, self.next) else { return true };
        // A quarter of an interval of tolerance, or jitter would halve the rate.
        captured + interval / 4 >= next
    }

    /// It is shown.
    pub fn took(&mut self, captured: Instant) {
        let Some(interval) = self.interval else { return };
        self.next = Some((self.next.unwrap_or(captured) + interval).max(captured));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_gets_at_most_its_rate_and_nearly_all_of_it() {
        for (camera, wanted, expected) in [(30, 15, 15), (30, 10, 10), (30, 30, 30), (25, 15, 15), (10, 30, 10)] {
            let mut pacer = Pacer::new(Some(wanted));
            let start = Instant::now();
            let admitted = (0..camera * 10)
                .filter(|n| {
                    let jitter = Duration::from_millis(u64::from(n * 7 % 5));
                    let captured = start + Duration::from_secs(1) * *n / camera + jitter;
                    let due = pacer.is_due(captured);
                    if due {
                        pacer.took(captured);
                    }
                    due
                })
                .count() as u32;
            assert!(admitted.abs_diff(expected * 10) <= 3, "{camera} to {wanted}: {admitted}");
            assert!(admitted <= wanted * 10 + 1);
        }
    }

    #[test]
    fn a_picture_that_is_refused_does_not_count_for_the_rate() {
        let mut pacer = Pacer::new(Some(1));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(pacer.is_due(at(0)) && pacer.is_due(at(33)), "the first was not taken");
        pacer.took(at(33));
        assert!(!pacer.is_due(at(66)));
        assert!(pacer.is_due(at(1000)) && pacer.is_due(at(1033)));
    }
}
