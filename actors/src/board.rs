//! What everybody may know: the state of cameras, streams and peers, and the last releases.
//!
//! The actors write here **before** they answer a message, so what is read is never older than
//! the last answer; and it can be read while an actor is busy. Nothing secret is ever written.

use crate::departure::{Cause, returning};
use crate::ids::{CameraId, PeerId, StreamId};
use crate::tally::Tally;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How many releases, and verdicts, are remembered.
pub const RELEASES_KEPT: usize = 256;

/// States of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// No descriptor is open.
    #[default]
    Closed,
    /// The device is being opened.
    Opening,
    /// Pictures come.
    Capturing,
    /// The device is being closed.
    Closing,
    /// It failed and is tried again after a delay.
    Backoff,
    /// It is not plugged in; tried again after a delay.
    Absent,
    /// It failed too often, or its actors did; tried again when somebody asks for it.
    Failed,
}

/// States of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Nobody watches, nothing runs.
    #[default]
    Idle,
    /// Somebody watches; no frame has come yet.
    Starting,
    /// Frames flow.
    Live,
    /// The last subscriber has left and the camera is being let go.
    Stopping,
    /// All who watch are suspect, and nothing runs until one of them proves to be there.
    Paused,
    /// Its camera, its encoder or itself failed and is tried again after a delay.
    Backoff,
    /// Its camera is [failed](CameraState::Failed), or its encoder failed too often; tried again when
    /// somebody asks for it.
    Failed,
}

impl StreamState {
    /// The word of the signalling protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            StreamState::Idle => "idle",
            StreamState::Starting => "starting",
            StreamState::Live => "live",
            StreamState::Stopping => "stopping",
            StreamState::Paused => "paused",
            StreamState::Backoff => "backoff",
            StreamState::Failed => "failed",
        }
    }
}

/// States of a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Offer and answer are being exchanged.
    Negotiating,
    /// ICE and DTLS are at work.
    #[default]
    Connecting,
    /// Connected, frames may flow.
    Watching,
    /// It has been silent for longer than its path allows: it holds no camera open.
    Suspect,
    /// It has left.
    Gone,
}

/// A camera as `/debug` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CameraStatus {
    /// Its source, without credentials.
    pub source: String,
    /// Its state.
    pub state: CameraState,
    /// The device or program in use.
    pub device: Option<String>,
    /// Format and size agreed with the device.
    pub format: Option<String>,
    /// Frames a second agreed with the device.
    pub fps: Option<f32>,
    /// When the device was opened, in ms since the Unix epoch.
    pub opened_at: Option<u64>,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
    /// How often it was opened.
    pub opens: u64,
    /// How often it failed.
    pub failures: u64,
    /// Broken pictures that were left out.
    pub left_out: u64,
}

/// A stream as `/debug` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct StreamStatus {
    /// The camera it shows.
    pub camera: CameraId,
    /// Its state.
    pub state: StreamState,
    /// Who watches.
    pub subscribers: Vec<PeerId>,
    /// Always `H264` for now.
    pub codec: &'static str,
    /// Payload bits a second over the last second or so.
    pub bitrate_bps: u64,
    /// Frames since the stream last went live.
    pub frames: u64,
    /// Pictures that could not be decoded, since the server was started.
    pub left_out: u64,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
}

impl StreamStatus {
    /// A stream of this camera that nobody has watched yet.
    pub fn idle(camera: CameraId) -> Self {
        Self {
            camera,
            state: StreamState::Idle,
            subscribers: vec![],
            codec: "H264",
            bitrate_bps: 0,
            frames: 0,
            left_out: 0,
            last_error: None,
        }
    }
}

/// A peer as `/debug` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PeerStatus {
    /// The stream it watches.
    pub stream: Option<StreamId>,
    /// Its state.
    pub state: PeerState,
    /// How it signals: `ws` or `whep`.
    pub transport: &'static str,
    /// The address its packets come from.
    pub remote: Option<String>,
    /// Usual round trip, by probes and receiver reports, ms.
    pub rtt_ms: Option<f64>,
    /// How long nothing had proved that it was there when this was written, ms.
    pub suspicion: f64,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// RTP packets it reported as lost.
    pub lost_packets: u64,
    /// Packets sent again.
    pub resent_packets: u64,
    /// Frames withheld because it could not keep up.
    pub skipped_frames: u64,
}

/// One viewer's leaving, and what it took to let the camera go.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseRecord {
    /// When it was complete, in ms since the Unix epoch.
    pub at: u64,
    /// The stream left.
    pub stream: StreamId,
    /// Its camera.
    pub camera: CameraId,
    /// Who left.
    pub peer: PeerId,
    /// By what it was recognized.
    pub cause: Cause,
    /// Age of the last sign of life when the verdict fell, ms.
    pub detected_ms: f64,
    /// From the verdict to the closed descriptor, ms; none if others still watch.
    pub closed_ms: Option<f64>,
}

