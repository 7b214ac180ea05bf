//! The actor that owns a stream's set of subscribers, and stops capture when it is empty.
//!
//! [`Disconnected`] is answered after the camera has let the device go, if it was the last
//! subscriber's. Until then the mailbox waits: a [`Subscribe`] that arrives during a stop is
//! served after it, in order, and never lost.
//!
//! If this actor dies, it lets its camera go. Its viewers watch its
//! [name](crate::supervisor::registered::Registered), and subscribe again when it is back.

mod rate;
mod subscribers;

use crate::board::{Board, ReleaseRecord, StreamState, milliseconds};
use crate::camera::{Abandon, Attach, Camera, CameraNotice, Detach, Detached};
use crate::departure::Cause;
use crate::ids::{CameraId, PeerId, StreamId};
use crate::media::{Frame, Origin};
use crate::ports::{Clock, Encode, EncodeEvent, EncodeEventKind, Encoding};
use crate::retry::Backoff;
use crate::supervisor::address::Recipient;
use crate::supervisor::context::Context;
use crate::supervisor::registered::Registered;
use crate::supervisor::spec::ExitReason;
use actix::prelude::*;
use rate::Rate;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subscribers::{GroupOfPictures, Subscribers};

/// Keyframes are forced no more often than this, whoever asks.
const KEYFRAME_SPACING: Duration = Duration::from_millis(250);

/// How a stream reaches one subscriber.
#[derive(Clone, Debug)]
pub struct Link {
    /// Takes frames as they come.
    pub frames: Recipient<Deliver>,
    /// Takes news.
    pub notices: Recipient<StreamNotice>,
}

/// One frame for a viewer. Dropped if its mailbox is full.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum Deliver {
    /// The next frame.
    Next {
        /// Whose.
        stream: StreamId,
        /// The frame.
        frame: Arc<Frame>,
    },
    /// Frames of the past that lead up to the present picture.
    Replay {
        /// Whose.
        stream: StreamId,
        /// The frames, from a keyframe on.
        frames: Vec<Arc<Frame>>,
    },
}

/// What a stream tells its subscribers.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub enum StreamNotice {
    /// Its state changed.
    State(StreamId, StreamState),
    /// Something is wrong; the stream goes on trying.
    Trouble {
        /// Which stream.
        stream: StreamId,
        /// Error code of the signalling protocol.
        code: &'static str,
        /// In words.
        message: String,
    },
}

/// A viewer wants this stream.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Subscribe {
    /// Who.
    pub peer: PeerId,
    /// How to reach it.
    pub link: Link,
    /// Whether its connection stands already.
    pub ready: bool,
}

/// The connection of a subscriber stands: send it a picture.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Ready {
    /// Who.
    pub peer: PeerId,
}

/// A subscriber cannot decode what it has (RTCP PLI or FIR, or frames were lost on the way).
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct KeyframeWanted;

/// A viewer is gone, or watches something else.
#[derive(Message, Debug)]
#[rtype(result = "Released")]
pub struct Disconnected {
    /// Who.
    pub peer: PeerId,
    /// By what its leaving was recognized; none if it went on to another stream.
    pub cause: Option<Cause>,
    /// When that was.
    pub at: Instant,
    /// Age of the last sign of life then.
    pub silence: Duration,
}

/// The answer to [`Disconnected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, MessageResponse)]
pub enum Released {
    /// It was the last subscriber, and the camera is closed.
    Closed {
        /// From the verdict to the closed descriptor.
        took: Duration,
    },
    /// Others still watch.
    Shared,
    /// It was no subscriber.
    Unknown,
}

/// The actor.
pub struct Stream {
    id: StreamId,
    camera_id: CameraId,
    camera: Registered<Camera>,
    encode: Arc<dyn Encode>,
    clock: Arc<dyn Clock>,
    board: Board,
    state: StreamState,
    subscribers: Subscribers<Link>,
    gop: GroupOfPictures,
    encoding: Option<(u64, Box<dyn Encoding>)>,
    sessions: u64,
    live_since: Option<Instant>,
    last_forced: Option<Instant>,
    forced_later: Option<SpawnHandle>,
    backoff: Backoff,
    chance: fn() -> f64,
    retry: Option<SpawnHandle>,
    rate: Rate,
    trouble: Option<StreamNotice>,
}

