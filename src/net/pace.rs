//! How long a reader rests between two readings. Pure.
//!
//! Many viewers' reports come one by one, thousands in a second. A wake of this thread, and of the next, for each of them
//! costs more than to read it. So when only such reports come, and many, they are read a few at a time. What makes or ends
//! a connection is never waited for: while it comes, nobody rests.

use std::time::{Duration, Instant};

/// The rest. What has come meanwhile is that much older when it is read, at most.
const REST: Duration = Duration::from_millis(4);

/// So many datagrams in a window are many: more than one for each rest.
const MANY: u32 = 16;
const WINDOW: Duration = Duration::from_millis(16);

/// For so long after a datagram that makes or ends a connection nobody rests: more of them follow.
const AWAKE: Duration = Duration::from_millis(50);

/// The pace of one reader.
#[derive(Debug)]
pub struct Pace {
    window: Instant,
    counted: u32,
    busy: bool,
    awake_until: Instant,
}

impl Pace {
    /// At first nobody rests.
    pub fn new(now: Instant) -> Self {
        Self { window: now, counted: 0, busy: false, awake_until: now + AWAKE }
    }

    /// A datagram has been read; `urgent` if it makes or ends a connection.
    pub fn count(&mut self, urgent: bool, now: Instant) {
        self.counted += 1;
        if urgent {
            self.awake_until = now + AWAKE;
        }
    }

    /// How long to rest before the next reading.
    pub fn rest(&mut self, now: Instant) -> Option<Duration> {
        if now.saturating_duration_since(self.window) >= WINDOW {
            // A window that ended long ago says nothing of now.
            self.busy = self.counted >= MANY && now.saturating_duration_since(self.window) < 2 * WINDOW;
            (self.window, self.counted) = (now, 0);
        }
        (self.busy && self.awake_until <= now).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads datagrams that come so far apart for a second; how often it read.
    fn readings(pace: &mut Pace, start: Instant, apart: Duration) -> u32 {
        let (mut now, mut next, mut readings) = (start, start, 0);
        while now < start + Duration::from_secs(1) {
            now = now.max(next);
            while next <= now {
                pace.count(false, now);
                next += apart;
            }
            readings += 1;
            now += pace.rest(now).unwrap_or_default();
        }
        readings
    }

    #[test]
    fn a_flood_of_reports_is_read_a_few_at_a_time() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let read = readings(&mut pace, start, Duration::from_micros(250));
        assert!((225..450).contains(&read), "{read} for 4000");
    }

    #[test]
    fn a_few_viewers_are_heard_at_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        readings(&mut pace, start, Duration::from_millis(4));
        assert!((1..400).all(|nth| {
            let now = start + Duration::from_secs(1) + Duration::from_millis(4) * nth;
            pace.count(false, now);
            pace.rest(now).is_none()
        }));
    }

    #[test]
    fn who_comes_or_goes_is_heard_at_once_and_a_flood_is_forgotten_when_it_is_over() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        readings(&mut pace, start, Duration::from_micros(250));
        let later = start + Duration::from_secs(1);
        assert!(pace.rest(later).is_some());
        pace.count(true, later);
        assert_eq!(pace.rest(later), None);
        let later = later + Duration::from_secs(1);
        pace.count(false, later);
        assert_eq!(pace.rest(later), None);
    }
}
