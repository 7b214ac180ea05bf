//! How soon a vanished viewer is noticed, and how often one who is still there is wronged: the very decisions
//! that ship, fed by simulated viewers on virtual time, beside fixed time-outs.
//!
//! The world: feedback every 62 ms while media flows, receiver reports every second, the browser's own STUN every
//! 2.6 s (as measured from Chromium), probes answered after a round trip. A stall delays packets, a burst loses
//! them; nothing overtakes. Sessions last 5 to 60 minutes, then the viewer vanishes without a word.
//!
//! Arguments: viewer-hours a model (1000), a file for the figures (.json), one for the curves (.svg), and a
//! model's name to run that alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chart;
mod fixed;
mod link;
mod models;
mod random;
mod session;

use fixed::Fixed;
use lenscap_actors::departure::patience::Patience;
use models::{MODELS, Model};
use random::Random;
use session::Totals;
use std::path::Path;

/// One model's figures.
pub struct Row {
    name: String,
    totals: Totals,
    fixed: Fixed,
}

impl Row {
    fn run(model: &Model, name: String, hours: f64, seed: u64) -> Self {
        let (mut totals, mut fixed) = (Totals::default(), Fixed::default());
        let patience = Patience::production();
        let mut random = Random::new(seed);
        while totals.hours < hours {
            session::session(model, &patience, &mut random, &mut totals);
        }
        // A hundredth is enough to see what fixed time-outs do.
        let mut random = Random::new(seed);
        while fixed.hours[2] < (hours / 10.0).max(100.0) {
            fixed::session(model, &mut random, &mut fixed);
        }
        totals.closed.sort_by(f64::total_cmp);
        totals.gone.sort_by(f64::total_cmp);
        Self { name, totals, fixed }
    }

    fn each_hour(&self, count: u64) -> f64 {
        count as f64 / self.totals.hours
    }

    fn wrong(&self) -> f64 {
        self.each_hour(self.totals.wrongly_gone) * 1e3
    }

    fn fixed_wrong(&self, nth: usize) -> f64 {
        self.fixed.wrongly_gone[nth] as f64 / self.fixed.hours[nth] * 1e3
    }

    fn closed(&self, share: f64) -> f64 {
        quantile(&self.totals.closed, share)
    }

    fn gone(&self, share: f64) -> f64 {
        quantile(&self.totals.gone, share)
    }

    fn pause(&self) -> f64 {
        self.totals.paused / (self.totals.pauses.max(1) as f64)
    }

    fn print(&self) {
        println!(
            "{:<26}{:>8}{:>10.2}{:>10.3}{:>10.2}{:>9.2}{:>10.1}{:>8.2}{:>7.2}{:>7.2}{:>9.2}   {}",
            self.name,
            self.totals.sessions,
            self.wrong(),
            self.each_hour(self.totals.pauses),
            self.each_hour(self.totals.long_stalls),
            self.pause(),
            self.each_hour(self.totals.probes),
            self.closed(0.5),
            self.gone(0.5),
            self.gone(1.0),
            self.totals.longest_silence,
            (0..3).map(|nth| format!("{:>7.1}", self.fixed_wrong(nth))).collect::<String>()
        );
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "model": self.name, "sessions": self.totals.sessions, "viewer_hours": self.totals.hours,
            "wrongly_gone_per_1000h": self.wrong(), "pauses_per_hour": self.each_hour(self.totals.pauses),
            "long_stalls_per_hour": self.each_hour(self.totals.long_stalls), "pause_s": self.pause(),
            "probes_per_hour": self.each_hour(self.totals.probes), "closed_s": self.closed(0.5),
            "gone_s": self.gone(0.5), "gone_max_s": self.gone(1.0),
            "silence_max_s": self.totals.longest_silence,
            "fixed_wrongly_gone_per_1000h": fixed::TIMEOUTS.iter().enumerate()
                .map(|(nth, timeout)| (format!("{timeout} s"), self.fixed_wrong(nth).into()))
                .collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let hours: f64 = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1000.0);
    let file = |end: &str| arguments.iter().find(|argument| argument.ends_with(end));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let chosen: Vec<Model> =
        MODELS.into_iter().filter(|model| arguments.iter().any(|argument| argument == model.name)).collect();
    let chosen = if chosen.is_empty() { MODELS.to_vec() } else { chosen };
    let jobs: Vec<(Model, bool)> = chosen.iter().flat_map(|model| [(*model, false), (model.worse(), true)]).collect();
    println!("departure: {hours} viewer-hours a row; + has every parameter moved by a third");
    println!(
        "{:<26}{:>8}{:>10}{:>10}{:>10}{:>9}{:>10}{:>8}{:>7}{:>7}{:>9}   wrong at fixed 1 s, 3 s, 5 s",
        "model",
        "sessions",
        "wrong/1kh",
        "pauses/h",
        "stalls/h",
        "pause s",
        "probes/h",
        "closed",
        "gone",
        "max",
        "silence"
    );
    let mut rows = vec![];
    for chunk in jobs.chunks(threads) {
        let done: Vec<Row> = std::thread::scope(|scope| {
            let running: Vec<_> = chunk
                .iter()
                .enumerate()
                .map(|(nth, (model, worse))| {
                    let name = format!("{}{}", model.name, if *worse { " +" } else { "" });
                    scope.spawn(move || Row::run(model, name, hours, 1 + nth as u64))
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        done.iter().for_each(Row::print);
        rows.extend(done);
    }
    if let Some(path) = file(".json") {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        let report = serde_json::json!({ "name": "departure", "unit": "s", "rows": rows });
        std::fs::write(path, format!("{report:#}\n")).unwrap();
        println!("written to {path}");
    }
    if let Some(path) = file(".svg") {
        let base: Vec<&Row> = rows.iter().filter(|row| !row.name.ends_with('+')).collect();
        chart::draw(&base, Path::new(path)).unwrap();
        println!("written to {path}");
    }
}
