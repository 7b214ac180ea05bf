//! When to try again, and when to give up. Pure: the caller owns the timer and tells the time.
//!
//! - [`Policy`] is what an operator chooses.
//! - [`Retry`] is the state of one device or encoder: told of attempts, pictures and failures, it says
//!   what comes next.
//! - [`Exponential`] and its [`Backoff`] are all that a supervisor needs.
//!
//! The formulas and their reasons are in `docs/design/retry.md`.

mod adaptive;
mod bounds;
mod exponential;
mod policy;

pub use bounds::{AT_ONCE, FLOOR, LONGEST};
pub use exponential::{Backoff, Exponential};
pub use policy::{Delays, Policy};

use adaptive::Learned;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after so long: [`AT_ONCE`] to [`LONGEST`].
    Delay(Duration),
    /// Do not try again by yourself. Whoever tries nevertheless starts anew.
    GiveUp {
        /// So many attempts in a row have failed.
        attempts: u32,
    },
}

/// A time without pictures.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    /// When the last attempt to end it was begun.
    tried: Option<Instant>,
    /// When the last one that failed was begun.
    missed: Option<Instant>,
}

/// What has become of the attempts of one device or encoder.
#[derive(Clone, Debug)]
pub struct Retry {
    policy: Policy,
    /// Failed in a row.
    attempts: u32,
    /// Given in a row.
    delays: u32,
    outage: Option<Outage>,
    works_since: Option<Instant>,
    learned: Learned,
}

impl Retry {
    /// Nothing has been tried yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy, attempts: 0, delays: 0, outage: None, works_since: None, learned: Learned::default() }
    }

    /// An attempt begins.
    pub fn tries(&mut self, now: Instant) {
        if let Some(outage) = &mut self.outage {
            outage.tried = Some(now);
        }
    }

    /// Pictures come. Saying so again changes nothing.
    pub fn works(&mut self, now: Instant) {
        self.works_since.get_or_insert(now);
    }

    /// The attempt has failed, or what it had started. `chance` is uniform in 0..1.
    pub fn failed(&mut self, now: Instant, chance: f64) -> Next {
        // The end of a long life is no failed attempt.
        if !self.ended(now) {
            self.attempts = self.attempts.saturating_add(1);
        }
        if self.policy.max_attempts.map(NonZeroU32::get).is_some_and(|max| self.attempts >= max) {
            let attempts = self.attempts;
            self.forget();
            return Next::GiveUp { attempts };
        }
        Next::Delay(self.delay(now, chance))
    }

    /// The device is not there, and its return will be told: this is not counted as an attempt.
    pub fn absent(&mut self, now: Instant, chance: f64) -> Duration {
        self.ended(now);
        self.delay(now, chance)
    }

    /// A deliberate stop, or a reason to believe that all is different now. What was learned stays.
    pub fn reset(&mut self, now: Instant) {
        self.settle(now);
        self.forget();
    }

    /// Ends a life by a failure, and says whether it was a healthy one.
    fn ended(&mut self, now: Instant) -> bool {
        if self.works_since.is_some() {
            self.learned.failed(now);
        }
        self.settle(now)
    }

    /// Ends a life, and says whether it was a healthy one. If so, the outage before it is over.
    fn settle(&mut self, now: Instant) -> bool {
        let Some(since) = self.works_since.take() else { return false };
        let healthy = now.saturating_duration_since(since) >= self.policy.backoff.reset_after;
        if healthy {
            if let Some(Outage { since, tried: Some(tried), missed }) = self.outage {
                let after = |at: Instant| at.saturating_duration_since(since);
                self.learned.recovered(missed.map(after), after(tried), self.policy.backoff.max);
            }
            self.forget();
        }
        healthy
    }

    fn forget(&mut self) {
        self.attempts = 0;
        self.delays = 0;
        self.outage = None;
    }

    fn delay(&mut self, now: Instant, chance: f64) -> Duration {
        let outage = self.outage.get_or_insert(Outage { since: now, tried: None, missed: None });
        outage.missed = outage.tried;
        let before = self.delays;
        self.delays = self.delays.saturating_add(1);
        let backoff = &self.policy.backoff;
        let delay = match self.policy.strategy {
            Delays::Exponential => backoff.delay(before, chance),
            Delays::Adaptive => self.learned.delay(backoff, before, now, chance),
            Delays::Immediate { tries } => match before.checked_sub(tries) {
                None => AT_ONCE,
                Some(before) => backoff.delay(before, chance),
            },
        };
        delay.max(AT_ONCE)
    }
}
