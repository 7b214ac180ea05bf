//! How short and how long a delay may be.

use std::time::Duration;

/// No delay is shorter, whatever is configured: nothing may spin.
pub const FLOOR: Duration = Duration::from_millis(1);

/// The delay of a try "at once": long enough that many in a row cost next to nothing, short enough
/// that nobody sees it.
pub const AT_ONCE: Duration = Duration::from_millis(10);

/// No delay is longer, whatever is configured.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// So many seconds as a delay. What is no number becomes [`FLOOR`].
pub(super) fn bounded(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(FLOOR.as_secs_f64()).min(LONGEST.as_secs_f64()))
}
