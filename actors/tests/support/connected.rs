//! A viewer whose connection stands: everything is real but the network and the clock.

use crate::support::*;
use crate::transport::link::{Chance, Link as Wire, Way};
use crate::transport::viewer::{Kindness, Viewer};
use actix::prelude::Arbiter;
use bytes::{Bytes, BytesMut};
use lenscap_actors::board::PeerStatus;
use lenscap_actors::board::{CameraState, StreamState};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::Cause;
use lenscap_actors::media::Size;
use lenscap_actors::media::{Cuts, Frame, Origin};
use lenscap_actors::peer::PeerTimeouts;
use lenscap_actors::peer::{Peer, Signal};
use lenscap_actors::peers::Join;
use lenscap_actors::ports::*;
use lenscap_actors::retry::Exponential;
use lenscap_actors::root::{CameraSpec, Root, RootSpec, StreamSpec, Supervision, Threads};
use lenscap_actors::supervisor::recipient::Recipient;
use lenscap_actors::supervisor::registered::Registered;
use lenscap_actors::transport::stun::{Message, MessageKind};
use lenscap_actors::transport::{Batch, IceTimeouts, Identity, Secrets, Transport, answer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::generate().unwrap()));

const STEP: Duration = Duration::from_millis(10);

fn server() -> SocketAddr {
    "198.51.100.1:8555".parse().unwrap()
}

/// The socket: what is sent through it, and what has arrived and was not read yet.
#[derive(Clone, Default)]
struct Network(Arc<Mutex<Air>>);

#[derive(Default)]
struct Air {
    inbox: Option<Recipient<Inbound>>,
    /// Names that are registered, and the addresses that they were heard at.
    names: BTreeMap<String, BTreeSet<SocketAddr>>,
    down: Vec<Vec<u8>>,
    unread: Vec<Inbound>,
}

impl Network {
    /// Whether what comes from there is led to the viewer's peer: as the socket does it, by the names in requests.
    fn leads(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        let names = &mut self.0.lock().unwrap().names;
        let request = Message::read(datagram).filter(|it| it.kind() == Some(MessageKind::Request));
        match request.as_ref().and_then(Message::receiver) {
            Some(receiver) => names.get_mut(receiver).map(|addresses| addresses.insert(from)).is_some(),
            None => names.values().any(|addresses| addresses.contains(&from)),
        }
    }
}

impl Datagrams for Network {
    fn register(&self, ufrag: &str, _: &str, inbox: Recipient<Inbound>) {
        let mut air = self.0.lock().unwrap();
        air.inbox = Some(inbox);
        air.names.insert(ufrag.to_owned(), BTreeSet::new());
    }
    fn expect(&self, ufrag: &str, address: SocketAddr) {
        self.0.lock().unwrap().names.get_mut(ufrag).unwrap().insert(address);
    }
    fn forget(&self, ufrag: &str) {
        self.0.lock().unwrap().names.remove(ufrag);
    }
    fn send(&self, batch: &Batch) -> usize {
        let datagrams = batch.datagrams().map(|(_, datagram)| datagram.to_vec());
        self.0.lock().unwrap().down.extend(datagrams);
        batch.count()
    }
    fn drain(&self) {
        let mut air = self.0.lock().unwrap();
        let (unread, inbox) = (std::mem::take(&mut air.unread), air.inbox.clone());
        // As the socket's reader does: what has no room is lost.
        unread.into_iter().for_each(|it| _ = inbox.as_ref().unwrap().try_send(it));
    }
}

/// Two cameras, "cam" with a small rendition of its stream and "other" without, and one viewer of "cam".
pub struct Scene {
    /// The device of "cam", and the encoder of its full rendition.
    pub full: Fake,
    /// The encoder of its small rendition.
    pub small: Fake,
    /// The other device, and its encoder.
    pub other: Fake,
    pub root: Root,
    pub peer: Registered<Peer>,
    pub viewer: Viewer,
    pub signals: mpsc::Receiver<Signal>,
    network: Network,
    /// The link, each way. At first nothing is lost on it, and nothing takes time.
    pub down: Wire,
    pub up: Wire,
    chance: Chance,
    /// Whether what arrives is read late: only when somebody asks for it.
    pub reads_late: bool,
    /// Frames of each encoder so far.
    numbers: BTreeMap<&'static str, u64>,
}

