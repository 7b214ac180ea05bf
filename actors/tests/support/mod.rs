//! A device that does as it is told, and a camera and a stream on it, on a virtual clock.

pub mod connected;

use actix::prelude::*;
use lenscap_actors::board::{Board, CameraState, StreamState};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::Cause;
use lenscap_actors::fanout::Deliver;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::{Codec, Cuts, Frame, Origin, Picture, PictureSink};
use lenscap_actors::peer::PeerTimeouts;
use lenscap_actors::peer::subscription::{Subscriber, SubscriberState, Subscription};
use lenscap_actors::ports::*;
use lenscap_actors::retry::{Delays, Exponential, Policy};
use lenscap_actors::root::{CameraSpec, Root, RootSpec, StreamSpec, Supervision, Threads};
use lenscap_actors::stream::{Alive, Disconnected, Link, Released, Stream, StreamNotice, Subscribe, Suspect};
use lenscap_actors::supervisor::registered::{Registered, Standing, StandingChanged, Unreachable};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// All ways to try again: what holds for all is tested with these.
pub const STRATEGIES: [Delays; 3] = [Delays::Exponential, Delays::Adaptive, Delays::Immediate { tries: 3 }];

/// Whoever adds one is led here by the compiler, and adds it above.
const _: fn(Delays) = |delays| match delays {
    Delays::Exponential | Delays::Adaptive | Delays::Immediate { .. } => {}
};

/// What happened to the device, in order, and how to make more happen.
#[derive(Default)]
pub struct World {
    log: Vec<&'static str>,
    closing: Option<oneshot::Sender<()>>,
    capture: Option<(u64, CaptureEvents)>,
    encoder: Option<(u64, EncodeEvents)>,
    /// What it can be held to, and what it was.
    bit_rates: Option<RangeInclusive<u32>>,
    held: Vec<u32>,
}

#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<World>>);

impl Fake {
    pub fn note(&self, what: &'static str) {
        self.0.lock().unwrap().log.push(what);
    }

    pub fn log(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().log.clone()
    }

    /// From now on the encoder can be held to these bit rates.
    pub fn can_be_held(&self, bit_rates: RangeInclusive<u32>) {
        self.0.lock().unwrap().bit_rates = Some(bit_rates);
    }

    /// What the encoder has been held to since this was last asked.
    pub fn held(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap().held)
    }

    /// Whether it has been told to close, and has not finished.
    pub fn is_closing(&self) -> bool {
        self.0.lock().unwrap().closing.is_some()
    }

    /// Lets the device finish closing.
    pub fn finish_closing(&self) {
        self.note("closed");
        self.0.lock().unwrap().closing.take().expect("it is closing").send(()).unwrap();
    }

    /// Lets it be closed another time.
    pub fn take_closing(&self) -> oneshot::Sender<()> {
        self.0.lock().unwrap().closing.take().expect("it is closing")
    }

    pub fn report(&self, kind: CaptureEventKind) {
        let (session, events) = self.0.lock().unwrap().capture.clone().expect("it is open");
        events.do_send(CaptureEvent { session, kind });
    }

    pub fn frame(&self, number: u64, keyframe: bool, origin: Origin) {
        self.encoded(frame(number, keyframe, origin));
    }

    /// The encoder ends by itself.
    pub fn ended(&self, why: &str) {
        let (session, events) = self.0.lock().unwrap().encoder.clone().expect("it encodes");
        events.do_send(EncodeEvent { session, kind: EncodeEventKind::Ended(why.to_owned()) });
    }

    pub fn encoded(&self, frame: Frame) {
        let (session, events) = self.0.lock().unwrap().encoder.clone().expect("it encodes");
        events.do_send(EncodeEvent { session, kind: EncodeEventKind::Frame(Arc::new(frame)) });
    }
}

pub struct Nowhere;

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
    fn bit_rates(&self) -> Option<RangeInclusive<u32>> {
        self.0.lock().unwrap().bit_rates.clone()
    }
    fn hold_to(&self, bps: u32) {
        self.0.lock().unwrap().held.push(bps);
    }
}

/// A frame of one byte, taken now.
pub fn frame(number: u64, keyframe: bool, origin: Origin) -> Frame {
    let unit = bytes::Bytes::from_static(b"x");
    let (captured, codec, cuts) = (SystemClock.now(), Codec::H264, Cuts::whole(&unit));
    Frame { number, captured, keyframe, origin, codec, unit, cuts }
}

/// A viewer that remembers what it got.
#[derive(Default)]
pub struct Viewer(Arc<Mutex<Vec<String>>>);

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

/// Lets something begin that waits for the device to close, and lets it close then.
pub async fn with_closing<T>(fake: &Fake, waits: impl Future<Output = T>) -> T {
    let closing = async {
        settle().await;
        fake.finish_closing();
    };
    tokio::join!(waits, closing).0
}

pub struct NoSocket;

