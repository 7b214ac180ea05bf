//! Many viewers of one stream, by WHEP: `viewers URL --viewers N --seconds S`.
//!
//! Prints a line of JSON when all play, when counting begins and when it ends, and one with what was seen. Whoever
//! measures the server reads its figures at the second and at the third.

use lenscap_clients::Failure;
use lenscap_clients::arguments::Arguments;
use lenscap_clients::crowd::{Seen, Stage, run};
use lenscap_clients::figures::figures;
use lenscap_clients::viewer::Wish;
use lenscap_clients::whep::Endpoint;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "viewers http://ADDRESS:PORT/whep/STREAM [--viewers N] [--seconds S] [--settle S] [--threads T]
        [--join all|OFFERS_A_SECOND] [--audio] [--audio-first] [--patience S]";

fn main() -> Result<(), Failure> {
    let mut arguments = Arguments::of_process();
    let viewers: usize = arguments.option("--viewers")?.unwrap_or(1);
    let seconds: f64 = arguments.option("--seconds")?.unwrap_or(5.0);
    let settle: f64 = arguments.option("--settle")?.unwrap_or(2.0);
    let threads = arguments.option("--threads")?.unwrap_or(1).clamp(1, viewers.max(1));
    let patience: f64 = arguments.option("--patience")?.unwrap_or(20.0);
    let join: String = arguments.option("--join")?.unwrap_or_else(|| "all".to_owned());
    let audio_first = arguments.flag("--audio-first");
    let wish = Wish { audio: arguments.flag("--audio") || audio_first, audio_first };
    let [url] = &arguments.rest()?[..] else { return Err(USAGE.into()) };
    let endpoint = Endpoint::parse(url)?;
    let between = match &*join {
        "all" => Duration::ZERO,
        rate => Duration::from_secs_f64(1.0 / rate.parse::<f64>()?),
    };

    // A socket each, and for a moment a connection.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;

    let stage = Arc::new(Stage::default());
    let crowds: Vec<_> = (0..threads)
        .map(|thread| {
            let (endpoint, stage) = (endpoint.clone(), Arc::clone(&stage));
            let times: Vec<_> = (thread..viewers).step_by(threads).map(|nth| between * nth as u32).collect();
            thread::spawn(move || run(&endpoint, wish, &times, &stage))
        })
        .collect();
    let alive = || crowds.iter().all(|crowd| !crowd.is_finished());

    let wait = |deadline: Instant, done: &dyn Fn() -> bool| {
        while !done() && alive() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    };
    wait(Instant::now() + Duration::from_secs(60), &|| stage.ready.load(Ordering::SeqCst) == threads);
    stage.curtain.store(true, Ordering::SeqCst);
    let count = || (stage.playing.load(Ordering::SeqCst), stage.failed.load(Ordering::SeqCst));
    let deadline = Instant::now() + between * viewers as u32 + Duration::from_secs_f64(patience);
    wait(deadline, &|| count().0 + count().1 >= viewers);
    println!("{}", json!({ "event": "playing", "playing": count().0, "failed": count().1 }));
    wait(Instant::now() + Duration::from_secs_f64(settle), &|| false);
    stage.counting.store(true, Ordering::SeqCst);
    println!("{}", json!({ "event": "counting" }));
    wait(Instant::now() + Duration::from_secs_f64(seconds), &|| false);
    println!("{}", json!({ "event": "counted" }));
    // For whoever reads the server's figures.
    wait(Instant::now() + Duration::from_millis(100), &|| false);
    stage.over.store(true, Ordering::SeqCst);

    let mut seen = Vec::new();
    for crowd in crowds {
        seen.extend(crowd.join().map_err(|_| "a thread panicked")??);
    }
    println!("{}", report(&seen));
    Ok(())
}

fn report(seen: &[Seen]) -> serde_json::Value {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let of = |what: fn(&Seen) -> Option<Duration>| figures(seen.iter().filter_map(what).map(ms).collect());
    let sum = |what: fn(&Seen) -> u64| seen.iter().map(what).sum::<u64>();
    let (packets, missing) = (sum(|seen| seen.counts.packets), sum(|seen| seen.counts.missing));
    let loss = |seen: &Seen| {
        let Seen { counts, .. } = seen;
        counts.missing as f64 * 100.0 / (counts.packets + counts.missing).max(1) as f64
    };
    json!({
        "event": "seen",
        "viewers": seen.len(),
        "answered_ms": of(|seen| seen.joined.answered),
        "connected_ms": of(|seen| seen.joined.connected),
        "packet_ms": of(|seen| seen.joined.packet),
        "picture_ms": of(|seen| seen.joined.picture),
        "packets": packets,
        "frames": sum(|seen| seen.counts.frames),
        "fewest_frames": seen.iter().map(|seen| seen.counts.frames).min(),
        "missing": missing,
        "delivered": sum(|seen| seen.counts.delivered),
        "worst_loss_percent": seen.iter().map(loss).fold(0.0, f64::max),
        "gap_ms": of(|seen| seen.joined.picture.map(|_| seen.counts.gap)),
        "gap_ever_ms": of(|seen| seen.joined.picture.map(|_| seen.counts.gap_ever)),
        "failures": seen.iter().filter_map(|seen| seen.failure.as_deref()).take(5).collect::<Vec<_>>(),
        "failed": seen.iter().filter(|seen| seen.failure.is_some()).count(),
    })
}
