//! What a picture costs on its way to the viewers: CPU milliseconds a frame at 1280x720, each step
//! by itself, beside the same work by ffmpeg.
//!
//! Both work on the same files, one thread each, in turns, so that what else the machine does
//! falls on both. Ours is the thread's CPU clock around the step. ffmpeg's is the CPU time of a
//! whole run (user and system, as the kernel tells these apart by sampling only) without that of a run
//! that reads the same input and does all but the step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use lenscap::codec::{H264Decoder, H264Encoder, I420, JpegDecoder, Packetizer, Scaler, Stills, to_i420, usual_bitrate};
use lenscap_actors::media::{Content, Layout, Origin, RawImage};
use rustix::time::{ClockId, clock_gettime};
use std::cell::Cell;
use std::hint::black_box;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
const SMALL: (usize, usize) = (640, 360);
const FPS: f32 = 30.0;
/// Pictures in the files.
const PICTURES: usize = 60;
const ROUNDS: usize = 7;
/// How often they are packetized a round.
const PACKETIZED: usize = 20;

/// A step, done by both.
struct Step<'a> {
    what: &'static str,
    /// Frames a round: the pictures so many times over.
    times: usize,
    /// Does the step with this picture, and says how long it took, ms of CPU.
    ours: Box<dyn FnMut(usize) -> f64 + 'a>,
    /// How ffmpeg reads the input.
    input: Vec<String>,
    /// How it does the step, and all but the step.
    step: Vec<String>,
    baseline: Vec<String>,
}

/// CPU time of this thread, ms.
fn cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// How long a step took, ms of CPU. Its input must have been written just before, as ffmpeg's has
/// been: so both find it in the processor's cache.
fn timed(step: impl FnOnce()) -> f64 {
    let before = cpu_ms();
    step();
    cpu_ms() - before
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Runs ffmpeg and returns what it says at the end.
fn ffmpeg(arguments: &[String]) -> String {
    let output = Command::new("ffmpeg").args(["-hide_banner", "-nostdin", "-y"]).args(arguments).output();
    let output = output.expect("ffmpeg can be run");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "ffmpeg {}: {said}", arguments.join(" "));
    said
}

/// CPU time of a run of ffmpeg over so many frames, ms.
fn ffmpeg_ms(frames: usize, input: &[String], output: &[String]) -> f64 {
    let count = words(&format!("-frames:v {frames}"));
    let said = ffmpeg(
        &[&words("-benchmark -filter_threads 1 -threads 1"), input, &words("-threads 1"), &count, output].concat(),
    );
    let done = said.rsplit("frame=").next().unwrap().trim_start();
    assert!(done.starts_with(&format!("{frames} ")), "it did not do {frames} frames: {said}");
    let bench = said.lines().rfind(|line| line.starts_with("bench: utime=")).expect("ffmpeg says what it took");
    let seconds = |name: &str| -> f64 {
        let value = bench.split(name).nth(1).unwrap().split('s').next().unwrap();
        value.parse().unwrap_or_else(|_| panic!("{bench}"))
    };
    (seconds("utime=") + seconds("stime=")) * 1e3
}

fn median(series: &[f64]) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

struct Row {
    what: &'static str,
    ours: f64,
    ffmpeg: f64,
    ratio: f64,
}

impl Step<'_> {
    fn run(mut self) -> Row {
        let frames = PICTURES * self.times;
        (0..PICTURES).for_each(|nth| _ = (self.ours)(nth)); // buffers are made once
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            let sum: f64 = (0..frames).map(|nth| (self.ours)(nth % PICTURES)).sum();
            ours.push(sum / frames as f64);
            let with = ffmpeg_ms(frames, &self.input, &self.step);
            let without = ffmpeg_ms(frames, &self.input, &self.baseline);
            theirs.push((with - without) / frames as f64);
        }
        // Of neighbors in time, as the machine's own speed changes.
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        Row { what: self.what, ours: median(&ours), ffmpeg: median(&theirs), ratio: median(&ratios) }
    }
}