impl Scene {
    /// With both cameras in one exclusive group, or not.
    pub async fn new(group: bool) -> Self {
        Self::with(group, 10, 0).await
    }

    /// The same, with so many places for viewers, and over a link that takes so long each way.
    pub async fn with(group: bool, max_viewers: usize, delay_ms: u64) -> Self {
        let kindness = Kindness { gcm: true, rtx: true, passive: false, polite: true };
        let viewer = Viewer::new(kindness, SocketAddr::from(([192, 0, 2, 1], 1000)), server(), 5);
        Self::of(viewer, group, max_viewers, delay_ms).await
    }

    /// The same, of this viewer.
    pub async fn of(mut viewer: Viewer, group: bool, max_viewers: usize, delay_ms: u64) -> Self {
        tokio::time::pause();
        let [full, small, other] = [(); 3].map(|()| Fake::default());
        let camera = |id: &str, fake: &Fake| CameraSpec {
            id: id.into(),
            source: "fake".into(),
            capture: Arc::new(fake.clone()),
            group: group.then(|| "hub".to_owned()),
            pause_on_suspicion: true,
            retry: Exponential { jitter: 0.0, ..Exponential::default() }.into(),
        };
        let stream = |id: &str, fake: &Fake, small: Option<&Fake>| StreamSpec {
            id: id.into(),
            camera: id.into(),
            encode: Arc::new(fake.clone()),
            small: small.map(|small| Arc::new(small.clone()) as Arc<dyn Encode>),
        };
        let spec = RootSpec {
            cameras: vec![camera("cam", &full), camera("other", &other)],
            streams: vec![stream("cam", &full, Some(&small)), stream("other", &other, None)],
            max_viewers,
            max_viewers_per_address: 10,
            timeouts: PeerTimeouts::default(),
            supervision: Supervision::default(),
            chance: || 0.5,
        };
        let here = Arbiter::current();
        let threads = Threads { supervisors: here.clone(), cameras: here.clone(), media: vec![here] };
        let network = Network::default();
        let (root, _) = Root::start(spec, threads, Arc::new(network.clone()), Arc::new(SystemClock));
        root.tree.until_started().await;
        let secrets = Secrets {
            ufrag: "lens0".into(),
            password: "a/password/of/the/server/0".into(),
            ssrcs: [0x1111_1111, 0x2222_2222],
            sequence: 5,
            timestamp: 5,
            tie_breaker: 5,
        };
        let now = SystemClock.now();
        let (text, terms) = answer(&viewer.offer(), &IDENTITY, &[server()], secrets).unwrap();
        let timeouts = IceTimeouts {
            disconnected: Duration::from_secs(5),
            failed: Duration::from_secs(20),
            keepalive: Duration::from_secs(2),
        };
        let connection = Transport::new(terms, IDENTITY.clone(), timeouts, now, Duration::from_secs(1_700_000_000));
        viewer.accept(&text, now);
        let (sender, signals) = mpsc::channel(64);
        let place = root.peers.reserve("token", Ipv4Addr::LOCALHOST.into()).unwrap();
        let join = Join { transport: "ws", stream: "cam".into(), connection, signals: sender };
        let peer = root.peers.join(place, join).await.unwrap().peer;
        let [down, up] = [(); 2].map(|()| Wire::new(Way::clean(delay_ms)));
        let (chance, reads_late, numbers) = (Chance(7), false, BTreeMap::new());
        let mut scene =
            Self { full, small, other, root, peer, viewer, signals, network, down, up, chance, reads_late, numbers };
        scene.pass(500 + 12 * delay_ms).await;
        assert!(scene.viewer.connected_at.is_some(), "it does not connect");
        scene.full.report(CaptureEventKind::Opened(CaptureInfo::default()));
        scene.show("full", true).await;
        scene.pass(delay_ms).await;
        assert_eq!(scene.seen(), ["full"]);
        scene.told();
        scene
    }

    /// Lets so much time pass, and all be sent meanwhile.
    pub async fn pass(&mut self, ms: u64) {
        self.ship().await;
        for _ in 0..ms / STEP.as_millis() as u64 {
            tokio::time::advance(STEP).await;
            self.ship().await;
        }
    }

