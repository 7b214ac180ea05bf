//! The thread that owns an open device: how it is woken, where its pictures go, and how its end
//! is reported.

use crate::codec::annexb::{nal, nal_units};
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Content, Findings, Picture, PictureSink, is_fresh};
use lenscap_actors::ports::{CaptureError, CaptureEvent, CaptureEventKind, CaptureEvents, CaptureInfo, OpenCapture};
use lenscap_actors::supervisor::incarnation::words;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most that is kept of a group of pictures. A sink that comes later in a longer one waits for
/// the next keyframe.
const GOP_PICTURES_MAX: usize = 150;
const GOP_BYTES_MAX: usize = 16 << 20;

/// Pictures of the past are given to a newcomer as if they had come so far apart.
const REPLAY_SPACING: Duration = Duration::from_millis(1);

/// Where the pictures go: one sink a stream.
#[derive(Clone, Default)]
struct SharedSinks(Arc<Mutex<Sinks>>);

#[derive(Default)]
struct Sinks {
    by_stream: BTreeMap<StreamId, Sink>,
    /// Of a device that encodes: everything since the last keyframe, for it cannot be asked for one.
    gop: Vec<Arc<Picture>>,
    gop_bytes: usize,
    /// Its parameter sets: it may have sent them only once, before a newcomer came that cannot do without.
    parameters: Parameters,
}

/// The last parameter sets of each kind, in Annex B form.
#[derive(Default)]
struct Parameters {
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Parameters {
    /// Takes note of those in an access unit; whether it is a keyframe.
    fn look(&mut self, unit: &[u8]) -> bool {
        let mut keyframe = false;
        for (kind, bytes) in nal_units(unit) {
            let set = match kind {
                nal::SPS => &mut self.sps,
                nal::PPS => &mut self.pps,
                _ => {
                    keyframe |= kind == nal::IDR;
                    continue;
                }
            };
            set.clear();
            set.extend([0, 0, 0, 1]);
            set.extend(bytes);
        }
        keyframe
    }

    /// All of them, as an access unit without a picture.
    fn unit(&self) -> Option<Content> {
        let known = !self.sps.is_empty() && !self.pps.is_empty();
        known.then(|| Content::H264([&self.sps[..], &self.pps].concat().into()))
    }
}

struct Sink {
    sink: Arc<dyn PictureSink>,
    /// It came while the group was old, and gets it when it goes on.
    waits: bool,
}

impl SharedSinks {
    fn lock(&self) -> MutexGuard<'_, Sinks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sinks {
    fn push(&mut self, picture: Picture, now: Instant) {
        let picture = Arc::new(picture);
        self.keep(&picture);
        let fresh = self.is_fresh(now);
        for Sink { sink, waits } in self.by_stream.values_mut() {
            match (*waits, self.gop.is_empty()) {
                (true, false) if fresh => replay(&self.gop, &**sink, now),
                (true, false) => continue, // what comes is of the past, too
                _ => sink.push(&picture),
            }
            *waits = false;
        }
    }

    /// Whether the group is still the present.
    fn is_fresh(&self, now: Instant) -> bool {
        self.gop.last().is_some_and(|last| is_fresh(last.captured, now))
    }

    fn keep(&mut self, picture: &Arc<Picture>) {
        let Content::H264(unit) = &picture.content else { return };
        let starts = self.parameters.look(unit);
        let fits = self.gop.len() < GOP_PICTURES_MAX && self.gop_bytes + unit.len() <= GOP_BYTES_MAX;
        if starts || !fits {
            self.gop.clear();
            self.gop_bytes = 0;
        }
        if starts || !self.gop.is_empty() {
            self.gop.push(picture.clone());
            self.gop_bytes += unit.len();
        }
    }

    /// What comes up to the next keyframe refers to pictures that nobody has.
    fn lost(&mut self) {
        self.gop.clear();
        self.gop_bytes = 0;
        self.by_stream.values().for_each(|sink| sink.sink.lost());
    }

