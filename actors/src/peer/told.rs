//! What a viewer's page is told of its link. Pure.

use crate::media::Size;
use std::time::{Duration, Instant};

/// What lasts less is not worth a word.
const LASTS: Duration = Duration::from_secs(1);

/// A link that carries so much of the stream carries it.
const WHOLE: f64 = 0.95;

/// How much of the picture a link carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The rendition that the viewer is sent.
    pub rendition: Size,
    /// Percent of the full rendition's bits, in steps of 5, if it is known and not enough.
    pub percent: Option<u8>,
}

impl Carried {
    /// Of a link that carries `capacity`, if that has shown itself to be little, where the full rendition has so much.
    pub fn new(rendition: Size, capacity: Option<f64>, full: f64) -> Self {
        let share = capacity.filter(|_| full > 0.0).map(|capacity| capacity / full).filter(|share| *share < WHOLE);
        Self { rendition, percent: share.map(|share| ((share * 20.0).round() as u8).clamp(1, 19) * 5) }
    }
}

/// What the page knows.
#[derive(Clone, Debug, Default)]
pub struct Told {
    known: Carried,
    /// What would be news, and since when there has been any.
    differs: Option<Instant>,
}

impl Told {
    /// It is like this now: what to tell the page, if that is news which lasts.
    pub fn news(&mut self, carried: Carried, now: Instant) -> Option<Carried> {
        if carried == self.known {
            self.differs = None;
            return None;
        }
        let since = *self.differs.get_or_insert(now);
        if now.saturating_duration_since(since) < LASTS {
            return None;
        }
        self.differs = None;
        self.known = carried;
        Some(carried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_in_steps_and_only_if_it_is_not_all() {
        for (capacity, full, percent) in [
            (None, 1e6, None),
            (Some(0.33e6), 1e6, Some(35)),
            (Some(1e3), 1e6, Some(5)),
            (Some(0.94e6), 1e6, Some(95)),
            (Some(0.96e6), 1e6, None),
            (Some(1.0), 0.0, None),
        ] {
            assert_eq!(Carried::new(Size::Full, capacity, full).percent, percent, "{capacity:?} of {full}");
        }
    }

    #[test]
    fn what_lasts_is_told_once_and_so_is_its_end() {
        let (mut told, start) = (Told::default(), Instant::now());
        let third = Carried { rendition: Size::Full, percent: Some(35) };
        let small = Carried { rendition: Size::Small, percent: None };
        for (ms, carried, expected) in [
            (0, Carried::default(), None),
            (100, third, None),
            (900, Carried::default(), None), // a dip
            (1000, third, None),
            (2000, third, Some(third)),
            (2500, third, None),
            (3000, small, None),
            (3500, Carried { percent: Some(40), ..third }, None),
            (4000, small, Some(small)),
            (5000, Carried::default(), None),
            (6000, Carried::default(), Some(Carried::default())),
        ] {
            assert_eq!(told.news(carried, start + Duration::from_millis(ms)), expected, "at {ms} ms");
        }
    }
}
