//! A subscription that survives the death of its stream, and ends by itself if its peer dies.

use crate::board::{Board, ReleaseRecord, milliseconds};
use crate::camera::{self, Camera, Detached};
use crate::departure::{Cause, Verdict};
use crate::ids::{CameraId, PeerId, StreamId};
use crate::media::Size;
use crate::ports::Clock;
use crate::stream::{Disconnected, Link, Released, Stream, Subscribe};
use crate::supervisor::messages::RestartChild;
use crate::supervisor::recipient::Recipient;
use crate::supervisor::registered::{Registered, Standing, StandingChanged, Watch};
use crate::supervisor::shell::Supervisor;
use futures_util::FutureExt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a stream is reached, and what it depends on.
#[derive(Clone)]
pub struct StreamRef {
    /// The stream.
    pub stream: Registered<Stream>,
    /// Which rendition of it this is.
    pub size: Size,
    /// Its small rendition, if it has one and is not itself one. No other entry leads there: it cannot be had by name.
    pub small: Option<Arc<StreamRef>>,
    /// Its camera.
    pub camera: Registered<Camera>,
    /// Its camera's name.
    pub camera_id: CameraId,
    /// The group of which its camera must be the only one open.
    pub group: Option<Arc<str>>,
    /// Who can start its camera again if that has failed.
    pub cameras: Registered<Supervisor>,
}

impl StreamRef {
    /// The name in the stream's frames and notices: of a small rendition not the one that viewers know.
    pub fn id(&self) -> StreamId {
        StreamId::from(self.stream.name())
    }

    /// Whether only one of the two can be open at a time.
    pub fn excludes(&self, other: &StreamRef) -> bool {
        self.group.is_some() && self.group == other.group && self.camera_id != other.camera_id
    }
}

/// Whose subscription it is.
#[derive(Clone)]
pub struct Subscriber {
    /// The peer.
    pub peer: PeerId,
    /// How it is reached.
    pub link: Link,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where a release is recorded if the stream cannot.
    pub board: Board,
}

/// How a peer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberState {
    /// It counts as a subscriber.
    Here {
        /// Its connection stands: frames can be sent.
        ready: bool,
        /// It may have gone, or may never come: it holds no camera open.
        suspect: bool,
    },
    /// It does not.
    Away,
}

/// That a peer is among the subscribers of a stream.
pub struct Subscription {
    subscriber: Subscriber,
    stream: StreamId,
    id: StreamId,
    entry: StreamRef,
    watch: Option<Watch>,
    /// The peer is away: the stream does not know of it.
    suspended: bool,
}

impl Subscription {
    /// Subscribes; see [`SubscriberState`] for how. A camera that has failed is tried again: somebody wants it.
    pub fn new(
        subscriber: Subscriber,
        stream: StreamId,
        entry: StreamRef,
        subscriber_state: SubscriberState,
        changes: Recipient<StandingChanged>,
    ) -> Self {
        let watch = Some(entry.stream.watch(changes));
        let suspended = subscriber_state == SubscriberState::Away;
        let mut subscription = Self { subscriber, stream, id: entry.id(), entry, watch, suspended };
        if let Standing::Failed(_) = subscription.entry.stream.standing() {
            let name = subscription.entry.camera_id.to_string();
            subscription.entry.cameras.do_send(RestartChild { name, only_if_down: true });
        }
        subscription.renew(subscriber_state);
        subscription
    }

    /// Subscribes to the present incarnation of the stream, unless the peer is away. If there is none, [`StandingChanged`]
    /// will tell of the next.
    pub fn renew(&mut self, subscriber_state: SubscriberState) {
        let SubscriberState::Here { ready, suspect } = subscriber_state else { return };
        self.suspended = false;
        let Subscriber { peer, link, .. } = &self.subscriber;
        self.entry.stream.do_send(Subscribe { peer: peer.clone(), link: link.clone(), ready, suspect });
    }

    /// The peer is away since `at`: it is no subscriber until this is [renewed](Self::renew). `silence` is the age of the
    /// last sign of life then.
    pub fn suspend(&mut self, at: Instant, silence: Duration) {
        if !std::mem::replace(&mut self.suspended, true) {
            let peer = self.subscriber.peer.clone();
            self.entry.stream.do_send(Disconnected { peer, cause: Some(Cause::Away), at, silence });
        }
    }

    /// The stream's name, as viewers know it.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The name in its frames and notices.
    pub fn id(&self) -> &StreamId {
        &self.id
    }

