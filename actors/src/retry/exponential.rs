//! Delays that grow by a factor.

use super::bounds::bounded;
use std::time::Duration;

/// How the delays between attempts grow.
#[derive(Clone, Debug, PartialEq)]
pub struct Exponential {
    /// The first delay. Never zero, so that no failure can spin.
    pub initial: Duration,
    /// By how much each delay is longer than the one before.
    pub factor: f64,
    /// The longest delay, jitter included.
    pub max: Duration,
    /// Share of each delay that is left to chance, 0 to 1, so that many do not try in step.
    pub jitter: f64,
    /// After so long in health a new failure starts at `initial` again.
    pub reset_after: Duration,
}

impl Default for Exponential {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(250),
            factor: 2.0,
            max: Duration::from_secs(10),
            jitter: 0.2,
            reset_after: Duration::from_secs(10),
        }
    }
}

impl Exponential {
    /// The delay after so many delays in a row. `chance` is uniform in 0..1.
    pub fn delay(&self, before: u32, chance: f64) -> Duration {
        let growth = self.factor.powi(i32::try_from(before).unwrap_or(i32::MAX));
        self.spread(self.initial.as_secs_f64() * growth, chance)
    }

    /// A delay of about so many seconds, but no longer than `max`, and with jitter.
    pub(super) fn spread(&self, seconds: f64, chance: f64) -> Duration {
        let jitter = self.jitter.clamp(0.0, 1.0);
        let most = self.max.as_secs_f64() / (1.0 + jitter);
        bounded(seconds.min(most) * (1.0 + jitter * (2.0 * chance - 1.0)))
    }
}

/// Counts failures and says how long to wait after each.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: Exponential,
    failures: u32,
}

impl Backoff {
    /// Nothing has failed yet.
    pub fn new(policy: Exponential) -> Self {
        Self { policy, failures: 0 }
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets all failures, as after a deliberate stop.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Notes a failure after `healthy` of good running (zero if it never ran) and returns the
    /// delay before the next attempt. `chance` is uniform in 0..1.
    pub fn failed(&mut self, healthy: Duration, chance: f64) -> Duration {
        if healthy >= self.policy.reset_after {
            self.failures = 0;
        }
        let delay = self.policy.delay(self.failures, chance);
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::super::bounds::FLOOR;
    use super::*;

    fn steady() -> Backoff {
        Backoff::new(Exponential { jitter: 0.0, ..Exponential::default() })
    }

    #[test]
    fn delays_double_up_to_the_ceiling() {
        let mut backoff = steady();
        let delays: Vec<u128> = (0..8).map(|_| backoff.failed(Duration::ZERO, 0.5).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    }

    #[test]
    fn health_starts_the_delays_anew() {
        let mut backoff = steady();
        for _ in 0..5 {
            backoff.failed(Duration::ZERO, 0.5);
        }
        assert_eq!(backoff.failed(Duration::from_secs(10), 0.5).as_millis(), 250);
        assert_eq!(backoff.failed(Duration::from_secs(9), 0.5).as_millis(), 500);
    }

    #[test]
    fn no_delay_is_longer_than_the_ceiling_whatever_chance_does() {
        let policy = Exponential { jitter: 0.5, ..Exponential::default() };
        assert!(policy.delay(20, 0.999) <= policy.max && policy.delay(20, 0.999) > policy.max.mul_f64(0.99));
        assert!(policy.delay(20, 0.0) >= policy.max / 4);
    }

    #[test]
    fn jitter_stays_within_its_share_and_no_delay_is_zero() {
        for chance in [0.0, 0.3, 0.999] {
            let mut backoff = Backoff::new(Exponential::default());
            let ms = backoff.failed(Duration::ZERO, chance).as_secs_f64() * 1e3;
            assert!((200.0..=300.0).contains(&ms), "{ms}");
        }
        let mut backoff = Backoff::new(Exponential { initial: Duration::ZERO, ..Exponential::default() });
        assert_eq!(backoff.failed(Duration::ZERO, 0.0), FLOOR);
    }
}
