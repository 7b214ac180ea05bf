//! Many viewers of one stream, by WHEP: `viewers URL --viewers N --seconds S`.
//!
//! Prints a line of JSON when all play, when counting begins and when it ends, and one with what was seen. Whoever
//! measures the server reads its figures at the second and at the third.
//!
//! With `--each` they watch as browsers do, asking for keyframes where there are holes, and one more line says of
//! each what could be decoded, with `--frames` of each frame when and how old it was. With `--from-start` counting
//! begins before the first joins, and `--seconds` with it. `--at` says when which viewer joins.

use lenscap_clients::Failure;
use lenscap_clients::arguments::Arguments;
use lenscap_clients::crowd::{Seen, Stage, run};
use lenscap_clients::figures::figures;
use lenscap_clients::viewer::{Flood, Wish};
use lenscap_clients::whep::Endpoint;
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "viewers http://ADDRESS:PORT/whep/STREAM [--viewers N] [--seconds S] [--settle S] [--threads T]
        [--join all|OFFERS_A_SECOND] [--at S,S,…] [--from-start] [--each [--frames]] [--pli-flood HZ [--flood-after S]] [--audio] [--audio-first] [--patience S]";

fn main() -> Result<(), Failure> {
    let mut arguments = Arguments::of_process();
    let at = arguments.option::<String>("--at")?;
    let at = at.map(|list| list.split(',').map(str::parse).collect::<Result<Vec<f64>, _>>()).transpose()?;
    let viewers = arguments.option("--viewers")?.unwrap_or(at.as_ref().map_or(1, Vec::len));
    let seconds: f64 = arguments.option("--seconds")?.unwrap_or(5.0);
    let settle: f64 = arguments.option("--settle")?.unwrap_or(2.0);
    let threads = arguments.option("--threads")?.unwrap_or(1).clamp(1, viewers.max(1));
    let patience: f64 = arguments.option("--patience")?.unwrap_or(20.0);
    let join: String = arguments.option("--join")?.unwrap_or_else(|| "all".to_owned());
    let audio_first = arguments.flag("--audio-first");
    let (each, frames, from_start) =
        (arguments.flag("--each"), arguments.flag("--frames"), arguments.flag("--from-start"));
    let after = Duration::from_secs_f64(arguments.option("--flood-after")?.unwrap_or(0.0));
    let flood = arguments.option::<f64>("--pli-flood")?;
    let flood = flood.map(|rate| Flood { after, between: Duration::from_secs_f64(1.0 / rate) });
    let wish = Wish { audio: arguments.flag("--audio") || audio_first, audio_first, plays: each, flood };
    let [url] = &arguments.rest()?[..] else { return Err(USAGE.into()) };
    let endpoint = Endpoint::parse(url)?;
    let between = match &*join {
        "all" => Duration::ZERO,
        rate => Duration::from_secs_f64(1.0 / rate.parse::<f64>()?),
    };

    let mut times: Vec<_> = (0..viewers).map(|nth| between * nth as u32).collect();
    for (time, at) in times.iter_mut().zip(at.unwrap_or_default()) {
        *time = Duration::from_secs_f64(at);
    }
    // They send their offers in this order.
    times.sort();

    // A socket each, and for a moment a connection.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;

    let stage = Arc::new(Stage::default());
    let crowds: Vec<_> = (0..threads)
        .map(|thread| {
            let (endpoint, stage) = (endpoint.clone(), Arc::clone(&stage));
            let times: Vec<_> = times.iter().skip(thread).step_by(threads).copied().collect();
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
    let last = times.last().copied().unwrap_or_default();
    let deadline = Instant::now() + last + Duration::from_secs_f64(patience);
    let start = || {
        stage.counting.store(true, Ordering::SeqCst);
        println!("{}", json!({ "event": "counting" }));
        Instant::now() + Duration::from_secs_f64(seconds)
    };
    let early = from_start.then(start);
    wait(early.map_or(deadline, |end| end.min(deadline)), &|| count().0 + count().1 >= viewers);
    println!("{}", json!({ "event": "playing", "playing": count().0, "failed": count().1 }));
    let end = early.unwrap_or_else(|| {
        wait(Instant::now() + Duration::from_secs_f64(settle), &|| false);
        start()
    });
    wait(end, &|| false);
    println!("{}", json!({ "event": "counted" }));
    // For whoever reads the server's figures.
    wait(Instant::now() + Duration::from_millis(100), &|| false);
    stage.over.store(true, Ordering::SeqCst);

    let mut seen = Vec::new();
    for crowd in crowds {
        seen.extend(crowd.join().map_err(|_| "a thread panicked")??);
    }
    println!("{}", report(&seen));
    if each {
        let viewers: Vec<_> = seen.iter().map(|seen| of_one(seen, frames)).collect();
        println!("{}", json!({ "event": "each", "viewers": viewers }));
    }
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

/// What one viewer saw; of each frame, if that is wanted, when it could be decoded (ms since 1970) and its age (ms).
fn of_one(seen: &Seen, frames: bool) -> serde_json::Value {
    let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    let Seen { joined, counts, picture, failure } = seen;
    let mut said = json!({
        "failure": failure,
        "answered_ms": joined.answered.map(ms),
        "connected_ms": joined.connected.map(ms),
        "picture_ms": joined.picture.map(ms),
        "disconnected_ms": joined.disconnected.map(ms),
        "packets": counts.packets,
        "missing": counts.missing,
    });
    let Some(picture) = picture else { return said };
    let ages: Vec<_> = picture.frames.iter().filter_map(|(_, age)| *age).collect();
    said["since"] = json!(ms(picture.since));
    said["frames_a_second"] = json!(picture.frames_a_second());
    said["freeze_ms"] = json!(picture.freeze.map(ms));
    said["age_ms"] = figures(ages);
    said["bytes_a_second"] = json!(picture.bytes);
    said["asked"] = json!(picture.asked);
    if frames {
        let each = picture.frames.iter().map(|(at, age)| json!([ms(*at), age.map(|age| (age * 10.0).round() / 10.0)]));
        said["frames"] = each.collect();
    }
    said
}
