//! The actor that *is* one viewer's connection: it owns the sans-I/O state machine, and time and
//! datagrams are given to it.
//!
//! It says that its viewer is gone once, whatever number of signs arrive, and whoever brought the
//! sign is answered after the stream has answered, that is, after the camera is closed if nobody
//! else watches.

mod attaching;
mod carries;
mod choice;
mod connection;
mod exchange;
mod inbound;
mod messages;
mod outbox;
mod parts;
mod rendition;
mod restart;
mod shows;
mod silence;
mod status;
pub mod subscription;
mod switching;
mod told;

pub use messages::{
    Ask, Attach, Carry, Drops, Follows, Hangup, IceSession, Leave, Line, RestartError, RestartIce, Restarted, Signal,
    Switch, UnknownStream,
};
pub use parts::{Directory, PeerParts, PeerTimeouts, Seat};
pub use shows::Shown;
pub use told::Carried;

use crate::board::{Board, PeerState, PeerStatus, StreamState, VerdictRecord, milliseconds};
use crate::departure::silence::Silence;
use crate::departure::{Cause, Presence, Verdict};
use crate::fanout::MediaQueue;
use crate::ids::{PeerId, StreamId};
use crate::ports::{Clock, Datagrams};
use crate::stream::{KeyframeWanted, Link, Ready, StreamNotice};
use crate::supervisor::context::Context;
use crate::supervisor::registered::{Standing, StandingChanged};
use actix::prelude::*;
use carries::Carries;
use choice::Choice;
use connection::{Begun, Connection, FrameSink, Noted, Sent};
use exchange::Exchange;
use shows::Shows;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subscription::{StreamRef, Subscriber, Subscription};
use tokio::sync::oneshot;
use told::Told;

/// How often the counters on the board are brought up to date.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Decisions about silence are made at multiples of this: so much later than they are due, at most.
const GRID: Duration = Duration::from_millis(8);

/// The actor.
pub struct Peer {
    id: PeerId,
    directory: Directory,
    connection: Connection,
    queue: MediaQueue,
    /// User name fragments and passwords by which its datagrams are known: the first, and those of restarts.
    names: Vec<(String, String)>,
    /// Told when its datagrams reach it.
    reachable: Option<oneshot::Sender<()>>,
    /// When it was last said that nobody is there.
    hinted_at: Option<Instant>,
    /// None before it is started and after it has left.
    watching: Option<Subscription>,
    /// What it is being switched to, and the timer that ends the wait for that.
    next: Option<(Subscription, SpawnHandle)>,
    /// What it watched is being let go before what it goes to can be had: it watches nothing meanwhile.
    exchange: Option<Exchange>,
    first: (StreamId, StreamRef),
    presence: Presence,
    timeouts: PeerTimeouts,
    silence: Silence,
    choice: Choice,
    carries: Carries,
    told: Told,
    shows: Shows,
    /// What the page knows that it was not sent.
    drops: Drops,
    /// Whether it holds its camera open: it is neither suspect nor an offer that nothing follows.
    holds: bool,
    /// Since when it has had no picture because it was suspect.
    no_picture_since: Option<Instant>,
    released: bool,
    connected: bool,
    /// Timers that end the wait for the connection: none when it has come, for each turn of the actor looks at all it has.
    expected: Vec<SpawnHandle>,
    signals: tokio::sync::mpsc::Sender<Signal>,
    /// Which signalling connection that is.
    line: Line,
    datagrams: Arc<dyn Datagrams>,
    clock: Arc<dyn Clock>,
    board: Board,
    /// Given back with the release: whoever has the answer finds this peer no more.
    seat: Option<Box<dyn Seat>>,
    timer: Option<(Instant, SpawnHandle)>,
    status: PeerStatus,
}

