//! How much silence means what: the numbers that a profile consists of. Pure.

use super::path::Path;
use std::time::Duration;

/// How much silence means what. All of it beside the path's own round trip.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    /// Round trips and the silence after which a viewer on such a path is suspect, by growing round trip;
    /// between them by the logarithm of the round trip.
    pub suspect: Vec<(Duration, Duration)>,
    /// The same before the path is known.
    pub suspect_unknown: Duration,
    /// So long before that probes go out.
    pub probe_lead: Duration,
    /// After so much silence, and [`Patience::probes`], a viewer is away.
    pub away: Duration,
    /// After so much silence, all in all, it is gone; at once if that is no more than [`Patience::away`]. At most
    /// [`AWAY_FOR_MAX`].
    pub away_for: Duration,
    /// So many probes must have gone unanswered, each for longer than the path's time-out.
    pub probes: u32,
    /// After a hint that nobody is there: so much silence, and two unanswered probes, make a suspect; and, if
    /// a probe was refused, with [`Patience::probes`] unanswered, somebody who is gone.
    pub hinted_silence: Duration,
}

/// Nobody counts as a viewer for longer, whatever is configured.
pub const CEILING: Duration = Duration::from_secs(5);

/// A consent lasts for so long (RFC 7675, section 5.1): there is nothing to come back to after it.
pub const AWAY_FOR_MAX: Duration = Duration::from_secs(30);

/// A suspicion falls within this share of the silence before somebody is away.
const SUSPECT_SHARE: f64 = 0.75;

/// Before so many round trips were measured a path may be anything.
const SAMPLES_MIN: u32 = 3;

impl Patience {
    /// What the measurements in docs/design call for.
    pub fn production() -> Self {
        let ms = Duration::from_millis;
        Self {
            suspect: vec![
                (Duration::from_micros(1800), ms(355)),
                (ms(8), ms(600)),
                (ms(14), ms(610)),
                (ms(18), ms(690)),
                (ms(30), ms(750)),
                (ms(45), ms(1000)),
                (ms(50), ms(1000)),
                (ms(62), ms(1300)),
                (ms(80), ms(1300)),
                (ms(110), ms(950)),
                (ms(250), ms(820)),
                (ms(650), ms(1140)),
            ],
            suspect_unknown: ms(1000),
            probe_lead: ms(100),
            away: ms(3200),
            away_for: AWAY_FOR_MAX,
            probes: 4,
            hinted_silence: ms(60),
        }
    }

    /// Everything shorter, for trying.
    pub fn development() -> Self {
        Self {
            away: Duration::from_millis(1000),
            away_for: Duration::from_secs(5),
            probes: 3,
            ..Self::production().scaled(0.5)
        }
    }

    /// With every silence before a suspicion multiplied by `factor`.
    pub fn scaled(mut self, factor: f64) -> Self {
        self.suspect.iter_mut().for_each(|(_, silence)| *silence = silence.mul_f64(factor));
        self.suspect_unknown = self.suspect_unknown.mul_f64(factor);
        self
    }

    /// The silence after which a viewer on a path of this steady round trip is away.
    pub fn away_on(&self, round_trip: Duration) -> Duration {
        let suspect = self.suspect_on(round_trip);
        // Before that probes are dense: the last that is needed has been sent by then.
        self.enough(suspect).max(suspect + round_trip).min(CEILING)
    }

    /// The silence after which a viewer on this path is suspect.
    pub fn suspect_after(&self, path: &Path) -> Duration {
        match path.round_trip() {
            Some(round_trip) if path.samples() >= SAMPLES_MIN => self.suspect_on(round_trip),
            _ => self.in_time(self.suspect_unknown),
        }
    }

    fn in_time(&self, suspicion: Duration) -> Duration {
        suspicion.min(self.away.mul_f64(SUSPECT_SHARE))
    }

    /// The silence after which somebody is away where a suspicion falls after `suspect_after`. Where silence is usual
    /// for longer than where nothing is known of a path, it has to be longer.
    pub fn enough(&self, suspect_after: Duration) -> Duration {
        (self.away + suspect_after.saturating_sub(self.suspect_unknown)).min(CEILING)
    }

    /// The silence after which a viewer is suspect on a path of this round trip.
    pub fn suspect_on(&self, round_trip: Duration) -> Duration {
        let above = self.suspect.iter().position(|(known, _)| *known >= round_trip);
        self.in_time(match above {
            Some(0) => self.suspect[0].1,
            None => self.suspect.last().map_or(self.suspect_unknown, |(_, silence)| *silence),
            Some(nth) => {
                let ((low, from), (high, to)) = (self.suspect[nth - 1], self.suspect[nth]);
                let ln = |time: Duration| time.as_secs_f64().ln();
                let share = (ln(round_trip) - ln(low)) / (ln(high) - ln(low));
                Duration::from_secs_f64(from.as_secs_f64() + share * (to.as_secs_f64() - from.as_secs_f64()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn patience_grows_with_the_path() {
        let patience = Patience::production();
        let after = |us: u64| {
            let mut path = Path::default();
            (0..5).for_each(|_| path.measured(Duration::from_micros(us)));
            patience.suspect_after(&path).as_millis()
        };
        assert_eq!(after(500), 355);
        assert!((355..600).contains(&after(5000)));
        assert!((1100..=1140).contains(&after(600_000)));
        assert_eq!(after(5_000_000), 1140);
        assert_eq!(patience.suspect_after(&Path::default()), ms(1000));
    }

    #[test]
    fn a_suspicion_falls_before_somebody_is_away_and_that_within_the_ceiling() {
        for (factor, away) in [(0.5, 500), (1.0, 3200), (4.0, 500), (4.0, 5000)] {
            let patience = Patience { away: ms(away), ..Patience::production().scaled(factor) };
            for round_trip in [1, 20, 70, 150, 600, 3000].map(ms) {
                let (suspect, away) = (patience.suspect_on(round_trip), patience.away_on(round_trip));
                assert!(suspect < away && away <= CEILING, "{factor}, {round_trip:?}: {suspect:?}, {away:?}");
            }
        }
    }
}
