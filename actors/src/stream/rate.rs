//! Bits a second over a sliding second. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(1);

/// Measures a bit rate.
#[derive(Debug, Default)]
pub struct Rate {
    recent: VecDeque<(Instant, usize)>,
    bytes: usize,
}

impl Rate {
    /// Counts `bytes` and returns bits a second over the last second.
    pub fn add(&mut self, now: Instant, bytes: usize) -> u64 {
        self.recent.push_back((now, bytes));
        self.bytes += bytes;
        while let Some(&(at, old)) = self.recent.front() {
            if now.saturating_duration_since(at) < WINDOW {
                break;
            }
            self.bytes -= old;
            self.recent.pop_front();
        }
        self.bytes as u64 * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_second_counts() {
        let start = Instant::now();
        let mut rate = Rate::default();
        for n in 0..100u32 {
            let now = start + Duration::from_millis(100) * n;
            let bps = rate.add(now, 1000);
            if n >= 9 {
                assert_eq!(bps, 80_000);
            }
        }
    }
}
