//! The bit rate that an encoder is held to, so that the slowest link of its viewers carries it. Pure.
//!
//! Down it goes at once, as soon as a link has shown what it carries. Up it goes in steps: quickly where no link has been
//! found narrow, and slowly around what the last one carried.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Of what a link carries the stream is given this part; the rest is for headers, keyframes and what is sent again.
const PART: f64 = 0.85;

/// How fast it rises a second: far from what the last narrow link carried, and near it.
const RISE: f64 = 0.25;
const RISE_NEAR: f64 = 0.05;
const NEAR: RangeInclusive<f64> = 0.9..=1.2;

/// What is less than this part of it is no change: an encoder needs a while to follow one.
const CHANGE: f64 = 0.05;

/// It is looked at so often as long as it is held down.
pub const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the encoder is held to.
#[derive(Clone, Debug, Default)]
pub struct Bitrate {
    /// Bits a second; none if it is not held down.
    limit: Option<f64>,
    /// What the encoder was last told.
    told: Option<f64>,
    /// What the last narrow link carried.
    found: f64,
    at: Option<Instant>,
}

impl Bitrate {
    /// Whether it is held down.
    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Bits a second that it is held to.
    pub fn limit(&self) -> Option<u32> {
        self.limit.map(|limit| limit as u32)
    }

    /// The slowest link carries so many bits a second, if any has shown itself to be narrow; the encoder can be held to
    /// this range. Gives what to tell it, if that is news.
    pub fn step(&mut self, slowest: Option<f64>, range: &RangeInclusive<u32>, now: Instant) -> Option<u32> {
        let (least, most) = (f64::from(*range.start()), f64::from(*range.end()));
        let since = self.at.replace(now).map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let target = slowest.map_or(most, |carries| (carries * PART).clamp(least, most));
        if slowest.is_some() {
            self.found = target;
        }
        let limit = self.limit.unwrap_or(most);
        let limit = if target <= limit {
            target
        } else {
            let rise = if NEAR.contains(&(limit / self.found.max(1.0))) { RISE_NEAR } else { RISE };
            // A look that comes late makes no leap.
            (limit * (1.0 + rise * since.min(Duration::from_secs(1)).as_secs_f64())).min(target)
        };
        self.limit = (limit < most).then_some(limit);
        let told = self.told.unwrap_or(most);
        let is_news = (limit - told).abs() >= told * CHANGE || (limit == most && told < most);
        if !is_news {
            return None;
        }
        self.told = Some(limit);
        Some(limit as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: RangeInclusive<u32> = 200_000..=2_000_000;

    /// What the encoder is told, and when, in ms, if so much is carried.
    fn told(bitrate: &mut Bitrate, start: Instant, ms: std::ops::Range<u32>, carries: Option<f64>) -> Vec<(u32, u32)> {
        let looks = ms.step_by(LOOK_EVERY.as_millis() as usize);
        looks
            .filter_map(|ms| Some((ms, bitrate.step(carries, &RANGE, start + Duration::from_millis(ms.into()))?)))
            .collect()
    }

    #[test]
    fn a_narrow_link_is_followed_at_once_and_within_the_range() {
        for (carries, expected) in [(1e6, 850_000), (10e3, 200_000), (2.2e6, 1_870_000)] {
            let (mut bitrate, start) = (Bitrate::default(), Instant::now());
            assert_eq!(told(&mut bitrate, start, 0..1000, None), [], "nothing is narrow");
            assert_eq!(told(&mut bitrate, start, 1000..9000, Some(carries)), [(1000, expected)]);
            assert_eq!(bitrate.limit(), Some(expected));
        }
    }

    #[test]
    fn what_is_wide_enough_limits_nothing() {
        let (mut bitrate, start) = (Bitrate::default(), Instant::now());
        assert_eq!(told(&mut bitrate, start, 0..5000, Some(9e6)), []);
        assert!(!bitrate.is_limited());
    }

    #[test]
    fn it_rises_slowly_past_what_the_last_link_carried_and_then_fast_up_to_the_top() {
        let (mut bitrate, start) = (Bitrate::default(), Instant::now());
        told(&mut bitrate, start, 0..250, Some(600e3));
        let steps = told(&mut bitrate, start, 250..60_000, None);
        let past = steps.iter().find(|(_, limit)| *limit > 612_000).unwrap().0;
        assert!((3000..5000).contains(&past), "past 1.2 × 510 kbit/s at {past}");
        let (top, limit) = steps[steps.len() - 1];
        assert_eq!(limit, 2_000_000);
        assert!((8000..11_000).contains(&top), "{top}");
        assert!(steps.windows(2).all(|pair| pair[0].1 < pair[1].1) && !bitrate.is_limited());
    }

    #[test]
    fn a_little_more_or_less_is_no_news() {
        let (mut bitrate, start) = (Bitrate::default(), Instant::now());
        told(&mut bitrate, start, 0..250, Some(1e6));
        assert_eq!(told(&mut bitrate, start, 250..500, Some(0.97e6)), []);
        assert_eq!(told(&mut bitrate, start, 500..750, Some(0.9e6)), [(500, 765_000)]);
    }
}
