//! What is under way to a viewer, by transport-wide numbers. Pure.

use crate::transport::rtcp::Arrivals;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What nothing has been heard of for so long is no longer under way, wherever it has gone.
const FORGOTTEN: Duration = Duration::from_secs(2);

/// Packets that left together, with consecutive numbers.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    count: u32,
    /// Of all of them.
    bytes: u32,
    /// Packets that nothing has been reported of.
    open: u32,
    at: Instant,
}

impl Run {
    fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// Bytes of so many of its packets.
    fn bytes_of(&self, packets: u32) -> usize {
        (u64::from(self.bytes) * u64::from(packets) / u64::from(self.count.max(1))) as usize
    }
}

/// What one report has told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Bytes that have arrived.
    pub bytes: usize,
    /// Packets that have.
    pub arrived: u32,
    /// Packets that have not, though later ones have.
    pub lost: u32,
    /// Each run of which a packet has arrived.
    pub ways: Vec<Way>,
    /// The last arrival, by the same clock.
    pub last: i64,
}

/// How packets that left together have arrived. By the viewer's clock, in microseconds after the report's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// When they were sent.
    pub sent: Instant,
    /// When the first of them arrived, and the last.
    pub first: i64,
    pub last: i64,
    /// How many this report tells of, and the bytes of one.
    pub packets: u32,
    pub bytes: usize,
}

impl Way {
    /// Bytes a second at which they arrived, if they are enough to tell.
    pub fn rate(&self) -> Option<f64> {
        // What arrives at the same tick of the viewer's clock is as far apart as one tick at most.
        let apart = (self.last - self.first).max(TICK_US) as f64 / 1e6;
        (self.packets >= ENOUGH_PACKETS).then(|| (self.packets - 1) as f64 * self.bytes as f64 / apart)
    }
}

/// Feedback tells quarters of a millisecond.
const TICK_US: i64 = 250;

/// So many packets at once tell something of the link.
const ENOUGH_PACKETS: u32 = 8;

/// Packets under way.
#[derive(Debug, Default)]
pub struct Flight {
    runs: VecDeque<Run>,
    bytes: usize,
    next: u64,
}

impl Flight {
    /// Bytes under way.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next packets leave, all of them together of so many bytes.
    pub fn send(&mut self, count: usize, bytes: usize, now: Instant) {
        let (count, bytes) = (count as u32, bytes as u32);
        match self.runs.back_mut() {
            Some(last) if last.at == now && last.open == last.count => {
                last.count += count;
                last.open += count;
                last.bytes += bytes;
            }
            _ => self.runs.push_back(Run { first: self.next, count, bytes, open: count, at: now }),
        }
        self.next += u64::from(count);
        self.bytes += bytes as usize;
    }

    /// Lets go what nothing will be heard of any more; whether there was any.
    pub fn forget(&mut self, now: Instant) -> bool {
        let before = self.runs.len();
        while self.runs.front().is_some_and(|run| now.saturating_duration_since(run.at) > FORGOTTEN) {
            self.pop();
        }
        self.runs.len() < before
    }

    fn pop(&mut self) {
        if let Some(run) = self.runs.pop_front() {
            self.bytes -= run.bytes_of(run.open).min(self.bytes);
        }
    }

