//! What has been counted since the server was started: how long it took to let cameras go, and
//! how often a suspicion or a verdict was wrong. Pure, and small, for it is copied with the board.

use crate::board::status::{PeerStatus, ReleaseRecord, VerdictRecord};
use crate::departure::Cause;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Upper bounds of the buckets of every [`Histogram`], seconds; one more bucket has none. Dense
/// where a release ends (milliseconds) and where suspicions and verdicts fall (0.3 to 3.5 s).
pub const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.5, 5.0, 10.0];

/// How often a time fell between which bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
    max: f64,
}

impl Histogram {
    /// Counts a time, seconds. What is negative or no number counts as 0.
    pub fn observe(&mut self, seconds: f64) {
        let seconds = seconds.max(0.0);
        self.counts[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
        self.max = self.max.max(seconds);
    }

    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Each bound, seconds, with the number of times that did not exceed it. The bucket without a
    /// bound is left out: it would say [`Histogram::count`].
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(&self.counts).scan(0, |below, (bound, count)| {
            *below += count;
            Some((bound, *below))
        })
    }

    /// An estimate of the time, seconds, that a `share` (0 to 1) of all times did not exceed: times
    /// are taken as evenly spread within their bucket. None if nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = share.clamp(0.0, 1.0) * self.count() as f64;
        let (mut below, mut lower) = (0, 0.0);
        for (nth, count) in self.counts.iter().enumerate() {
            let upper = BOUNDS.get(nth).map_or(self.max, |bound| bound.min(self.max));
            if *count > 0 && (below + count) as f64 >= rank {
                let within = ((rank - below as f64) / *count as f64).clamp(0.0, 1.0);
                return Some(lower + (upper - lower) * within);
            }
            below += count;
            lower = upper;
        }
        None
    }

    /// In few words.
    pub fn summary(&self) -> Summary {
        let ms = |seconds: f64| seconds * 1e3;
        Summary {
            count: self.count(),
            median_ms: self.quantile(0.5).map(ms),
            p95_ms: self.quantile(0.95).map(ms),
            max_ms: (self.count() > 0).then(|| ms(self.max)),
        }
    }
}

/// A [`Histogram`] for people.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many times were counted.
    pub count: u64,
    /// Half of them were no longer, ms; an estimate.
    pub median_ms: Option<f64>,
    /// 95 % of them were no longer, ms; an estimate.
    pub p95_ms: Option<f64>,
    /// The longest, ms.
    pub max_ms: Option<f64>,
}

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
pub struct Tally {
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
    /// How often a viewer came back [soon](crate::departure::returning::SOON) after a verdict.
    pub returns: u64,
    /// Of viewers that have left.
    pub traffic: Traffic,
}

impl Tally {
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

/// The departures of a [`Tally`] for people.
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
    fn bounds_grow_and_a_time_on_a_bound_does_not_exceed_it() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.001, 0.0011, 10.0, 10.1, -1.0, f64::NAN] {
            histogram.observe(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative.len(), BOUNDS.len());
        assert_eq!(cumulative[0], (0.001, 4));
        assert_eq!(cumulative[1], (0.0025, 5));
        assert_eq!(cumulative[15], (10.0, 6), "one exceeds them all");
        assert_eq!(histogram.count(), 7);
        assert!((histogram.sum() - 20.1021).abs() < 1e-9);
    }

    #[test]
    fn quantiles_lie_in_the_right_bucket_and_never_beyond_the_longest() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        assert_eq!(histogram.summary(), Summary { count: 0, median_ms: None, p95_ms: None, max_ms: None });
        for _ in 0..90 {
            histogram.observe(0.02);
        }
        for _ in 0..10 {
            histogram.observe(42.0);
        }
        let median = histogram.quantile(0.5).unwrap();
        assert!(median > 0.01 && median <= 0.025, "{median}");
        let high = histogram.quantile(0.95).unwrap();
        assert!(high > 10.0 && high <= 42.0, "{high}");
        assert_eq!(histogram.quantile(1.0), Some(42.0));
        assert_eq!(histogram.summary().max_ms, Some(42_000.0));
        let mut one = Histogram::default();
        one.observe(0.012);
        assert_eq!(one.quantile(1.0), Some(0.012));
    }

    #[test]
    fn a_leaving_that_closes_nothing_counts_for_silence_only() {
        let mut tally = Tally::default();
        let verdict =
            |cause, silence_ms| VerdictRecord { at: 0, peer: "p".into(), cause, silence_ms, returned_ms: None };
        for (cause, silence, closed) in
            [(Cause::Bye, 40.0, Some(15.0)), (Cause::Bye, 60.0, None), (Cause::IceDisconnected, 5000.0, Some(2.0))]
        {
            tally.verdict(&verdict(cause, silence));
            tally.released(&record(cause, silence, closed));
        }
        tally.suspicions = 3;
        tally.suspicion_withdrawn(Duration::from_millis(800));
        let seen = tally.departures();
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
        let mut tally = Tally::default();
        tally.released(&record(Cause::Suspected, 355.0, Some(12.0)));
        let gone =
            VerdictRecord { at: 0, peer: "p".into(), cause: Cause::Silence, silence_ms: 3200.0, returned_ms: None };
        tally.verdict(&gone);
        let seen = tally.departures();
        let causes: Vec<_> = seen.causes.iter().map(|it| (it.cause, it.release.count, it.silence.max_ms)).collect();
        assert_eq!(causes, [(Cause::Suspected, 1, Some(355.0)), (Cause::Silence, 0, Some(3200.0))]);
    }
}
