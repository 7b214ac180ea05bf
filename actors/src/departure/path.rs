//! What is known of the path to a viewer: how long a round trip takes, and how much that varies. Pure.
//!
//! In logarithms, because round trips spread by factors: a satellite's 600 ms vary by as many percent as
//! a LAN's 0.5 ms do.

use std::time::Duration;

/// Weight of a new sample, once there are enough for a mean to have settled.
const GAIN: f64 = 1.0 / 32.0;

/// Bounds of the retransmission time-out.
const RTO_MIN: Duration = Duration::from_millis(20);
const RTO_MAX: Duration = Duration::from_millis(1500);

/// Round trips shorter than this tell of our own clock, not of the path.
const SHORTEST: f64 = 100e-6;

/// The estimate.
#[derive(Clone, Debug, Default)]
pub struct Path {
    samples: u32,
    /// Mean of the logarithm of the round trip in seconds.
    mean: f64,
    /// Mean deviation from that.
    deviation: f64,
}

impl Path {
    /// A round trip was measured.
    pub fn measured(&mut self, round_trip: Duration) {
        let sample = round_trip.as_secs_f64().max(SHORTEST).ln();
        self.samples = self.samples.saturating_add(1);
        let gain = GAIN.max(1.0 / f64::from(self.samples));
        let error = sample - self.mean;
        self.mean += gain * error;
        if self.samples > 1 {
            self.deviation += gain * ((sample - self.mean).abs() - self.deviation);
        }
    }

    /// Samples so far.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// The usual round trip; none if nothing was measured yet.
    pub fn round_trip(&self) -> Option<Duration> {
        (self.samples > 0).then(|| Duration::from_secs_f64(self.mean.exp()))
    }

    /// An answer that has not come by then is late: four deviations, as in RFC 6298.
    pub fn rto(&self) -> Duration {
        match self.samples {
            0 => RTO_MAX,
            _ => Duration::from_secs_f64((self.mean + 4.0 * self.deviation).exp()).clamp(RTO_MIN, RTO_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_samples_count_most_and_later_ones_are_followed() {
        let mut path = Path::default();
        assert_eq!((path.round_trip(), path.rto()), (None, RTO_MAX));
        path.measured(Duration::from_millis(100));
        assert!(path.round_trip().unwrap().abs_diff(Duration::from_millis(100)) < Duration::from_micros(1));
        for _ in 0..200 {
            path.measured(Duration::from_millis(10));
        }
        let now = path.round_trip().unwrap().as_secs_f64() * 1e3;
        assert!((10.0..10.5).contains(&now), "{now}");
    }

    #[test]
    fn jitter_widens_the_time_out_within_its_bounds() {
        let rto = |samples: &[u64]| {
            let mut path = Path::default();
            samples.iter().cycle().take(100).for_each(|ms| path.measured(Duration::from_millis(*ms)));
            path.rto()
        };
        assert_eq!(rto(&[1]), RTO_MIN);
        assert!(rto(&[100, 100]) < rto(&[50, 200]));
        assert_eq!(rto(&[100, 2000]), RTO_MAX);
    }
}
