//! What a message costs a supervised actor, beside a bare one of actix.
//!
//! Rounds of both alternate, so that what else the machine does falls on both. `burst`: sent
//! without waiting, as frames and datagrams are; `ask`: sent, handled and answered one by one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use actix::prelude::*;
use lenscap_actors::retry::Exponential;
use lenscap_actors::supervisor::child::Child;
use lenscap_actors::supervisor::context::Context as SupervisedContext;
use lenscap_actors::supervisor::recipient::Recipient as Supervised;
use lenscap_actors::supervisor::registered::Registered;
use lenscap_actors::supervisor::shell::{Options, Supervisor};
use lenscap_actors::supervisor::spec::{ChildSpec, Intensity, Restart, Strategy};
use lenscap_actors::supervisor::tree::Tree;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BURST: u64 = 200;
const BURSTS: u64 = 100;
const ASKS: u64 = 5_000;
const ROUNDS: usize = 401;

#[derive(Message)]
#[rtype(result = "()")]
struct Add(u64);

#[derive(Message)]
#[rtype(result = "u64")]
struct Sum;

/// So that both actors are reached alike.
#[derive(Message)]
#[rtype(result = "Supervised<Add>")]
struct Own;

struct Bare(u64);
struct Watched(u64);

impl Actor for Bare {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(256);
    }
}

impl Actor for Watched {
    type Context = SupervisedContext<Self>;
}

macro_rules! handlers {
    ($actor:ty) => {
        impl Handler<Add> for $actor {
            type Result = ();
            fn handle(&mut self, add: Add, _: &mut Self::Context) {
                self.0 = self.0.wrapping_add(black_box(add.0));
            }
        }
        impl Handler<Sum> for $actor {
            type Result = u64;
            fn handle(&mut self, _: Sum, _: &mut Self::Context) -> u64 {
                self.0
            }
        }
    };
}
handlers!(Bare);
handlers!(Watched);

impl Handler<Own> for Watched {
    type Result = MessageResult<Own>;
    fn handle(&mut self, _: Own, ctx: &mut Self::Context) -> Self::Result {
        MessageResult(ctx.recipient())
    }
}

/// Nanoseconds a message of what `round` does, which is told how many that is.
async fn timed<F: Future<Output = ()>>(messages: u64, round: impl FnOnce() -> F) -> f64 {
    let start = Instant::now();
    round().await;
    start.elapsed().as_nanos() as f64 / messages as f64
}

fn median(series: &mut [f64]) -> f64 {
    series.sort_by(f64::total_cmp);
    series[series.len() / 2]
}

struct Row {
    what: &'static str,
    bare: f64,
    supervised: f64,
    ratio: f64,
}

/// Medians of both, and the median of the ratios of neighboring rounds.
fn row(what: &'static str, mut bare: Vec<f64>, mut supervised: Vec<f64>) -> Row {
    let mut ratios: Vec<f64> = bare.iter().zip(&supervised).map(|(bare, supervised)| supervised / bare).collect();
    Row { what, ratio: median(&mut ratios), bare: median(&mut bare), supervised: median(&mut supervised) }
}

#[actix::main]
async fn main() {
    let bare = Bare(0).start();
    let watched = Registered::new("watched");
    let tree = Tree::new("root", Instant::now());
    let options = Options {
        strategy: Strategy::OneForOne,
        intensity: Intensity { restarts: 3, period: Duration::from_secs(60) },
        frozen_after: Duration::from_secs(10),
        chance: || 0.5,
    };
    let name = watched.clone();
    let children = move || {
        let (restart, backoff) = (Restart::Permanent, Exponential::default());
        let spec = ChildSpec { name: "watched".into(), restart, shutdown: Duration::from_secs(1), backoff };
        vec![Child::worker(spec, Arbiter::current(), name.clone(), |_| Watched(0))]
    };
    Supervisor::start_root(&Arbiter::current(), &tree, options, children, |_| {});
    let supervised = loop {
        tokio::task::yield_now().await;
        if let Ok(recipient) = watched.send(Own).await {
            break recipient;
        }
    };
    let plain: Recipient<Add> = bare.clone().recipient();

    let (mut bursts, mut asks, mut names) = ((vec![], vec![]), (vec![], vec![]), (vec![], vec![]));
    for round in 0..ROUNDS {
        let burst_bare = || async {
            for _ in 0..BURSTS {
                (0..BURST).for_each(|n| plain.do_send(Add(n)));
                bare.send(Sum).await.unwrap();
            }
        };
        let burst_supervised = || async {
            for _ in 0..BURSTS {
                (0..BURST).for_each(|n| assert!(supervised.do_send(Add(n))));
                watched.send(Sum).await.unwrap();
            }
        };
        let burst_named = || async {
            for _ in 0..BURSTS {
                (0..BURST).for_each(|n| assert!(watched.do_send(Add(n))));
                watched.send(Sum).await.unwrap();
            }
        };
        let burst_addr = || async {
            for _ in 0..BURSTS {
                (0..BURST).for_each(|n| bare.do_send(Add(n)));
                bare.send(Sum).await.unwrap();
            }
        };
        let ask_bare = || async {
            for _ in 0..ASKS {
                black_box(bare.send(Sum).await.unwrap());
            }
        };
        let ask_supervised = || async {
            for _ in 0..ASKS {
                black_box(watched.send(Sum).await.unwrap());
            }
        };
        // Who goes first alternates, too.
        if round % 2 == 0 {
            bursts.0.push(timed(BURST * BURSTS, burst_bare).await);
            bursts.1.push(timed(BURST * BURSTS, burst_supervised).await);
            names.0.push(timed(BURST * BURSTS, burst_addr).await);
            names.1.push(timed(BURST * BURSTS, burst_named).await);
            asks.0.push(timed(ASKS, ask_bare).await);
            asks.1.push(timed(ASKS, ask_supervised).await);
        } else {
            bursts.1.push(timed(BURST * BURSTS, burst_supervised).await);
            bursts.0.push(timed(BURST * BURSTS, burst_bare).await);
            names.1.push(timed(BURST * BURSTS, burst_named).await);
            names.0.push(timed(BURST * BURSTS, burst_addr).await);
            asks.1.push(timed(ASKS, ask_supervised).await);
            asks.0.push(timed(ASKS, ask_bare).await);
        }
    }
    let rows = [
        row("burst, by recipient", bursts.0, bursts.1),
        row("burst, by name", names.0, names.1),
        row("ask, by name", asks.0, asks.1),
    ];
    println!("{:<22}{:>10}{:>12}{:>8}", "mailbox (ns/message)", "bare", "supervised", "ratio");
    for Row { what, bare, supervised, ratio } in &rows {
        println!("{what:<22}{bare:>10.1}{supervised:>12.1}{ratio:>8.3}");
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|row| serde_json::json!({ "what": row.what, "bare": row.bare, "supervised": row.supervised, "ratio": row.ratio }))
        .collect();
    let report = serde_json::json!({ "name": "mailbox", "unit": "ns", "rounds": ROUNDS, "rows": rows });
    if let Some(path) = std::env::args().skip(1).find(|argument| argument.ends_with(".json")) {
        std::fs::write(&path, format!("{report:#}\n")).unwrap();
        println!("written to {path}");
    }
}
