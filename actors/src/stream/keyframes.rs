//! When a keyframe is forced.
//!
//! Our own encoder makes one when it is asked, but that goes to everybody: so it counts, and who comes soon after one gets
//! that one.

use super::asks::Asks;
use actix::prelude::SpawnHandle;
use std::time::{Duration, Instant};

/// Keyframes are forced no more often than this, whoever asks.
const SPACING: Duration = Duration::from_millis(250);

/// Those who cannot decode what they have get one so often between them all.
const WANTED: Asks = Asks::new(Duration::from_millis(500), Duration::from_secs(4));

/// When keyframes are forced.
pub(super) struct Keyframes {
    last: Option<Instant>,
    pub wanted: Asks,
    /// The timer of one that is still to be forced.
    pub later: Option<SpawnHandle>,
}

impl Default for Keyframes {
    fn default() -> Self {
        Self { last: None, wanted: WANTED, later: None }
    }
}

impl Keyframes {
    /// One is wanted: how long that has to wait. Not at all means that it is forced now.
    pub fn force(&mut self, now: Instant) -> Duration {
        let spacing = |last| SPACING.saturating_sub(now.saturating_duration_since(last));
        let wait = self.last.map_or(Duration::ZERO, spacing);
        if wait.is_zero() {
            self.last = Some(now);
        }
        wait
    }

    /// Gives the timer of one that is still to be forced.
    pub fn forget(&mut self) -> Option<SpawnHandle> {
        self.last = None;
        self.later.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframes_are_forced_so_far_apart_until_the_encoder_is_another() {
        let (mut keyframes, start) = (Keyframes::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(keyframes.force(at(0)), Duration::ZERO);
        assert_eq!(keyframes.force(at(100)), Duration::from_millis(150));
        assert_eq!(keyframes.force(at(249)), Duration::from_millis(1), "who asks meanwhile puts it off no further");
        assert_eq!(keyframes.force(at(250)), Duration::ZERO);
        keyframes.forget();
        assert_eq!(keyframes.force(at(251)), Duration::ZERO);
    }
}
