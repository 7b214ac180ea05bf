//! Cameras and streams with a device that does as it is told, on a virtual clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use actix::prelude::*;
use lenscap_actors::board::{Board, CameraState, StreamState};
use lenscap_actors::departure::{Cause, Presence};
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Frame, Origin, Picture, PictureSink};
use lenscap_actors::peer::Waiting;
use lenscap_actors::peer::subscription::{Attendance, Subscriber, Subscription};
use lenscap_actors::ports::*;
use lenscap_actors::retry::Exponential;
use lenscap_actors::root::{CameraPlan, Plan, Root, StreamPlan, Supervision, Threads};
use lenscap_actors::stream::{
    Alive, Deliver, Disconnected, KeyframeWanted, Link, Released, Stream, StreamNotice, Subscribe, Suspect,
};
use lenscap_actors::supervisor::registered::{Registered, Standing, StandingChanged, Unreachable};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// What happened to the device, in order, and how to make more happen.
#[derive(Default)]
struct World {
    log: Vec<&'static str>,
    closing: Option<oneshot::Sender<()>>,
    capture: Option<(u64, CaptureEvents)>,
    encoder: Option<(u64, EncodeEvents)>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<World>>);

impl Fake {
    fn note(&self, what: &'static str) {
        self.0.lock().unwrap().log.push(what);
    }

    fn log(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().log.clone()
    }

    /// Lets the device finish closing.
    fn finish_closing(&self) {
        self.note("closed");
        self.0.lock().unwrap().closing.take().expect("it is closing").send(()).unwrap();
    }

    fn report(&self, kind: CaptureEventKind) {
        let (session, events) = self.0.lock().unwrap().capture.clone().expect("it is open");
        events.do_send(CaptureEvent { session, kind });
    }

    fn frame(&self, number: u64, keyframe: bool, origin: Origin) {
        let (session, events) = self.0.lock().unwrap().encoder.clone().expect("it encodes");
        let captured = SystemClock.now();
        let frame = Frame { number, captured, keyframe, origin, payloads: vec![b"x".as_slice().into()] };
        events.do_send(EncodeEvent { session, kind: EncodeEventKind::Frame(Arc::new(frame)) });
    }
}

struct Nowhere;

impl PictureSink for Nowhere {
    fn push(&self, _: &Arc<Picture>) {}
}

impl Capture for Fake {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        self.note("open");
        self.0.lock().unwrap().capture = Some((session, events));
        Box::new(self.clone())
    }
}

impl OpenCapture for Fake {
    fn attach(&self, _: StreamId, _: Arc<dyn PictureSink>) {}
    fn detach(&self, _: &StreamId) {}
    fn close(self: Box<Self>) -> oneshot::Receiver<()> {
        self.note("close");
        let (closing, closed) = oneshot::channel();
        self.0.lock().unwrap().closing = Some(closing);
        closed
    }
}

impl Encode for Fake {
    fn start(&self, session: u64, events: EncodeEvents) -> Box<dyn Encoding> {
        self.0.lock().unwrap().encoder = Some((session, events));
        Box::new(self.clone())
    }
}

impl Encoding for Fake {
    fn sink(&self) -> Arc<dyn PictureSink> {
        Arc::new(Nowhere)
    }
    fn force_keyframe(&self) {
        self.note("keyframe");
    }
}

/// A viewer that remembers what it got.
#[derive(Default)]
struct Viewer(Arc<Mutex<Vec<String>>>);

