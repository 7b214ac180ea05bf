//! How long news from a viewer was held up on its way. Pure.
//!
//! The two clocks have nothing to do with each other, but the quickest of many messages shows how they differ: what takes longer
//! than that was waiting somewhere. (The base delay of RFC 6817, section 3.4, which forgets, as clocks drift.)

use std::time::{Duration, Instant};

/// The quickest message is looked for in so much of the past, at least, and twice that at most.
const WINDOW: Duration = Duration::from_secs(60);

/// A message that seems to have waited for longer tells of a clock that was set, or slept.
const PLAUSIBLE: Duration = Duration::from_secs(10);

/// Transport-wide feedback counts time in 24 bits of 64 ms (draft-holmer-rmcat-transport-wide-cc-extensions-01).
const UNIT: Duration = Duration::from_millis(64);
const UNITS_BITS: u32 = 24;

/// A viewer's clock, as its feedback shows it, beside ours.
#[derive(Clone, Debug, Default)]
pub struct ViewerClock {
    /// Where both began to be compared.
    origin: Option<(Instant, u32)>,
}

impl ViewerClock {
    /// Seconds by its clock, which stands at `units` of 64 ms, since both began to be compared.
    pub fn seconds(&mut self, units: u32, now: Instant) -> f64 {
        let (_, first) = *self.origin.get_or_insert((now, units));
        // Whichever way around is shorter: the counter wraps after twelve days.
        let ahead = (units.wrapping_sub(first) << (u32::BITS - UNITS_BITS)) as i32 >> (u32::BITS - UNITS_BITS);
        f64::from(ahead) * UNIT.as_secs_f64()
    }

    /// Seconds by our clock since then; before it, less than none.
    pub fn here(&self, at: Instant) -> f64 {
        let Some((origin, _)) = self.origin else { return 0.0 };
        match at.checked_duration_since(origin) {
            Some(after) => after.as_secs_f64(),
            None => -origin.saturating_duration_since(at).as_secs_f64(),
        }
    }
}

/// The least of a series of differences between two clocks, in this window of time and in the one before. Seconds.
#[derive(Clone, Debug, Default)]
pub struct Least {
    least: [f64; 2],
    window: Option<Instant>,
}

impl Least {
    /// How much a difference is above the least.
    pub fn above(&mut self, difference: f64, now: Instant) -> f64 {
        let started = *self.window.get_or_insert_with(|| {
            self.least = [difference; 2];
            now
        });
        if now.saturating_duration_since(started) >= WINDOW {
            self.least = [difference, self.least[0]];
            self.window = Some(now);
        }
        self.least[0] = self.least[0].min(difference);
        difference - self.least[0].min(self.least[1])
    }

    /// What was is no measure any more.
    pub fn forget(&mut self) {
        self.window = None;
    }
}

/// The way from one viewer to here.
#[derive(Clone, Debug, Default)]
pub struct Delay {
    clock: ViewerClock,
    /// How much more time has passed here than there.
    least: Least,
}

impl Delay {
    /// A message came at `now`, in which the viewer's clock stands at `units` of 64 ms and a bit: how long it was held up.
    pub fn held_up(&mut self, units: u32, bit: Duration, now: Instant) -> Duration {
        let there = self.clock.seconds(units, now) + bit.as_secs_f64();
        let held = Duration::from_secs_f64(self.least.above(self.clock.here(now) - there, now).max(0.0));
        if held > PLAUSIBLE {
            *self = Self::default();
            return Duration::ZERO;
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A viewer whose clock shows `there` when it sends, and whose message is under way for `way`.
    fn tell(delay: &mut Delay, start: Instant, there: u64, way: u64) -> u128 {
        let units = ((16_777_000 + there / 64) % (1 << UNITS_BITS)) as u32;
        delay.held_up(units, ms(there % 64), start + ms(there + way)).as_millis()
    }

    #[test]
    fn what_takes_longer_than_the_quickest_was_held_up() {
        let (mut delay, start) = (Delay::default(), Instant::now());
        // The counter wraps after 216 units.
        for (there, way, held) in
            [(0, 50, 0), (62, 30, 0), (124, 45, 15), (20_000, 30, 0), (21_000, 2030, 2000), (24_000, 35, 5)]
        {
            assert_eq!(tell(&mut delay, start, there, way), held, "at {there} ms");
        }
    }

    #[test]
    fn a_way_that_has_become_longer_is_the_usual_one_after_two_minutes() {
        let (mut delay, start) = (Delay::default(), Instant::now());
        let held: Vec<u128> =
            (0..300).map(|second| tell(&mut delay, start, second * 1000, if second < 10 { 20 } else { 320 })).collect();
        assert_eq!(held[9..12], [0, 300, 300]);
        assert_eq!(held[130..], [0; 170]);
    }

    #[test]
    fn a_clock_that_slept_is_compared_anew() {
        let (mut delay, start) = (Delay::default(), Instant::now());
        assert_eq!(tell(&mut delay, start, 0, 20), 0);
        assert_eq!(tell(&mut delay, start, 1000, 60_020), 0);
        assert_eq!(tell(&mut delay, start, 2000, 60_020), 0);
    }
}
