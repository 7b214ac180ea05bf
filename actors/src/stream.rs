//! The actor that owns a stream's set of subscribers, and stops capture when it is empty.
//!
//! [`Disconnected`] is answered after the camera has let the device go, if it was the last
//! subscriber's. Until then the mailbox waits: a [`Subscribe`] that arrives during a stop is
//! served after it, in order, and never lost.
//!
//! A subscriber that is [suspect](Suspect) holds no camera open: if no other is left, capture stops in the
//! same way, and starts again when one proves to be [alive](Alive).
//!
//! If this actor dies, it lets its camera go. Its viewers watch its
//! [name](crate::supervisor::registered::Registered), and subscribe again when it is back.

mod asks;
mod bitrate;
mod first_picture;
mod keyframes;
mod messages;
mod routes;
mod slowest;
mod subscribers;

pub use messages::{
    Alive, Disconnected, KeyframeWanted, Link, LinkCarries, Ready, Released, StreamNotice, Subscribe, Suspect,
};

use crate::board::{Board, ReleaseRecord, StreamState, milliseconds};
use crate::camera::{Abandon, Attach, Camera, CameraNotice, Detach, Detached};
use crate::departure::Cause;
use crate::fanout::Deliver;
use crate::ids::{CameraId, StreamId};
use crate::media::Frame;
use crate::ports::{Clock, Encode, EncodeEvent, EncodeEventKind, Encoding};
use crate::retry::{Next, Retry};
use crate::supervisor::context::Context;
use crate::supervisor::registered::Registered;
use crate::supervisor::spec::ExitReason;
use actix::prelude::*;
use bitrate::Bitrate;
use keyframes::Keyframes;
use routes::Routes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subscribers::{Due, GroupOfPictures, Replay, Subscribers};

/// The actor.
pub struct Stream {
    id: StreamId,
    known_as: StreamId,
    camera_id: CameraId,
    camera: Registered<Camera>,
    encode: Arc<dyn Encode>,
    clock: Arc<dyn Clock>,
    board: Board,
    state: StreamState,
    subscribers: Subscribers<Link>,
    routes: Routes,
    pause_on_suspicion: bool,
    gop: GroupOfPictures,
    encoding: Option<(u64, Box<dyn Encoding>)>,
    sessions: u64,
    live_since: Option<Instant>,
    keyframes: Keyframes,
    bitrate: Bitrate,
    /// The timer by which that is looked at.
    rises: Option<SpawnHandle>,
    attempts: Retry,
    chance: fn() -> f64,
    /// The timer of the next attempt.
    retry: Option<SpawnHandle>,
    trouble: Option<StreamNotice>,
    /// When its camera last failed: frames from before that come too late to say that all is well.
    failed_at: Option<Instant>,
}

/// What a stream is made of.
pub struct StreamParts {
    /// Its name.
    pub id: StreamId,
    /// The name that viewers know it by: another one if this is a small rendition.
    pub known_as: StreamId,
    /// The name of its camera.
    pub camera_id: CameraId,
    /// Its camera.
    pub camera: Registered<Camera>,
    /// Makes its encoders.
    pub encode: Arc<dyn Encode>,
    /// When to try again if the encoder fails.
    pub retry: Retry,
    /// Numbers uniform in 0..1, for jitter.
    pub chance: fn() -> f64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where its state is shown.
    pub board: Board,
    /// Whether suspects hold no camera open. Not for devices that take long to open.
    pub pause_on_suspicion: bool,
}

impl Stream {
    /// A stream, idle.
    pub fn new(parts: StreamParts) -> Self {
        parts.board.stream(&parts.id, |stream| {
            stream.state = StreamState::Idle;
            stream.last_error = None;
        });
        Self {
            id: parts.id,
            known_as: parts.known_as,
            camera_id: parts.camera_id,
            camera: parts.camera,
            encode: parts.encode,
            clock: parts.clock,
            board: parts.board,
            state: StreamState::Idle,
            subscribers: Subscribers::default(),
            routes: Routes::default(),
            pause_on_suspicion: parts.pause_on_suspicion,
            gop: GroupOfPictures::default(),
            encoding: None,
            sessions: 0,
            live_since: None,
            keyframes: Keyframes::default(),
            bitrate: Bitrate::default(),
            rises: None,
            attempts: parts.retry,
            chance: parts.chance,
            retry: None,
            trouble: None,
            failed_at: None,
        }
    }