impl Actor for Viewer {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Viewer {
    type Result = ();
    fn handle(&mut self, message: Deliver, _: &mut Self::Context) {
        self.0.lock().unwrap().push(match message {
            Deliver::Next { frame, .. } => format!("frame {}", frame.number),
            Deliver::Replay { frames, .. } => format!("replay of {}", frames.len()),
        });
    }
}

impl Handler<StreamNotice> for Viewer {
    type Result = ();
    fn handle(&mut self, message: StreamNotice, _: &mut Self::Context) {
        if let StreamNotice::Trouble { code, .. } = message {
            self.0.lock().unwrap().push(code.to_owned());
        }
    }
}

impl Handler<StandingChanged> for Viewer {
    type Result = ();
    fn handle(&mut self, change: StandingChanged, _: &mut Self::Context) {
        self.0.lock().unwrap().push(match change.standing {
            Standing::Up => "up".to_owned(),
            Standing::Down => "down".to_owned(),
            Standing::Failed(words) => words.to_string(),
        });
    }
}

struct NoSocket;

impl Datagrams for NoSocket {
    fn register(&self, _: &str, _: &str, _: lenscap_actors::supervisor::address::Recipient<Inbound>) {}
    fn forget(&self, _: &str) {}
    fn send(&self, batch: &mut Vec<(std::net::SocketAddr, bytes::BytesMut)>) {
        batch.clear();
    }
    fn drain(&self) {}
}

struct Stage {
    fake: Fake,
    root: Root,
    board: Board,
    stream: Registered<Stream>,
}

async fn stage() -> Stage {
    tokio::time::pause();
    let fake = Fake::default();
    let plan = Plan {
        cameras: vec![CameraPlan {
            id: "cam".into(),
            source: "fake".into(),
            capture: Arc::new(fake.clone()),
            group: None,
            pause_on_suspicion: true,
            retry: Exponential { jitter: 0.0, ..Exponential::default() }.into(),
        }],
        streams: vec![StreamPlan { id: "cam".into(), camera: "cam".into(), encode: Arc::new(fake.clone()) }],
        max_viewers: 10,
        waiting: Waiting::default(),
        supervision: Supervision::default(),
        chance: || 0.5,
    };
    let here = Arbiter::current();
    let threads = Threads { supervisors: here.clone(), cameras: here.clone(), media: here };
    let (root, _) = Root::start(plan, threads, Arc::new(NoSocket), Arc::new(SystemClock));
    settle().await;
    let stream = root.streams[&"cam".into()].stream.clone();
    Stage { fake, board: root.board.clone(), root, stream }
}

impl Stage {
    fn viewer(&self) -> (Link, Recipient<StandingChanged>, Arc<Mutex<Vec<String>>>) {
        let got = Arc::<Mutex<Vec<String>>>::default();
        let viewer = Viewer(got.clone()).start();
        let link = Link { frames: viewer.clone().recipient().into(), notices: viewer.clone().recipient().into() };
        (link, viewer.recipient(), got)
    }

    /// A subscription as a peer has it, and what is told to the peer.
    async fn subscription(&self, peer: &str) -> (Subscription, Arc<Mutex<Vec<String>>>) {
        let (link, changes, got) = self.viewer();
        let subscriber =
            Subscriber { peer: peer.into(), link, clock: Arc::new(SystemClock), board: self.board.clone() };
        let entry = self.root.streams[&"cam".into()].clone();
        let subscription = Subscription::new(
            subscriber,
            "cam".into(),
            entry,
            Attendance { ready: true, suspect: false },
            changes.into(),
        );
        settle().await;
        (subscription, got)
    }

    /// Kills an actor; what that waits for goes on by itself.
    async fn kill(&self, path: &'static str) {
        let tree = self.root.tree.clone();
        actix::spawn(async move { tree.kill(path).await.expect("it can be killed") });
        settle().await;
    }

    /// Subscribes a viewer whose connection stands; gives what it gets.
    async fn subscribe(&self, peer: &str) -> Arc<Mutex<Vec<String>>> {
        let (link, _, got) = self.viewer();
        self.stream.send(Subscribe { peer: peer.into(), link, ready: true, suspect: false }).await.unwrap();
        settle().await;
        got
    }

    fn disconnect(&self, peer: &str) -> impl Future<Output = Result<Released, Unreachable>> + use<> {
        let at = SystemClock.now();
        self.stream.send(Disconnected { peer: peer.into(), cause: Some(Cause::Bye), at, silence: Duration::ZERO })
    }