    /// How the stream is reached.
    pub fn entry(&self) -> &StreamRef {
        &self.entry
    }

    /// The stream.
    pub fn addr(&self) -> &Registered<Stream> {
        &self.entry.stream
    }

    /// The viewer is gone; what is returned resolves when the stream is released.
    pub fn end(self, verdict: Verdict) -> impl Future<Output = ()> + use<> {
        self.finish(Some(verdict.cause), verdict.at, verdict.silence).map(drop)
    }

    /// The viewer goes on to another stream.
    pub fn leave_for_another(self) -> impl Future<Output = ()> + use<> {
        self.leave_in_exchange().map(drop)
    }

    /// The same, where the other's camera has to wait for this one's: gives whether that is closed, or none if it was let go
    /// when the peer went away.
    pub(super) fn leave_in_exchange(self) -> impl Future<Output = Option<bool>> + use<> {
        let now = self.subscriber.clock.now();
        self.finish(None, now, Duration::ZERO)
    }

    fn finish(
        mut self,
        cause: Option<Cause>,
        at: Instant,
        silence: Duration,
    ) -> impl Future<Output = Option<bool>> + use<> {
        self.watch = None;
        let suspended = self.suspended;
        let disconnected = Disconnected { peer: self.subscriber.peer.clone(), cause, at, silence };
        let release = self.entry.stream.send(disconnected);
        let this = self;
        async move {
            if suspended {
                // It was let go when the peer went away, and that is recorded. This only comes after it.
                let _ = release.await;
                return None;
            }
            match release.await {
                Ok(Released::Closed { .. }) => return Some(true),
                Ok(Released::Shared) => return Some(false),
                Ok(Released::Unknown) | Err(_) => {}
            }
            // The stream is down, or so newly up that it does not know us: it has let its camera
            // go when it died. Once the camera has seen to that, so is this viewer's part done.
            let detached = this.entry.camera.send(camera::AwaitClosed).await;
            let took = Some(this.subscriber.clock.now().saturating_duration_since(at));
            let (ordered, closed) = match detached {
                Ok(Detached::Closed { ordered }) => (ordered, took),
                Err(_) => (None, took),
                Ok(Detached::Stuck { ordered }) => (ordered, None),
                Ok(Detached::InUse) => (None, None),
            };
            let stop = ordered.map(|ordered| ordered.saturating_duration_since(at));
            this.record(cause, silence, stop, closed);
            Some(closed.is_some())
        }
    }

    fn record(&self, cause: Option<Cause>, silence: Duration, stop: Option<Duration>, closed: Option<Duration>) {
        let Some(cause) = cause else { return };
        self.subscriber.board.released(ReleaseRecord {
            at: self.subscriber.clock.unix_ms(),
            stream: self.stream.clone(),
            camera: self.entry.camera_id.clone(),
            peer: self.subscriber.peer.clone(),
            cause,
            detected_ms: milliseconds(silence),
            stop_ms: stop.map(milliseconds),
            closed_ms: closed.map(milliseconds),
        });
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.watch.take().is_none() || self.suspended {
            return; // it has been ended in order, or the stream does not know of it
        }
        let (peer, at) = (self.subscriber.peer.clone(), self.subscriber.clock.now());
        let crashed = Disconnected { peer, cause: Some(Cause::Crashed), at, silence: Duration::ZERO };
        if !self.entry.stream.do_send(crashed) {
            self.record(Some(Cause::Crashed), Duration::ZERO, None, None);
        }
    }
}

/// Ends what a peer watches and what it is being switched to; what is returned resolves when both are released.
pub(super) fn let_go(
    watching: Option<Subscription>,
    next: Option<Subscription>,
    verdict: Verdict,
) -> impl Future<Output = ()> + use<> {
    // Of two on one camera the one that is recorded has to be the last: it finds the camera closed. Of two cameras none
    // waits for the other.
    let camera = |it: &Option<Subscription>| it.as_ref().map(|it| it.entry().camera_id.clone());
    let in_turn = camera(&watching) == camera(&next);
    let next = next.map(Subscription::leave_for_another);
    let (later, at_once) = if in_turn { (watching, None) } else { (None, watching.map(|it| it.end(verdict))) };
    async move {
        if let Some(next) = next {
            next.await;
        }
        if let Some(at_once) = at_once {
            at_once.await;
        }
        if let Some(later) = later {
            later.end(verdict).await;
        }
    }
}
