//! What `/debug` shows of a peer.

use super::{Drops, Peer, Signal};
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
        self.tell_drops();
        self.tell_what_shows();
    }

    /// Tells the page which stream it is sent, if it does not know. Who takes nothing now is told later.
    pub(super) fn tell_what_shows(&mut self) {
        if let Some(shown) = self.shows.news()
            && self.signals.try_send(Signal::Shows(shown.clone())).is_ok()
        {
            self.shows.told();
        }
    }

    /// Tells the page what it was not sent, if that is more than it knows of: once a second at most, and nothing while all goes well.
    fn tell_drops(&mut self) {
        let drops = Drops {
            skipped_frames: self.status.skipped_frames,
            late_frames: self.status.late_frames,
            refused_packets: self.status.refused_packets,
        };
        // Who takes nothing now is told with the next.
        if drops != self.drops && self.signals.try_send(Signal::Drops(drops)).is_ok() {
            self.drops = drops;
        }
    }
}