/// That a viewer was found to have left.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictRecord {
    /// When, in ms since the Unix epoch.
    pub at: u64,
    /// Who.
    pub peer: PeerId,
    /// By what.
    pub cause: Cause,
    /// Age of the last sign of life, ms.
    pub silence_ms: f64,
    /// How long after a verdict that nobody had asked for the viewer was back, ms, if that was
    /// [soon](returning::SOON): the verdict was probably wrong.
    pub returned_ms: Option<f64>,
}

/// Everything on the board at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Cameras by name.
    pub cameras: BTreeMap<CameraId, CameraStatus>,
    /// Streams by name.
    pub streams: BTreeMap<StreamId, StreamStatus>,
    /// Peers by name.
    pub peers: BTreeMap<PeerId, PeerStatus>,
    /// Releases, the latest last.
    pub releases: VecDeque<ReleaseRecord>,
    /// Verdicts, the latest last. One that follows a release by suspicion is no release.
    pub verdicts: VecDeque<VerdictRecord>,
    /// What has been counted since the server was started.
    pub tally: Tally,
}

/// A duration as the board shows it.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The shared board. Clones show the same.
#[derive(Clone)]
pub struct Board {
    state: Arc<Mutex<Snapshot>>,
    version: Arc<watch::Sender<u64>>,
}

impl Default for Board {
    fn default() -> Self {
        Self { state: Arc::default(), version: Arc::new(watch::channel(0).0) }
    }
}

impl Board {
    /// Reads everything.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Looks at the board without copying it.
    pub fn read<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> T {
        look(&self.lock())
    }

    /// Wakes whenever something worth showing has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Writes, and wakes those who watch.
    pub fn write<T>(&self, change: impl FnOnce(&mut Snapshot) -> T) -> T {
        let result = change(&mut self.lock());
        self.version.send_modify(|version| *version += 1);
        result
    }

    /// Writes counters, which change all the time and wake nobody.
    pub fn count(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.lock());
    }

    /// Writes one camera.
    pub fn camera(&self, id: &CameraId, change: impl FnOnce(&mut CameraStatus)) {
        self.write(|board| board.cameras.get_mut(id).map(change));
    }

    /// Writes one stream.
    pub fn stream(&self, id: &StreamId, change: impl FnOnce(&mut StreamStatus)) {
        self.write(|board| board.streams.get_mut(id).map(change));
    }

    /// Writes one peer.
    pub fn peer(&self, id: &PeerId, change: impl FnOnce(&mut PeerStatus)) {
        self.write(|board| board.peers.get_mut(id).map(change));
    }

    /// Adds a release and forgets the oldest beyond [`RELEASES_KEPT`].
    pub fn released(&self, record: ReleaseRecord) {
        match record.cause {
            Cause::Suspected => log::info!("root/peers/{}: suspect, so {} was let go", record.peer, record.camera),
            cause => log::info!("root/peers/{}: left {} ({cause})", record.peer, record.stream),
        }
        self.write(|board| {
            board.tally.released(&record);
            remember(&mut board.releases, record);
        });
    }

    /// Adds a verdict and forgets the oldest beyond [`RELEASES_KEPT`].
    pub fn verdict(&self, record: VerdictRecord) {
        self.write(|board| {
            board.tally.verdict(&record);
            remember(&mut board.verdicts, record);
        });
    }

    /// Counts a viewer that has become suspect.
    pub fn suspected(&self) {
        self.count(|board| board.tally.suspicions += 1);
    }

    /// Counts a suspect that is there after all; its picture was away for so long.
    pub fn suspicion_withdrawn(&self, away: Duration) {
        self.count(|board| board.tally.suspicion_withdrawn(away));
    }

    /// Counts a probe.
    pub fn probed(&self) {
        self.count(|board| board.tally.probes += 1);
    }

    /// A viewer comes whose page says that it was the peer `former`. Counts it if that shows that
    /// it had been let go wrongly; `now_ms` is in ms since the Unix epoch.
    pub fn returned(&self, former: &str, now_ms: u64) {
        let found = self.write(|board| {
            let Snapshot { verdicts, tally, .. } = board;
            verdicts.iter_mut().rev().find_map(|verdict| {
                let since = returning::after(verdict, former, now_ms)?;
                verdict.returned_ms = Some(milliseconds(since));
                tally.returns += 1;
                Some((verdict.cause, since))
            })
        });
        if let Some((cause, since)) = found {
            log::warn!("root/peers/{former}: let go ({cause}), and back after {} ms", since.as_millis());
        }
    }

    /// Takes a peer off the board; what it was sent stays in the tally.
    pub fn forget(&self, peer: &PeerId) {
        self.write(|board| {
            if let Some(status) = board.peers.remove(peer) {
                board.tally.traffic.add(&status);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // A writer that panicked left plain values behind, which are still worth showing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember<T>(list: &mut VecDeque<T>, record: T) {
    list.push_back(record);
    while list.len() > RELEASES_KEPT {
        list.pop_front();
    }
}

#[cfg(test)]
mod tests;
