//! How often it is given in to who asks, again and again, for a picture that can be decoded. Pure.
//!
//! A keyframe is many times as large as what follows it, and goes to everybody. Where it does not help (the link is too
//! narrow for it, or who asks will not stop) the next one makes things worse: so each that follows soon after another is
//! twice as far from it.

use std::time::{Duration, Instant};

/// Who has not asked for so long begins anew.
const QUIET: Duration = Duration::from_secs(10);

/// What was asked for, and when it is given again.
#[derive(Clone, Debug)]
pub struct Asks {
    first: Duration,
    most: Duration,
    /// When it was last given, and what has to pass before the next.
    last: Option<(Instant, Duration)>,
}

impl Asks {
    /// It is given again after `first`; after more, up to `most`, where that was not enough.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, last: None }
    }

    /// How long to wait before it is given again.
    pub fn wait(&self, now: Instant) -> Duration {
        self.last.map_or(Duration::ZERO, |(at, spacing)| spacing.saturating_sub(now.saturating_duration_since(at)))
    }

    /// Somebody asks: whether it is given.
    pub fn heed(&mut self, now: Instant) -> bool {
        if !self.wait(now).is_zero() {
            return false;
        }
        let spacing = match self.last {
            None => self.first,
            Some((at, spacing)) => {
                let since = now.saturating_duration_since(at);
                if since >= QUIET.max(spacing * 2) {
                    self.first
                } else if since >= spacing * 4 {
                    // It helped for a while.
                    (spacing / 2).max(self.first)
                } else {
                    (spacing * 2).min(self.most)
                }
            }
        };
        self.last = Some((now, spacing));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// When it is given to one who asks so often, in ms, for so long.
    fn given(every: u32, until: u32) -> Vec<u32> {
        let (start, mut asks) = (Instant::now(), Asks::new(250 * MS, 8000 * MS));
        (0..until).step_by(every as usize).filter(|&at| asks.heed(start + MS * at)).collect()
    }

    #[test]
    fn who_asks_on_and_on_is_given_ever_less() {
        assert_eq!(given(10, 40_000), [0, 250, 750, 1750, 3750, 7750, 15_750, 23_750, 31_750, 39_750]);
    }

    #[test]
    fn who_asks_now_and_then_is_given_what_it_asks_for() {
        for every in [1000, 2000, 5000, 20_000] {
            assert_eq!(given(every, 60_000).len() as u32, 60_000 / every, "every {every} ms");
        }
    }

    #[test]
    fn who_was_quiet_begins_anew() {
        let (start, mut asks) = (Instant::now(), Asks::new(250 * MS, 8000 * MS));
        let flood = (0..20_000).step_by(10).filter(|&at| asks.heed(start + MS * at)).count();
        assert_eq!(flood, 7);
        let later = start + 60_000 * MS;
        assert!(asks.heed(later) && !asks.heed(later + 249 * MS) && asks.heed(later + 250 * MS));
    }
}
