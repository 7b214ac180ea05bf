//! Whether a viewer is there, and the one verdict on its leaving.
//!
//! Many signs can tell of one leaving: the page says `bye`, closes its connection, sends the
//! beacon, and its WebSocket ends. The first one decides, the others find the verdict given.

use super::cause::Cause;
use std::time::{Duration, Instant};

/// That a viewer is gone: final, and given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The sign that came first.
    pub cause: Cause,
    /// When it fell.
    pub at: Instant,
    /// Age of the last sign of life at that moment.
    pub silence: Duration,
}

/// What is known of one viewer's presence.
#[derive(Clone, Debug)]
pub struct Presence {
    last_life: Instant,
    verdict: Option<Verdict>,
}

impl Presence {
    /// A viewer that has just made its offer.
    pub fn new(now: Instant) -> Self {
        Self { last_life: now, verdict: None }
    }

    /// An authenticated packet arrived.
    pub fn alive(&mut self, now: Instant) {
        self.last_life = self.last_life.max(now);
    }

    /// How long nothing was heard.
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_life)
    }

    /// A sign of leaving was seen. Gives the verdict the first time, and never again.
    pub fn leaving(&mut self, cause: Cause, now: Instant) -> Option<Verdict> {
        if self.verdict.is_some() {
            return None;
        }
        let verdict = Verdict { cause, at: now, silence: self.silence(now) };
        self.verdict = Some(verdict);
        self.verdict
    }

    /// The verdict, if it has fallen.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sign_decides_and_later_ones_are_silent() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.alive(start + Duration::from_millis(40));
        let verdict = presence.leaving(Cause::Beacon, start + Duration::from_millis(100));
        assert_eq!(
            verdict,
            Some(Verdict {
                cause: Cause::Beacon,
                at: start + Duration::from_millis(100),
                silence: Duration::from_millis(60),
            })
        );
        for cause in [Cause::CloseNotify, Cause::WsClosed, Cause::Beacon, Cause::IceFailed] {
            assert_eq!(presence.leaving(cause, start + Duration::from_millis(200)), None);
        }
        assert_eq!(presence.verdict(), verdict);
    }

    #[test]
    fn life_reported_late_does_not_go_back_in_time() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.alive(start + Duration::from_millis(50));
        presence.alive(start + Duration::from_millis(20));
        assert_eq!(presence.silence(start + Duration::from_millis(60)), Duration::from_millis(10));
    }
}
