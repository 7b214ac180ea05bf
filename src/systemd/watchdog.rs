//! When systemd is told that the server is alive. Pure: answers and time go in, actions come out.
//!
//! Everybody is asked at half of the time that systemd waits, and it is told when all have answered: what it is told is never
//! older than that. Nobody is asked anew who has not answered.

use std::time::{Duration, Instant};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask everybody this question.
    Ask(u64),
    /// Tell systemd.
    Ping,
    /// Some have not answered in time. Said once, until they do.
    Complain {
        /// Who.
        silent: Vec<usize>,
        /// For how long they have been asked.
        since: Duration,
    },
}

/// The state of the watch.
#[derive(Clone, Debug)]
pub struct Watchdog {
    every: Duration,
    round: u64,
    /// When the present question was asked; none between two.
    asked: Option<Instant>,
    /// When the next one is.
    next: Instant,
    complained: bool,
}

impl Watchdog {
    /// Asks at once, and then so often.
    pub fn new(every: Duration, now: Instant) -> Self {
        Self { every, round: 0, asked: None, next: now, complained: false }
    }

    /// What is to be done now; to be asked until it is nothing. `answers` are the last questions that each has answered.
    pub fn next(&mut self, now: Instant, answers: &[u64]) -> Option<Action> {
        let Some(asked) = self.asked else {
            return (now >= self.next).then(|| {
                self.round += 1;
                self.asked = Some(now);
                self.next = now + self.every;
                Action::Ask(self.round)
            });
        };
        let silent: Vec<usize> =
            answers.iter().enumerate().filter(|(_, answer)| **answer != self.round).map(|(nth, _)| nth).collect();
        if silent.is_empty() {
            self.asked = None;
            self.complained = false;
            return Some(Action::Ping);
        }
        let late = now >= self.next && !std::mem::replace(&mut self.complained, now >= self.next);
        late.then(|| Action::Complain { silent, since: now.saturating_duration_since(asked) })
    }

    /// When there may be something to do even if nobody answers.
    pub fn due(&self) -> Option<Instant> {
        (!self.complained).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(15);

    fn all(watchdog: &mut Watchdog, now: Instant, answers: &[u64]) -> Vec<Action> {
        std::iter::from_fn(|| watchdog.next(now, answers)).collect()
    }

    #[test]
    fn it_is_told_as_long_as_all_answer_and_not_when_one_does_not() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut watchdog = Watchdog::new(EVERY, start);
        let complaint =
            |silent: &[usize], s| Action::Complain { silent: silent.to_vec(), since: Duration::from_secs(s) };
        // At which time, what each has answered, what follows, and when to look again.
        for (ms, answers, orders, due) in [
            (0, [0, 0], vec![Action::Ask(1)], Some(15_000)),
            (1, [1, 0], vec![], Some(15_000)),
            (2, [1, 1], vec![Action::Ping], Some(15_000)),
            (14_999, [1, 1], vec![], Some(15_000)),
            (15_000, [1, 1], vec![Action::Ask(2)], Some(30_000)),
            (15_010, [2, 2], vec![Action::Ping], Some(30_000)),
            (30_500, [2, 2], vec![Action::Ask(3)], Some(45_500)),
            (30_501, [2, 3], vec![], Some(45_500)),
            (45_500, [2, 3], vec![complaint(&[0], 15)], None),
            (90_000, [2, 3], vec![], None),
            // It thaws.
            (90_001, [3, 3], vec![Action::Ping, Action::Ask(4)], Some(105_001)),
            (90_002, [4, 4], vec![Action::Ping], Some(105_001)),
            (105_001, [4, 4], vec![Action::Ask(5)], Some(120_001)),
            (120_001, [4, 4], vec![complaint(&[0, 1], 15)], None),
        ] {
            assert_eq!(all(&mut watchdog, at(ms), &answers), orders, "at {ms} ms");
            assert_eq!(watchdog.due(), due.map(at), "at {ms} ms");
        }
    }

    #[test]
    fn who_freezes_is_not_vouched_for_later_than_systemd_looks() {
        // Whenever it freezes, the last that systemd is told is from before, so that its own time runs from then at the latest.
        for frozen_ms in (0..60_000).step_by(250) {
            let start = Instant::now();
            let mut watchdog = Watchdog::new(EVERY, start);
            let (mut answer, mut last_ping) = (0, None);
            for ms in (0..200_000).step_by(250) {
                let now = start + Duration::from_millis(ms);
                while let Some(order) = watchdog.next(now, &[answer]) {
                    match order {
                        Action::Ask(round) if ms < frozen_ms => answer = round,
                        Action::Ping => last_ping = Some(ms),
                        Action::Ask(_) | Action::Complain { .. } => {}
                    }
                }
            }
            assert!(last_ping.is_none_or(|ping| ping < frozen_ms), "frozen at {frozen_ms}: {last_ping:?}");
            assert_eq!(last_ping.is_some(), frozen_ms > 0);
        }
    }
}
