//! What has been counted since the server was started: how long it took to let cameras go, and
//! how often a suspicion or a verdict was wrong. Pure, and small, for it is copied with the board.

use super::histogram::{Histogram, Summary};
use super::status::{PeerStatus, ReleaseRecord, VerdictRecord};
use crate::departure::Cause;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Packets and frames of viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets that were reported as lost.
    pub lost: u64,
    /// Packets sent again.
    pub resent: u64,
    /// Frames withheld from viewers that had to wait for a keyframe.
    pub skipped: u64,
    /// Frames dropped because they would have come late.
    pub late: u64,
    /// Packets dropped because the socket did not take them in time.
    pub refused: u64,
}

impl Traffic {
    /// Adds one viewer's.
    pub fn add(&mut self, peer: &PeerStatus) {
        self.sent += peer.sent_packets;
        self.lost += peer.lost_packets;
        self.resent += peer.resent_packets;
        self.skipped += peer.skipped_frames;
        self.late += peer.late_frames;
        self.refused += peer.refused_packets;
    }
}

/// Everything that is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// From the verdict to the closed camera, by cause; only of leavings that closed one.
    pub release: BTreeMap<Cause, Histogram>,
    /// Age of the last sign of life at the verdict, or at the suspicion, by cause; of every leaving.
    pub silence: BTreeMap<Cause, Histogram>,
    /// How often a viewer became suspect.
    pub suspicions: u64,
    /// How long the picture was away because of a suspicion that was withdrawn; its count is that
    /// of all that were withdrawn.
    pub picture_away: Histogram,
    /// How often a viewer was away.
    pub aways: u64,
    /// How often one that was away was back over the same connection.
    pub backs: u64,
    /// Probes sent.
    pub probes: u64,
    /// How often a viewer came back [soon](super::returning::SOON) after a verdict.
    pub returns: u64,
    /// Of viewers that have left.
    pub traffic: Traffic,
}

impl Counters {
    /// A viewer was found to have left.
    pub fn verdict(&mut self, record: &VerdictRecord) {
        self.silence.entry(record.cause).or_default().observe(record.silence_ms / 1e3);
    }

    /// A viewer has left its stream, or is suspect and holds its camera no longer.
    pub fn released(&mut self, record: &ReleaseRecord) {
        if record.cause == Cause::Suspected {
            self.silence.entry(record.cause).or_default().observe(record.detected_ms / 1e3);
        }
        if let Some(closed) = record.closed_ms {
            self.release.entry(record.cause).or_default().observe(closed / 1e3);
        }
    }

    /// A suspicion was withdrawn after the picture had been away for so long.
    pub fn suspicion_withdrawn(&mut self, away: Duration) {
        self.picture_away.observe(away.as_secs_f64());
    }

    /// In few words.
    pub fn departures(&self) -> Departures {
        let cause = |(cause, silence): (&Cause, &Histogram)| CauseSummary {
            cause: *cause,
            count: silence.count(),
            release: self.release.get(cause).cloned().unwrap_or_default().summary(),
            silence: silence.summary(),
        };
        Departures {
            causes: self.silence.iter().map(cause).collect(),
            suspicions: self.suspicions,
            suspicions_withdrawn: self.picture_away.count(),
            picture_away: self.picture_away.summary(),
            aways: self.aways,
            aways_back: self.backs,
            probes: self.probes,
            returns_within_10s: self.returns,
        }
    }
}

/// The departures of a [`Counters`] for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Departures {
    /// By cause.
    pub causes: Vec<CauseSummary>,
    /// How often a viewer became suspect.
    pub suspicions: u64,
    /// How often it was not gone after all.
    pub suspicions_withdrawn: u64,
    /// How long the picture was away then.
    pub picture_away: Summary,
    /// How often a viewer was away.
    pub aways: u64,
    /// How often one that was away was back over the same connection.
    pub aways_back: u64,
    /// Probes sent.
    pub probes: u64,
    /// Viewers that came back within 10 s of a verdict, which was probably wrong.
    pub returns_within_10s: u64,
}

/// The leavings of one cause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CauseSummary {
    /// The cause.
    pub cause: Cause,
    /// How many.
    pub count: u64,
    /// From the verdict to the closed camera, of those that closed one.
    pub release: Summary,
    /// Age of the last sign of life at the verdict.
    pub silence: Summary,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cause: Cause, detected_ms: f64, closed_ms: Option<f64>) -> ReleaseRecord {
        ReleaseRecord {
            at: 0,
            stream: "s".into(),
            camera: "c".into(),
            peer: "p".into(),
            cause,
            detected_ms,
            stop_ms: closed_ms.map(|_| 0.1),
            closed_ms,
        }
    }

    #[test]
    fn a_leaving_that_closes_nothing_counts_for_silence_only() {
        let mut counters = Counters::default();
        let verdict =
            |cause, silence_ms| VerdictRecord { at: 0, peer: "p".into(), cause, silence_ms, returned_ms: None };
        for (cause, silence, closed) in
            [(Cause::Bye, 40.0, Some(15.0)), (Cause::Bye, 60.0, None), (Cause::IceDisconnected, 5000.0, Some(2.0))]
        {
            counters.verdict(&verdict(cause, silence));
            counters.released(&record(cause, silence, closed));
        }
        counters.suspicions = 3;
        counters.suspicion_withdrawn(Duration::from_millis(800));
        let seen = counters.departures();
        assert_eq!(
            seen.causes.iter().map(|it| (it.cause, it.count)).collect::<Vec<_>>(),
            [(Cause::Bye, 2), (Cause::IceDisconnected, 1)]
        );
        assert_eq!((seen.causes[0].release.count, seen.causes[0].silence.count), (1, 2));
        assert_eq!(seen.causes[1].silence.max_ms, Some(5000.0));
        assert_eq!((seen.suspicions, seen.suspicions_withdrawn), (3, 1));
        assert_eq!(seen.picture_away.max_ms, Some(800.0));
    }

    #[test]
    fn a_suspicion_is_counted_apart_from_the_verdict_that_follows() {
        let mut counters = Counters::default();
        counters.released(&record(Cause::Suspected, 355.0, Some(12.0)));
        let gone =
            VerdictRecord { at: 0, peer: "p".into(), cause: Cause::Silence, silence_ms: 3200.0, returned_ms: None };
        counters.verdict(&gone);
        let seen = counters.departures();
        let causes: Vec<_> = seen.causes.iter().map(|it| (it.cause, it.release.count, it.silence.max_ms)).collect();
        assert_eq!(causes, [(Cause::Suspected, 1, Some(355.0)), (Cause::Silence, 0, Some(3200.0))]);
    }
}