/// What a stream is made of.
pub struct StreamParts {
    /// Its name.
    pub id: StreamId,
    /// The name of its camera.
    pub camera_id: CameraId,
    /// Its camera.
    pub camera: Registered<Camera>,
    /// Makes its encoders.
    pub encode: Arc<dyn Encode>,
    /// Delays between attempts when the encoder fails.
    pub backoff: Backoff,
    /// Numbers uniform in 0..1, for jitter.
    pub chance: fn() -> f64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where its state is shown.
    pub board: Board,
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
            camera_id: parts.camera_id,
            camera: parts.camera,
            encode: parts.encode,
            clock: parts.clock,
            board: parts.board,
            state: StreamState::Idle,
            subscribers: Subscribers::default(),
            gop: GroupOfPictures::default(),
            encoding: None,
            sessions: 0,
            live_since: None,
            last_forced: None,
            forced_later: None,
            backoff: parts.backoff,
            chance: parts.chance,
            retry: None,
            rate: Rate::default(),
            trouble: None,
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

    /// Starts the encoder and asks the camera for pictures.
    fn start(&mut self, ctx: &mut Context<Self>) {
        self.sessions += 1;
        let encoding = self.encode.start(self.sessions, ctx.recipient());
        self.camera.do_send(Attach { stream: self.id.clone(), sink: encoding.sink(), notices: ctx.recipient() });
        self.encoding = Some((self.sessions, encoding));
        self.enter(StreamState::Starting);
    }

    /// Ends everything that runs for this stream, except for the camera.
    fn halt(&mut self, ctx: &mut Context<Self>) {
        for timer in [self.retry.take(), self.forced_later.take()].into_iter().flatten() {
            ctx.cancel_future(timer);
        }
        self.encoding = None;
        self.live_since = None;
        self.last_forced = None;
        self.trouble = None;
        self.gop.clear();
        self.rate = Rate::default();
    }

    fn frame(&mut self, frame: Arc<Frame>) {
        let now = self.clock.now();
        if self.live_since.is_none() {
            self.live_since = Some(now);
            self.trouble = None;
            self.board.stream(&self.id, |stream| {
                stream.last_error = None;
                stream.frames = 0;
            });
        }
        self.enter(StreamState::Live);
        let bitrate = self.rate.add(now, frame.len());
        self.board.count(|board| {
            if let Some(stream) = board.streams.get_mut(&self.id) {
                stream.bitrate_bps = bitrate;
                stream.frames += 1;
            }
        });
        self.gop.push(&frame);
        for link in self.subscribers.ready_ones() {
            // A viewer whose mailbox is full misses this frame, sees the gap in the numbers, and
            // goes on at the next keyframe. It never slows the others.
            let _ = link.frames.try_send(Deliver::Next { stream: self.id.clone(), frame: frame.clone() });
        }
    }

    fn encoder_ended(&mut self, reason: String, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let healthy = self.live_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.halt(ctx);
        let delay = self.backoff.failed(healthy, (self.chance)());
        log::error!("{}: {reason}; trying again in {} ms", self.path(), delay.as_millis());
        self.in_trouble("camera_failed", reason);
        self.enter(StreamState::Backoff);
        self.retry = Some(ctx.run_later(delay, |stream, ctx| {
            stream.retry = None;
            stream.start(ctx);
        }));
    }

    fn in_trouble(&mut self, code: &'static str, message: String) {
        self.board.stream(&self.id, |stream| stream.last_error = Some(message.clone()));
        let notice = StreamNotice::Trouble { stream: self.id.clone(), code, message };
        self.tell(&notice);
        self.trouble = Some(notice);
    }

    /// Forces an IDR now, or as soon as the last one is old enough.
    fn force_keyframe(&mut self, ctx: &mut Context<Self>) {
        let Some((_, encoding)) = &self.encoding else { return };
        let now = self.clock.now();
        let wait = self
            .last_forced
            .map_or(Duration::ZERO, |last| KEYFRAME_SPACING.saturating_sub(now.saturating_duration_since(last)));
        if wait.is_zero() {
            self.last_forced = Some(now);
            encoding.force_keyframe();
        } else if self.forced_later.is_none() {
            self.forced_later = Some(ctx.run_later(wait, |stream, ctx| {
                stream.forced_later = None;
                stream.force_keyframe(ctx);
            }));
        }
    }

