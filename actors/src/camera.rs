//! The actor that owns a capture device.
//!
//! It opens the device when the first stream attaches and closes it when the last one detaches;
//! the answer to that [`Detach`] comes after the descriptor is closed. While it waits for that,
//! its mailbox waits too, so an [`Attach`] that arrives meanwhile is served afterwards, in order.
//!
//! What a device reports (it is not there, it is busy, its program ended) is an expected error: the
//! camera tries again by itself, as its [`retry`](crate::retry) policy says. If the camera's own actor or its capture thread fails, that is
//! its supervisor's business; the device is closed before anything is started again.

mod closing;
mod messages;

pub use closing::Unclosed;
pub use messages::{Abandon, Attach, AwaitClosed, CameraNotice, Detach, Detached};

use crate::board::{Board, CameraState, CameraStatus};
use crate::group::{Answer, Group, Permit, Turn};
use crate::ids::{CameraId, StreamId};
use crate::media::PictureSink;
use crate::ports::{Capture, CaptureError, CaptureEvent, CaptureEventKind, CaptureInfo, Clock, OpenCapture, Plugged};
use crate::retry::{Next, Retry};
use crate::shutdown::Budget;
use crate::supervisor::context::Context;
use crate::supervisor::incarnation::Cleanup;
use crate::supervisor::recipient::Recipient;
use crate::supervisor::spec::ExitReason;
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a device stays open for the return of a stream that died.
const KEEP_OPEN: Duration = Duration::from_millis(60);

struct Attachment {
    sink: Arc<dyn PictureSink>,
    notices: Recipient<CameraNotice>,
}

struct OpenDevice {
    session: u64,
    device: Box<dyn OpenCapture>,
    capturing: bool,
    permit: Option<Permit>,
}

impl OpenDevice {
    /// Closes the device, and then lets the next of its group have its turn.
    fn close(self) -> Closing {
        let Self { device, permit, .. } = self;
        if let Some(permit) = &permit {
            permit.closing();
        }
        let closed = device.close();
        let closing = async move {
            // An error means that the thread died, and with it the descriptor.
            let _ = closed.await;
            drop(permit);
        };
        closing.boxed().shared()
    }
}

type Closing = Shared<BoxFuture<'static, ()>>;

/// What a camera is made of.
pub struct CameraParts {
    /// Its name.
    pub id: CameraId,
    /// Opens its device.
    pub capture: Arc<dyn Capture>,
    /// When to try again if the device fails.
    pub retry: Retry,
    /// Numbers uniform in 0..1, for jitter.
    pub chance: fn() -> f64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where its state is shown.
    pub board: Board,
    /// Cameras of which only one is open at a time, if it belongs to such a group.
    pub group: Option<Group>,
    /// Keeps it from counting as dead before its device is closed.
    pub cleanup: Cleanup,
    /// What an incarnation before it may not have closed in time.
    pub unclosed: Unclosed,
}

/// The actor.
pub struct Camera {
    id: CameraId,
    capture: Arc<dyn Capture>,
    clock: Arc<dyn Clock>,
    board: Board,
    cleanup: Cleanup,
    unclosed: Unclosed,
    attached: BTreeMap<StreamId, Attachment>,
    running: Option<OpenDevice>,
    closing: Option<Closing>,
    group: Option<Group>,
    /// It waits for its turn.
    waiting: bool,
    /// The device is known to be unplugged.
    absent: bool,
    watch: Option<Box<dyn Send>>,
    sessions: u64,
    attempts: Retry,
    /// The timer of the next attempt.
    retry: Option<SpawnHandle>,
    keep_open: Option<SpawnHandle>,
    chance: fn() -> f64,
}

