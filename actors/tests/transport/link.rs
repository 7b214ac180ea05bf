//! A link between two ends on a virtual clock: it loses, repeats, delays and so reorders, and has a rate.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Numbers that look like chance and are the same for the same seed (splitmix64).
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is above 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, odds: u64) -> bool {
        odds > 0 && self.below(odds) == 0
    }
}

/// How one direction behaves.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub delay: Duration,
    /// Up to so much more, each datagram its own: they overtake each other.
    pub jitter: Duration,
    /// One in so many is lost, or comes twice; 0: none.
    pub loses_one_in: u64,
    pub repeats_one_in: u64,
    /// Bytes a second; 0: no limit. What would wait for longer than 200 ms is lost.
    pub rate: u64,
}

impl Way {
    pub fn clean(delay_ms: u64) -> Self {
        let delay = Duration::from_millis(delay_ms);
        Self { delay, jitter: Duration::ZERO, loses_one_in: 0, repeats_one_in: 0, rate: 0 }
    }
}

/// When it arrives, the order of sending, from, to, bytes.
type UnderWay = (Instant, u64, SocketAddr, SocketAddr, Vec<u8>);

/// One direction.
pub struct Link {
    pub way: Way,
    free_at: Option<Instant>,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    sent: u64,
}

impl Link {
    pub fn new(way: Way) -> Self {
        Self { way, free_at: None, under_way: BinaryHeap::new(), sent: 0 }
    }

    pub fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8], now: Instant, chance: &mut Chance) {
        if chance.one_in(self.way.loses_one_in) {
            return;
        }
        let mut leaves = now;
        if self.way.rate > 0 {
            let free = self.free_at.unwrap_or(now).max(now);
            if free > now + Duration::from_millis(200) {
                return;
            }
            leaves = free + Duration::from_secs_f64(datagram.len() as f64 / self.way.rate as f64);
            self.free_at = Some(leaves);
        }
        for _ in 0..1 + u8::from(chance.one_in(self.way.repeats_one_in)) {
            let jitter = Duration::from_micros(chance.below(self.way.jitter.as_micros() as u64 + 1));
            self.sent += 1;
            self.under_way.push(Reverse((leaves + self.way.delay + jitter, self.sent, from, to, datagram.to_vec())));
        }
    }

    pub fn due(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((at, ..))| *at)
    }

    /// What has arrived: from, to, bytes.
    pub fn receive(&mut self, now: Instant) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
        self.due().filter(|at| *at <= now)?;
        self.under_way.pop().map(|Reverse((_, _, from, to, datagram))| (from, to, datagram))
    }
}