    async fn ship(&mut self) {
        loop {
            settle().await;
            let now = SystemClock.now();
            let sent = std::mem::take(&mut self.network.0.lock().unwrap().down);
            let mut quiet = sent.is_empty();
            for datagram in sent {
                self.down.send(server(), self.viewer.address, &datagram, now, &mut self.chance);
            }
            while let Some((_, _, datagram)) = self.down.receive(now) {
                quiet = false;
                self.viewer.read(&datagram, now);
            }
            if self.viewer.due().is_some_and(|due| due <= now) {
                self.viewer.wake(now);
            }
            for (to, datagram) in std::mem::take(&mut self.viewer.out) {
                self.up.send(self.viewer.address, to, &datagram, now, &mut self.chance);
            }
            let mut datagrams = vec![];
            while let Some((from, _, datagram)) = self.up.receive(now) {
                quiet = false;
                if self.network.leads(from, &datagram) {
                    datagrams.push((from, BytesMut::from(&datagram[..])));
                }
            }
            if quiet {
                return;
            }
            self.arrive(Inbound { at: now, datagrams, undeliverable: vec![] });
        }
    }

    /// This has arrived from the viewer. It goes where datagrams go: behind what has to be done, and only if there is room.
    pub fn arrive(&self, inbound: Inbound) {
        let inbox = {
            let mut air = self.network.0.lock().unwrap();
            if self.reads_late {
                air.unread.push(inbound);
                return;
            }
            air.inbox.clone().unwrap()
        };
        let _ = inbox.try_send(inbound);
    }

    /// What the server has sent, and nobody has read yet.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        self.network.0.lock().unwrap().down.clone()
    }

    /// The viewer is silent for so long.
    pub async fn silence(&mut self, ms: u64) {
        for _ in 0..ms / STEP.as_millis() as u64 {
            tokio::time::advance(STEP).await;
            settle().await;
            self.network.0.lock().unwrap().down.clear();
        }
    }

    /// A frame comes from the encoder of "full", "small" or "other", and has that in it.
    pub async fn show(&mut self, what: &'static str, keyframe: bool) {
        self.emit(what, keyframe);
        self.pass(20).await;
    }

    /// The same, before it is on its way.
    pub fn emit(&mut self, what: &'static str, keyframe: bool) {
        let fake = match what {
            "full" => &self.full,
            "small" => &self.small,
            _ => &self.other,
        };
        let number = self.numbers.entry(what).or_default();
        *number += 1;
        let unit = Bytes::from_static(what.as_bytes());
        let cuts = Cuts::whole(&unit);
        fake.encoded(Frame { unit, cuts, ..frame(*number, keyframe, Origin::Encoder) });
    }

    /// What the viewer has been sent since this was last asked.
    pub fn seen(&mut self) -> Vec<String> {
        let received = std::mem::take(&mut self.viewer.received);
        received.into_values().map(|payload| String::from_utf8(payload).unwrap()).collect()
    }

    /// What the page has been told since this was last asked.
    pub fn told(&mut self) -> Vec<Signal> {
        std::iter::from_fn(|| self.signals.try_recv().ok()).collect()
    }

    /// Whether it is there no more.
    pub fn is_gone(&self) -> bool {
        self.root.board.read(|board| board.peers.is_empty())
    }

    pub fn status(&self) -> PeerStatus {
        self.root.board.read(|board| board.peers.values().next().unwrap().clone())
    }

    /// The stream and the rendition that it is shown to watch.
    pub fn watches(&self) -> (String, Size) {
        let status = self.status();
        (status.stream.unwrap().to_string(), status.rendition)
    }

    pub fn state(&self, stream: &str) -> StreamState {
        self.root.board.read(|board| board.streams[&stream.into()].state)
    }

    pub fn viewers(&self, stream: &str) -> usize {
        self.root.board.read(|board| board.viewers(&stream.into()).len())
    }

    pub fn camera(&self, camera: &str) -> CameraState {
        self.root.board.read(|board| board.cameras[&camera.into()].state)
    }

    /// Stream, cause, and whether it closed the camera, of every release.
    pub fn releases(&self) -> Vec<(String, Cause, bool)> {
        let release =
            |it: &lenscap_actors::board::ReleaseRecord| (it.stream.to_string(), it.cause, it.closed_ms.is_some());
        self.root.board.read(|board| board.releases.iter().map(release).collect())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // For the next of the same test.
        tokio::time::resume();
    }
}