impl Camera {
    /// A camera, closed; or not yet, if the incarnation before it could not close it in time.
    pub fn new(parts: CameraParts) -> Self {
        let camera = Self {
            id: parts.id,
            capture: parts.capture,
            clock: parts.clock,
            board: parts.board,
            cleanup: parts.cleanup,
            closing: parts.unclosed.take(),
            unclosed: parts.unclosed,
            attached: BTreeMap::new(),
            running: None,
            group: parts.group,
            waiting: false,
            absent: false,
            watch: None,
            sessions: 0,
            attempts: parts.retry,
            retry: None,
            keep_open: None,
            chance: parts.chance,
        };
        camera.board.camera(&camera.id, |status| match camera.closing {
            None => show_closed(status, CameraState::Closed),
            Some(_) => status.state = CameraState::Closing,
        });
        camera
    }

    /// Opens the device, or waits for its turn.
    fn open(&mut self, ctx: &mut Context<Self>) {
        let Some(group) = &self.group else { return self.begin(None, ctx) };
        match group.request(&self.id, ctx.recipient()) {
            Answer::Granted(permit) => self.begin(Some(permit), ctx),
            Answer::Soon => {
                self.waiting = true;
                self.board.camera(&self.id, |camera| camera.state = CameraState::Opening);
            }
            Answer::Held(holder) => {
                self.waiting = true;
                let group = group.name().to_owned();
                self.wait_for(CaptureError::GroupBusy { group, holder });
            }
        }
    }

    /// It is not this camera's turn before another's ends, and that may take long.
    fn wait_for(&mut self, error: CaptureError) {
        log::info!("root/cameras/{}/device: {error}", self.id);
        self.show_trouble(&error, CameraState::Backoff);
        self.notify(&CameraNotice::Failed(error));
    }

    fn begin(&mut self, permit: Option<Permit>, ctx: &mut Context<Self>) {
        self.waiting = false;
        self.sessions += 1;
        self.attempts.tries(self.clock.now());
        let device = self.capture.open(self.sessions, ctx.recipient());
        for (stream, attachment) in &self.attached {
            device.attach(stream.clone(), attachment.sink.clone());
        }
        self.running = Some(OpenDevice { session: self.sessions, device, capturing: false, permit });
        self.board.camera(&self.id, |camera| {
            camera.state = CameraState::Opening;
            camera.opens += 1;
        });
        log::info!("root/cameras/{}/device: opening", self.id);
    }

    fn opened(&mut self, info: CaptureInfo) {
        let now = self.clock.now();
        if let Some(running) = &mut self.running {
            running.capturing = true;
        }
        self.attempts.works(now);
        log::info!("root/cameras/{}/device: capturing {} from {}", self.id, info.format, info.device);
        let opened_at = self.clock.unix_ms();
        self.board.camera(&self.id, |camera| {
            camera.state = CameraState::Capturing;
            camera.device = Some(info.device);
            camera.format = Some(info.format);
            camera.fps = (info.fps > 0.0).then_some(info.fps);
            camera.opened_at = Some(opened_at);
            camera.last_error = info.warning;
        });
        self.notify(&CameraNotice::Capturing);
    }

    fn ended(&mut self, error: CaptureError, ctx: &mut Context<Self>) {
        self.running = None;
        self.board.camera(&self.id, |camera| camera.failures += 1);
        let missing = matches!(error, CaptureError::Absent { .. } | CaptureError::Unplugged { .. });
        let stalled = error.is_stall();
        let next = self.next(missing, stalled);
        if let Some(Next::GiveUp { attempts }) = next {
            return self.give_up(&error, attempts);
        }
        self.show_trouble(&error, if missing { CameraState::Absent } else { CameraState::Backoff });
        let words = error.to_string();
        self.notify(&CameraNotice::Failed(error));
        if stalled {
            // Not an error that the device knows of: its supervisor starts it afresh.
            ctx.exit(ExitReason::Error(words));
        } else if self.attached.is_empty() {
            self.rest();
        } else if let Some(Next::Delay(delay)) = next {
            log::warn!("root/cameras/{}/device: {words}; trying again in {} ms", self.id, delay.as_millis());
            self.retry = Some(ctx.run_later(delay, |camera, ctx| {
                camera.retry = None;
                camera.open(ctx);
            }));
        } else {
            log::warn!("root/cameras/{}/device: {words}; waiting for it", self.id);
        }
    }

