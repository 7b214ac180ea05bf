//! Both ends and the link between them, driven on a virtual clock from one deadline to the next.

use super::link::{Chance, Link, Way};
use super::viewer::{Kindness, Viewer};
use bytes::Bytes;
use lenscap_actors::media::{Codec, Cuts, Frame, Origin};
use lenscap_actors::transport::track::Admission;
use lenscap_actors::transport::{Batch, IceTimeouts, Identity, News, Secrets, Transport, answer};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// A drive that takes more steps than this hangs.
const STEPS_MAX: usize = 200_000;

const FRAME_EVERY: Duration = Duration::from_millis(33);

pub static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::generate().unwrap()));

pub const TIMEOUTS: IceTimeouts = IceTimeouts {
    disconnected: Duration::from_secs(5),
    failed: Duration::from_secs(20),
    keepalive: Duration::from_secs(2),
};

pub fn server() -> SocketAddr {
    "198.51.100.1:8555".parse().unwrap()
}

pub fn viewer_at(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

pub struct Pair {
    pub now: Instant,
    pub start: Instant,
    pub transport: Transport,
    pub viewer: Viewer,
    pub down: Link,
    pub up: Link,
    pub chance: Chance,
    batch: Batch,
    /// What was sealed with each number of each stream.
    sealed: HashMap<(u32, u16), u64>,
    /// Media packets that were sent, by their number, and their payload.
    pub connected_at: Option<Instant>,
    pub leaving: Option<lenscap_actors::departure::Cause>,
    pub proofs: u64,
    next_frame: Option<Instant>,
    pub frames: u64,
    pub frame_bytes: usize,
    /// A keyframe has so many times the bytes, and comes so often, or when it is asked for.
    pub keyframes: (usize, u64),
    wanted: bool,
    /// When each frame was taken.
    pub taken: Vec<Instant>,
    pub packets: u64,
    restarts: u32,
    steps: usize,
}

impl Pair {
    pub fn new(kindness: Kindness, down: Way, up: Way, seed: u64) -> Self {
        Self::with_offer(kindness, down, up, seed, |_| ())
    }

    /// With an offer that is bent on its way.
    pub fn with_offer(kindness: Kindness, down: Way, up: Way, seed: u64, bend: impl Fn(&mut String)) -> Self {
        let now = Instant::now();
        let mut viewer = Viewer::new(kindness, viewer_at(1000), server(), seed ^ 1);
        let secrets = Secrets {
            ufrag: "lens0".into(),
            password: "a/password/of/the/server/0".into(),
            ssrcs: [0x1111_1111, 0x2222_2222],
            sequence: seed as u16,
            timestamp: seed as u32,
            tie_breaker: seed,
        };
        let mut offer = viewer.offer();
        bend(&mut offer);
        let (text, terms) = answer(&offer, &IDENTITY, &[server()], secrets).unwrap();
        let unix = Duration::from_secs(1_700_000_000);
        let transport = Transport::new(terms, IDENTITY.clone(), TIMEOUTS, now, unix);
        viewer.accept(&text, now);
        Self {
            now,
            start: now,
            transport,
            viewer,
            down: Link::new(down),
            up: Link::new(up),
            chance: Chance(seed),
            batch: Batch::default(),
            sealed: HashMap::new(),
            connected_at: None,
            leaving: None,
            proofs: 0,
            next_frame: None,
            frames: 0,
            frame_bytes: 4000,
            keyframes: (1, 30),
            wanted: false,
            taken: vec![],
            packets: 0,
            restarts: 0,
            steps: 0,
        }
    }

    pub fn frame(&self, number: u64, keyframe: bool) -> Arc<Frame> {
        let size = if keyframe { self.keyframes.0 } else { 1 };
        let unit = Bytes::from(vec![number as u8; self.frame_bytes * size + number as usize % 97]);
        let mut cuts = Cuts::default();
        let mut start = 0;
        while start < unit.len() {
            let end = unit.len().min(start + 1100);
            cuts.push(&[0x7c, number as u8], start..end);
            start = end;
        }
        Arc::new(Frame {
            number,
            captured: self.now,
            keyframe,
            origin: Origin::Encoder,
            codec: Codec::H264,
            unit,
            cuts,
        })
    }

    /// To its next deadline, at most until `until`. False if nothing is left to be done before.
    fn step(&mut self, until: Instant) -> bool {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "it hangs: {:?} after the start", self.now - self.start);
        let dues = [self.transport.due(), self.viewer.due(), self.down.due(), self.up.due(), self.next_frame];
        let Some(due) = dues.into_iter().flatten().min().filter(|due| *due <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(due);
        let now = self.now;
        if self.transport.due().is_some_and(|due| due <= now) {
            self.packets += self.transport.wake(now, &mut self.batch);
        }
        while let Some((from, _, datagram)) = self.up.receive(now) {
            self.transport.read(from, &datagram, now);
        }
        while let Some((_, to, datagram)) = self.down.receive(now) {
            if to == self.viewer.address {
                self.viewer.read(&datagram, now);
            }
        }
        if self.viewer.due().is_some_and(|due| due <= now) {
            self.viewer.wake(now);
        }
        self.hear();
        if self.next_frame.is_some_and(|at| at <= now) {
            self.next_frame = Some(now + FRAME_EVERY);
            self.frames += 1;
            let keyframe = self.frames % self.keyframes.1 == 1 || std::mem::take(&mut self.wanted);
            let frame = self.frame(self.frames, keyframe);
            self.taken.push(now);
            let (admission, packets) = self.transport.write(&frame, now, &mut self.batch);
            self.wanted |= admission == Admission::SkipAndAsk;
            self.packets += packets;
        }
        self.ship();
        true
    }

    fn hear(&mut self) {
        let News { connected, proof, leaving, .. } = self.transport.poll(self.now);
        if connected {
            self.connected_at = Some(self.now);
            self.next_frame = Some(self.now);
        }
        self.proofs += u64::from(proof.is_some());
        if leaving.is_some() {
            self.leaving = leaving;
            self.next_frame = None;
        }
    }

    pub fn ship(&mut self) {
        self.packets += self.transport.transmit(self.now, &mut self.batch);
        for (to, run, segment) in self.batch.runs() {
            assert!(segment <= 1200 && run.len() <= 65_507 && run.len().div_ceil(segment) <= 64);
            for datagram in run.chunks(segment) {
                if let [128..=191, 0..=191 | 224..=255, a, b, ..] = datagram {
                    let ssrc = u32::from_be_bytes(datagram[8..12].try_into().unwrap());
                    let mut hash = DefaultHasher::new();
                    datagram.hash(&mut hash);
                    let before = self.sealed.insert((ssrc, u16::from_be_bytes([*a, *b])), hash.finish());
                    assert!(before.is_none_or(|before| before == hash.finish()), "two packets with one number");
                }
                self.down.send(server(), to, datagram, self.now, &mut self.chance);
            }
        }
        self.batch.clear();
        for (to, datagram) in std::mem::take(&mut self.viewer.out) {
            self.up.send(self.viewer.address, to, &datagram, self.now, &mut self.chance);
        }
    }

    pub fn run(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        self.ship();
        while self.step(until) {}
    }

    /// Until `done`, but no longer than `ms`.
    pub fn until(&mut self, ms: u64, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + Duration::from_millis(ms);
        self.ship();
        while !done(self) {
            if !self.step(until) {
                return done(self);
            }
        }
        true
    }

    pub fn connect(&mut self) {
        assert!(self.until(10_000, |pair| pair.connected_at.is_some()), "it does not connect");
    }

    /// No more frames.
    pub fn pause(&mut self) {
        self.next_frame = None;
    }

    pub fn restart(&mut self, by_fragment: bool) {
        self.restarts += 1;
        self.viewer.begin_restart();
        let offer = if by_fragment { self.viewer.fragment() } else { self.viewer.offer() };
        let (ufrag, password) =
            (format!("lens{}", self.restarts), format!("a/password/of/the/server/{}", self.restarts));
        let text = self.transport.restart(&offer, &[server()], ufrag, password, self.now).unwrap();
        self.viewer.accept(&text, self.now);
    }

    pub fn replay(&mut self, frames: &[Arc<Frame>]) {
        self.packets += self.transport.replay(frames.iter(), self.now, &mut self.batch);
        self.frames = frames.last().map_or(self.frames, |frame| frame.number);
    }

    pub fn probe(&mut self) -> bool {
        let asked = self.transport.probe(self.now, &mut self.batch);
        self.ship();
        asked
    }

    pub fn close(&mut self) {
        self.transport.close(self.now, &mut self.batch);
        self.next_frame = None;
        self.ship();
    }
}