    /// Sends a newcomer what it needs for its first picture.
    fn greet(&mut self, link: &Link, ctx: &mut Context<Self>) {
        let replay = self.gop.replay();
        if replay.is_empty() {
            self.force_keyframe(ctx);
        } else {
            debug_assert!(replay.iter().all(|frame| frame.origin == Origin::Device));
            let _ = link.frames.try_send(Deliver::Replay { stream: self.id.clone(), frames: replay.to_vec() });
        }
    }

    fn record(&self, message: &Disconnected, closed: Option<Duration>) {
        let Some(cause) = message.cause else { return };
        self.board.released(ReleaseRecord {
            at: self.clock.unix_ms(),
            stream: self.id.clone(),
            camera: self.camera_id.clone(),
            peer: message.peer.clone(),
            cause,
            detected_ms: milliseconds(message.silence),
            closed_ms: closed.map(milliseconds),
            returned_ms: None,
        });
    }
}

impl Actor for Stream {
    type Context = Context<Self>;
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.encoding.is_some() {
            self.camera.do_send(Abandon { stream: self.id.clone() });
        }
        let watched = !self.subscribers.is_empty();
        self.board.stream(&self.id, |stream| {
            stream.state = if watched { StreamState::Backoff } else { StreamState::Idle };
            stream.subscribers = vec![];
            stream.bitrate_bps = 0;
        });
    }
}

impl Handler<Subscribe> for Stream {
    type Result = ();

    fn handle(&mut self, message: Subscribe, ctx: &mut Self::Context) {
        let link = message.link;
        self.subscribers.add(message.peer, link.clone(), message.ready);
        self.show_subscribers();
        if self.state == StreamState::Idle {
            self.start(ctx);
        } else {
            link.notices.do_send(StreamNotice::State(self.id.clone(), self.state));
            if let Some(trouble) = &self.trouble {
                link.notices.do_send(trouble.clone());
            }
            if message.ready {
                self.greet(&link, ctx);
            }
        }
    }
}

impl Handler<Ready> for Stream {
    type Result = ();

    fn handle(&mut self, message: Ready, ctx: &mut Self::Context) {
        if let Some(link) = self.subscribers.ready(&message.peer).cloned() {
            self.greet(&link, ctx);
        }
    }
}

impl Handler<KeyframeWanted> for Stream {
    type Result = ();

    fn handle(&mut self, _: KeyframeWanted, ctx: &mut Self::Context) {
        self.force_keyframe(ctx);
    }
}

impl Handler<Disconnected> for Stream {
    type Result = AtomicResponse<Self, Released>;

    fn handle(&mut self, message: Disconnected, ctx: &mut Self::Context) -> Self::Result {
        if !self.subscribers.remove(&message.peer) {
            return AtomicResponse::new(Box::pin(actix::fut::ready(Released::Unknown)));
        }
        self.show_subscribers();
        if !self.subscribers.is_empty() {
            self.record(&message, None);
            return AtomicResponse::new(Box::pin(actix::fut::ready(Released::Shared)));
        }
        self.enter(StreamState::Stopping);
        self.halt(ctx);
        self.backoff.reset();
        let detach = self.camera.send(Detach { stream: self.id.clone() });
        AtomicResponse::new(Box::pin(detach.into_actor(self).map(move |result, stream, _| {
            let took = stream.clock.now().saturating_duration_since(message.at);
            stream.board.stream(&stream.id, |status| {
                status.bitrate_bps = 0;
                status.last_error = None;
            });
            stream.enter(StreamState::Idle);
            match result {
                // A camera that has died is not unreachable before its device is closed.
                Ok(Detached::Closed) | Err(_) => {
                    stream.record(&message, Some(took));
                    Released::Closed { took }
                }
                Ok(Detached::InUse | Detached::Stuck) => {
                    stream.record(&message, None);
                    Released::Shared
                }
            }
        })))
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
                if self.state == StreamState::Backoff {
                    self.enter(StreamState::Starting);
                }
            }
            CameraNotice::Failed(error) => {
                self.gop.clear();
                self.live_since = None;
                self.in_trouble(error.code(), error.to_string());
                self.enter(StreamState::Backoff);
            }
        }
    }
}