    /// Makes a suspect of a subscriber, and lets the device close if it has to.
    async fn suspect(&self, peer: &str) {
        let (at, silence) = (SystemClock.now(), Duration::from_millis(345));
        self.stream.do_send(Suspect { peer: peer.into(), at, silence });
        settle().await;
        if self.camera() == CameraState::Closing {
            self.fake.finish_closing();
            settle().await;
        }
    }

    async fn alive(&self, peer: &str) {
        self.stream.send(Alive { peer: peer.into() }).await.unwrap();
        settle().await;
    }

    fn stream_state(&self) -> StreamState {
        self.board.read(|board| board.streams[&"cam".into()].state)
    }

    fn causes(&self) -> Vec<Cause> {
        self.board.read(|board| board.releases.iter().map(|release| release.cause).collect())
    }

    fn camera(&self) -> CameraState {
        self.board.read(|board| board.cameras[&"cam".into()].state)
    }
}

/// Lets every actor do what it has to do now.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[actix::test]
async fn the_last_leaving_is_answered_after_the_device_is_closed_and_not_before() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    settle().await;
    assert_eq!(stage.camera(), CameraState::Capturing);
    assert_eq!(stage.disconnect("a").await.unwrap(), Released::Shared);
    assert!(!stage.fake.log().contains(&"close"), "the other one still watches");
    let mut leaving = Box::pin(stage.disconnect("b"));
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    assert_eq!(stage.camera(), CameraState::Closing);
    stage.fake.finish_closing();
    assert!(matches!(leaving.await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.disconnect("b").await.unwrap(), Released::Unknown, "twice counts once");
    let closed: Vec<bool> = stage.board.read(|b| b.releases.iter().map(|r| r.closed_ms.is_some()).collect());
    assert_eq!(closed, [false, true]);
}

#[actix::test]
async fn a_subscribe_during_a_stop_is_served_after_it_in_order() {
    let stage = stage().await;
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    let next = stage.subscribe("b");
    let driver = async {
        settle().await;
        assert_eq!(stage.fake.log(), ["open", "close"], "nothing opens while it closes");
        stage.fake.finish_closing();
    };
    let (left, _, ()) = tokio::join!(leaving, next, driver);
    assert!(matches!(left.unwrap(), Released::Closed { .. }));
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].subscribers.len()), 1);
}

#[actix::test]
async fn a_failing_camera_is_tried_again_after_growing_delays_and_says_so() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    for (failure, delay) in [250, 500, 1000].into_iter().enumerate() {
        let device = "/dev/video7".to_owned();
        stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device }));
        settle().await;
        assert_eq!(stage.camera(), CameraState::Absent);
        tokio::time::advance(Duration::from_millis(delay - 1)).await;
        settle().await;
        assert_eq!(stage.fake.log().len(), failure + 1, "not before its time");
        tokio::time::advance(Duration::from_millis(2)).await;
        settle().await;
        assert_eq!(stage.fake.log().len(), failure + 2);
    }
    assert_eq!(*got.lock().unwrap(), ["camera_absent"; 3]);
}

#[actix::test]
async fn stop_during_backoff_is_immediate() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() }));
    settle().await;
    let before = SystemClock.now();
    assert!(matches!(stage.disconnect("a").await.unwrap(), Released::Closed { .. }));
    assert_eq!(SystemClock.now(), before, "no time passes");
    tokio::time::advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"], "and nothing is tried afterwards");
}

#[actix::test]
async fn a_newcomer_gets_an_idr_from_our_encoder_and_the_past_from_a_device() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    stage.subscribe("b").await;
    assert_eq!(stage.fake.log(), ["open", "keyframe"]);
    for number in 2..5 {
        stage.fake.frame(number, number == 2, Origin::Device);
    }
    settle().await;
    let got = stage.subscribe("c").await;
    stage.fake.frame(5, false, Origin::Device);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["replay of 3", "frame 5"]);
}

