//! How soon a vanished viewer is noticed, and how often one who is still there is wronged: the very decisions
//! that ship, fed by simulated viewers on virtual time.
//!
//! The world: feedback every 62 ms, receiver reports every second, the browser's own STUN every 2.6 s (as
//! measured from Chromium), probes answered after a round trip. A stall delays packets, a burst loses them;
//! nothing overtakes. Sessions last 5 to 60 minutes, then the viewer vanishes without a word.
//!
//! Arguments: viewer-hours a model (1000), and a file for the figures.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use lenscap_actors::departure::silence::{Patience, Silence};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const FEEDBACK: f64 = 0.062;
const REPORT: f64 = 1.0;
const STUN: f64 = 2.6;
/// Media is sent this often, at least.
const MEDIA: f64 = 0.004;

/// Seconds of lateness in a burst, and between bursts, of a loaded host.
const LATE_MAX: f64 = 0.4;
const LATE_EVERY: f64 = 10.0;

#[derive(Clone, Copy)]
enum Loss {
    Even(f64),
    /// Gilbert–Elliott: loss in good and bad times, and how long these last on average, s.
    Bursts {
        good: f64,
        bad: f64,
        good_lasts: f64,
        bad_lasts: f64,
    },
}

#[derive(Clone, Copy)]
struct Model {
    name: &'static str,
    /// Round trip, s; each session has its own from this range.
    round_trip: [f64; 2],
    /// Spread, s.
    jitter: f64,
    loss: Loss,
    /// Stalls last between these, s, and come so far apart.
    stalls: Option<([f64; 2], f64)>,
    loaded: bool,
}

const LAN: Model = Model {
    name: "LAN",
    round_trip: [0.0005; 2],
    jitter: 0.0002,
    loss: Loss::Even(0.0001),
    stalls: Some(([0.05, 0.2], 60.0)),
    loaded: false,
};
const LTE: Model = Model {
    name: "LTE",
    round_trip: [0.06, 0.15],
    jitter: 0.05,
    loss: Loss::Even(0.005),
    stalls: Some(([0.5, 2.0], 300.0)),
    loaded: false,
};
const WIFI: Model = Model {
    name: "Wi-Fi",
    round_trip: [0.005; 2],
    jitter: 0.005,
    loss: Loss::Bursts { good: 0.005, bad: 0.6, good_lasts: 2.0, bad_lasts: 0.08 },
    stalls: Some(([0.3, 0.8], 600.0)),
    loaded: false,
};

/// The last three are such as nothing was tuned for.
const MODELS: [Model; 9] = [
    LAN,
    WIFI,
    Model {
        name: "poor Wi-Fi",
        round_trip: [0.015; 2],
        jitter: 0.02,
        loss: Loss::Bursts { good: 0.02, bad: 0.6, good_lasts: 2.0, bad_lasts: 0.25 },
        stalls: Some(([0.5, 1.5], 600.0)),
        ..WIFI
    },
    LTE,
    Model {
        name: "satellite",
        round_trip: [0.6; 2],
        jitter: 0.03,
        loss: Loss::Even(0.01),
        stalls: Some(([1.0, 1.0], 300.0)),
        loaded: false,
    },
    Model { name: "loaded host", loaded: true, ..LAN },
    Model { name: "quiet Wi-Fi", round_trip: [0.0008; 2], jitter: 0.0002, stalls: Some(([0.3, 0.8], 600.0)), ..LAN },
    Model { name: "LAN, browser pauses", stalls: Some(([0.3, 1.0], 1200.0)), ..LAN },
    Model { name: "5G", round_trip: [0.02; 2], jitter: 0.008, ..LTE },
];

impl Model {
    /// The same with every parameter moved by a third for the worse.
    fn worse(self) -> Self {
        let by = 4.0 / 3.0;
        Self {
            round_trip: self.round_trip.map(|time| time * by),
            jitter: self.jitter * by,
            loss: match self.loss {
                Loss::Even(loss) => Loss::Even(loss * by),
                Loss::Bursts { good, bad, good_lasts, bad_lasts } => Loss::Bursts {
                    good: good * by,
                    bad: (bad * by).min(0.95),
                    good_lasts: good_lasts / by,
                    bad_lasts: bad_lasts * by,
                },
            },
            stalls: self.stalls.map(|([min, max], every)| ([min * by, max * by], every / by)),
            ..self
        }
    }
}

/// Small, fast, and the same every time (xoshiro256++).
struct Random([u64; 4]);

impl Random {
    fn new(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }))
    }

    fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.unit()
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// The distance of a normal variable from its mean.
    fn half_normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        sigma * (radius * (std::f64::consts::TAU * self.unit()).cos()).abs()
    }
}

/// The path of one session, both ways.
struct Link {
    one_way: f64,
    jitter: f64,
    loss: Loss,
    bad: bool,
    turns: f64,
    stalls: Option<([f64; 2], f64)>,
    stall: [f64; 2],
    long_stalls: u64,
    /// When the last packet arrived, each way.
    arrived: [f64; 2],
}