impl Peer {
    /// A peer that has its answer and waits for the viewer's packets.
    pub fn new(parts: PeerParts) -> Result<Self, UnknownStream> {
        let now = parts.clock.now();
        let entry = parts.directory.get(&parts.stream).cloned().ok_or_else(|| UnknownStream(parts.stream.clone()))?;
        let status = PeerStatus {
            stream: Some(parts.stream.clone()),
            state: PeerState::Connecting,
            transport: parts.transport,
            ..PeerStatus::default()
        };
        parts.board.write(|board| board.peers.insert(parts.id.clone(), status.clone()));
        Ok(Self {
            id: parts.id,
            directory: parts.directory,
            names: vec![parts.connection.credentials()],
            reachable: Some(parts.reachable),
            hinted_at: None,
            connection: Connection::new(parts.connection),
            queue: parts.queue,
            watching: None,
            next: None,
            exchange: None,
            first: (parts.stream, entry),
            presence: Presence::new(now),
            choice: Choice::default(),
            carries: Carries::default(),
            told: Told::default(),
            shows: Shows::default(),
            drops: Drops::default(),
            silence: Silence::new(parts.timeouts.patience.clone()),
            holds: parts.timeouts.eager,
            no_picture_since: None,
            timeouts: parts.timeouts,
            released: false,
            connected: false,
            expected: vec![],
            signals: parts.signals,
            line: Line::default(),
            datagrams: parts.datagrams,
            clock: parts.clock,
            board: parts.board,
            seat: Some(parts.seat),
            timer: None,
            status,
        })
    }

    fn subscribe(&self, stream: StreamId, entry: StreamRef, ctx: &mut Context<Self>) -> Subscription {
        let frames = FrameSink {
            connection: self.connection.clone(),
            datagrams: self.datagrams.clone(),
            clock: self.clock.clone(),
            actor: ctx.recipient(),
        };
        let link = Link { frames: Arc::new(frames), notices: ctx.recipient(), queue: Some(self.queue.clone()) };
        let subscriber =
            Subscriber { peer: self.id.clone(), link, clock: self.clock.clone(), board: self.board.clone() };
        Subscription::new(subscriber, stream, entry, self.subscriber_state(), ctx.recipient())
    }