#[actix::test]
async fn keyframes_are_forced_at_most_four_times_a_second_and_none_is_forgotten() {
    let stage = stage().await;
    stage.subscribe("a").await;
    for _ in 0..100 {
        stage.stream.send(KeyframeWanted).await.unwrap();
    }
    settle().await;
    let forced = |stage: &Stage| stage.fake.log().iter().filter(|what| **what == "keyframe").count();
    assert_eq!(forced(&stage), 1);
    tokio::time::advance(Duration::from_millis(251)).await;
    settle().await;
    assert_eq!(forced(&stage), 2, "what was asked for meanwhile comes once");
    tokio::time::advance(Duration::from_secs(5)).await;
    settle().await;
    assert_eq!(forced(&stage), 2);
}

#[actix::test]
async fn what_a_closed_device_still_says_is_not_heard() {
    let stage = stage().await;
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    let driver = async {
        settle().await;
        stage.fake.finish_closing();
    };
    let (left, ()) = tokio::join!(leaving, driver);
    left.unwrap();
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].state), StreamState::Idle);
}

const RESTART_DELAY: Duration = Duration::from_millis(15);

#[actix::test]
async fn a_camera_that_dies_is_closed_before_it_is_opened_again() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.kill("root/cameras/cam/device").await;
    assert_eq!(stage.fake.log(), ["open", "close"]);
    tokio::time::advance(RESTART_DELAY * 10).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close"], "not before it is closed");
    assert_eq!(stage.camera(), CameraState::Closing);
    stage.fake.finish_closing();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
    tokio::time::advance(RESTART_DELAY).await;
    settle().await;
    stage.subscribe("b").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
}

#[actix::test]
async fn a_camera_killed_while_it_closes_is_not_dead_before_it_is_closed() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    let verdict = Presence::new(SystemClock.now()).leaving(Cause::Bye, SystemClock.now()).unwrap();
    let mut leaving = Box::pin(subscription.end(verdict));
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closing);
    stage.kill("root/cameras/cam/device").await;
    tokio::time::advance(RESTART_DELAY * 10).await;
    tokio::select! {
        biased;
        () = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    stage.fake.finish_closing();
    leaving.await;
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
}

#[actix::test]
async fn a_stream_that_dies_finds_its_camera_still_open() {
    let stage = stage().await;
    let (subscription, told) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    tokio::time::advance(RESTART_DELAY).await;
    settle().await;
    assert_eq!(*told.lock().unwrap(), ["down", "up"]);
    subscription.renew(Attendance { ready: true, suspect: false });
    settle().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].subscribers.len()), 1);
}

#[actix::test]
async fn a_stream_that_dies_and_is_wanted_by_nobody_lets_its_camera_go_soon() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    drop(subscription);
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
    tokio::time::advance(Duration::from_millis(62)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close"]);
}

#[actix::test]
async fn a_viewer_that_leaves_while_its_stream_is_down_is_answered_after_the_device_is_closed() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    let verdict = Presence::new(SystemClock.now()).leaving(Cause::Beacon, SystemClock.now()).unwrap();
    let mut leaving = Box::pin(subscription.end(verdict));
    tokio::select! {
        biased;
        () = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    stage.fake.finish_closing();
    leaving.await;
    assert_eq!(stage.camera(), CameraState::Closed);
    let releases: Vec<_> = stage.board.read(|b| b.releases.iter().map(|r| (r.cause, r.closed_ms.is_some())).collect());
    assert_eq!(releases, [(Cause::Beacon, true)]);
    tokio::time::advance(RESTART_DELAY * 10).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed"], "nobody wants it");
}

