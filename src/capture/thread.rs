//! The thread that owns an open device: how it is woken, where its pictures go, and how its end
//! is reported.

use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Picture, PictureSink};
use lenscap_actors::ports::{CaptureError, CaptureEvent, CaptureEventKind, CaptureEvents, CaptureInfo, OpenCapture};
use lenscap_actors::supervisor::life::words;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Where the pictures go: one sink a stream.
#[derive(Clone, Default)]
struct Outlets(Arc<Mutex<BTreeMap<StreamId, Arc<dyn PictureSink>>>>);

impl Outlets {
    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<StreamId, Arc<dyn PictureSink>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a source's thread works with.
pub struct Session {
    outlets: Outlets,
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
    Ready([bool; 2]),
    /// The time is up.
    Timeout,
}

impl Session {
    /// Reports that pictures come.
    pub fn opened(&self, info: CaptureInfo) {
        self.events.do_send(CaptureEvent { session: self.id, kind: CaptureEventKind::Opened(info) });
    }

    /// Reports that a picture was broken.
    pub fn left_out(&self) {
        // Who is too busy to hear it will count the next.
        let _ = self.events.try_send(CaptureEvent { session: self.id, kind: CaptureEventKind::LeftOut });
    }

    /// Hands a picture to every stream.
    pub fn push(&self, picture: Picture) {
        let picture = Arc::new(picture);
        self.outlets.with(|outlets| outlets.values().for_each(|sink| sink.push(&picture)));
    }

    /// Waits until one of up to two descriptors can be read or has failed, the camera is to be
    /// closed, or the time is up. None waits without limit.
    pub fn wait(&self, fds: &[&dyn AsFd], timeout: Option<Duration>) -> Result<Woken, rustix::io::Errno> {
        debug_assert!(fds.len() <= 2);
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
                    return Ok(Woken::Ready([ready(1), ready(2)]));
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
struct Handle {
    outlets: Outlets,
    wake: Arc<OwnedFd>,
    closed: Option<oneshot::Receiver<()>>,
}

impl Handle {
    fn stop(&self) {
        // Cannot fail: the counter is far from its limit.
        let _ = rustix::io::write(&*self.wake, &1u64.to_ne_bytes());
    }
}

impl OpenCapture for Handle {
    fn attach(&self, stream: StreamId, sink: Arc<dyn PictureSink>) {
        self.outlets.with(|outlets| outlets.insert(stream, sink));
    }

    fn detach(&self, stream: &StreamId) {
        self.outlets.with(|outlets| outlets.remove(stream));
    }

    fn close(mut self: Box<Self>) -> oneshot::Receiver<()> {
        self.stop();
        // Taken once only, as `self` is consumed; a fresh receiver would fail at once, which
        // callers read as closed.
        self.closed.take().unwrap_or_else(|| oneshot::channel().1)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A device that could not even be begun to be opened.
struct Stillborn;

impl OpenCapture for Stillborn {
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
        Box::new(Stillborn)
    })
}

fn start(
    name: &str,
    id: u64,
    events: CaptureEvents,
    run: impl FnOnce(&Session) -> Result<(), CaptureError> + Send + 'static,
) -> std::io::Result<Box<dyn OpenCapture>> {
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let outlets = Outlets::default();
    let (report_closed, closed) = oneshot::channel();
    let session = Session { outlets: outlets.clone(), wake: wake.clone(), id, events };
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
    Ok(Box::new(Handle { outlets, wake, closed: Some(closed) }))
}