    /// The streams it watches, and is about to.
    fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.watching.iter().chain(self.next.as_ref().map(|(next, _)| next))
    }

    fn subscriptions_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.watching.iter_mut().chain(self.next.as_mut().map(|(next, _)| next))
    }

    /// By the name in its frames and notices.
    fn is_watching(&self, stream: &StreamId) -> bool {
        self.watching.as_ref().is_some_and(|watching| watching.id() == stream)
    }

    fn is_next(&self, stream: &StreamId) -> bool {
        self.next.as_ref().is_some_and(|(next, _)| next.id() == stream)
    }

    /// Lets the connection say all it has to say: news, packets to send, and when it wants to be
    /// woken.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let mut news = self.connection.lock().transport.poll(now);
        if news.connected {
            self.on_connected(ctx);
        }
        self.hear(&mut news, now);
        if news.keyframe_wanted {
            self.want_keyframe(news.missed);
        }
        if let Some(lost) = news.lost {
            // A count can fall: what was only late is taken off. What was counted stays.
            self.status.lost_packets = self.status.lost_packets.max(lost);
        }
        let sent = self.transmit(now);
        self.on_sent(sent, now);
        self.follow_link(now, ctx);
        match news.leaving {
            Some(cause) => self.leave_by_itself(cause, ctx),
            None => self.arm(ctx),
        }
    }

    /// Time has passed that the connection or [`Silence`] waited for.
    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        let now = self.clock.now();
        let mut state = self.connection.lock();
        let sent = match state.transport.due() {
            Some(due) if due <= now => {
                outbox::send(&*self.datagrams, &mut state.transport, now, |transport, batch| transport.wake(now, batch))
            }
            _ => 0,
        };
        drop(state);
        self.on_sent(sent, now);
        if self.silence.due().is_some_and(|due| due <= now) {
            self.consider(ctx);
        }
        if self.presence.verdict().is_none() {
            self.drain(ctx);
        }
    }

    fn transmit(&mut self, now: Instant) -> u64 {
        let transport = &mut self.connection.lock().transport;
        outbox::send(&*self.datagrams, transport, now, |transport, batch| transport.transmit(now, batch))
    }

    /// Takes note of what has been sent meanwhile.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let mut state = self.connection.lock();
        let Sent { since, packets, skipped, missed, begun, broken } = state.take_sent();
        let watched = state.watching.clone();
        drop(state);
        if let Some(words) = broken {
            // This actor's own fault, that it met elsewhere: it ends by it here.
            std::panic::panic_any(words);
        }
        self.status.skipped_frames += skipped;
        if let Some(since) = since {
            self.on_sent(packets, since);
        }
        if watched.is_some_and(|stream| self.is_next(&stream)) {
            self.commit_switch(ctx);
        }
        if let (Some(Begun { after }), Some(watching)) = (begun, &self.watching) {
            self.shows.begun(watching.stream(), after, self.clock.now());
            self.tell_what_shows();
        }
        if missed {
            self.want_keyframe(true);
        }
    }

    fn want_keyframe(&self, missed: bool) {
        if let Some(watching) = &self.watching {
            watching.addr().do_send(KeyframeWanted { peer: self.id.clone(), missed });
        }
    }

    /// Sees to it that the state machine is woken when it wants to be. An earlier alarm that is
    /// already set is kept: it finds nothing to do and sets the next.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let mut state = self.connection.lock();
        // Frames are sent without a turn of this actor, so the next one is awaited as if it had just been.
        let now = self.clock.now();
        let silence = if state.open { self.silence.due_if_sent(now) } else { self.silence.due() };
        let silence = silence.map(|due| due + to_grid(self.clock.unix_ms(), due.saturating_duration_since(now)));
        let Some(due) = state.transport.due().into_iter().chain(silence).min() else { return };
        if let Some((set, handle)) = self.timer {
            if set <= due {
                return;
            }
            ctx.cancel_future(handle);
        }
        // Not at once even if due: a state machine that wants the past must not spin.
        let wait = due.saturating_duration_since(now).max(Duration::from_millis(1));
        let handle = ctx.run_later(wait, |peer, ctx| {
            peer.timer = None;
            peer.connection.lock().alarm = None;
            peer.wake(ctx);
        });
        self.timer = Some((due, handle));
        state.alarm = Some(due);
    }

    fn on_connected(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.connected, true) {
            return;
        }
        self.expected.drain(..).for_each(|timer| _ = ctx.cancel_future(timer));
        log::info!("root/peers/{}: connected", self.id);
        self.connection.lock().open = true;
        self.status.state = PeerState::Watching;
        self.show();
        self.silence.connected(self.clock.now());
        self.seat.iter().for_each(|seat| seat.suspect(None));
        self.take_camera();
        for subscription in self.subscriptions() {
            subscription.addr().do_send(Ready { peer: self.id.clone() });
        }
    }

    /// Ends everything and gives a future that resolves when the streams are released.
    fn depart(&mut self, verdict: Verdict, ctx: &mut Context<Self>) -> ResponseActFuture<Self, ()> {
        self.record(verdict);
        let now = self.clock.now();
        let mut state = self.connection.lock();
        state.open = false;
        outbox::send(&*self.datagrams, &mut state.transport, now, |transport, batch| transport.close(now, batch));
        drop(state);
        self.forget();
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.status.state = PeerState::Gone;
        self.show();
        let next = self.take_next(ctx);
        let exchange = self.exchange.take();
        let exchange = exchange.map(|it| it.leave(self.id.clone(), verdict, self.board.clone(), self.clock.clone()));
        let others = subscription::let_go(self.watching.take(), next, verdict);
        let release = async move {
            if let Some(exchange) = exchange {
                exchange.await;
            }
            others.await;
        };
        Box::pin(release.into_actor(self).map(move |(), peer, ctx| {
            peer.board.forget(&peer.id);
            peer.seat = None;
            let _ = peer.signals.try_send(Signal::Closed(verdict.cause));
            peer.released = true;
            ctx.stop();
        }))
    }

    fn record(&self, Verdict { cause, silence, .. }: Verdict) {
        log::info!("root/peers/{}: gone ({cause})", self.id);
        self.board.verdict(VerdictRecord {
            at: self.clock.unix_ms(),
            peer: self.id.clone(),
            cause,
            silence_ms: milliseconds(silence),
            returned_ms: None,
        });
    }

    fn leave_by_itself(&mut self, cause: Cause, ctx: &mut Context<Self>) {
        if let Some(verdict) = self.presence.leaving(cause, self.clock.now()) {
            let release = self.depart(verdict, ctx);
            ctx.wait(release);
        }
    }
}