    fn path(&self) -> String {
        format!("root/cameras/{}/stream-{}", self.camera_id, self.id)
    }

    fn enter(&mut self, state: StreamState) {
        if self.state == state {
            return;
        }
        log::info!("{}: {}", self.path(), state.as_str());
        self.state = state;
        self.board.stream(&self.id, |stream| stream.state = state);
        self.tell(&StreamNotice::State(self.id.clone(), state));
    }

    fn tell(&self, notice: &StreamNotice) {
        for link in self.subscribers.all() {
            link.notices.do_send(notice.clone());
        }
    }

    fn show_subscribers(&self) {
        let names = self.subscribers.names();
        self.board.stream(&self.id, |stream| stream.subscribers = names);
    }

    /// Whether somebody is there for whom the camera has to be open.
    fn is_wanted(&self) -> bool {
        match self.pause_on_suspicion {
            true => self.subscribers.anybody_present(),
            false => !self.subscribers.is_empty(),
        }
    }

    /// Nothing runs.
    fn is_at_rest(&self) -> bool {
        matches!(self.state, StreamState::Idle | StreamState::Paused)
    }

    /// Starts the encoder and asks the camera for pictures.
    fn start(&mut self, ctx: &mut Context<Self>) {
        self.sessions += 1;
        self.attempts.tries(self.clock.now());
        let encoding = self.encode.start(self.sessions, ctx.recipient());
        self.camera.do_send(Attach { stream: self.id.clone(), sink: encoding.sink(), notices: ctx.recipient() });
        self.encoding = Some((self.sessions, encoding));
        self.enter(StreamState::Starting);
    }

    /// Ends everything that runs for this stream, except for the camera.
    fn halt(&mut self, ctx: &mut Context<Self>) {
        for timer in [self.retry.take(), self.keyframes.forget(), self.rises.take()].into_iter().flatten() {
            ctx.cancel_future(timer);
        }
        self.encoding = None;
        self.bitrate = Bitrate::default();
        self.board.stream(&self.id, |stream| stream.limited_to_bps = None);
        self.live_since = None;
        self.trouble = None;
        self.failed_at = None;
        self.gop = GroupOfPictures::default();
        // They keep the connections of those who watched.
        self.routes = Routes::default();
    }

    fn frame(&mut self, frame: Arc<Frame>) {
        let now = self.clock.now();
        if self.failed_at.is_some_and(|failed| frame.captured <= failed) {
            return;
        }
        if self.live_since.is_none() {
            self.live_since = Some(now);
            self.attempts.works(now);
            self.trouble = None;
            self.board.stream(&self.id, |stream| {
                stream.last_error = None;
                stream.frames = 0;
            });
        }
        self.enter(StreamState::Live);
        self.board.count(|board| {
            if let Some(stream) = board.streams.get_mut(&self.id) {
                stream.rate.add(now, frame.len());
                stream.frames += 1;
            }
        });
        self.gop.push(&frame);
        if self.routes.is_of(self.subscribers.version()) || self.follow_subscribers() {
            return self.routes.send(&Deliver::Next { stream: self.id.clone(), frame });
        }
        let group = self.gop.replay(now);
        let due: Vec<(&Link, Due)> = self.subscribers.due(&group).collect();
        let all = |which| due.iter().filter(move |(_, due)| *due == which).map(|(link, _)| *link);
        if let Replay::Fresh(frames) = &group {
            Routes::send_once(all(Due::Replay), &Deliver::replay(&self.id, frames));
        }
        Routes::send_once(all(Due::Next), &Deliver::Next { stream: self.id.clone(), frame });
    }

    /// Brings the routes up to the subscribers; whether all of them are sent the same.
    fn follow_subscribers(&mut self) -> bool {
        let steady = self.subscribers.steady();
        let follows = steady.is_some();
        if let Some(links) = steady {
            self.routes.update(self.subscribers.version(), links);
        }
        follows
    }

