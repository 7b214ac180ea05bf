//! What time of day it was when something happened.

use std::time::{Duration, Instant};

/// The two clocks may drift apart so far before they are compared anew. Less would have the time of day of what is long
/// over change from one look to the next.
const DRIFT_MAX: Duration = Duration::from_millis(20);

/// The clock of the wall beside the one that only goes forward.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    /// When they were compared, on one …
    at: Instant,
    /// … and on the other, in ms since the Unix epoch.
    unix_ms: u64,
    now: Instant,
}

impl Calendar {
    /// The calendar for `now`: the one of `before`, unless the clock of the wall has been set since.
    pub fn of(before: Option<Self>, now: Instant, unix_ms: u64) -> Self {
        let anew = Self { at: now, unix_ms, now };
        let Some(before) = before.map(|before| Self { now, ..before }) else { return anew };
        let apart = before.of_day(now).abs_diff(unix_ms);
        if apart > DRIFT_MAX.as_millis() as u64 { anew } else { before }
    }

    /// The moment that it was made for.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The time of day, in ms since the Unix epoch.
    pub fn of_day(&self, at: Instant) -> u64 {
        let later = at.saturating_duration_since(self.at).as_millis() as u64;
        let earlier = self.at.saturating_duration_since(at).as_millis() as u64;
        (self.unix_ms + later).saturating_sub(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_keeps_its_time_of_day_until_the_clock_is_set() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let first = Calendar::of(None, at(1000), 501_000);
        assert_eq!((first.of_day(began), first.of_day(at(2500))), (500_000, 502_500));
        // Read a moment apart, as two clocks are.
        let next = Calendar::of(Some(first), at(2000), 502_003);
        assert_eq!((next.of_day(began), next.now()), (500_000, at(2000)));
        let set = Calendar::of(Some(next), at(3000), 903_000);
        assert_eq!((set.of_day(began), set.of_day(at(3000))), (900_000, 903_000));
        let back = Calendar::of(Some(set), at(4000), 1000);
        assert_eq!(back.of_day(began), 0, "never before 1970");
    }
}
