//! When a program has been silent for too long. Pure.

use std::time::{Duration, Instant};

/// Who has written so much without a picture writes no video.
const BYTES_MAX: u64 = 8 << 20;

/// What a program has given so far.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// When it was started, or gave its latest picture.
    since: Instant,
    pictures: bool,
    bytes: u64,
}

/// What is wrong with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It has not written anything.
    Nothing,
    /// It writes, but no pictures.
    NoVideo {
        /// Bytes so far.
        bytes: u64,
    },
    /// It gave pictures, and does so no more.
    Stalled,
}

impl Progress {
    /// Of a program that was started now.
    pub fn new(now: Instant) -> Self {
        Self { since: now, pictures: false, bytes: 0 }
    }

    /// It has written so much.
    pub fn bytes(&mut self, length: usize) {
        self.bytes += length as u64;
    }

    /// It has given a picture. Whether that was its first.
    pub fn picture(&mut self, now: Instant) -> bool {
        self.since = now;
        !std::mem::replace(&mut self.pictures, true)
    }

    /// How long it may still be silent.
    pub fn left(&self, now: Instant, timeout: Duration) -> Duration {
        timeout.saturating_sub(now.saturating_duration_since(self.since))
    }

    /// Whether it has been silent for too long.
    pub fn silence(&self, now: Instant, timeout: Duration) -> Option<Silence> {
        let no_video = Silence::NoVideo { bytes: self.bytes };
        if !self.pictures && self.bytes > BYTES_MAX {
            return Some(no_video);
        }
        if !self.left(now, timeout).is_zero() {
            return None;
        }
        Some(match (self.pictures, self.bytes) {
            (true, _) => Silence::Stalled,
            (false, 0) => Silence::Nothing,
            (false, _) => no_video,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn what_is_wrong_depends_on_what_has_come() {
        let start = Instant::now();
        let late = start + TIMEOUT;
        let mut progress = Progress::new(start);
        assert_eq!(progress.silence(late - Duration::from_millis(1), TIMEOUT), None);
        assert_eq!(progress.silence(late, TIMEOUT), Some(Silence::Nothing));
        progress.bytes(100);
        assert_eq!(progress.silence(late, TIMEOUT), Some(Silence::NoVideo { bytes: 100 }));
        assert!(progress.picture(late), "the first");
        assert!(!progress.picture(late));
        assert_eq!(progress.silence(late, TIMEOUT), None);
        assert_eq!(progress.left(late, TIMEOUT), TIMEOUT);
        progress.bytes(100);
        assert_eq!(progress.silence(late + TIMEOUT, TIMEOUT), Some(Silence::Stalled), "bytes are no pictures");
    }

    #[test]
    fn a_flood_without_a_picture_is_not_waited_for() {
        let start = Instant::now();
        let mut progress = Progress::new(start);
        progress.bytes(BYTES_MAX as usize + 1);
        assert_eq!(progress.silence(start, TIMEOUT), Some(Silence::NoVideo { bytes: BYTES_MAX + 1 }));
        progress.picture(start);
        progress.bytes(BYTES_MAX as usize + 1);
        assert_eq!(progress.silence(start, TIMEOUT), None, "it has shown that it can");
    }
}
