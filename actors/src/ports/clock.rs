//! The time, as the actors get it.

use std::time::Instant;

/// Tells the time. The decisions take time as an argument; this is where the actors get it.
pub trait Clock: Send + Sync {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Milliseconds since the Unix epoch, for people to read.
    fn unix_ms(&self) -> u64;
}
