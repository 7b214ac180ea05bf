//! What everybody may know: the state of cameras, streams and peers, and the last releases.
//!
//! The actors write here **before** they answer a message, so what is read is never older than
//! the last answer; and it can be read while an actor is busy. Nothing secret is ever written.

mod counters;
mod histogram;
mod rate;
mod renditions;
pub mod returning;
pub(crate) mod status;

pub use counters::{CauseSummary, Counters, Departures, Traffic};
pub use histogram::{BOUNDS, Histogram, Summary};
pub use rate::Rate;
pub use status::*;

use crate::departure::Cause;
use crate::ids::{CameraId, PeerId, StreamId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How many releases, and verdicts, are remembered.
pub const RELEASES_KEPT: usize = 256;

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
    /// How many releases came before those that are remembered.
    pub releases_forgotten: u64,
    /// How many verdicts did.
    pub verdicts_forgotten: u64,
    /// What has been counted since the server was started.
    pub counters: Counters,
}

impl Snapshot {
    /// The same with figures of the time before `now`, when that is later than they were written.
    fn at(mut self, now: Instant) -> Self {
        for stream in self.streams.values_mut() {
            stream.bitrate_bps = stream.rate.at(now);
        }
        self
    }
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
    /// Reads everything, with the figures of the time that ends `now`.
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        let snapshot = self.lock().clone();
        snapshot.at(now)
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
            Cause::Away => log::info!("root/peers/{}: away, so it watches {} no more", record.peer, record.stream),
            cause => log::info!("root/peers/{}: left {} ({cause})", record.peer, record.stream),
        }
        self.write(|board| {
            board.counters.released(&record);
            board.releases_forgotten += remember(&mut board.releases, record);
        });
    }

    /// Adds a verdict and forgets the oldest beyond [`RELEASES_KEPT`].
    pub fn verdict(&self, record: VerdictRecord) {
        self.write(|board| {
            board.counters.verdict(&record);
            board.verdicts_forgotten += remember(&mut board.verdicts, record);
        });
    }

    /// Counts a viewer that has become suspect.
    pub fn suspected(&self) {
        self.count(|board| board.counters.suspicions += 1);
    }

    /// Counts a suspect that is there after all; its picture was away for so long.
    pub fn suspicion_withdrawn(&self, away: Duration) {
        self.count(|board| board.counters.suspicion_withdrawn(away));
    }

    /// Counts a viewer that is away from now on.
    pub fn away(&self) {
        self.count(|board| board.counters.aways += 1);
    }

    /// Counts one that was away and is back.
    pub fn back(&self) {
        self.count(|board| board.counters.backs += 1);
    }

    /// Counts a probe.
    pub fn probed(&self) {
        self.count(|board| board.counters.probes += 1);
    }

    /// A viewer comes whose page says that it was the peer `former`. Counts it if that shows that
    /// it had been let go wrongly; `now_ms` is in ms since the Unix epoch.
    pub fn returned(&self, former: &str, now_ms: u64) {
        let found = self.write(|board| {
            let Snapshot { verdicts, counters, .. } = board;
            verdicts.iter_mut().rev().find_map(|verdict| {
                let since = returning::after(verdict, former, now_ms)?;
                verdict.returned_ms = Some(milliseconds(since));
                counters.returns += 1;
                Some((verdict.cause, since))
            })
        });
        if let Some((cause, since)) = found {
            log::warn!("root/peers/{former}: let go ({cause}), and back after {} ms", since.as_millis());
        }
    }

    /// Takes a peer off the board; what it was sent stays counted.
    pub fn forget(&self, peer: &PeerId) {
        self.write(|board| {
            if let Some(status) = board.peers.remove(peer) {
                board.counters.traffic.add(&status);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // A writer that panicked left plain values behind, which are still worth showing.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a record; how many were forgotten for it.
fn remember<T>(list: &mut VecDeque<T>, record: T) -> u64 {
    list.push_back(record);
    let too_many = list.len().saturating_sub(RELEASES_KEPT);
    list.drain(..too_many);
    too_many as u64
}

#[cfg(test)]
mod tests;
