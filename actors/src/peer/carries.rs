//! When a stream is told what the link of a viewer carries. Pure.

use std::time::{Duration, Instant};

/// What differs by less than this part is no news.
const CHANGE: f64 = 0.1;

/// News is so far apart,
const SPACING: Duration = Duration::from_millis(200);

/// and no farther than this while the link is narrow: its stream may be another by then, or have begun anew.
const REPEATED: Duration = Duration::from_secs(1);

/// What was told.
#[derive(Clone, Debug, Default)]
pub struct Carries(Option<(f64, Instant)>);

impl Carries {
    /// The link carries so many bits a second, if that has shown itself to be little: what to tell, if that is news.
    pub fn news(&mut self, carries: Option<f64>, now: Instant) -> Option<Option<f64>> {
        let is_news = match (carries, self.0) {
            (None, told) => told.is_some(),
            (Some(_), None) => true,
            (Some(bps), Some((told, at))) => {
                let since = now.saturating_duration_since(at);
                since >= REPEATED || (since >= SPACING && (bps - told).abs() > told * CHANGE)
            }
        };
        if !is_news {
            return None;
        }
        self.0 = carries.map(|bps| (bps, now));
        Some(carries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_soon_and_what_stays_once_a_second() {
        let (mut carries, start) = (Carries::default(), Instant::now());
        for (ms, bps, expected) in [
            (0, None, None),
            (50, Some(1e6), Some(Some(1e6))),
            (100, Some(0.5e6), None), // too soon
            (250, Some(0.5e6), Some(Some(0.5e6))),
            (500, Some(0.52e6), None),
            (1250, Some(0.52e6), Some(Some(0.52e6))),
            (1300, None, Some(None)),
            (9000, None, None),
        ] {
            assert_eq!(carries.news(bps, start + Duration::from_millis(ms)), expected, "at {ms} ms");
        }
    }
}
