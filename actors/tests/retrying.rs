//! Devices and encoders that fail, each in its own way, under every retry policy: what is tried
//! when, on a virtual clock.

use crate::support::{Nowhere, STRATEGIES, settle};
use actix::prelude::*;
use lenscap_actors::board::{Board, CameraState, StreamState};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::Cause;
use lenscap_actors::fanout::Deliver;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Origin, PictureSink};
use lenscap_actors::ports::*;
use lenscap_actors::retry::{Delays, Exponential, Policy};
use lenscap_actors::root::Root;
use lenscap_actors::stream::{Disconnected, Link, Released, Stream, StreamNotice, Subscribe};
use lenscap_actors::supervisor::registered::Registered;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const HOUR: Duration = Duration::from_secs(3600);

/// What a device or an encoder does when it is started.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It never gives a picture.
    Fails,
    /// It gives pictures for so long, and fails.
    Lives(Duration),
    /// It gives pictures.
    Works,
    /// There is no such device.
    Absent,
}

/// One kind of thing that can fail: what becomes of each start, and when each was.
struct Script {
    fate: Fate,
    starts: Vec<Instant>,
}

#[derive(Clone)]
struct World {
    device: Arc<Mutex<Script>>,
    encoder: Arc<Mutex<Script>>,
    /// Who wants to know about plugs, if anybody can tell.
    plug: Option<Arc<Mutex<Option<lenscap_actors::supervisor::recipient::Recipient<Plugged>>>>>,
    open: Arc<Mutex<usize>>,
}

fn start(script: &Arc<Mutex<Script>>) -> Fate {
    let mut script = script.lock().unwrap();
    script.starts.push(SystemClock.now());
    script.fate
}

struct Open(World);

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap() -= 1;
    }
}

impl Capture for World {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let fate = start(&self.device);
        *self.open.lock().unwrap() += 1;
        actix::spawn(async move {
            let tell = |kind| events.do_send(CaptureEvent { session, kind });
            let ended = |message: &str| CaptureError::Failed { device: "x".into(), message: message.into() };
            match fate {
                Fate::Fails => tell(CaptureEventKind::Ended(ended("it does not want to"))),
                Fate::Absent => tell(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() })),
                Fate::Works => tell(CaptureEventKind::Opened(CaptureInfo::default())),
                Fate::Lives(time) => {
                    tell(CaptureEventKind::Opened(CaptureInfo::default()));
                    tokio::time::sleep(time).await;
                    tell(CaptureEventKind::Ended(ended("it is tired")))
                }
            };
        });
        Box::new(Open(self.clone()))
    }

    fn watch(&self, events: lenscap_actors::supervisor::recipient::Recipient<Plugged>) -> Option<Box<dyn Send>> {
        let plug = self.plug.as_ref()?;
        *plug.lock().unwrap() = Some(events);
        Some(Box::new(()))
    }
}

impl OpenCapture for Open {
    fn attach(&self, _: StreamId, _: Arc<dyn PictureSink>) {}
    fn detach(&self, _: &StreamId) {}
    fn close(self: Box<Self>) -> oneshot::Receiver<()> {
        let (closing, closed) = oneshot::channel();
        closing.send(()).unwrap();
        closed
    }
}

struct Running;

impl Encode for World {
    fn start(&self, session: u64, events: EncodeEvents) -> Box<dyn Encoding> {
        let fate = start(&self.encoder);
        actix::spawn(async move {
            let tell = |kind| events.do_send(EncodeEvent { session, kind });
            let frame = |number| EncodeEventKind::Frame(Arc::new(crate::support::frame(number, true, Origin::Encoder)));
            match fate {
                Fate::Works => tell(frame(1)),
                Fate::Lives(time) => {
                    tell(frame(1));
                    tokio::time::sleep(time).await;
                    tell(EncodeEventKind::Ended("out of ink".into()))
                }
                Fate::Fails | Fate::Absent => tell(EncodeEventKind::Ended("out of ink".into())),
            };
        });
        Box::new(Running)
    }
}

impl Encoding for Running {
    fn sink(&self) -> Arc<dyn PictureSink> {
        Arc::new(Nowhere)
    }
    fn force_keyframe(&self) {}
}

