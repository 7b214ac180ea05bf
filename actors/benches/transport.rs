//! What a viewer costs in the transport: time a packet and a frame, memory, and answering its offer. Without sockets: what the
//! kernel costs is measured by the fan-out bench.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/transport/link.rs"]
mod link;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/transport/pair.rs"]
mod pair;
#[path = "../tests/transport/reports.rs"]
mod reports;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/transport/viewer.rs"]
mod viewer;

use bytes::Bytes;
use lenscap_actors::media::{Codec, Cuts, Frame, Origin, PAYLOAD_BYTES_MAX};
use lenscap_actors::transport::{Batch, Identity, Secrets, Transport, answer};
use link::Way;
use pair::Pair;
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use viewer::Kindness;

/// 2 Mbit/s at 30 frames a second.
const FRAME_BYTES: usize = 2_000_000 / 8 / 30;
const VIEWERS: usize = 50;
const FRAMES: usize = 90;
const ROUNDS: usize = 9;
const ANSWERS: usize = 200;

/// The system's allocator, which knows how much is out.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: all is the system allocator's doing, with the arguments that came; the count is beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn median(mut series: Vec<f64>) -> f64 {
    series.sort_by(f64::total_cmp);
    series[series.len() / 2]
}

struct Row {
    what: String,
    value: f64,
    unit: &'static str,
}

/// The access unit is not shared with the buffer that is written, as in life.
fn frame(number: u64, captured: Instant) -> Arc<Frame> {
    let unit = Bytes::from(vec![number as u8; FRAME_BYTES]);
    let (count, mut cuts) = (FRAME_BYTES.div_ceil(PAYLOAD_BYTES_MAX - 2), Cuts::default());
    let size = FRAME_BYTES.div_ceil(count);
    for start in (0..FRAME_BYTES).step_by(size) {
        cuts.push(&[0x7c, 0x41], start..FRAME_BYTES.min(start + size));
    }
    let (keyframe, origin, codec) = (number % 60 == 1, Origin::Encoder, Codec::H264);
    Arc::new(Frame { number, captured, keyframe, origin, codec, unit, cuts })
}

fn connected(kindness: Kindness, seed: u64) -> (Transport, Instant) {
    let mut pair = Pair::new(kindness, Way::clean(1), Way::clean(1), seed);
    pair.connect();
    pair.pause();
    pair.run(100);
    (pair.transport, pair.now)
}

/// Nanoseconds a packet, and microseconds a frame and viewer, of one stream to many viewers.
fn fan_out(name: &str, kindness: Kindness, rows: &mut Vec<Row>) {
    let mut viewers: Vec<Transport> = vec![];
    let mut now = Instant::now();
    for seed in 0..VIEWERS as u64 {
        let (transport, at) = connected(kindness, seed);
        viewers.push(transport);
        now = now.max(at);
    }
    let mut batch = Batch::default();
    let (mut packets, mut times, mut number) = (0, vec![], 1000);
    for _ in 0..ROUNDS {
        let mut spent = Duration::ZERO;
        packets = 0;
        for _ in 0..FRAMES {
            now += Duration::from_millis(33);
            number += 1;
            let frame = frame(number, now);
            let begun = Instant::now();
            for viewer in &mut viewers {
                packets += viewer.write(&frame, now, &mut batch).1;
                // What is sent is gone: the buffer stays in the cache.
                black_box(batch.runs().count());
                batch.clear();
            }
            spent += begun.elapsed();
        }
        times.push(spent.as_secs_f64());
    }
    assert!(packets as usize >= VIEWERS * (FRAMES - 60) * 8);
    let seconds = median(times);
    rows.push(Row { what: format!("{name}: a packet"), value: seconds * 1e9 / packets as f64, unit: "ns" });
    let value = seconds * 1e6 / (VIEWERS * FRAMES) as f64;
    rows.push(Row { what: format!("{name}: a frame and viewer"), value, unit: "us" });
    let value = seconds * 1e3 / (VIEWERS * FRAMES) as f64 * 30.0;
    rows.push(Row { what: format!("{name}: a viewer-second"), value, unit: "ms" });
    let before = LIVE.load(Ordering::Relaxed);
    let frames = FRAME_BYTES * 46; // shared, and let go with the last of them
    let count = viewers.len();
    drop(viewers);
    let freed = before - LIVE.load(Ordering::Relaxed);
    let value = (freed.saturating_sub(frames) / count + size_of::<Transport>()) as f64 / 1e3;
    rows.push(Row { what: format!("{name}: memory of a viewer"), value, unit: "kB" });
}

fn answering(rows: &mut Vec<Row>) {
    let identity = Identity::generate().unwrap();
    let here = ["192.0.2.1:8555".parse().unwrap()];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/offers");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut offers: Vec<(String, String)> = paths
        .iter()
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let chromium = offers.iter().find(|(name, _)| name == "chromium").unwrap().1.clone();
    offers.push(("2,000 lines of nothing".to_owned(), chromium + &"a=x:an attribute\r\n".repeat(1800)));
    for (name, offer) in offers {
        let mut refused = false;
        let times = (0..ANSWERS).map(|_| {
            let secrets = Secrets {
                ufrag: "lenscap1".into(),
                password: "0123456789abcdef01234567".into(),
                ssrcs: [1, 2],
                sequence: 1,
                timestamp: 1,
                tie_breaker: 1,
            };
            let begun = Instant::now();
            refused = black_box(answer(black_box(&offer), &identity, &here, secrets)).is_err();
            begun.elapsed().as_secs_f64() * 1e6
        });
        let value = median(times.collect());
        let what = if refused { format!("refuse {name}") } else { format!("answer {name}") };
        rows.push(Row { what, value, unit: "us" });
    }
}

fn main() {
    let mut rows = vec![];
    let gcm = Kindness { gcm: true, rtx: true, passive: false, polite: true };
    fan_out("AES-GCM", gcm, &mut rows);
    fan_out("AES-CM", Kindness { gcm: false, ..gcm }, &mut rows);
    answering(&mut rows);
    println!("{:<46}{:>12}", "transport", "median");
    for Row { what, value, unit } in &rows {
        println!("{what:<46}{value:>12.2} {unit}");
    }
    let rows: Vec<_> =
        rows.iter().map(|row| serde_json::json!({ "what": row.what, "value": row.value, "unit": row.unit })).collect();
    let report = serde_json::json!({ "name": "transport", "viewers": VIEWERS, "rounds": ROUNDS, "rows": rows });
    if let Some(path) = std::env::args().skip(1).find(|argument| argument.ends_with(".json")) {
        std::fs::write(&path, format!("{report:#}\n")).unwrap();
        println!("written to {path}");
    }
}