#[actix::test]
async fn a_peer_that_dies_counts_as_a_leaving() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    drop(subscription);
    settle().await;
    stage.fake.finish_closing();
    settle().await;
    assert_eq!(stage.board.read(|b| b.releases[0].cause), Cause::Crashed);
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn a_camera_that_keeps_dying_has_failed_until_a_new_viewer_comes() {
    let stage = stage().await;
    let (_first, told) = stage.subscription("a").await;
    for _ in 0..=Supervision::default().intensity.restarts {
        stage.kill("root/cameras/cam/device").await;
        if stage.fake.0.lock().unwrap().closing.is_some() {
            stage.fake.finish_closing();
        }
        settle().await;
        tokio::time::advance(Duration::from_millis(500)).await;
        settle().await;
    }
    assert_eq!(stage.camera(), CameraState::Failed);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].state), StreamState::Failed);
    let words = "camera cam has failed: restarted too often; the last was device: killed";
    assert_eq!(told.lock().unwrap().last().unwrap(), words);
    tokio::time::advance(Duration::from_secs(3600)).await;
    settle().await;
    assert_eq!(stage.camera(), CameraState::Failed);
    let (_second, told) = stage.subscription("b").await;
    assert_eq!(*told.lock().unwrap(), ["up"]);
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn a_capture_thread_that_panics_is_a_fault_of_its_camera() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Panicked("index out of bounds".into()));
    settle().await;
    let exits = stage.root.tree.exits(SystemClock.now(), 0);
    assert_eq!(exits[0].path, "root/cameras/cam/device");
    assert_eq!(exits[0].reason, "panic: in the capture thread: index out of bounds");
}

#[actix::test]
async fn a_suspect_holds_no_camera_open_and_gets_its_picture_back_when_it_is_there() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    stage.suspect("a").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
    assert_eq!((stage.camera(), stage.stream_state()), (CameraState::Closed, StreamState::Paused));
    stage.alive("a").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["frame 1"], "over the same link");
    assert_eq!(stage.causes(), [Cause::Suspected]);
    stage.alive("a").await;
    assert_eq!(stage.fake.log().len(), 4, "saying so twice changes nothing");
}

#[actix::test]
async fn capture_goes_on_while_somebody_watches_who_is_no_suspect() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.suspect("a").await;
    assert_eq!(stage.stream_state(), StreamState::Starting);
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["frame 1"], "a suspect is sent what there is: it may be there");
    stage.suspect("b").await;
    assert_eq!(stage.stream_state(), StreamState::Paused);
    assert_eq!(stage.causes(), [Cause::Suspected], "one release, by the last");
}

#[actix::test]
async fn when_only_suspects_are_left_the_last_leaving_closes_the_camera() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.suspect("a").await;
    let leaving = stage.disconnect("b");
    let closing = async {
        settle().await;
        stage.fake.finish_closing();
    };
    let (left, ()) = tokio::join!(leaving, closing);
    assert!(matches!(left.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.stream_state(), StreamState::Paused);
    assert_eq!(stage.causes(), [Cause::Bye]);
}

#[actix::test]
async fn a_verdict_after_a_suspicion_adds_no_second_release() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.suspect("a").await;
    assert!(matches!(stage.disconnect("a").await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.causes(), [Cause::Suspected]);
    assert_eq!(stage.stream_state(), StreamState::Idle);
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
}

#[actix::test]
async fn a_newcomer_opens_the_camera_that_suspects_had_closed() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.suspect("a").await;
    stage.subscribe("b").await;
    assert_eq!(stage.stream_state(), StreamState::Starting);
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
}

#[actix::test]
async fn whoever_is_suspect_from_the_beginning_opens_nothing() {
    let stage = stage().await;
    let (link, _, _) = stage.viewer();
    stage.stream.send(Subscribe { peer: "a".into(), link, ready: false, suspect: true }).await.unwrap();
    settle().await;
    assert_eq!(stage.fake.log(), [""; 0]);
    assert_eq!(stage.stream_state(), StreamState::Paused);
    stage.alive("a").await;
    assert_eq!(stage.fake.log(), ["open"]);
}

#[actix::test]
async fn a_suspicion_during_backoff_ends_the_attempts() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() }));
    settle().await;
    stage.suspect("a").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
}
