//! What is learned about one camera: how long its recoveries take, and how often it fails.
//!
//! Recoveries span decades (a driver is back after 30 ms, a camera that boots after 30 s), so all is
//! measured in logarithms. When a camera could be had again is known only to lie between the starts of
//! two attempts, the last that failed and the one that succeeded. How long opening takes says nothing
//! about when to try.

use super::bounds::FLOOR;
use super::exponential::Exponential;
use std::time::{Duration, Instant};

/// The weight of a new measurement.
const WEIGHT: f64 = 0.25;

/// The deviation that is assumed after one measurement, in natural logarithms.
const DEVIATION_AT_FIRST: f64 = 0.5;

/// No camera is more punctual than this: at least a tenth earlier is tried, so that one that has
/// become faster is noticed.
const DEVIATION_MIN: f64 = 0.1;

/// The least growth from one delay to the next: what is learned may be milliseconds.
const GROWTH_MIN: f64 = 1.5;

/// After so long a failure weighs half.
const HALF_LIFE: Duration = Duration::from_secs(60);

/// By how much one more failure lengthens the delays, and by how much all together at most.
const STRAIN: f64 = 0.25;
const CONDITION_MAX: f64 = 4.0;

/// Times of recovery, in natural logarithms of seconds.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    mean: f64,
    deviation: f64,
}

/// What is known about a camera.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned {
    recovery: Option<Recovery>,
    /// Failures while it gave pictures, each halved every [`HALF_LIFE`], as of the last one.
    failures: f64,
    last: Option<Instant>,
}

impl Learned {
    /// It could be had again after more than `missed` (if an attempt had failed) and at most `took`.
    /// Longer than `max` is as good as `max`, which is the longest delay anyway.
    pub fn recovered(&mut self, missed: Option<Duration>, took: Duration, max: Duration) {
        let logarithm = |time: Duration| time.min(max).max(FLOOR).as_secs_f64().ln();
        let took = logarithm(took);
        self.recovery = Some(match self.recovery {
            None => Recovery { mean: took, deviation: DEVIATION_AT_FIRST },
            Some(Recovery { mean, deviation }) => {
                // Attempts that waited longer for other reasons must not look like slow recoveries.
                let as_usual = mean <= took && missed.is_none_or(|missed| logarithm(missed) < mean);
                let measured = if as_usual { mean } else { took };
                Recovery {
                    mean: mean + WEIGHT * (measured - mean),
                    deviation: (deviation + WEIGHT * ((measured - mean).abs() - deviation)).max(DEVIATION_MIN),
                }
            }
        });
    }

    /// It gave pictures, and failed now.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.density(now) + 1.0;
        self.last = Some(now);
    }

    fn density(&self, now: Instant) -> f64 {
        let age = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.failures * (-age.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }

    /// By how much delays are longer than if this failure were the only one.
    fn condition(&self, now: Instant) -> f64 {
        (1.0 + STRAIN * (self.density(now) - 1.0)).clamp(1.0, CONDITION_MAX)
    }

    /// The delay after so many delays of this outage.
    pub fn delay(&self, backoff: &Exponential, before: u32, now: Instant, chance: f64) -> Duration {
        let Some(Recovery { mean, deviation }) = self.recovery else { return backoff.delay(before, chance) };
        let (early, usual) = ((mean - deviation).exp(), mean.exp());
        let seconds = match before.checked_sub(1) {
            None => early,
            Some(later) => {
                let growth = backoff.factor.max(GROWTH_MIN).powi(i32::try_from(later).unwrap_or(i32::MAX));
                (usual - early) * growth
            }
        };
        backoff.spread(seconds * self.condition(now), chance)
    }
}