/// A viewer that remembers what it was told.
struct Viewer(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Actor for Viewer {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Viewer {
    type Result = ();
    fn handle(&mut self, _: Deliver, _: &mut Self::Context) {}
}

impl Handler<StreamNotice> for Viewer {
    type Result = ();
    fn handle(&mut self, message: StreamNotice, _: &mut Self::Context) {
        if let StreamNotice::Trouble { code, message, .. } = message {
            self.0.lock().unwrap().push((code, message));
        }
    }
}

struct Stage {
    world: World,
    root: Root,
    board: Board,
    stream: Registered<Stream>,
}

impl Stage {
    async fn new(policy: Policy, device: Fate, encoder: Fate, watched: bool) -> Self {
        let script = |fate| Arc::new(Mutex::new(Script { fate, starts: vec![] }));
        let plug = watched.then(Arc::default);
        let world = World { device: script(device), encoder: script(encoder), plug, open: Arc::default() };
        let (root, stream) = crate::support::start(Arc::new(world.clone()), Arc::new(world.clone()), policy).await;
        Self { world, board: root.board.clone(), root, stream }
    }

    async fn subscribe(&self, peer: &str) -> Arc<Mutex<Vec<(&'static str, String)>>> {
        let told = Arc::<Mutex<Vec<_>>>::default();
        let viewer = Viewer(told.clone()).start();
        let frames =
            Arc::new(lenscap_actors::supervisor::recipient::Recipient::<Deliver>::from(viewer.clone().recipient()));
        let link = Link { frames, notices: viewer.recipient().into(), queue: None };
        self.stream.send(Subscribe { peer: peer.into(), link, ready: true, suspect: false }).await.unwrap();
        settle().await;
        told
    }

    async fn disconnect(&self, peer: &str) -> Released {
        let at = SystemClock.now();
        let message = Disconnected { peer: peer.into(), cause: Some(Cause::Bye), at, silence: Duration::ZERO };
        self.stream.send(message).await.unwrap()
    }

    async fn plugged(&self, plugged: Plugged) {
        self.world.plug.as_ref().unwrap().lock().unwrap().as_ref().unwrap().do_send(plugged);
        settle().await;
    }

    fn camera(&self) -> CameraState {
        self.board.read(|board| board.cameras[&"cam".into()].state)
    }

    fn stream(&self) -> StreamState {
        self.board.read(|board| board.streams[&"cam".into()].state)
    }

    fn opens(&self) -> usize {
        self.world.device.lock().unwrap().starts.len()
    }

    /// Starts of devices and encoders.
    fn tried(&self) -> (usize, usize) {
        (self.opens(), self.world.encoder.lock().unwrap().starts.len())
    }
}

/// From each start to the next, in ms.
fn gaps(script: &Arc<Mutex<Script>>) -> Vec<u128> {
    let starts = &script.lock().unwrap().starts;
    starts.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect()
}

fn policy(strategy: Delays, max_attempts: u32) -> Policy {
    let backoff = Exponential { jitter: 0.0, ..Exponential::default() };
    Policy { strategy, backoff, max_attempts: NonZeroU32::new(max_attempts) }
}

fn expected(strategy: Delays) -> &'static [u128] {
    match strategy {
        Delays::Immediate { .. } => &[10, 10, 10, 250, 500, 1000],
        Delays::Exponential | Delays::Adaptive => &[250, 500, 1000, 2000, 4000, 8000],
    }
}

/// The timer's resolution is a millisecond, and it is never early.
fn assert_near(gaps: &[u128], expected: &[u128], what: &str) {
    assert!(gaps.len() >= expected.len(), "{what}: {gaps:?}");
    for (gap, expected) in gaps.iter().zip(expected) {
        assert!((*expected..=expected + 1).contains(gap), "{what}: {gaps:?}");
    }
}

#[actix::test]
async fn a_first_start_that_fails_is_retried_like_any_other() {
    tokio::time::pause();
    for strategy in STRATEGIES {
        let first = Stage::new(policy(strategy, 0), Fate::Fails, Fate::Works, false).await;
        first.subscribe("a").await;
        tokio::time::sleep(HOUR).await;
        assert_near(&gaps(&first.world.device), expected(strategy), "a device");
        let later = Stage::new(policy(strategy, 0), Fate::Lives(HOUR), Fate::Works, false).await;
        later.subscribe("a").await;
        later.world.device.lock().unwrap().fate = Fate::Fails;
        tokio::time::sleep(2 * HOUR).await;
        assert_near(&gaps(&later.world.device)[1..], &expected(strategy)[1..], "one that had worked");
        let encoder = Stage::new(policy(strategy, 0), Fate::Works, Fate::Fails, false).await;
        encoder.subscribe("a").await;
        tokio::time::sleep(HOUR).await;
        assert_near(&gaps(&encoder.world.encoder), expected(strategy), "an encoder");
        assert_eq!(encoder.opens(), 1, "its camera stays open meanwhile");
    }
}

#[actix::test]
async fn nothing_spins_whatever_fails_and_however() {
    tokio::time::pause();
    // Growing to 10 s takes eight attempts; an hour at 10 s is 360.
    let most = 400;
    for strategy in STRATEGIES {
        for fate in [Fate::Fails, Fate::Absent, Fate::Lives(Duration::ZERO), Fate::Lives(Duration::from_millis(1))] {
            let device = Stage::new(policy(strategy, 0), fate, Fate::Works, false).await;
            device.subscribe("a").await;
            tokio::time::sleep(HOUR).await;
            let opens = device.opens();
            assert!((300..most).contains(&opens), "{strategy:?}, a device that {fate:?}: {opens}");
            let encoder = Stage::new(policy(strategy, 0), Fate::Works, fate, false).await;
            encoder.subscribe("a").await;
            tokio::time::sleep(HOUR).await;
            let starts = encoder.tried().1;
            assert!((300..most).contains(&starts), "{strategy:?}, an encoder that {fate:?}: {starts}");
            tokio::join!(device.root.shut_down(), encoder.root.shut_down());
        }
    }
}

#[actix::test]
async fn stop_during_any_backoff_is_immediate() {
    tokio::time::pause();
    for strategy in STRATEGIES {
        for (device, encoder) in [(Fate::Fails, Fate::Works), (Fate::Absent, Fate::Works), (Fate::Works, Fate::Fails)] {
            let stage = Stage::new(policy(strategy, 0), device, encoder, false).await;
            stage.subscribe("a").await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert_eq!(stage.stream(), StreamState::Backoff);
            let before = SystemClock.now();
            assert_eq!(stage.disconnect("a").await, Released::Closed { took: Duration::ZERO });
            assert_eq!(SystemClock.now(), before, "no time passes");
            assert_eq!((stage.camera(), *stage.world.open.lock().unwrap()), (CameraState::Closed, 0));
            let tried = stage.tried();
            tokio::time::sleep(HOUR).await;
            assert_eq!(stage.tried(), tried, "and nothing is tried afterwards");
        }
    }
}

#[actix::test]
async fn a_camera_is_given_up_after_max_attempts_in_words_until_a_new_viewer_asks() {
    tokio::time::pause();
    for strategy in STRATEGIES {
        let stage = Stage::new(policy(strategy, 4), Fate::Fails, Fate::Works, false).await;
        let told = stage.subscribe("a").await;
        tokio::time::sleep(HOUR).await;
        assert_eq!(stage.opens(), 4, "{strategy:?}");
        assert_eq!((stage.camera(), stage.stream()), (CameraState::Failed, StreamState::Failed));
        let words = "camera cam has failed: x: it does not want to; 4 attempts in a row have failed, and it is tried \
                     again when a new viewer comes, or on POST /debug/actors/root/cameras/cam/restart";
        assert_eq!(told.lock().unwrap().len(), 4);
        assert_eq!(*told.lock().unwrap().last().unwrap(), ("camera_failed", words.to_owned()));
        let shown = stage.board.read(|board| board.cameras[&"cam".into()].last_error.clone());
        assert_eq!(shown.as_deref(), Some(words));
        let told = stage.subscribe("b").await;
        tokio::time::sleep(HOUR).await;
        assert_eq!(stage.opens(), 8, "as often again");
        assert_eq!(told.lock().unwrap().last().unwrap().0, "camera_failed");
        stage.world.device.lock().unwrap().fate = Fate::Works;
        tokio::time::sleep(HOUR).await;
        assert_eq!(stage.opens(), 8, "nobody new has asked");
        stage.subscribe("c").await;
        assert_eq!((stage.camera(), stage.stream()), (CameraState::Capturing, StreamState::Live));
        for peer in ["a", "b", "c"] {
            stage.disconnect(peer).await;
        }
        assert_eq!((stage.camera(), *stage.world.open.lock().unwrap()), (CameraState::Closed, 0));
    }
}

#[actix::test]
async fn a_camera_that_was_given_up_is_closed_when_its_viewer_leaves_and_starts_anew_with_the_next() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 2), Fate::Fails, Fate::Works, false).await;
    stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.camera(), CameraState::Failed);
    assert_eq!(stage.disconnect("a").await, Released::Closed { took: Duration::ZERO });
    assert_eq!((stage.camera(), stage.stream()), (CameraState::Closed, StreamState::Idle));
    stage.subscribe("b").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(gaps(&stage.world.device).len(), 3);
}