    fn encoder_ended(&mut self, reason: String, ctx: &mut Context<Self>) {
        self.halt(ctx);
        match self.attempts.failed(self.clock.now(), (self.chance)()) {
            Next::Delay(delay) => {
                log::error!("{}: {reason}; trying again in {} ms", self.path(), delay.as_millis());
                self.in_trouble("camera_failed", reason);
                self.enter(StreamState::Backoff);
                self.retry = Some(ctx.run_later(delay, |stream, ctx| {
                    stream.retry = None;
                    stream.start(ctx);
                }));
            }
            Next::GiveUp { attempts } => self.give_up(&reason, attempts),
        }
    }

    fn give_up(&mut self, reason: &str, attempts: u32) {
        let words = format!(
            "stream {} has failed: {reason}; {attempts} attempts in a row have failed, and it is tried again when a new \
             viewer comes, or on POST /debug/actors/{}/restart",
            self.id,
            self.path()
        );
        log::error!("{}: {words}", self.path());
        // Nobody sees the camera's pictures now.
        self.camera.do_send(Detach { stream: self.id.clone() });
        self.enter(StreamState::Failed);
        self.in_trouble("camera_failed", words);
    }

    fn in_trouble(&mut self, code: &'static str, message: String) {
        self.board.stream(&self.id, |stream| stream.last_error = Some(message.clone()));
        let notice = StreamNotice::Trouble { stream: self.id.clone(), code, message };
        self.tell(&notice);
        self.trouble = Some(notice);
    }

    /// Stops capture: nobody is left for whom the camera has to be open. What is returned resolves when the
    /// device is closed.
    fn stop(&mut self, message: Disconnected, ctx: &mut Context<Self>) -> ResponseActFuture<Self, Released> {
        self.enter(StreamState::Stopping);
        self.halt(ctx);
        self.attempts.reset(self.clock.now());
        let detach = self.camera.send(Detach { stream: self.id.clone() });
        Box::pin(detach.into_actor(self).map(move |result, stream, _| {
            let took = stream.clock.now().saturating_duration_since(message.at);
            stream.board.stream(&stream.id, |status| {
                status.rate.rest();
                status.last_error = None;
            });
            let empty = stream.subscribers.is_empty();
            stream.enter(if empty { StreamState::Idle } else { StreamState::Paused });
            let (ordered, closed) = match result {
                Ok(Detached::Closed { ordered }) => (ordered, Some(took)),
                // A camera that has died is not unreachable before its device is closed.
                Err(_) => (None, Some(took)),
                Ok(Detached::Stuck { ordered }) => (ordered, None),
                Ok(Detached::InUse) => (None, None),
            };
            stream.record(&message, ordered, closed);
            closed.map_or(Released::Shared, |took| Released::Closed { took })
        }))
    }

    fn record(&self, message: &Disconnected, ordered: Option<Instant>, closed: Option<Duration>) {
        let Some(cause) = message.cause else { return };
        self.board.released(ReleaseRecord {
            at: self.clock.unix_ms(),
            stream: self.known_as.clone(),
            camera: self.camera_id.clone(),
            peer: message.peer.clone(),
            cause,
            detected_ms: milliseconds(message.silence),
            stop_ms: ordered.map(|ordered| milliseconds(ordered.saturating_duration_since(message.at))),
            closed_ms: closed.map(milliseconds),
        });
    }
}

impl Actor for Stream {
    type Context = Context<Self>;
}

impl Drop for Stream {
    fn drop(&mut self) {
        // In a backoff it has no encoder, but its camera.
        if !self.is_at_rest() && self.state != StreamState::Stopping {
            self.camera.do_send(Abandon { stream: self.id.clone() });
        }
        let watched = !self.subscribers.is_empty();
        self.board.stream(&self.id, |stream| {
            stream.state = if watched { StreamState::Backoff } else { StreamState::Idle };
            stream.subscribers = vec![];
            stream.rate.rest();
            stream.limited_to_bps = None;
        });
    }
}

impl Handler<Subscribe> for Stream {
    type Result = ();

    fn handle(&mut self, message: Subscribe, ctx: &mut Self::Context) {
        let link = message.link;
        let peer = message.peer;
        self.subscribers.add(peer.clone(), link.clone(), message.ready, message.suspect);
        self.show_subscribers();
        if self.state == StreamState::Failed && self.is_wanted() {
            // Somebody new asks: that is a reason to try again.
            self.halt(ctx);
            self.start(ctx);
        } else if self.is_at_rest() && self.is_wanted() {
            self.start(ctx);
        } else if self.is_at_rest() {
            self.enter(StreamState::Paused);
        } else {
            link.notices.do_send(StreamNotice::State(self.id.clone(), self.state));
            if let Some(trouble) = &self.trouble {
                link.notices.do_send(trouble.clone());
            }
            if message.ready {
                self.send_first_picture(&peer, &link, ctx);
            }
        }
    }
}

