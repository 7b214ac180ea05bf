//! How soon a vanished viewer is noticed, and how often one who is still there is wronged: the very decisions
//! that ship, fed by simulated viewers on virtual time, beside fixed time-outs.
//!
//! The world: feedback every 62 ms while media flows, receiver reports every second, the browser's own STUN every
//! 2.6 s (as measured from Chromium), probes answered after a round trip. A stall delays packets, a burst loses
//! them; nothing overtakes. In an outage nothing arrives, and the browser's STUN comes more often the longer it has no answer.
//! Sessions last 5 to 60 minutes, then the viewer vanishes without a word.
//!
//! Arguments: viewer-hours a model (1000), a file for the figures (.json), one for the curves (.svg), and a
//! model's name to run that alone, or `road` for the rows with outages.

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
        totals.away.sort_by(f64::total_cmp);
        totals.beyond.sort_by(f64::total_cmp);
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

    fn away(&self, share: f64) -> f64 {
        quantile(&self.totals.away, share)
    }

    fn beyond(&self, share: f64) -> f64 {
        quantile(&self.totals.beyond, share)
    }

    fn pause(&self) -> f64 {
        self.totals.paused / (self.totals.pauses.max(1) as f64)
    }

    fn print(&self) {
        println!(
            "{:<26}{:>8}{:>10.2}{:>10.3}{:>10.2}{:>9.2}{:>10.1}{:>8.2}{:>7.2}{:>7.2}{:>9.2}{:>8.2}{:>8}{:>8.3}{:>8.3}{:>8.1}   {}",
            self.name,
            self.totals.sessions,
            self.wrong(),
            self.each_hour(self.totals.pauses),
            self.each_hour(self.totals.long_stalls),
            self.pause(),
            self.each_hour(self.totals.probes),
            self.closed(0.5),
            self.away(0.5),
            self.away(1.0),
            self.totals.longest_silence,
            self.each_hour(self.totals.aways),
            self.totals.away_probes,
            self.beyond(0.5),
            self.beyond(0.99),
            self.totals.in_vain / self.totals.hours,
            (0..3).map(|nth| format!("{:>7.1}", self.fixed_wrong(nth))).collect::<String>()
        );
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "model": self.name, "sessions": self.totals.sessions, "viewer_hours": self.totals.hours,
            "wrongly_gone_per_1000h": self.wrong(), "pauses_per_hour": self.each_hour(self.totals.pauses),
            "long_stalls_per_hour": self.each_hour(self.totals.long_stalls), "pause_s": self.pause(),
            "probes_per_hour": self.each_hour(self.totals.probes), "closed_s": self.closed(0.5),
            "away_s": self.away(0.5), "away_max_s": self.away(1.0), "aways_per_hour": self.each_hour(self.totals.aways),
            "away_probes_max": self.totals.away_probes, "left_behind_per_hour": self.each_hour(self.totals.left_behind),
            "beyond_outages_s": self.beyond(0.5), "beyond_outages_p99_s": self.beyond(0.99),
            "media_in_vain_s_per_hour": self.totals.in_vain / self.totals.hours,
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
    let kinds = |model: &Model| [(*model, ""), (model.worse(), " +"), (model.on_the_road(), " road")];
    let only_road = arguments.iter().any(|argument| argument == "road");
    let mut jobs: Vec<(Model, &str)> = chosen.iter().flat_map(kinds).collect();
    jobs.retain(|(_, kind)| !only_road || *kind == " road");
    println!(
        "departure: {hours} viewer-hours a row; + has every parameter moved by a third, road has outages with a heavy tail"
    );
    println!(
        "{:<26}{:>8}{:>10}{:>10}{:>10}{:>9}{:>10}{:>8}{:>7}{:>7}{:>9}{:>8}{:>8}{:>8}{:>8}{:>8}   wrong at fixed 1 s, 3 s, 5 s",
        "model",
        "sessions",
        "wrong/1kh",
        "pauses/h",
        "stalls/h",
        "pause s",
        "probes/h",
        "closed",
        "away",
        "max",
        "silence",
        "aways/h",
        "probes",
        "beyond",
        "99 %",
        "vain s"
    );
    let mut rows = vec![];
    for chunk in jobs.chunks(threads) {
        let done: Vec<Row> = std::thread::scope(|scope| {
            let running: Vec<_> = chunk
                .iter()
                .enumerate()
                .map(|(nth, (model, kind))| {
                    let name = format!("{}{kind}", model.name);
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
        let base: Vec<&Row> =
            rows.iter().filter(|row| !row.name.ends_with('+') && !row.name.ends_with("road")).collect();
        chart::draw(&base, Path::new(path)).unwrap();
        println!("written to {path}");
    }
}