#[actix::test]
async fn a_restart_by_request_tries_a_camera_that_was_given_up() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 2), Fate::Fails, Fate::Works, false).await;
    stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((stage.opens(), stage.camera()), (2, CameraState::Failed));
    stage.world.device.lock().unwrap().fate = Fate::Works;
    stage.root.tree.restart("root/cameras/cam").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // What a viewer's peer does when its stream is back.
    stage.subscribe("a").await;
    assert_eq!((stage.opens(), stage.camera()), (3, CameraState::Capturing));
}

#[actix::test]
async fn a_camera_that_was_given_up_is_tried_when_it_is_plugged_in_again() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 3), Fate::Fails, Fate::Works, true).await;
    stage.plugged(Plugged::In).await;
    let told = stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((stage.opens(), stage.camera()), (3, CameraState::Failed));
    let words = told.lock().unwrap().last().unwrap().1.clone();
    assert!(words.contains("when it is plugged in again"), "{words}");
    stage.plugged(Plugged::Out).await;
    assert_eq!(stage.camera(), CameraState::Absent);
    stage.world.device.lock().unwrap().fate = Fate::Works;
    stage.plugged(Plugged::In).await;
    assert_eq!((stage.opens(), stage.camera(), stage.stream()), (4, CameraState::Capturing, StreamState::Starting));
}