impl Datagrams for NoSocket {
    fn register(&self, _: &str, _: &str, _: lenscap_actors::supervisor::recipient::Recipient<Inbound>) {}
    fn expect(&self, _: &str, _: std::net::SocketAddr) {}
    fn forget(&self, _: &str) {}
    fn send(&self, batch: &lenscap_actors::transport::Batch) -> usize {
        batch.count()
    }
    fn drain(&self) {}
}

pub struct Stage {
    pub fake: Fake,
    pub root: Root,
    pub board: Board,
    pub stream: Registered<Stream>,
}

/// Starts one camera with one stream, both called "cam".
pub async fn start(capture: Arc<dyn Capture>, encode: Arc<dyn Encode>, retry: Policy) -> (Root, Registered<Stream>) {
    let spec = RootSpec {
        cameras: vec![CameraSpec {
            id: "cam".into(),
            source: "fake".into(),
            capture,
            group: None,
            pause_on_suspicion: true,
            retry,
        }],
        streams: vec![StreamSpec { id: "cam".into(), camera: "cam".into(), encode, small: None }],
        max_viewers: 10,
        max_viewers_per_address: 10,
        timeouts: PeerTimeouts::default(),
        supervision: Supervision::default(),
        chance: || 0.5,
    };
    let here = Arbiter::current();
    let threads = Threads { supervisors: here.clone(), cameras: here.clone(), media: vec![here] };
    let (root, _) = Root::start(spec, threads, Arc::new(NoSocket), Arc::new(SystemClock));
    root.tree.until_started().await;
    let stream = root.streams[&"cam".into()].stream.clone();
    (root, stream)
}

pub async fn stage() -> Stage {
    tokio::time::pause();
    let fake = Fake::default();
    let retry = Exponential { jitter: 0.0, ..Exponential::default() }.into();
    let (root, stream) = start(Arc::new(fake.clone()), Arc::new(fake.clone()), retry).await;
    Stage { fake, board: root.board.clone(), root, stream }
}

impl Stage {
    pub fn viewer(&self) -> (Link, Recipient<StandingChanged>, Arc<Mutex<Vec<String>>>) {
        watcher()
    }

    /// A subscription as a peer has it, and what is told to the peer.
    pub async fn subscription(&self, peer: &str) -> (Subscription, Arc<Mutex<Vec<String>>>) {
        let (link, changes, got) = self.viewer();
        let subscriber =
            Subscriber { peer: peer.into(), link, clock: Arc::new(SystemClock), board: self.board.clone() };
        let entry = self.root.streams[&"cam".into()].clone();
        let subscription = Subscription::new(
            subscriber,
            "cam".into(),
            entry,
            SubscriberState::Here { ready: true, suspect: false },
            changes.into(),
        );
        settle().await;
        (subscription, got)
    }

    /// Kills an actor; what that waits for goes on by itself.
    pub async fn kill(&self, path: &'static str) {
        let tree = self.root.tree.clone();
        actix::spawn(async move { tree.kill(path).await.expect("it can be killed") });
        settle().await;
    }

    /// Subscribes a viewer whose connection stands; gives what it gets.
    pub async fn subscribe(&self, peer: &str) -> Arc<Mutex<Vec<String>>> {
        let (link, _, got) = self.viewer();
        self.stream.send(Subscribe { peer: peer.into(), link, ready: true, suspect: false }).await.unwrap();
        settle().await;
        got
    }

    pub fn disconnect(&self, peer: &str) -> impl Future<Output = Result<Released, Unreachable>> + use<> {
        let at = SystemClock.now();
        self.stream.send(Disconnected { peer: peer.into(), cause: Some(Cause::Bye), at, silence: Duration::ZERO })
    }

    /// Makes a suspect of a subscriber, and lets the device close if it has to.
    pub async fn suspect(&self, peer: &str) {
        let (at, silence) = (SystemClock.now(), Duration::from_millis(345));
        self.stream.do_send(Suspect { peer: peer.into(), at, silence });
        settle().await;
        if self.camera() == CameraState::Closing {
            self.fake.finish_closing();
            settle().await;
        }
    }

    pub async fn alive(&self, peer: &str) {
        self.stream.send(Alive { peer: peer.into() }).await.unwrap();
        settle().await;
    }

    pub fn stream_state(&self) -> StreamState {
        self.board.read(|board| board.streams[&"cam".into()].state)
    }

    pub fn causes(&self) -> Vec<Cause> {
        self.board.read(|board| board.releases.iter().map(|release| release.cause).collect())
    }

    pub fn camera(&self) -> CameraState {
        self.board.read(|board| board.cameras[&"cam".into()].state)
    }
}

/// Lets every actor do what it has to do now.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// A viewer whom its peer is not between: how it is reached, and what it gets.
pub fn watcher() -> (Link, Recipient<StandingChanged>, Arc<Mutex<Vec<String>>>) {
    let got = Arc::<Mutex<Vec<String>>>::default();
    let viewer = Viewer(got.clone()).start();
    let link = Link {
        frames: Arc::new(lenscap_actors::supervisor::recipient::Recipient::<Deliver>::from(viewer.clone().recipient())),
        notices: viewer.clone().recipient().into(),
        queue: None,
    };
    (link, viewer.recipient(), got)
}
