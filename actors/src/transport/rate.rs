//! How many bytes a second a stream has. Pure.

use crate::media::Frame;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes a second of a stream of which nothing has been seen.
pub const USUAL: f64 = 250_000.0;

/// Over so much time it is taken.
const SPAN: Duration = Duration::from_millis(500);

/// Bytes a second of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamRate {
    value: Option<f64>,
    since: Option<Instant>,
    bytes: usize,
}

impl StreamRate {
    /// What is known of it, or usual.
    pub fn value(&self) -> f64 {
        self.value.unwrap_or(USUAL)
    }

    /// A frame comes.
    pub fn add(&mut self, bytes: usize, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let span = now.saturating_duration_since(since);
        if span >= SPAN {
            let rate = self.bytes as f64 / span.as_secs_f64();
            self.value = Some(self.value.map_or(rate, |before| (before * 3.0 + rate) / 4.0));
            (self.since, self.bytes) = (Some(now), 0);
        }
        self.bytes += bytes;
    }

    /// Frames of the past tell it at once.
    pub fn of_the_past<'a>(&mut self, mut frames: impl ExactSizeIterator<Item = &'a Arc<Frame>> + Clone) {
        let bytes: usize = frames.clone().map(|frame| frame.len()).sum();
        let (Some(first), Some(last)) = (frames.next(), frames.last()) else { return };
        let span = last.captured.saturating_duration_since(first.captured);
        if span >= SPAN && self.value.is_none() {
            self.value = Some(bytes as f64 / span.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_stream_and_is_the_usual_one_before() {
        let (mut rate, start) = (StreamRate::default(), Instant::now());
        assert_eq!(rate.value(), USUAL);
        (0..=20).for_each(|nth| rate.add(4000, start + Duration::from_millis(40) * nth));
        assert!((rate.value() - 100_000.0).abs() < 5000.0, "{}", rate.value());
    }
}
