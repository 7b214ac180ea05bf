//! The system's clock, and the only place where it is read for the decisions.

use crate::ports::Clock;
use std::time::{Duration, Instant};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        // tokio's time is the system's, but stands still and jumps in tests that ask for it.
        tokio::time::Instant::now().into_std()
    }

    fn unix_ms(&self) -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64
    }
}