    /// What to do about a failure; nothing if somebody else will.
    fn next(&mut self, missing: bool, stalled: bool) -> Option<Next> {
        let (now, chance) = (self.clock.now(), (self.chance)());
        if stalled || self.attached.is_empty() {
            None
        } else if self.absent || (missing && self.watch.is_some()) {
            // Its return will be told; what is told of its absence may come after this.
            let delay = self.attempts.absent(now, chance);
            (!self.absent).then_some(Next::Delay(delay))
        } else {
            Some(self.attempts.failed(now, chance))
        }
    }

    fn give_up(&self, error: &CaptureError, attempts: u32) {
        let id = &self.id;
        let plug = if self.watch.is_some() { ", when it is plugged in again" } else { "" };
        let words = format!(
            "camera {id} has failed: {error}; {attempts} attempts in a row have failed, and it is tried again when a \
             new viewer comes{plug}, or on POST /debug/actors/root/cameras/{id}/restart"
        );
        log::error!("root/cameras/{id}/device: {words}");
        self.board.camera(id, |camera| {
            show_closed(camera, CameraState::Failed);
            camera.last_error = Some(words.clone());
        });
        self.notify(&CameraNotice::GivenUp(words));
    }

    fn show_trouble(&self, error: &CaptureError, state: CameraState) {
        self.board.camera(&self.id, |camera| {
            show_closed(camera, state);
            camera.last_error = Some(error.to_string());
        });
    }

    fn cancel_retry(&mut self, ctx: &mut Context<Self>) {
        if let Some(retry) = self.retry.take() {
            ctx.cancel_future(retry);
        }
    }

    /// Forgets that it was about to close.
    fn stay(&mut self, ctx: &mut Context<Self>) {
        if let Some(keep_open) = self.keep_open.take() {
            ctx.cancel_future(keep_open);
        }
    }

    /// It neither runs nor is about to.
    fn is_at_rest(&self) -> bool {
        self.running.is_none() && self.retry.is_none() && !self.waiting
    }

    /// How it is shown while nobody wants it.
    fn show_rest(&self) {
        let state = if self.absent { CameraState::Absent } else { CameraState::Closed };
        self.board.camera(&self.id, |camera| show_closed(camera, state));
    }

    fn notify(&self, notice: &CameraNotice) {
        for attachment in self.attached.values() {
            attachment.notices.do_send(notice.clone());
        }
    }
}

fn show_closed(status: &mut CameraStatus, state: CameraState) {
    status.state = state;
    status.device = None;
    status.format = None;
    status.fps = None;
    status.opened_at = None;
}

impl Actor for Camera {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.watch = self.capture.watch(ctx.recipient());
        if let Some(closing) = self.closing.clone() {
            self.rest_when(closing, ctx);
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // However the actor ends, its end is not complete before the device is closed.
        if let (true, Some(group)) = (self.waiting, &self.group) {
            group.withdraw(&self.id);
        }
        let Some(closing) = self.close() else {
            self.board.camera(&self.id, |camera| show_closed(camera, CameraState::Closed));
            return;
        };
        self.unclosed.keep(&closing);
        let (id, board, unclosed) = (self.id.clone(), self.board.clone(), self.unclosed.clone());
        self.cleanup.wait_for(async move {
            closing.clone().await;
            if unclosed.is_closed(&closing) {
                board.camera(&id, |camera| show_closed(camera, CameraState::Closed));
            }
        });
    }
}

impl Handler<Attach> for Camera {
    type Result = ();