    fn attach(&mut self, stream: StreamId, sink: Arc<dyn PictureSink>, now: Instant) {
        let fresh = self.is_fresh(now);
        if let Some(content) = self.parameters.unit() {
            sink.push(&Arc::new(Picture { captured: now, content }));
        }
        if fresh {
            replay(&self.gop, &*sink, now);
        }
        let waits = !fresh && !self.gop.is_empty();
        self.by_stream.insert(stream, Sink { sink, waits });
    }
}

/// Gives pictures of the past to a newcomer, in a blink before `now`.
fn replay(pictures: &[Arc<Picture>], sink: &dyn PictureSink, now: Instant) {
    let count = pictures.len() as u32;
    for (picture, behind) in pictures.iter().zip((1..=count).rev()) {
        let captured = now.checked_sub(REPLAY_SPACING * behind).unwrap_or(now);
        sink.push(&Arc::new(Picture { captured, content: picture.content.clone() }));
    }
}

/// What a source's thread works with.
pub struct Session {
    sinks: SharedSinks,
    wake: Arc<OwnedFd>,
    id: u64,
    events: CaptureEvents,
}

/// What a [`Session::wait`] was ended by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The camera is to be closed: return at once.
    Stop,
    /// At least one of the descriptors has something; one flag for each.
    Ready([bool; 3]),
    /// The time is up.
    Timeout,
}

impl Session {
    /// Reports that pictures come.
    pub fn opened(&self, info: CaptureInfo) {
        self.events.do_send(CaptureEvent { session: self.id, kind: CaptureEventKind::Opened(info) });
    }

    /// Reports that it has failed, before it is closed: that may take long. What was found is given back.
    pub fn failing(&self, error: CaptureError) -> CaptureError {
        self.events.do_send(CaptureEvent { session: self.id, kind: CaptureEventKind::Failing(error.clone()) });
        error
    }

    /// Reports that a picture was broken.
    pub fn left_out(&self) {
        // Who is too busy to hear it will count the next.
        let _ = self.events.try_send(CaptureEvent { session: self.id, kind: CaptureEventKind::LeftOut });
    }

    /// Pictures are missing that those to come depend on.
    pub fn lost(&self) {
        self.sinks.lock().lost();
    }

    /// Hands a picture to every stream.
    pub fn push(&self, picture: Picture) {
        self.sinks.lock().push(picture, Instant::now());
    }

    /// What the streams made of the pictures since the last call.
    pub fn findings(&self) -> Findings {
        self.sinks.lock().by_stream.values().fold(Findings::default(), |all, sink| {
            let of = sink.sink.findings();
            Findings { shown: all.shown + of.shown, refused: all.refused + of.refused }
        })
    }

    /// Waits until one of up to three descriptors can be read or has failed, the camera is to be
    /// closed, or the time is up. None waits without limit.
    pub fn wait(&self, fds: &[&dyn AsFd], timeout: Option<Duration>) -> Result<Woken, rustix::io::Errno> {
        assert!(fds.len() <= 3);
        let timeout = timeout.map(|time| Timespec {
            tv_sec: time.as_secs().min(i64::MAX as u64) as i64,
            tv_nsec: time.subsec_nanos().into(),
        });
        let mut polled: Vec<PollFd> = vec![PollFd::new(&*self.wake, PollFlags::IN)];
        for fd in fds {
            polled.push(PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN));
        }
        loop {
            match poll(&mut polled, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error),
                Ok(_) if !polled[0].revents().is_empty() => return Ok(Woken::Stop),
                Ok(0) => return Ok(Woken::Timeout),
                Ok(_) => {
                    let ready = |nth: usize| polled.get(nth).is_some_and(|fd| !fd.revents().is_empty());
                    return Ok(Woken::Ready([ready(1), ready(2), ready(3)]));
                }
            }
        }
    }

    /// Whether the camera is to be closed.
    pub fn stopped(&self) -> bool {
        matches!(self.wait(&[], Some(Duration::ZERO)), Ok(Woken::Stop))
    }
}

/// An open device, seen from its camera.
struct OpenDevice {
    sinks: SharedSinks,
    wake: Arc<OwnedFd>,
    closed: Option<oneshot::Receiver<()>>,
}

