//! One session's path: what it does to packets, each way.

use crate::models::{Loss, Model, Outages};
use crate::random::Random;

/// The path of one session, both ways.
pub struct Link {
    pub one_way: f64,
    usual: f64,
    pub jitter: f64,
    pub loss: Loss,
    bad: bool,
    turns: f64,
    pub stalls: Option<([f64; 2], f64)>,
    stall: [f64; 2],
    pub long_stalls: u64,
    outages: Option<Outages>,
    /// The present outage or the next: from when to when, and which ways.
    outage: Outage,
    /// The one before.
    pub last_outage: Option<Outage>,
    /// When the last packet arrived, each way.
    arrived: [f64; 2],
}

/// From `start` to `end` nothing arrives of what is sent in these ways.
#[derive(Clone, Copy)]
pub struct Outage {
    pub start: f64,
    pub end: f64,
    pub ways: [bool; 2],
}

const NEVER: Outage = Outage { start: f64::INFINITY, end: f64::INFINITY, ways: [false; 2] };

pub const DOWN: usize = 0;
pub const UP: usize = 1;

impl Link {
    pub fn new(model: &Model, random: &mut Random) -> Self {
        let usual = random.between(model.round_trip) / 2.0;
        let mut link = Self {
            one_way: usual,
            usual,
            jitter: model.jitter,
            loss: model.loss,
            bad: true,
            turns: 0.0,
            stalls: model.stalls,
            stall: [f64::INFINITY; 2],
            outages: model.outages,
            outage: NEVER,
            last_outage: None,
            long_stalls: 0,
            arrived: [0.0; 2],
        };
        link.next_stall(0.0, random);
        link.next_outage(0.0, random);
        link
    }

    /// After each the path is another one in a tenth of all cases: so much quicker or slower.
    fn next_outage(&mut self, after: f64, random: &mut Random) {
        let Some(outages) = self.outages else { return };
        let start = after + random.exponential(3600.0 / outages.an_hour);
        let lasts = outages.shortest * (1.0 - random.unit()).powf(-1.0 / outages.exponent);
        let ways = match random.unit() {
            kind if kind < 0.5 => [true, true],
            kind if kind < 0.75 => [true, false],
            _ => [false, true],
        };
        self.outage = Outage { start, end: start + lasts.min(outages.longest), ways };
        if random.unit() < 0.1 {
            self.one_way = self.usual * random.between([0.5, 2.0]);
        }
    }

    /// The outage at `at`, if there is one: now, or a moment ago.
    pub fn outage(&self, at: f64) -> Option<Outage> {
        let mut known = [Some(self.outage), self.last_outage].into_iter().flatten();
        known.find(|outage| at >= outage.start && at < outage.end)
    }

    pub fn next_stall(&mut self, after: f64, random: &mut Random) {
        if let Some((lasts, every)) = self.stalls {
            let start = after + random.exponential(every);
            self.stall = [start, start + random.between(lasts)];
        }
    }

    /// Whether packets are held up at `at`, or were until a moment ago.
    pub fn stalled(&self, at: f64) -> bool {
        at >= self.stall[0] && at < self.stall[1] + 2.0 * self.one_way
    }

    /// A packet is sent at `at`; when it arrives, unless it is lost. Calls come in the order of time.
    pub fn send(&mut self, way: usize, at: f64, random: &mut Random) -> Option<f64> {
        let loss = match self.loss {
            Loss::Even(loss) => loss,
            Loss::Bursts { good, bad, good_lasts, bad_lasts } => {
                while self.turns <= at {
                    self.bad = !self.bad;
                    self.turns += random.exponential(if self.bad { bad_lasts } else { good_lasts });
                }
                if self.bad { bad } else { good }
            }
        };
        while self.stall[1] <= at {
            self.long_stalls += u64::from(self.stall[1] - self.stall[0] > 0.3);
            self.next_stall(self.stall[1], random);
        }
        while self.outage.end <= at {
            self.last_outage = Some(self.outage);
            self.next_outage(self.outage.end, random);
        }
        let dark = at >= self.outage.start && self.outage.ways[way];
        if random.unit() < loss || dark {
            return None;
        }
        let leaves = if at >= self.stall[0] { self.stall[1] } else { at };
        let arrives = (leaves + self.one_way + random.half_normal(self.jitter)).max(self.arrived[way]);
        self.arrived[way] = arrives;
        Some(arrives)
    }
}
