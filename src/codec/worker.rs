//! The thread that makes one stream's frames out of its camera's pictures.
//!
//! Uncompressed pictures and JPEGs wait in a place for one: a newer one replaces an older one that
//! was not encoded in time. Access units wait in a short queue, for each depends on the one before
//! it; when the queue is full, all are dropped up to the next keyframe.

use super::annexb::is_keyframe;
use super::convert::{I420, Scaler, to_i420};
use super::h264::{H264Encoder, usual_bitrate};
use super::jpeg::JpegDecoder;
use super::payload::Packetizer;
use crate::config;
use bytes::Bytes;
use lenscap_actors::media::{Content, Findings, Origin, Picture, PictureSink};
use lenscap_actors::ports::{Encode, EncodeEvent, EncodeEventKind, EncodeEvents, Encoding};
use lenscap_actors::supervisor::life::words;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Access units that may wait; more than a newcomer is given of the past.
const UNITS_MAX: usize = 200;

/// A rate to plan with if neither stream nor camera names one.
const USUAL_FPS: f32 = 30.0;

/// Makes encoders for one stream.
pub struct Encoder {
    stream: config::Stream,
    camera_fps: Option<u32>,
}

impl Encoder {
    /// For this stream; `camera_fps` is what its camera was configured to.
    pub fn new(stream: config::Stream, camera_fps: Option<u32>) -> Self {
        Self { stream, camera_fps }
    }
}

impl Encode for Encoder {
    fn start(&self, session: u64, events: EncodeEvents) -> Box<dyn Encoding> {
        let inbox = Arc::new(Inbox::default());
        let ended = events.clone();
        let mut work = Work::new(self.stream.clone(), self.camera_fps, inbox.clone(), session, events);
        let name = self.stream.id.clone();
        let spawned = std::thread::Builder::new().name(format!("encode {name}")).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work.run()));
            let kind = match result {
                Ok(Ok(())) => return,
                Ok(Err(reason)) => EncodeEventKind::Ended(reason),
                Err(panic) => EncodeEventKind::Panicked(words(&*panic)),
            };
            work.events.do_send(EncodeEvent { session, kind });
        });
        if let Err(error) = spawned {
            let reason = format!("no thread for the encoder: {error}");
            ended.do_send(EncodeEvent { session, kind: EncodeEventKind::Ended(reason) });
        }
        Box::new(Handle(inbox))
    }
}

#[derive(Default)]
struct Inbox {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    latest: Option<Arc<Picture>>,
    units: VecDeque<(Instant, Bytes)>,
    /// Dropping access units until the next keyframe.
    overrun: bool,
    lost: u64,
    /// What became of the pictures since the camera last asked.
    findings: Findings,
    force: bool,
    closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }
}

impl Waiting {
    fn push_unit(&mut self, captured: Instant, unit: &Bytes) {
        if self.units.len() >= UNITS_MAX {
            self.lost += self.units.len() as u64;
            self.units.clear();
            self.overrun = true;
        }
        if self.overrun && !is_keyframe(unit) {
            self.lost += 1;
            return;
        }
        self.overrun = false;
        self.units.push_back((captured, unit.clone()));
    }
}

impl PictureSink for Inbox {
    fn push(&self, picture: &Arc<Picture>) {
        self.change(|waiting| match &picture.content {
            Content::H264(unit) => waiting.push_unit(picture.captured, unit),
            Content::Jpeg(_) | Content::Raw(_) => waiting.latest = Some(picture.clone()),
        });
    }

    fn findings(&self) -> Findings {
        std::mem::take(&mut self.lock().findings)
    }
}

struct Handle(Arc<Inbox>);

impl Encoding for Handle {
    fn sink(&self) -> Arc<dyn PictureSink> {
        self.0.clone()
    }

    fn force_keyframe(&self) {
        self.0.change(|waiting| waiting.force = true);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.closed = true);
    }
}

enum Task {
    Picture(Arc<Picture>),
    Unit(Instant, Bytes, u64),
    Keyframe,
}