    /// The viewer reports what has arrived. What it says nothing of, though it is older, nothing will be heard of.
    pub fn reported(&mut self, arrivals: &Arrivals) -> Told {
        let mut told = Told::default();
        let behind = (self.next as u16).wrapping_sub(arrivals.first);
        let Some(first) = self.next.checked_sub(u64::from(behind)).filter(|_| behind > 0) else { return told };
        while self.runs.front().is_some_and(|run| run.end() <= first) {
            self.pop();
        }
        if let Some(run) = self.runs.front_mut() {
            let left = run.end().saturating_sub(first).min(u64::from(run.open)) as u32;
            self.bytes -= (run.bytes_of(run.open) - run.bytes_of(left)).min(self.bytes);
            run.open = left;
        }
        let mut nth = 0;
        let mut counted = None;
        for (number, after) in (first..self.next).zip(&arrivals.after) {
            while self.runs.get(nth).is_some_and(|run| run.end() <= number) {
                nth += 1;
            }
            let Some(run) = self.runs.get_mut(nth).filter(|run| run.first <= number) else { continue };
            if run.open > 0 {
                let before = run.bytes_of(run.open);
                run.open -= 1;
                self.bytes -= (before - run.bytes_of(run.open)).min(self.bytes);
            }
            match after {
                Some(after) => {
                    told.arrived += 1;
                    told.bytes += run.bytes_of(1);
                    told.last = told.last.max(*after);
                    let same = counted.replace(nth) == Some(nth);
                    match told.ways.last_mut().filter(|_| same) {
                        Some(way) => {
                            (way.first, way.last) = (way.first.min(*after), way.last.max(*after));
                            way.packets += 1;
                        }
                        None => {
                            let (sent, bytes) = (run.at, run.bytes_of(1));
                            told.ways.push(Way { sent, first: *after, last: *after, packets: 1, bytes });
                        }
                    }
                }
                None => told.lost += 1,
            }
        }
        while self.runs.front().is_some_and(|run| run.open == 0) {
            self.pop();
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(first: u16, after: &[Option<i64>]) -> Arrivals {
        Arrivals { first, units: 0, after: after.to_vec() }
    }

    #[test]
    fn what_has_arrived_or_is_lost_is_no_longer_under_way() {
        let (mut flight, start) = (Flight::default(), Instant::now());
        let later = start + Duration::from_millis(33);
        flight.send(3, 3000, start);
        flight.send(2, 1000, later);
        assert_eq!(flight.bytes(), 4000);
        let told = flight.reported(&report(0, &[Some(10), None, Some(12), Some(40)]));
        let ways = vec![
            Way { sent: start, first: 10, last: 12, packets: 2, bytes: 1000 },
            Way { sent: later, first: 40, last: 40, packets: 1, bytes: 500 },
        ];
        assert_eq!(told, Told { bytes: 2500, arrived: 3, lost: 1, ways, last: 40 });
        assert_eq!(flight.bytes(), 500);
        assert_eq!(flight.reported(&report(4, &[Some(0)])).bytes, 500);
        assert_eq!(flight.bytes(), 0);
        assert_eq!(flight.reported(&report(4, &[Some(0)])), Told::default(), "known already");
    }

    #[test]
    fn a_burst_shows_what_the_link_carries() {
        let way = |packets, last| Way { sent: Instant::now(), first: 1000, last, packets, bytes: 1000 };
        assert_eq!(way(11, 101_000).rate(), Some(100_000.0));
        assert_eq!(way(11, 1000).rate(), Some(40e6), "within a tick");
        assert_eq!(way(7, 101_000).rate(), None);
    }

    #[test]
    fn what_a_later_report_passes_over_is_forgotten_and_so_is_what_is_old() {
        let (mut flight, start) = (Flight::default(), Instant::now());
        flight.send(4, 4000, start);
        flight.send(4, 4000, start + Duration::from_millis(1));
        assert_eq!(flight.reported(&report(4, &[Some(0), Some(1)])).bytes, 2000);
        assert_eq!(flight.bytes(), 2000);
        assert!(!flight.forget(start + Duration::from_secs(1)));
        assert!(flight.forget(start + Duration::from_secs(3)));
        flight.send(1, 100, start + Duration::from_secs(3));
        assert_eq!(flight.bytes(), 100);
    }

    #[test]
    fn numbers_wrap_around_and_rubbish_does_no_harm() {
        let (mut flight, start) = (Flight::default(), Instant::now());
        for nth in 0..70_000u64 {
            flight.send(1, 100, start + Duration::from_millis(nth / 100));
        }
        let last = (70_000 - 1) as u16;
        assert_eq!(flight.reported(&report(last, &[Some(3), Some(4)])).arrived, 1, "the other is yet to be sent");
        assert_eq!(flight.bytes(), 0);
        for first in [0, 1, last, 40_000, 65_535] {
            flight.reported(&report(first, &[None; 50]));
            assert_eq!(flight.bytes(), 0);
        }
    }
}
