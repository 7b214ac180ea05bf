//! How often a time fell between which bounds. Pure, and small, for it is copied with the board.

use serde::Serialize;

/// Upper bounds of the buckets of every [`Histogram`], seconds; one more bucket has none. Dense
/// where a release ends (milliseconds) and where suspicions and verdicts fall (0.3 to 3.5 s).
pub const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.5, 5.0, 10.0];

/// How often a time fell between which bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
    max: f64,
}

impl Histogram {
    /// Counts a time, seconds. What is negative or no number counts as 0.
    pub fn observe(&mut self, seconds: f64) {
        let seconds = seconds.max(0.0);
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        self.max = self.max.max(seconds);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound, seconds, with the number of times that did not exceed it. The bucket without a
    /// bound is left out: it would say [`Histogram::count`].
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }

    /// An estimate of the time, seconds, that a `share` (0 to 1) of all times did not exceed: times
    /// are taken as evenly spread within their bucket. None if nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share.clamp(0.0, 1.0) * self.count() as f64;
        let (mut below, mut lower) = (0, 0.0);
        for (nth, count) in self.counts.iter().enumerate() {
            let upper = BOUNDS.get(nth).map_or(self.max, |bound| bound.min(self.max));
            if *count > 0 && (below + count) as f64 >= rank {
                let within = ((rank - below as f64) / *count as f64).clamp(0.0, 1.0);
                return Some(lower + (upper - lower) * within);
            }
            below += count;
            lower = upper;
        }
        None
    }

    /// In few words.
    pub fn summary(&self) -> Summary {
        let ms = |seconds: f64| seconds * 1e3;
        Summary {
            count: self.count(),
            median_ms: self.quantile(0.5).map(ms),
            p95_ms: self.quantile(0.95).map(ms),
            max_ms: (self.count() > 0).then(|| ms(self.max)),
        }
    }
}

/// A [`Histogram`] for people.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many times were counted.
    pub count: u64,
    /// Half of them were no longer, ms; an estimate.
    pub median_ms: Option<f64>,
    /// 95 % of them were no longer, ms; an estimate.
    pub p95_ms: Option<f64>,
    /// The longest, ms.
    pub max_ms: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow_and_a_time_on_a_bound_does_not_exceed_it() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.001, 0.0011, 10.0, 10.1, -1.0, f64::NAN] {
            histogram.observe(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative.len(), BOUNDS.len());
        assert_eq!(cumulative[0], (0.001, 4));
        assert_eq!(cumulative[1], (0.0025, 5));
        assert_eq!(cumulative[15], (10.0, 6), "one exceeds them all");
        assert_eq!(histogram.count(), 7);
        assert!((histogram.sum() - 20.1021).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_in_the_right_bucket_and_never_beyond_the_longest() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        assert_eq!(histogram.summary(), Summary { count: 0, median_ms: None, p95_ms: None, max_ms: None });
        for _ in 0..90 {
            histogram.observe(0.02);
        }
        for _ in 0..10 {
            histogram.observe(42.0);
        }
        let median = histogram.quantile(0.5).unwrap();
        assert!(median > 0.01 && median <= 0.025, "{median}");
        let high = histogram.quantile(0.95).unwrap();
        assert!(high > 10.0 && high <= 42.0, "{high}");
        assert_eq!(histogram.quantile(1.0), Some(42.0));
        assert_eq!(histogram.summary().max_ms, Some(42_000.0));
        let mut one = Histogram::default();
        one.observe(0.012);
        assert_eq!(one.quantile(1.0), Some(0.012));
    }
}