const DOWN: usize = 0;
const UP: usize = 1;

impl Link {
    fn new(model: &Model, random: &mut Random) -> Self {
        let mut link = Self {
            one_way: random.between(model.round_trip) / 2.0,
            jitter: model.jitter,
            loss: model.loss,
            bad: true,
            turns: 0.0,
            stalls: model.stalls,
            stall: [f64::INFINITY; 2],
            long_stalls: 0,
            arrived: [0.0; 2],
        };
        link.next_stall(0.0, random);
        link
    }

    fn next_stall(&mut self, after: f64, random: &mut Random) {
        if let Some((lasts, every)) = self.stalls {
            let start = after + random.exponential(every);
            self.stall = [start, start + random.between(lasts)];
        }
    }

    /// Whether packets are held up at `at`, or were until a moment ago.
    fn stalled(&self, at: f64) -> bool {
        at >= self.stall[0] && at < self.stall[1] + 2.0 * self.one_way
    }

    /// A packet is sent at `at`; when it arrives, unless it is lost. Calls come in the order of time.
    fn send(&mut self, way: usize, at: f64, random: &mut Random) -> Option<f64> {
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
        if random.unit() < loss {
            return None;
        }
        let leaves = if at >= self.stall[0] { self.stall[1] } else { at };
        let arrives = (leaves + self.one_way + random.half_normal(self.jitter)).max(self.arrived[way]);
        self.arrived[way] = arrives;
        Some(arrives)
    }
}

#[derive(Clone, Copy)]
enum Packet {
    Proof,
    Sound,
    /// With the round trip that it tells.
    Timed(f64),
}

#[derive(Default)]
struct Totals {
    hours: f64,
    sessions: u64,
    wrongly_gone: u64,
    pauses: u64,
    long_stalls: u64,
    probes: u64,
    paused: f64,
    closed: Vec<f64>,
    gone: Vec<f64>,
}

/// One session, from its connection to the verdict on a viewer that vanishes at its end.
fn session(model: &Model, patience: &Patience, random: &mut Random, totals: &mut Totals) {
    let base = Instant::now();
    let instant = |at: f64| base + Duration::from_secs_f64(at);
    let seconds = |at: Instant| at.duration_since(base).as_secs_f64();
    let end = random.between([300.0, 3600.0]);
    let mut link = Link::new(model, random);
    let mut silence = Silence::new(patience.clone());
    // The checks of ICE and the handshake have measured the path a few times.
    for _ in 0..4 {
        let sample = 2.0 * link.one_way + random.half_normal(link.jitter) + random.half_normal(link.jitter);
        silence.measured(Duration::from_secs_f64(sample));
    }
    silence.sent(instant(0.0));
    let (mut feedback, mut report, mut stun) = (random.unit() * FEEDBACK, random.unit() * REPORT, random.unit() * STUN);
    let mut at_viewer: VecDeque<(f64, f64)> = VecDeque::new();
    let mut at_server: VecDeque<(f64, Packet)> = VecDeque::new();
    let mut busy = if model.loaded { random.exponential(LATE_EVERY) } else { f64::INFINITY };
    let mut busy_until = f64::NEG_INFINITY;
    let (mut suspected_at, mut closed) = (None, None);
    loop {
        let due = silence.due().map_or(f64::INFINITY, seconds);
        let inbound = at_server.front().map_or(f64::INFINITY, |(at, _)| *at);
        let probed = at_viewer.front().map_or(f64::INFINITY, |(at, _)| *at);
        let sends = feedback.min(report).min(stun);
        let next = due.min(inbound).min(probed).min(sends);
        if next == f64::INFINITY {
            break; // cannot be: somebody who vanished is noticed
        }
        if next == sends && sends < due.min(inbound).min(probed) {
            // The viewer's own clocks, which stop when it vanishes.
            let packet = if sends == feedback {
                feedback += FEEDBACK;
                Packet::Proof
            } else if sends == report {
                report += REPORT;
                let down = link.one_way + random.half_normal(link.jitter);
                Packet::Timed(down)
            } else {
                stun += STUN;
                Packet::Sound
            };
            if let Some(at) = link.send(UP, sends, random) {
                let packet = match packet {
                    Packet::Timed(down) => Packet::Timed(down + at - sends),
                    other => other,
                };
                at_server.push_back((at, packet));
            }
            if feedback.min(report).min(stun) >= end {
                (feedback, report, stun) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
            }
            continue;
        }
        if next == probed && probed < due.min(inbound) {
            let (at, sent) = at_viewer.pop_front().unwrap();
            if at < end
                && let Some(back) = link.send(UP, at, random)
            {
                at_server.push_back((back, Packet::Timed(back - sent)));
            }
            continue;
        }
        // The server's turn, which may come late.
        while busy <= next {
            busy_until = busy_until.max(busy + random.between([0.0, LATE_MAX]));
            busy += random.exponential(LATE_EVERY);
        }
        let now = next.max(busy_until);
        // Everything that has arrived is read before anything is decided.
        while let Some((at, packet)) = at_server.front().copied().filter(|(at, _)| *at <= now) {
            at_server.pop_front();
            match packet {
                Packet::Sound => silence.heard(),
                Packet::Proof | Packet::Timed(_) => {
                    if let Packet::Timed(round_trip) = packet {
                        silence.measured(Duration::from_secs_f64(round_trip));
                    }
                    if silence.proven(instant(at)).is_some() {
                        let since: f64 = suspected_at.take().unwrap();
                        closed = None;
                        totals.pauses += 1;
                        totals.paused += at - since;
                    }
                    silence.sent(instant(now.max(at) + MEDIA));
                }
            }
        }
        let Some(due) = silence.due().map(seconds).filter(|due| *due <= now) else { continue };
        let acts = silence.tick(instant(now), Duration::from_secs_f64((now - due).max(0.0)));
        if acts.suspect {
            suspected_at = Some(now);
            closed = Some(now);
        }
        if acts.gone {
            if now < end {
                totals.wrongly_gone += 1;
                totals.hours += now / 3600.0;
            } else {
                totals.hours += end / 3600.0;
                totals.closed.push(closed.unwrap() - end);
                totals.gone.push(now - end);
            }
            break;
        }
        if acts.probe {
            silence.sent_probe(instant(now));
            // Those in a stall are no cost to a healthy viewer.
            totals.probes += u64::from(now < end && !link.stalled(now));
            if let Some(at) = link.send(DOWN, now, random) {
                at_viewer.push_back((at, now));
            }
        }
    }
    totals.sessions += 1;
    totals.long_stalls += link.long_stalls;
}