struct Work {
    stream: config::Stream,
    fps: f32,
    inbox: Arc<Inbox>,
    session: u64,
    events: EncodeEvents,
    packetizer: Packetizer,
    encoder: Option<H264Encoder>,
    jpeg: JpegDecoder,
    scaler: Scaler,
    decoded: I420,
    scaled: I420,
    has_picture: bool,
    pacer: Pacer,
    bad: u64,
}

impl Work {
    fn new(
        stream: config::Stream,
        camera_fps: Option<u32>,
        inbox: Arc<Inbox>,
        session: u64,
        events: EncodeEvents,
    ) -> Self {
        let fps = stream.fps.or(camera_fps).map_or(USUAL_FPS, |fps| fps as f32);
        let pacer = Pacer::new(stream.fps);
        Self {
            stream,
            fps,
            inbox,
            session,
            events,
            packetizer: Packetizer::new(0),
            encoder: None,
            jpeg: JpegDecoder::new(),
            scaler: Scaler::default(),
            decoded: I420::default(),
            scaled: I420::default(),
            has_picture: false,
            pacer,
            bad: 0,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(task) = self.next() {
            match task {
                Task::Unit(captured, unit, lost) => {
                    (0..lost).for_each(|_| self.packetizer.lost());
                    self.send(unit, Origin::Device, captured);
                }
                Task::Picture(picture) => {
                    // One that cannot be decoded does not count for the rate: the next one is tried.
                    if self.pacer.is_due(picture.captured) && self.decode(&picture) {
                        self.pacer.took(picture.captured);
                        self.encode(picture.captured, false)?;
                    }
                }
                // The latest picture once more, at once: whoever waits does not wait for the
                // camera's next one.
                Task::Keyframe => self.encode(Instant::now(), true)?,
            }
        }
        Ok(())
    }

    /// Waits for something to do; none when the stream needs no more frames.
    fn next(&mut self) -> Option<Task> {
        let mut waiting = self.inbox.lock();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some((captured, unit)) = waiting.units.pop_front() {
                return Some(Task::Unit(captured, unit, std::mem::take(&mut waiting.lost)));
            }
            if waiting.force && self.has_picture {
                waiting.force = false;
                return Some(Task::Keyframe);
            }
            if let Some(picture) = waiting.latest.take() {
                return Some(Task::Picture(picture));
            }
            waiting = self.inbox.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Brings a picture into the form that the encoder takes. One that cannot be decoded is
    /// counted and left out.
    fn decode(&mut self, picture: &Picture) -> bool {
        let result = match &picture.content {
            Content::Raw(image) => to_i420(image, &mut self.decoded).map_err(|error| error.to_string()),
            Content::Jpeg(bytes) => self.jpeg.decode(bytes, &mut self.decoded).map_err(|error| error.to_string()),
            Content::H264(_) => Err("already encoded".to_owned()),
        };
        let mut waiting = self.inbox.lock();
        match result {
            Ok(()) => waiting.findings.shown += 1,
            Err(_) => waiting.findings.refused += 1,
        }
        drop(waiting);
        if let Err(error) = result {
            self.bad += 1;
            let _ = self.events.try_send(EncodeEvent { session: self.session, kind: EncodeEventKind::LeftOut });
            if self.bad.is_power_of_two() {
                log::warn!("stream {}: {} pictures left out so far: {error}", self.stream.id, self.bad);
            }
            return false;
        }
        true
    }

    fn encode(&mut self, captured: Instant, force: bool) -> Result<(), String> {
        let image = match self.stream.size {
            Some([width, height]) if (width as usize, height as usize) != (self.decoded.width, self.decoded.height) => {
                if !force {
                    self.scaled.resize(width as usize, height as usize);
                    self.scaler.scale(&self.decoded, &mut self.scaled).map_err(|error| error.to_string())?;
                }
                &self.scaled
            }
            _ => &self.decoded,
        };
        let size = (image.width, image.height);
        let encoder = match &mut self.encoder {
            Some(encoder) if encoder.size() == size => encoder,
            _ => {
                let bitrate = self.stream.bitrate.unwrap_or_else(|| usual_bitrate(size.0, size.1, self.fps));
                let encoder = H264Encoder::new(size, self.fps, bitrate).map_err(|error| error.to_string())?;
                // Its first frame is an IDR: who asked for one so far gets this.
                self.inbox.lock().force = false;
                self.encoder.insert(encoder)
            }
        };
        if force {
            encoder.force_keyframe();
        }
        self.has_picture = true;
        if let Some(unit) = encoder.encode(image).map_err(|error| error.to_string())? {
            self.send(unit.into(), Origin::Encoder, captured);
        }
        Ok(())
    }

    fn send(&mut self, unit: Bytes, origin: Origin, captured: Instant) {
        let Some(frame) = self.packetizer.frame(unit, origin, captured) else { return };
        let kind = EncodeEventKind::Frame(Arc::new(frame));
        // A stream that is behind misses this one, and its viewers see that in the numbers.
        let _ = self.events.try_send(EncodeEvent { session: self.session, kind });
    }
}

/// Thins pictures out to at most so many a second. Pure.
#[derive(Debug)]
struct Pacer {
    interval: Option<Duration>,
    next: Option<Instant>,
}

impl Pacer {
    fn new(fps: Option<u32>) -> Self {
        Self { interval: fps.map(|fps| Duration::from_secs(1) / fps), next: None }
    }

    fn is_due(&self, captured: Instant) -> bool {
        let (Some(interval), Some(next)) = (self.interval, self.next) else { return true };
        // A quarter of an interval of tolerance, or jitter would halve the rate.
        captured + interval / 4 >= next
    }

    fn took(&mut self, captured: Instant) {
        let Some(interval) = self.interval else { return };
        self.next = Some((self.next.unwrap_or(captured) + interval).max(captured));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_gets_at_most_its_rate_and_nearly_all_of_it() {
        for (camera, wanted, expected) in [(30, 15, 15), (30, 10, 10), (30, 30, 30), (25, 15, 15), (10, 30, 10)] {
            let mut pacer = Pacer::new(Some(wanted));
            let start = Instant::now();
            let admitted = (0..camera * 10)
                .filter(|n| {
                    let jitter = Duration::from_millis(u64::from(n * 7 % 5));
                    let captured = start + Duration::from_secs(1) * *n / camera + jitter;
                    let due = pacer.is_due(captured);
                    if due {
                        pacer.took(captured);
                    }
                    due
                })
                .count() as u32;
            assert!(admitted.abs_diff(expected * 10) <= 3, "{camera} to {wanted}: {admitted}");
            assert!(admitted <= wanted * 10 + 1);
        }
    }

    #[test]
    fn a_picture_that_is_refused_does_not_count_for_the_rate() {
        let mut pacer = Pacer::new(Some(1));
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert!(pacer.is_due(at(0)) && pacer.is_due(at(33)), "the first was not taken");
        pacer.took(at(33));
        assert!(!pacer.is_due(at(66)));
        assert!(pacer.is_due(at(1000)) && pacer.is_due(at(1033)));
    }

    #[test]
    fn an_overrun_drops_whole_groups_and_counts_them() {
        let p = Bytes::from_static(&[0, 0, 1, 0x41, 0x9a]);
        let idr = Bytes::from_static(&[0, 0, 1, 0x65, 0x88]);
        let mut waiting = Waiting::default();
        let now = Instant::now();
        for _ in 0..UNITS_MAX + 5 {
            waiting.push_unit(now, &p);
        }
        assert!(waiting.units.is_empty());
        assert_eq!(waiting.lost, UNITS_MAX as u64 + 5);
        waiting.push_unit(now, &idr);
        waiting.push_unit(now, &p);
        assert_eq!(waiting.units.len(), 2);
    }
}