    fn handle(&mut self, message: Attach, ctx: &mut Self::Context) {
        self.stay(ctx);
        if let Some(running) = &self.running {
            running.device.attach(message.stream.clone(), message.sink.clone());
            if running.capturing {
                message.notices.do_send(CameraNotice::Capturing);
            }
        }
        self.attached.insert(message.stream, Attachment { sink: message.sink, notices: message.notices });
        if self.running.is_none() && self.retry.is_none() {
            self.open(ctx);
        }
    }
}

impl Handler<Detach> for Camera {
    type Result = AtomicResponse<Self, Detached>;

    fn handle(&mut self, message: Detach, ctx: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(self.release(&message.stream, ctx))
    }
}

impl Handler<Abandon> for Camera {
    type Result = ();

    fn handle(&mut self, Abandon { stream }: Abandon, ctx: &mut Self::Context) {
        let last = self.attached.len() == 1 && self.attached.contains_key(&stream);
        let Some(running) = self.running.as_ref().filter(|_| last) else {
            let release = self.release(&stream, ctx);
            return ctx.wait(release.map(|_, _, _| ()));
        };
        running.device.detach(&stream);
        self.attached.remove(&stream);
        self.keep_open = Some(ctx.run_later(KEEP_OPEN, move |camera, ctx| {
            camera.keep_open = None;
            let release = camera.release(&stream, ctx);
            ctx.wait(release.map(|_, _, _| ()));
        }));
    }
}

impl Handler<AwaitClosed> for Camera {
    type Result = AtomicResponse<Self, Detached>;

    fn handle(&mut self, _: AwaitClosed, ctx: &mut Self::Context) -> Self::Result {
        let nobody = StreamId::from("");
        AtomicResponse::new(self.release(&nobody, ctx))
    }
}

impl Handler<CaptureEvent> for Camera {
    type Result = ();

    fn handle(&mut self, event: CaptureEvent, ctx: &mut Self::Context) {
        if self.running.as_ref().map(|running| running.session) != Some(event.session) {
            return; // from a device that was closed meanwhile
        }
        match event.kind {
            CaptureEventKind::Opened(info) => self.opened(info),
            CaptureEventKind::LeftOut => self.board.count(|board| {
                if let Some(camera) = board.cameras.get_mut(&self.id) {
                    camera.left_out += 1;
                }
            }),
            CaptureEventKind::Failing(error) => {
                ctx.run_later(Budget::USUAL.closing(), move |camera, _| camera.still_fails(event.session, error));
            }
            CaptureEventKind::Ended(error) => self.ended(error, ctx),
            CaptureEventKind::Panicked(words) => {
                self.running = None;
                ctx.exit(ExitReason::Panic(format!("in the capture thread: {words}")));
            }
        }
    }
}

impl Handler<Turn> for Camera {
    type Result = ();

    fn handle(&mut self, turn: Turn, ctx: &mut Self::Context) {
        // If nobody wants it any more, the permit is dropped and the turn passes on.
        if !self.waiting || self.running.is_some() {
            return;
        }
        match turn {
            Turn::Come(permit) => self.begin(Some(permit), ctx),
            Turn::Later { group, holder } => self.wait_for(CaptureError::GroupBusy { group, holder }),
        }
    }
}

impl Handler<Plugged> for Camera {
    type Result = ();

    fn handle(&mut self, plugged: Plugged, ctx: &mut Self::Context) {
        let absent = plugged == Plugged::Out;
        if std::mem::replace(&mut self.absent, absent) == absent || self.running.is_some() {
            return; // one that runs is told by its device, sooner than by anything else
        }
        log::info!("root/cameras/{}/device: plugged {}", self.id, if absent { "out" } else { "in" });
        if self.attached.is_empty() {
            return self.show_rest();
        }
        self.cancel_retry(ctx);
        if absent {
            self.board.camera(&self.id, |camera| camera.state = CameraState::Absent);
        } else if self.is_at_rest() {
            self.attempts.reset(self.clock.now());
            self.open(ctx);
        }
    }
}