fn quantile(series: &mut [f64], share: f64) -> f64 {
    series.sort_by(f64::total_cmp);
    series[((series.len() - 1) as f64 * share) as usize]
}

fn run(model: &Model, hours: f64, seed: u64) -> Totals {
    let (mut random, mut totals) = (Random::new(seed), Totals::default());
    let patience = Patience::production();
    while totals.hours < hours {
        session(model, &patience, &mut random, &mut totals);
    }
    totals
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let hours: f64 = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1000.0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs: Vec<(Model, bool)> = MODELS.iter().flat_map(|model| [(*model, false), (model.worse(), true)]).collect();
    println!("departure: {hours} viewer-hours a row; + has every parameter moved by a third");
    println!(
        "{:<24}{:>9}{:>11}{:>11}{:>10}{:>11}{:>10}{:>9}{:>9}{:>9}",
        "model", "sessions", "wrong/1kh", "pauses/h", "stalls/h", "pause s", "probes/h", "closed", "gone", "gone max"
    );
    let mut rows = vec![];
    for chunk in jobs.chunks(threads) {
        let done: Vec<(String, Totals)> = std::thread::scope(|scope| {
            let running: Vec<_> = chunk
                .iter()
                .enumerate()
                .map(|(nth, (model, worse))| {
                    scope.spawn(move || {
                        let name = format!("{}{}", model.name, if *worse { " +" } else { "" });
                        (name, run(model, hours, 1 + nth as u64))
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (name, mut totals) in done {
            let each = |count: u64| count as f64 / totals.hours;
            let (wrong, pauses) = (each(totals.wrongly_gone) * 1e3, each(totals.pauses));
            let (stalls, probes) = (each(totals.long_stalls), each(totals.probes));
            let pause = totals.paused / (totals.pauses.max(1) as f64);
            let closed = quantile(&mut totals.closed, 0.5);
            let (gone, gone_max) = (quantile(&mut totals.gone, 0.5), quantile(&mut totals.gone, 1.0));
            println!(
                "{name:<24}{:>9}{wrong:>11.2}{pauses:>11.3}{stalls:>10.2}{pause:>11.2}{probes:>10.1}{closed:>9.2}{gone:>9.2}{gone_max:>9.2}",
                totals.sessions
            );
            rows.push(serde_json::json!({
                "model": name, "sessions": totals.sessions, "viewer_hours": totals.hours,
                "wrongly_gone_per_1000h": wrong, "pauses_per_hour": pauses, "long_stalls_per_hour": stalls,
                "pause_s": pause, "probes_per_hour": probes, "closed_s": closed, "gone_s": gone, "gone_max_s": gone_max,
            }));
        }
    }
    if let Some(path) = arguments.iter().find(|argument| argument.ends_with(".json")) {
        let report = serde_json::json!({ "name": "departure", "unit": "s", "rows": rows });
        std::fs::write(path, format!("{report:#}\n")).unwrap();
        println!("written to {path}");
    }
}