/// The pictures in a format of ffmpeg's, in a file.
fn pictures(folder: &Path, name: &str, arguments: &str) -> PathBuf {
    let file = folder.join(name);
    // Moving shapes and fine lines, with the noise of a sensor.
    let source = format!("testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS},noise=alls=8:allf=t");
    let input = words(&format!("-loglevel error -f lavfi -i {source} -frames:v {PICTURES} {arguments}"));
    ffmpeg(&[input, vec![file.to_str().unwrap().to_owned()]].concat());
    file
}

/// Raw images out of a file.
fn images(file: &Path, layout: Layout) -> Vec<RawImage> {
    let data = Bytes::from(std::fs::read(file).unwrap());
    let (bytes, stride) = match layout {
        Layout::Yuyv => (WIDTH * HEIGHT * 2, WIDTH * 2),
        Layout::Nv12 | Layout::I420 => (WIDTH * HEIGHT * 3 / 2, WIDTH),
    };
    assert_eq!(data.len(), bytes * PICTURES);
    let image = |nth| data.slice(nth * bytes..(nth + 1) * bytes);
    (0..PICTURES).map(|nth| RawImage { layout, width: WIDTH, height: HEIGHT, stride, data: image(nth) }).collect()
}

/// JPEGs that follow each other in a file.
fn jpegs(file: &Path) -> Vec<Vec<u8>> {
    let data = std::fs::read(file).unwrap();
    let mut starts: Vec<usize> = memchr::memmem::find_iter(&data, &[0xff, 0xd9, 0xff, 0xd8]).map(|at| at + 2).collect();
    starts.insert(0, 0);
    starts.push(data.len());
    assert_eq!(starts.len(), PICTURES + 1);
    starts.windows(2).map(|pair| data[pair[0]..pair[1]].to_vec()).collect()
}

fn raw_input(format: &str, file: &Path) -> Vec<String> {
    words(&format!(
        "-stream_loop -1 -f rawvideo -pix_fmt {format} -s {WIDTH}x{HEIGHT} -framerate {FPS} -i {}",
        file.display()
    ))
}

/// A conversion of raw images into I420.
fn conversion<'a>(what: &'static str, format: &str, file: &Path, layout: Layout) -> Step<'a> {
    let (images, mut out) = (images(file, layout), I420::default());
    Step {
        what,
        times: 10,
        ours: Box::new(move |nth| {
            let image = RawImage { data: Bytes::copy_from_slice(&images[nth].data), ..images[nth] };
            timed(|| to_i420(black_box(&image), &mut out).unwrap())
        }),
        input: raw_input(format, file),
        step: words("-pix_fmt yuv420p -f null -"),
        baseline: words("-f null -"),
    }
}

/// The encoder of ffmpeg that is nearest to ours, and its arguments.
fn ffmpeg_encoder(bitrate: u32) -> (&'static str, Vec<String>) {
    let has = ffmpeg(&words("-encoders"));
    let has = has
        + &String::from_utf8_lossy(
            &Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).output().unwrap().stdout,
        );
    if has.contains(" libopenh264 ") {
        ("libopenh264", words(&format!("-c:v libopenh264 -b:v {bitrate} -g 100000 -allow_skip_frames 1 -f null -")))
    } else {
        let rate = format!("-b:v {bitrate} -maxrate {bitrate} -bufsize {bitrate}");
        let arguments =
            format!("-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -g 100000 {rate} -f null -");
        ("libx264 ultrafast zerolatency", words(&arguments))
    }
}