#[actix::test]
async fn a_camera_whose_plug_is_watched_is_not_given_up_for_being_absent() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 1), Fate::Absent, Fate::Works, true).await;
    stage.subscribe("a").await;
    // The device may say so before the watch does.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(stage.opens() > 5 && stage.camera() == CameraState::Absent);
    stage.plugged(Plugged::Out).await;
    let opens = stage.opens();
    tokio::time::sleep(HOUR).await;
    assert_eq!((stage.opens(), stage.camera()), (opens, CameraState::Absent), "it waits for the plug");
    stage.world.device.lock().unwrap().fate = Fate::Works;
    stage.plugged(Plugged::In).await;
    assert_eq!((stage.opens(), stage.camera()), (opens + 1, CameraState::Capturing));
    let unwatched = Stage::new(policy(Delays::Exponential, 3), Fate::Absent, Fate::Works, false).await;
    unwatched.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((unwatched.opens(), unwatched.camera()), (3, CameraState::Failed), "nobody would tell");
}

#[actix::test]
async fn a_life_in_health_is_no_failed_attempt() {
    tokio::time::pause();
    let healthy = Fate::Lives(Exponential::default().reset_after);
    let stage = Stage::new(policy(Delays::Exponential, 1), healthy, Fate::Works, false).await;
    let told = stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert!(stage.opens() > 300 && stage.camera() != CameraState::Failed);
    assert!(told.lock().unwrap().iter().all(|(_, words)| words == "x: it is tired"));
    let sick = Fate::Lives(Exponential::default().reset_after - Duration::from_secs(1));
    let stage = Stage::new(policy(Delays::Exponential, 2), sick, Fate::Works, false).await;
    stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((stage.opens(), stage.camera()), (2, CameraState::Failed));
}

#[actix::test]
async fn an_encoder_that_is_given_up_lets_its_camera_go_until_a_new_viewer_asks() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 3), Fate::Works, Fate::Fails, false).await;
    let told = stage.subscribe("a").await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((stage.camera(), stage.stream()), (CameraState::Closed, StreamState::Failed));
    assert_eq!(*stage.world.open.lock().unwrap(), 0, "a picture that nobody can see is not taken");
    let (code, words) = told.lock().unwrap().last().unwrap().clone();
    assert_eq!(code, "camera_failed");
    assert!(words.starts_with("stream cam has failed: out of ink; 3 attempts in a row have failed"), "{words}");
    stage.world.encoder.lock().unwrap().fate = Fate::Works;
    stage.subscribe("b").await;
    assert_eq!((stage.camera(), stage.stream()), (CameraState::Capturing, StreamState::Live));
    assert_eq!(stage.disconnect("a").await, Released::Shared);
    assert_eq!(stage.disconnect("b").await, Released::Closed { took: Duration::ZERO });
    assert_eq!(*stage.world.open.lock().unwrap(), 0);
}

#[actix::test]
async fn a_stream_that_dies_while_its_encoder_is_in_backoff_lets_its_camera_go() {
    tokio::time::pause();
    let stage = Stage::new(policy(Delays::Exponential, 0), Fate::Works, Fate::Fails, false).await;
    stage.subscribe("a").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((stage.camera(), stage.stream()), (CameraState::Capturing, StreamState::Backoff));
    stage.root.tree.kill("root/cameras/cam/stream-cam").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((stage.camera(), *stage.world.open.lock().unwrap()), (CameraState::Closed, 0), "nobody came back");
}
