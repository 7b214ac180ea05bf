//! Frames that wait to be sent to one viewer, and how fast they may leave. Pure.
//!
//! What has just been taken leaves at once, unless something is in its way. It does not wait for long: a late picture is
//! worth less than the next one. What leads up to the present (a replay) may take longer, and so may what follows it.

use crate::media::Frame;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A frame that has waited for so long is not begun any more.
pub const LATE: Duration = Duration::from_millis(250);

/// A replay, and what waits behind it.
const LATE_REPLAY: Duration = Duration::from_secs(2);

/// Frames that may wait.
const FRAMES_MAX: usize = 1024;

/// One that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The frame.
    pub frame: Arc<Frame>,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// So many of its packets have been sent.
    pub begun: usize,
    /// When it began to wait.
    pub since: Instant,
    /// It is of the past.
    pub replayed: bool,
    /// Later than this it is not begun.
    until: Instant,
}

/// All that wait, in order.
#[derive(Debug, Default)]
pub struct Backlog(VecDeque<Waiting>);

impl Backlog {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no more may wait.
    pub fn is_full(&self) -> bool {
        self.0.len() >= FRAMES_MAX
    }

    /// A frame waits, of the past if it is `replayed`. Gives the number of those that need not be sent any more, since
    /// this one is a keyframe.
    pub fn push(&mut self, frame: &Arc<Frame>, timestamp: u32, replayed: bool, now: Instant) -> u64 {
        let needless = if frame.keyframe { self.clear() } else { 0 };
        let patience = now + if replayed { LATE_REPLAY } else { LATE };
        let until = self.0.back().map_or(patience, |last| patience.max(last.until));
        self.0.push_back(Waiting { frame: frame.clone(), timestamp, begun: 0, since: now, replayed, until });
        needless
    }

    /// The next.
    pub fn front(&self) -> Option<&Waiting> {
        self.0.front()
    }

    /// The same, to be sent.
    pub fn front_mut(&mut self) -> Option<&mut Waiting> {
        self.0.front_mut()
    }

    /// The next, if some of its packets have been sent.
    pub fn begun(&self) -> Option<&Waiting> {
        self.0.front().filter(|first| first.begun > 0)
    }

    /// Those that are of the past. The present waits behind them.
    pub fn of_the_past(&self) -> impl Iterator<Item = &Waiting> {
        self.0.iter().take_while(|waiting| waiting.replayed)
    }

    /// The next has been sent.
    pub fn pop(&mut self) {
        self.0.pop_front();
        if self.0.is_empty() {
            // Its memory is seldom needed again.
            self.0 = VecDeque::new();
        }
    }

    /// Takes away all that have not been begun; how many.
    pub fn clear(&mut self) -> u64 {
        let before = self.0.len();
        self.0.truncate(usize::from(self.begun().is_some()));
        (before - self.0.len()) as u64
    }

    /// Takes away what is late, and with it all that depends on it; how many.
    pub fn drop_late(&mut self, now: Instant) -> u64 {
        let first = usize::from(self.begun().is_some());
        if self.0.get(first).is_some_and(|waiting| waiting.until < now) { self.clear() } else { 0 }
    }
}

/// How fast packets may leave: a bucket of bytes that fills at a rate.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    level: f64,
    at: Instant,
}

impl Pace {
    /// Full.
    pub fn new(burst: usize, now: Instant) -> Self {
        Self { level: burst as f64, at: now }
    }

    /// Bytes that may leave now, where so many a second may, and so many at once.
    pub fn room(&mut self, rate: f64, burst: usize, now: Instant) -> usize {
        let filled = self.level + rate * now.saturating_duration_since(self.at).as_secs_f64();
        (self.level, self.at) = (filled.min(burst as f64), now.max(self.at));
        self.level.max(0.0) as usize
    }

    /// So many have left.
    pub fn spend(&mut self, bytes: usize) {
        self.level -= bytes as f64;
    }

    /// How long until so many may leave.
    pub fn wait(&self, bytes: usize, rate: f64) -> Duration {
        Duration::try_from_secs_f64(((bytes as f64 - self.level) / rate).max(0.0)).unwrap_or(LATE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, Cuts, Origin};

    const MS: Duration = Duration::from_millis(1);

    fn frame(number: u64, keyframe: bool) -> Arc<Frame> {
        let (captured, origin, codec) = (Instant::now(), Origin::Encoder, Codec::H264);
        let unit = vec![0; 100];
        let cuts = Cuts::whole(&unit);
        Arc::new(Frame { number, captured, keyframe, origin, codec, unit: unit.into(), cuts })
    }

    #[test]
    fn a_late_frame_is_not_begun_and_one_that_was_begun_is_ended() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        for number in 0..3 {
            backlog.push(&frame(number, number == 0), 0, false, now + MS * 100 * number as u32);
        }
        assert_eq!(backlog.drop_late(now + LATE), 0);
        backlog.front_mut().unwrap().begun = 1;
        assert_eq!(backlog.drop_late(now + LATE + MS), 0, "it is on its way, and the next is not late");
        assert_eq!(backlog.drop_late(now + LATE + MS * 101), 2, "what depends on it goes, too");
        assert_eq!(backlog.front().unwrap().frame.number, 0);
        backlog.pop();
        assert!(backlog.is_empty());
    }

    #[test]
    fn a_replay_may_take_longer_and_so_may_what_follows() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        backlog.push(&frame(0, true), 0, true, now);
        backlog.push(&frame(1, false), 0, false, now);
        assert_eq!(backlog.drop_late(now + LATE_REPLAY), 0);
        assert_eq!(backlog.drop_late(now + LATE_REPLAY + MS), 2);
    }

    #[test]
    fn a_keyframe_makes_what_waits_before_it_needless() {
        let (mut backlog, now) = (Backlog::default(), Instant::now());
        for number in 0..3 {
            backlog.push(&frame(number, number == 0), 0, false, now);
        }
        backlog.front_mut().unwrap().begun = 1;
        assert_eq!(backlog.push(&frame(3, true), 0, false, now), 2);
        assert_eq!(backlog.0.len(), 2);
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(1000, start);
        assert_eq!(pace.room(1e5, 1000, start), 1000);
        pace.spend(1500);
        assert_eq!(pace.room(1e5, 1000, start), 0, "a packet more than there was room for");
        assert_eq!(pace.wait(500, 1e5), 10 * MS);
        assert_eq!(pace.room(1e5, 1000, start + 10 * MS), 500);
        assert_eq!(pace.room(1e5, 1000, start + 1000 * MS), 1000);
    }
}