/// How much longer to wait so that what waits for silence wakes together, a few times in a tenth of a second, and not
/// each at a time of its own.
fn to_grid(unix_ms: u64, wait: Duration) -> Duration {
    let at = unix_ms + wait.as_millis() as u64;
    Duration::from_millis(at.next_multiple_of(GRID.as_millis() as u64) - at)
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.names.iter().for_each(|name| self.register(name, ctx));
        if let Some(reachable) = self.reachable.take() {
            // Nobody may be waiting any more.
            let _ = reachable.send(());
        }
        let (stream, entry) = self.first.clone();
        log::info!("root/peers/{}: connecting to {stream}", self.id);
        self.connection.lock().watching = Some(entry.id());
        self.watching = Some(self.subscribe(stream, entry, ctx));
        ctx.run_interval(STATUS_EVERY, |peer, _| peer.show_counters());
        self.expect_connection(ctx);
        self.drain(ctx);
    }

    /// Told to stop by its supervisor, or by itself after its release.
    fn stopping(&mut self, ctx: &mut Self::Context) -> Running {
        if self.released {
            return Running::Stop;
        }
        self.leave_by_itself(Cause::Shutdown, ctx);
        Running::Continue
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Runs after a panic, too.
        if let Some(crashed) = self.presence.leaving(Cause::Crashed, self.clock.now()) {
            self.record(crashed);
        }
        self.connection.lock().open = false;
        self.forget();
        self.board.forget(&self.id);
    }
}

impl Handler<Noted> for Peer {
    type Result = ();

    fn handle(&mut self, _: Noted, ctx: &mut Self::Context) {
        self.look(ctx);
        self.arm(ctx);
    }
}

impl Handler<StreamNotice> for Peer {
    type Result = ();

    fn handle(&mut self, notice: StreamNotice, ctx: &mut Self::Context) {
        self.look(ctx);
        if self.hears_of_rendition(&notice, ctx) {
            return;
        }
        let id = notice.stream();
        let Some(stream) = self.subscriptions().find(|it| it.id() == id).map(|it| it.stream().clone()) else {
            return; // of a stream that was left meanwhile
        };
        let is_next = self.is_next(id);
        let (signal, trouble) = match notice {
            StreamNotice::State(_, state) => (Signal::State(stream, state), false),
            StreamNotice::Trouble { code, message, .. } => (Signal::Error(code, message), true),
            StreamNotice::AwaitsKeyframe(_) => (Signal::AwaitsKeyframe(stream), false),
        };
        if is_next && trouble {
            self.commit_switch(ctx);
        }
        let _ = self.signals.try_send(signal);
        if trouble {
            self.escape_from_small(ctx);
        }
    }
}

/// The stream's actor has died, or has come back and knows nothing of us.
impl Handler<StandingChanged> for Peer {
    type Result = ();

    fn handle(&mut self, change: StandingChanged, ctx: &mut Self::Context) {
        self.look(ctx);
        let id = StreamId::from(&*change.name);
        let Some(subscription) = self.subscriptions().find(|it| *it.id() == id) else { return };
        let stream = subscription.stream().clone();
        let unseen = self.is_next(&id) && self.changes_rendition();
        match change.standing {
            Standing::Up => {
                if self.is_watching(&id) {
                    // Its frames are numbered anew, from the first on.
                    self.connection.lock().transport.switch();
                }
                let subscriber_state = self.subscriber_state();
                let mine = self.subscriptions_mut().filter(|it| *it.id() == id);
                mine.for_each(|subscription| subscription.renew(subscriber_state));
            }
            Standing::Down if unseen => {}
            Standing::Failed(_) if unseen => self.stay(ctx),
            Standing::Down => {
                let _ = self.signals.try_send(Signal::State(stream, StreamState::Backoff));
            }
            Standing::Failed(words) => {
                if self.is_next(&id) {
                    self.commit_switch(ctx);
                }
                let _ = self.signals.try_send(Signal::State(stream, StreamState::Failed));
                let _ = self.signals.try_send(Signal::Error("camera_failed", words.to_string()));
            }
        }
    }
}

impl Handler<Leave> for Peer {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Leave(cause): Leave, ctx: &mut Self::Context) -> Self::Result {
        match self.presence.leaving(cause, self.clock.now()) {
            Some(verdict) => AtomicResponse::new(self.depart(verdict, ctx)),
            // It has left, and this message was only served after the release was complete.
            None => AtomicResponse::new(Box::pin(actix::fut::ready(()))),
        }
    }
}