fn main() {
    let path = std::env::args().skip(1).find(|argument| argument.ends_with(".json")).map(PathBuf::from);
    let folder = std::env::temp_dir().join(format!("lenscap-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let report = measure(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    if let Some(path) = path {
        std::fs::write(&path, format!("{report:#}\n")).unwrap();
        println!("written to {}", path.display());
    }
}

fn measure(folder: &Path) -> serde_json::Value {
    let mjpeg = pictures(folder, "pictures.mjpeg", "-pix_fmt yuvj422p -c:v mjpeg -q:v 4 -f mjpeg");
    let yuyv = pictures(folder, "pictures.yuyv", "-pix_fmt yuyv422 -f rawvideo");
    let nv12 = pictures(folder, "pictures.nv12", "-pix_fmt nv12 -f rawvideo");
    let i420 = pictures(folder, "pictures.i420", "-pix_fmt yuv420p -f rawvideo");

    let raw = images(&i420, Layout::I420);
    let large: Vec<I420> = raw
        .iter()
        .map(|image| {
            let mut out = I420::default();
            to_i420(image, &mut out).unwrap();
            out
        })
        .collect();
    let bitrate = usual_bitrate(WIDTH, HEIGHT, FPS);
    let (encoder_name, encoder_arguments) = ffmpeg_encoder(bitrate);

    // What is packetized is what our encoder makes.
    let mut encoder = H264Encoder::new((WIDTH, HEIGHT), FPS, bitrate).unwrap();
    let encoded: Vec<Option<Vec<u8>>> = large.iter().map(|image| encoder.encode(image).unwrap()).collect();
    let units: Vec<Bytes> = encoded.into_iter().flatten().map(Bytes::from).collect();
    let h264 = folder.join("pictures.h264");
    // ffmpeg does not read such a file in a loop.
    assert!(units.len() > PICTURES / 2);
    std::fs::write(&h264, vec![units.concat(); 2 * PACKETIZED].concat()).unwrap();

    let jpegs = jpegs(&mjpeg);
    let (mut decoder, mut decoded) = (JpegDecoder::new(), I420::default());
    let (mut scaler, mut small) = (Scaler::default(), I420::default());
    small.resize(SMALL.0, SMALL.1);
    let (tried, skipped) = (Cell::new(0u32), Cell::new(0u32));
    let (mut h264_decoder, mut again) = (H264Decoder::new().unwrap(), I420::default());
    let [mut stills, mut other_stills, mut idr_stills] = std::array::from_fn(|_| Stills::default());
    let mut packetizer = Packetizer::new(0);
    // ffmpeg sends what it packetizes: to nobody, but without errors.
    let sink = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = sink.local_addr().unwrap().port();

    let steps = [
        Step {
            what: "MJPEG (4:2:2) to I420",
            times: 3,
            ours: Box::new(|nth| {
                let jpeg = jpegs[nth].clone();
                timed(|| decoder.decode(black_box(&jpeg), &mut decoded).unwrap())
            }),
            input: words(&format!("-stream_loop -1 -f mjpeg -i {}", mjpeg.display())),
            step: words("-pix_fmt yuvj420p -f null -"),
            baseline: words("-c copy -f null -"),
        },
        conversion("YUYV to I420", "yuyv422", &yuyv, Layout::Yuyv),
        conversion("NV12 to I420", "nv12", &nv12, Layout::Nv12),
        Step {
            what: "I420 to 640x360",
            times: 10,
            ours: Box::new(|nth| {
                let image = large[nth].clone();
                timed(|| scaler.scale(black_box(&image), &mut small).unwrap())
            }),
            input: raw_input("yuv420p", &i420),
            step: words(&format!("-vf scale={}:{}:flags=bilinear -f null -", SMALL.0, SMALL.1)),
            baseline: words("-f null -"),
        },
        Step {
            what: "I420 to H.264",
            times: 3,
            ours: Box::new(|nth| {
                let image = large[nth].clone();
                tried.set(tried.get() + 1);
                timed(|| {
                    let unit = encoder.encode(black_box(&image)).unwrap();
                    skipped.set(skipped.get() + u32::from(unit.is_none()));
                })
            }),
            input: raw_input("yuv420p", &i420),
            step: encoder_arguments,
            baseline: words("-f null -"),
        },
        Step {
            what: "H.264 to I420",
            times: 3,
            ours: Box::new(|nth| {
                // From the keyframe on again.
                let unit = units[nth % units.len()].clone();
                timed(|| h264_decoder.decode(black_box(&unit)).unwrap().unwrap().copy_to(&mut again))
            }),
            input: words(&format!("-f h264 -framerate {FPS} -i {}", h264.display())),
            step: words("-f null -"),
            baseline: words("-c copy -f null -"),
        },
        // What is kept of an open camera every 5 s.
        Step {
            what: "I420 to a last picture",
            times: 3,
            ours: Box::new(|nth| {
                let image = RawImage { data: Bytes::copy_from_slice(&raw[nth].data), ..raw[nth] };
                timed(|| _ = black_box(stills.make(&Content::Raw(image)).unwrap()))
            }),
            input: raw_input("yuv420p", &i420),
            step: words(&format!(
                "-vf scale={}:{}:flags=bilinear,setpts=N/25/TB -c:v mjpeg -q:v 5 -f null -",
                SMALL.0, SMALL.1
            )),
            baseline: words("-f null -"),
        },
        Step {
            what: "MJPEG to a last picture",
            times: 3,
            ours: Box::new(|nth| {
                let jpeg = Content::Jpeg(Bytes::copy_from_slice(&jpegs[nth]));
                timed(|| _ = black_box(other_stills.make(&jpeg).unwrap()))
            }),
            input: words(&format!("-stream_loop -1 -f mjpeg -i {}", mjpeg.display())),
            step: words(&format!(
                "-vf scale={}:{}:flags=bilinear,setpts=N/25/TB -c:v mjpeg -q:v 5 -f null -",
                SMALL.0, SMALL.1
            )),
            baseline: words("-c copy -f null -"),
        },
        Step {
            what: "an IDR to a last picture",
            times: 1,
            ours: Box::new(|_| {
                let unit = Content::H264(Bytes::copy_from_slice(&units[0]));
                timed(|| _ = black_box(idr_stills.make(&unit).unwrap()))
            }),
            input: words(&format!("-f h264 -framerate {FPS} -i {}", h264.display())),
            step: words(&format!(
                "-vf scale={}:{}:flags=bilinear,setpts=N/25/TB -c:v mjpeg -q:v 5 -f null -",
                SMALL.0, SMALL.1
            )),
            baseline: words("-c copy -f null -"),
        },
        Step {
            what: "H.264 to RTP payloads",
            times: PACKETIZED,
            ours: Box::new(|nth| {
                let unit = Bytes::copy_from_slice(&units[nth % units.len()]);
                timed(|| _ = black_box(packetizer.frame(unit, Origin::Encoder, Instant::now())))
            }),
            input: words(&format!("-f h264 -framerate {FPS} -i {}", h264.display())),
            step: words(&format!("-c copy -f rtp rtp://127.0.0.1:{port}?rtcpport={port}&pkt_size=1200")),
            baseline: words("-c copy -f null -"),
        },
    ];

    let machine = machine();
    println!(
        "codec (CPU ms/frame at {WIDTH}x{HEIGHT}, {bitrate} bit/s; ffmpeg's encoder: {encoder_name}), on {machine}"
    );
    println!("{:<24}{:>10}{:>10}{:>8}", "step", "lenscap", "ffmpeg", "ratio");
    let mut rows = vec![];
    for step in steps {
        let Row { what, ours, ffmpeg, ratio } = step.run();
        println!("{what:<24}{ours:>10.3}{ffmpeg:>10.3}{ratio:>8.2}");
        rows.push(serde_json::json!({ "what": what, "lenscap": ours, "ffmpeg": ffmpeg, "ratio": ratio }));
    }
    println!("our encoder left out {} of {} pictures to keep to the bit rate", skipped.get(), tried.get());
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    serde_json::json!({
        "name": "codec", "unit": "CPU ms/frame", "machine": machine, "at": humantime::format_rfc3339_millis(UNIX_EPOCH + at).to_string(),
        "ffmpeg_encoder": encoder_name, "bitrate": bitrate, "rounds": ROUNDS,
        "pictures_tried": tried.get(), "pictures_left_out": skipped.get(), "rows": rows,
    })
}

/// The machine's name, as the other benchmarks write it.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let (cpu, memory, kernel) = (read("/proc/cpuinfo"), read("/proc/meminfo"), read("/proc/sys/kernel/osrelease"));
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let model = field(&cpu, "model name").unwrap_or("unknown".into());
    let kib = field(&memory, "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0);
    format!("{cores} × {model}, {:.0} GiB, Linux {}", kib / 1048576.0, kernel.trim())
}
