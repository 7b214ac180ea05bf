//! When an open source counts as stalled: it has given no good picture for `stall_timeout`. Pure.

use lenscap_actors::media::Findings;
use lenscap_actors::ports::CaptureError;
use std::time::{Duration, Instant};

/// What is known of a source's pictures since the last good one.
///
/// A picture that looks whole is good as long as the streams could decode the ones before. After one that they could
/// not, only their word counts, for much damage can be seen by decoding only.
#[derive(Debug)]
pub struct Stall {
    timeout: Duration,
    since: Instant,
    broken: u64,
    doubted: bool,
}

impl Stall {
    /// Counts from now.
    pub fn new(timeout: Duration, now: Instant) -> Self {
        Self { timeout, since: now, broken: 0, doubted: false }
    }

    /// A picture has come that looks whole.
    pub fn whole(&mut self, now: Instant) {
        if !self.doubted {
            self.good(now);
        }
    }

    /// A picture has come that is flagged or cut off.
    pub fn broken(&mut self) {
        self.broken += 1;
    }

    /// What the streams made of pictures since they were last asked.
    pub fn found(&mut self, findings: Findings, now: Instant) {
        if findings.shown > 0 {
            self.doubted = false;
            self.good(now);
        } else if findings.refused > 0 {
            self.doubted = true;
            self.broken += findings.refused;
        }
    }

    /// How long until it counts as stalled, if nothing comes; none if it does now.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.timeout.saturating_sub(now.saturating_duration_since(self.since));
        (!left.is_zero()).then_some(left)
    }

    /// The error of a source that has stalled.
    pub fn error(&self, device: &str) -> CaptureError {
        let (device, silence) = (device.to_owned(), self.timeout);
        match self.broken {
            0 => CaptureError::Stalled { device, silence },
            broken => CaptureError::OnlyBroken { device, silence, broken },
        }
    }

    fn good(&mut self, now: Instant) {
        self.since = now;
        self.broken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[derive(Clone, Copy)]
    enum Event {
        Whole,
        Broken,
        Shown,
        Refused,
    }

    /// How long it has left 10 s after the beginning, and the words if it were to end then.
    fn after(events: &[(f32, Event)]) -> (Option<Duration>, String) {
        let start = Instant::now();
        let mut stall = Stall::new(TIMEOUT, start);
        for (at, event) in events {
            let now = start + Duration::from_secs_f32(*at);
            match event {
                Event::Whole => stall.whole(now),
                Event::Broken => stall.broken(),
                Event::Shown => stall.found(Findings { shown: 1, refused: 0 }, now),
                Event::Refused => stall.found(Findings { shown: 0, refused: 1 }, now),
            }
        }
        (stall.left(start + Duration::from_secs(10)), stall.error("x").to_string())
    }

    #[test]
    fn it_stalls_when_the_last_good_picture_is_too_long_ago() {
        use Event::{Broken, Refused, Shown, Whole};
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (what, events, left) in [
            ("nothing", &[][..], None),
            ("nothing since long", &[(4.0, Whole)], None),
            ("a whole one", &[(8.0, Whole)], seconds(3)),
            ("broken ones", &[(4.0, Whole), (8.0, Broken), (9.0, Broken)], None),
            ("a broken one, and a whole one", &[(7.0, Broken), (8.0, Whole)], seconds(3)),
            ("refused ones that look whole", &[(4.0, Whole), (4.0, Refused), (8.0, Whole), (9.0, Whole)], None),
            ("one is refused, another shown", &[(7.0, Refused), (8.0, Whole), (9.0, Shown)], seconds(4)),
            ("trust comes back", &[(1.0, Refused), (2.0, Shown), (9.0, Whole)], seconds(4)),
            ("nobody decodes", &[(1.0, Whole), (5.0, Whole), (9.0, Whole)], seconds(4)),
        ] {
            assert_eq!(after(events).0, left, "{what}");
        }
    }

    #[test]
    fn one_stream_that_can_decode_is_enough() {
        let start = Instant::now();
        let mut stall = Stall::new(TIMEOUT, start);
        stall.found(Findings { shown: 1, refused: 3 }, start + TIMEOUT);
        assert_eq!(stall.left(start + TIMEOUT), Some(TIMEOUT));
    }

    #[test]
    fn the_words_tell_silence_from_broken_pictures() {
        use Event::{Broken, Refused, Whole};
        assert!(after(&[(1.0, Broken), (2.0, Whole)]).1.contains("no picture for 5 s:"));
        assert!(after(&[(1.0, Broken), (2.0, Refused)]).1.contains("2 broken ones"));
    }
}