impl Handler<Ready> for Stream {
    type Result = ();

    fn handle(&mut self, message: Ready, ctx: &mut Self::Context) {
        if let Some(link) = self.subscribers.ready(&message.peer).cloned() {
            self.send_first_picture(&message.peer, &link, ctx);
        }
    }
}

impl Handler<Disconnected> for Stream {
    type Result = AtomicResponse<Self, Released>;

    fn handle(&mut self, message: Disconnected, ctx: &mut Self::Context) -> Self::Result {
        if !self.subscribers.remove(&message.peer) {
            return AtomicResponse::new(Box::pin(actix::fut::ready(Released::Unknown)));
        }
        self.show_subscribers();
        let at_once = |released| AtomicResponse::new(Box::pin(actix::fut::ready(released)));
        if self.is_at_rest() {
            // The camera was let go when the last subscriber became suspect; that was the release.
            if self.subscribers.is_empty() {
                self.enter(StreamState::Idle);
            }
            return at_once(Released::Closed { took: Duration::ZERO });
        }
        if self.is_wanted() {
            self.record(&message, None, None);
            return at_once(Released::Shared);
        }
        AtomicResponse::new(self.stop(message, ctx))
    }
}

impl Handler<Suspect> for Stream {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Suspect { peer, at, silence }: Suspect, ctx: &mut Self::Context) -> Self::Result {
        let news = self.subscribers.suspect(&peer, true).is_some();
        if !news || self.is_wanted() || self.is_at_rest() {
            return AtomicResponse::new(Box::pin(actix::fut::ready(())));
        }
        let released = Disconnected { peer, cause: Some(Cause::Suspected), at, silence };
        AtomicResponse::new(Box::pin(self.stop(released, ctx).map(|_, _, _| ())))
    }
}

impl Handler<Alive> for Stream {
    type Result = ();

    fn handle(&mut self, Alive { peer }: Alive, ctx: &mut Self::Context) {
        let Some(link) = self.subscribers.suspect(&peer, false).cloned() else { return };
        if self.is_at_rest() {
            self.start(ctx);
        } else if self.subscribers.is_ready(&peer) {
            self.send_first_picture(&peer, &link, ctx);
        }
    }
}

impl Handler<EncodeEvent> for Stream {
    type Result = ();

    fn handle(&mut self, event: EncodeEvent, ctx: &mut Self::Context) {
        if self.encoding.as_ref().map(|(session, _)| *session) != Some(event.session) {
            return; // from an encoder that was let go meanwhile
        }
        match event.kind {
            EncodeEventKind::Frame(frame) => self.frame(frame),
            EncodeEventKind::LeftOut => self.board.count(|board| {
                if let Some(stream) = board.streams.get_mut(&self.id) {
                    stream.left_out += 1;
                }
            }),
            EncodeEventKind::Ended(reason) => self.encoder_ended(reason, ctx),
            EncodeEventKind::Panicked(words) => {
                ctx.exit(ExitReason::Panic(format!("in the encoder's thread: {words}")));
            }
        }
    }
}

impl Handler<CameraNotice> for Stream {
    type Result = ();

    fn handle(&mut self, notice: CameraNotice, _: &mut Self::Context) {
        if self.encoding.is_none() {
            return;
        }
        match notice {
            CameraNotice::Capturing => {
                self.trouble = None;
                self.failed_at = None;
                if matches!(self.state, StreamState::Backoff | StreamState::Failed) {
                    self.enter(StreamState::Starting);
                }
            }
            CameraNotice::Failed(error) => {
                self.failed_at = Some(self.clock.now());
                self.gop = GroupOfPictures::default();
                self.live_since = None;
                self.in_trouble(error.code(), error.to_string());
                self.enter(StreamState::Backoff);
            }
            CameraNotice::GivenUp(words) => {
                self.failed_at = Some(self.clock.now());
                self.gop = GroupOfPictures::default();
                self.live_since = None;
                self.enter(StreamState::Failed);
                self.in_trouble("camera_failed", words);
            }
        }
    }
}