impl OpenDevice {
    fn stop(&self) {
        // Cannot fail: the counter is far from its limit.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}

impl OpenCapture for OpenDevice {
    fn attach(&self, stream: StreamId, sink: Arc<dyn PictureSink>) {
        self.sinks.lock().attach(stream, sink, Instant::now());
    }

    fn detach(&self, stream: &StreamId) {
        self.sinks.lock().by_stream.remove(stream);
    }

    fn close(mut self: Box<Self>) -> oneshot::Receiver<()> {
        self.stop();
        // Taken once only, as `self` is consumed; a fresh receiver would fail at once, which
        // callers read as closed.
        self.closed.take().unwrap_or_else(|| oneshot::channel().1)
    }
}

impl Drop for OpenDevice {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A device that could not even be begun to be opened.
struct NeverOpened;

impl OpenCapture for NeverOpened {
    fn attach(&self, _: StreamId, _: Arc<dyn PictureSink>) {}
    fn detach(&self, _: &StreamId) {}
    fn close(self: Box<Self>) -> oneshot::Receiver<()> {
        oneshot::channel().1
    }
}

/// Starts a thread that runs `run`, which owns the device and returns when it is told to stop or
/// when the device fails. Its end is reported after the device is closed, even after a panic.
pub fn spawn(
    name: &str,
    session: u64,
    events: CaptureEvents,
    run: impl FnOnce(&Session) -> Result<(), CaptureError> + Send + 'static,
) -> Box<dyn OpenCapture> {
    let started = start(name, session, events.clone(), run);
    started.unwrap_or_else(|error| {
        let error = CaptureError::Failed { device: name.to_owned(), message: format!("no thread for it: {error}") };
        events.do_send(CaptureEvent { session, kind: CaptureEventKind::Ended(error) });
        Box::new(NeverOpened)
    })
}

fn start(
    name: &str,
    id: u64,
    events: CaptureEvents,
    run: impl FnOnce(&Session) -> Result<(), CaptureError> + Send + 'static,
) -> std::io::Result<Box<dyn OpenCapture>> {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let sinks = SharedSinks::default();
    let (report_closed, closed) = oneshot::channel();
    let session = Session { sinks: sinks.clone(), wake: wake.clone(), id, events };
    let device = name.to_owned();
    std::thread::Builder::new().name(format!("capture {name}")).spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(|| run(&session)));
        let stopped = session.stopped();
        let _ = report_closed.send(());
        let kind = match result {
            Ok(Ok(())) if stopped => return,
            Ok(Ok(())) => {
                CaptureEventKind::Ended(CaptureError::Failed { device, message: "it ended by itself".into() })
            }
            Ok(Err(error)) => CaptureEventKind::Ended(error),
            Err(panic) => CaptureEventKind::Panicked(words(&*panic)),
        };
        session.events.do_send(CaptureEvent { session: session.id, kind });
    })?;
    Ok(Box::new(OpenDevice { sinks, wake, closed: Some(closed) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(Instant, usize)>>);

    impl PictureSink for Seen {
        fn push(&self, picture: &Arc<Picture>) {
            let Content::H264(unit) = &picture.content else { panic!("another kind") };
            self.0.lock().unwrap().push((picture.captured, unit.len()));
        }
    }

    fn unit(kind: u8, length: usize) -> Picture {
        let mut data = vec![0; length];
        data[..4].copy_from_slice(&[0, 0, 1, kind]);
        Picture { captured: Instant::now(), content: Content::H264(Bytes::from(data)) }
    }

    #[test]
    fn a_newcomer_gets_what_was_since_the_last_keyframe() {
        let mut sinks = Sinks::default();
        sinks.push(unit(0x41, 10), Instant::now());
        sinks.push(unit(0x65, 20), Instant::now());
        sinks.push(unit(0x65, 30), Instant::now());
        sinks.push(unit(0x41, 40), Instant::now());
        let seen = Arc::new(Seen::default());
        let now = Instant::now();
        sinks.attach("a".into(), seen.clone(), now);
        sinks.push(unit(0x41, 50), Instant::now());
        let seen = seen.0.lock().unwrap();
        assert_eq!(seen.iter().map(|(_, length)| *length).collect::<Vec<_>>(), [30, 40, 50]);
        assert!(seen[0].0 < seen[1].0 && seen[1].0 < now, "in a blink");
    }

    #[test]
    fn a_newcomer_gets_the_parameter_sets_however_long_ago_they_came() {
        let unit =
            |data: &[u8]| Picture { captured: Instant::now(), content: Content::H264(Bytes::copy_from_slice(data)) };
        let mut sinks = Sinks::default();
        sinks.push(unit(&[0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 1, 0x65, 4]), Instant::now());
        (0..3).for_each(|_| sinks.push(unit(&[0, 0, 1, 0x65, 4]), Instant::now()));
        let seen = Arc::new(Seen::default());
        sinks.attach("a".into(), seen.clone(), Instant::now());
        let sets = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x68, 3].len();
        assert_eq!(seen.0.lock().unwrap().iter().map(|(_, length)| *length).collect::<Vec<_>>(), [sets, 5]);
    }

    #[test]
    fn a_newcomer_gets_nothing_that_refers_to_lost_pictures() {
        let mut sinks = Sinks::default();
        let inbox = Arc::new(Losses::default());
        sinks.attach("a".into(), inbox.clone(), Instant::now());
        sinks.push(unit(0x65, 20), Instant::now());
        sinks.lost();
        sinks.push(unit(0x41, 30), Instant::now());
        let seen = Arc::new(Seen::default());
        sinks.attach("b".into(), seen.clone(), Instant::now());
        assert!(seen.0.lock().unwrap().is_empty());
        assert_eq!(
            *inbox.0.lock().unwrap(),
            ["picture", "lost", "picture"],
            "who came before is told where they are missing"
        );
    }

    #[derive(Default)]
    struct Losses(Mutex<Vec<&'static str>>);

    impl PictureSink for Losses {
        fn push(&self, _: &Arc<Picture>) {
            self.0.lock().unwrap().push("picture");
        }

        fn lost(&self) {
            self.0.lock().unwrap().push("lost");
        }
    }

    #[test]
    fn a_group_that_is_too_long_is_not_kept() {
        let mut sinks = Sinks::default();
        sinks.push(unit(0x65, 20), Instant::now());
        (0..GOP_PICTURES_MAX + 5).for_each(|_| sinks.push(unit(0x41, 10), Instant::now()));
        assert!(sinks.gop.is_empty());
        sinks.push(unit(0x65, GOP_BYTES_MAX + 1), Instant::now());
        sinks.push(unit(0x41, 10), Instant::now());
        assert!(sinks.gop.is_empty());
        sinks.push(unit(0x65, 20), Instant::now());
        assert_eq!(sinks.gop.len(), 1);
    }

    #[test]
    fn a_newcomer_gets_the_past_only_if_it_is_the_present_or_becomes_it_again() {
        let ms = Duration::from_millis;
        // How old the group is when the newcomer comes, and what it gets at once; the unit that comes then, how old that is
        // on its arrival, and what the newcomer has got after it.
        for (age, at_once, (kind, late), after) in [
            (ms(40), vec![20, 30], (0x41, ms(0)), vec![20, 30, 40]),
            (ms(1000), vec![20, 30], (0x41, ms(0)), vec![20, 30, 40]),
            (ms(1001), vec![], (0x41, ms(0)), vec![20, 30, 40]),
            (ms(60_000), vec![], (0x41, ms(20)), vec![20, 30, 40]),
            (ms(60_000), vec![], (0x65, ms(0)), vec![40]),
            (ms(60_000), vec![], (0x41, ms(2000)), vec![]),
        ] {
            let (mut sinks, start) = (Sinks::default(), Instant::now());
            let at = |captured, kind, length| Picture { captured, ..unit(kind, length) };
            sinks.push(at(start, 0x65, 20), start);
            sinks.push(at(start, 0x41, 30), start);
            let (seen, now) = (Arc::new(Seen::default()), start + age);
            let lengths = |seen: &Seen| seen.0.lock().unwrap().iter().map(|(_, length)| *length).collect::<Vec<_>>();
            sinks.attach("new".into(), seen.clone(), now);
            assert_eq!(lengths(&seen), at_once, "{age:?}");
            sinks.push(at(now, kind, 40), now + late);
            assert_eq!(lengths(&seen), after, "{age:?}");
            sinks.push(at(now + late, 0x41, 50), now + late);
            assert_eq!(lengths(&seen).last(), Some(&50), "{age:?}: then it gets what comes");
            let oldest = seen.0.lock().unwrap()[0].0;
            assert!(oldest + ms(100) >= now, "shown as the present");
        }
    }
}
