//! What has become known of a viewer.

use crate::departure::Cause;
use std::time::Duration;

/// What has become known since the last [`super::Transport::poll`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// ICE and DTLS are through, and the viewer has had time to take its keys: frames can be sent.
    pub connected: bool,
    /// Something arrived that only the viewer can have sent.
    pub alive: bool,
    /// And it says that something of ours has arrived there; how long ago the viewer surely still was there.
    pub proof: Option<Duration>,
    /// Round trips that were measured.
    pub round_trips: Vec<Duration>,
    /// The viewer cannot decode what it has (PLI or FIR).
    pub keyframe_wanted: bool,
    /// And that may be since something was lost on the way to it, or was not sent, after it last said so.
    pub missed: bool,
    /// Packets that it never got, all in all, by its own report.
    pub lost: Option<u64>,
    /// A sign that it has left.
    pub leaving: Option<Cause>,
}

impl News {
    /// The freshest proof counts.
    pub(super) fn prove(&mut self, age: Duration) {
        self.proof = Some(self.proof.map_or(age, |other| other.min(age)));
    }
}
