//! `lenscap-fuzz NAME|all SECONDS [SEED]` runs targets with changes of their seeds;
//! `lenscap-fuzz seeds NAME FOLDER` writes the seeds into a folder, for libFuzzer.

// A mistake on the command line ends it, in words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lenscap_fuzz::drive::drive;
use lenscap_fuzz::{TARGETS, Target, target};
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["seeds", name, folder] => {
            for (nth, seed) in (target(name).seeds)().iter().enumerate() {
                std::fs::write(Path::new(folder).join(format!("seed-{nth}")), seed).expect("a folder to write to");
            }
            ExitCode::SUCCESS
        }
        ["all", seconds, seed @ ..] => run(TARGETS.iter(), seconds, seed.first().copied()),
        [name, seconds, seed @ ..] => run([target(name)], seconds, seed.first().copied()),
        _ => panic!("usage: lenscap-fuzz NAME|all SECONDS [SEED]"),
    }
}

/// As many at a time as there are processors.
fn run(targets: impl IntoIterator<Item = &'static Target>, seconds: &str, seed: Option<&str>) -> ExitCode {
    let time = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let seed = seed.map_or_else(now, |seed| seed.parse().expect("a number as seed"));
    let waiting = Mutex::new(targets.into_iter().collect::<Vec<_>>());
    let failed = AtomicBool::new(false);
    let next = || waiting.lock().expect("nobody panics who holds it").pop();
    let work = || {
        while let Some(target) = next() {
            match drive(target, time, seed, Path::new("target/fuzz")) {
                Ok(ran) => {
                    println!(
                        "{}: {} inputs in {:.0} s of a processor, seed {seed}",
                        target.name,
                        ran.inputs,
                        ran.took.as_secs_f64()
                    )
                }
                Err(error) => {
                    println!("{error} (seed {seed})");
                    failed.store(true, Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    if failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
