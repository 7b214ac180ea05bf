//! What `/debug` shows of a peer.

use super::Peer;
use crate::board::{LinkStatus, milliseconds};

impl Peer {
    /// Shows its state as it is now.
    pub(super) fn show(&mut self) {
        let status = self.status.clone();
        self.board.peer(&self.id, |shown| *shown = status);
    }

    /// Brings its counters on the board up to date.
    pub(super) fn show_counters(&mut self) {
        let now = self.clock.now();
        let state = self.connection.lock();
        let transport = &state.transport;
        let bits = |bytes: f64| (bytes * 8.0) as u64;
        if let Some(remote) = transport.remote() {
            self.status.remote = Some(remote.to_string());
        }
        self.status.resent_packets = transport.resent();
        self.status.late_frames = transport.dropped().late;
        self.status.refused_packets = transport.dropped().refused;
        self.status.link = transport.congestion().map(|congestion| LinkStatus {
            arrives_bps: bits(congestion.rate().unwrap_or_default()),
            carries_bps: congestion.capacity().map(bits),
            stream_bps: bits(transport.stream_rate()),
            queue_ms: milliseconds(congestion.queue()),
        });
        drop(state);
        self.status.suspicion = milliseconds(self.silence.lasts(now));
        self.status.rtt_ms = self.silence.path().round_trip().map(milliseconds);
        let status = self.status.clone();
        self.board.count(|board| {
            if let Some(shown) = board.peers.get_mut(&self.id) {
                *shown = status;
            }
        });
    }
}
