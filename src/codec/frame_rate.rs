//! How many pictures a second come. Pure.

use std::time::{Duration, Instant};

/// So many tell.
const ENOUGH: u32 = 12;

/// The mean is over about as many.
const MEMORY: f64 = 12.0;

/// Pictures that are further apart have a pause between them, or wait for something to change.
const PAUSE: Duration = Duration::from_secs(2);

/// A rate that differs by less than this part is the same.
const DIFFERS: f32 = 0.25;

/// The rate at which pictures come.
#[derive(Debug, Default)]
pub struct ArrivalRate {
    last: Option<Instant>,
    /// Mean seconds between two, of so many.
    interval: f64,
    count: u32,
}

impl ArrivalRate {
    /// A picture that was taken then has come.
    pub fn came(&mut self, captured: Instant) {
        let Some(last) = self.last.replace(captured) else { return };
        let Some(apart) = captured.checked_duration_since(last).filter(|apart| *apart <= PAUSE) else { return };
        self.count = self.count.saturating_add(1);
        let part = f64::from(self.count).min(MEMORY);
        self.interval += (apart.as_secs_f64() - self.interval) / part;
    }

    /// Pictures a second, if they are known to be clearly more or fewer than `planned`.
    pub fn differs_from(&self, planned: f32) -> Option<f32> {
        let rate = (1.0 / self.interval.max(1e-3)) as f32;
        let differs = (rate - planned).abs() > planned * DIFFERS;
        (self.count >= ENOUGH && differs).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found when pictures come so many ms apart.
    fn found(intervals: impl IntoIterator<Item = u64>, planned: f32) -> Option<f32> {
        let (mut rate, mut at) = (ArrivalRate::default(), Instant::now());
        for interval in intervals {
            rate.came(at);
            at += Duration::from_millis(interval);
        }
        rate.differs_from(planned)
    }

    #[test]
    fn fewer_or_more_pictures_than_planned_are_noticed_and_jitter_is_not() {
        assert!(found([100; 20], 30.0).is_some_and(|fps| (9.5..10.5).contains(&fps)));
        assert!(found([17; 30], 30.0).is_some_and(|fps| fps > 55.0));
        assert_eq!(found((0..200).map(|nth| if nth % 2 == 0 { 20 } else { 46 }), 30.0), None);
        assert_eq!(found([40; 200], 30.0), None, "25 is near enough");
        assert_eq!(found([100; 8], 30.0), None, "too early to tell");
    }

    #[test]
    fn a_pause_is_no_rate() {
        let with_pauses = (0..100).map(|nth| if nth % 10 == 9 { 5000 } else { 33 });
        assert_eq!(found(with_pauses, 30.0), None);
    }
}
