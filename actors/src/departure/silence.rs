//! Silence, from the first doubt to the verdict. Pure: packets and time in, probes and decisions out.
//!
//! Two steps, because one threshold cannot be both fast and never wrong. **Suspect** is early and can be taken
//! back: a suspect holds no camera open. **Gone** is final and conservative: long silence *and* unanswered
//! probes.
//!
//! Silence is not the time since something was heard, but the time that something of ours has gone without a
//! *proof* that it arrived: an answered probe, or feedback that acknowledges what was sent. So nothing is expected
//! while nothing is sent, a path that is cut in one direction only is silent, too, and a packet that merely came
//! from the viewer proves nothing.

use super::path::Path;
use std::time::{Duration, Instant};

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
    /// After so much silence, and [`Patience::probes`], a viewer is gone.
    pub gone: Duration,
    /// So many probes must have gone unanswered, each for longer than the path's time-out.
    pub probes: u32,
    /// After a hint that nobody is there, so many unanswered probes are enough.
    pub hinted_silence: Duration,
}

impl Patience {
    /// What the measurements in docs/design call for.
    pub fn production() -> Self {
        let ms = Duration::from_millis;
        Self {
            suspect: vec![
                (Duration::from_micros(1800), ms(345)),
                (ms(8), ms(600)),
                (ms(25), ms(620)),
                (ms(45), ms(1000)),
                (ms(100), ms(950)),
                (ms(250), ms(820)),
                (ms(650), ms(1140)),
            ],
            suspect_unknown: ms(1000),
            probe_lead: ms(100),
            gone: ms(3200),
            probes: 4,
            hinted_silence: ms(60),
        }
    }

    /// The silence after which a viewer on this path is suspect.
    pub fn suspect_after(&self, path: &Path) -> Duration {
        let Some(round_trip) = path.round_trip().filter(|_| path.samples() >= SAMPLES_MIN) else {
            return self.suspect_unknown;
        };
        let above = self.suspect.iter().position(|(known, _)| *known >= round_trip);
        match above {
            Some(0) => self.suspect[0].1,
            None => self.suspect.last().map_or(self.suspect_unknown, |(_, silence)| *silence),
            Some(nth) => {
                let ((low, from), (high, to)) = (self.suspect[nth - 1], self.suspect[nth]);
                let ln = |time: Duration| time.as_secs_f64().ln();
                let share = (ln(round_trip) - ln(low)) / (ln(high) - ln(low));
                Duration::from_secs_f64(from.as_secs_f64() + share * (to.as_secs_f64() - from.as_secs_f64()))
            }
        }
    }
}

/// Before so many round trips were measured a path may be anything.
const SAMPLES_MIN: u32 = 3;

/// Answers to probes that are waited for at a time; older ones count as unanswered.
const PROBES_KEPT: usize = 8;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// Send a probe, and say so by [`Silence::sent_probe`].
    pub probe: bool,
    /// It is suspect from now on.
    pub suspect: bool,
    /// It is gone.
    pub gone: bool,
}

/// One viewer's silence.
#[derive(Clone, Debug)]
pub struct Silence {
    patience: Patience,
    path: Path,
    /// Since when something of ours has gone without a proof.
    unproven: Option<Instant>,
    /// When the probes of this silence were sent, the oldest first.
    probes: Vec<Instant>,
    suspect: bool,
    gone: bool,
    hinted: bool,
    /// Something was heard that proves nothing: ask.
    asked_to_probe: bool,
}

impl Silence {
    /// A viewer whose connection has just been made.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            path: Path::default(),
            unproven: None,
            probes: Vec::with_capacity(PROBES_KEPT),
            suspect: false,
            gone: false,
            hinted: false,
            asked_to_probe: false,
        }
    }

    /// The path as far as it is known.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the viewer is suspect.
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// How long something of ours has gone without a proof.
    pub fn lasts(&self, now: Instant) -> Duration {
        self.unproven.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// A round trip was measured, by a probe or a receiver report.
    pub fn measured(&mut self, round_trip: Duration) {
        self.path.measured(round_trip);
    }

    /// Media was sent, which the viewer will acknowledge.
    pub fn sent(&mut self, now: Instant) {
        self.unproven.get_or_insert(now);
    }

    /// A probe was sent.
    pub fn sent_probe(&mut self, now: Instant) {
        self.asked_to_probe = false;
        self.unproven.get_or_insert(now);
        if self.probes.len() == PROBES_KEPT {
            // The first ones say how long nobody has answered; of the latest only the very last matters.
            self.probes.pop();
        }
        self.probes.push(now);
    }

    /// Something that was sent has arrived, and the news of it, too: both directions work. Whether that
    /// takes a suspicion back.
    pub fn proven(&mut self) -> bool {
        self.unproven = None;
        self.probes.clear();
        self.hinted = false;
        self.asked_to_probe = false;
        std::mem::take(&mut self.suspect)
    }

    /// Something came from the viewer that is authentic but proves one direction only.
    pub fn heard(&mut self) {
        self.asked_to_probe |= self.suspect;
    }

    /// A hint that nobody is there, which anybody may have forged: probes go out at once.
    pub fn hinted(&mut self) {
        self.hinted = true;
    }

    /// When [`Silence::tick`] has something to decide, if nothing is heard before.
    pub fn due(&self) -> Option<Instant> {
        if self.gone {
            return None;
        }
        let suspect_after = self.patience.suspect_after(&self.path);
        let since = self.unproven?;
        let mut next = self.next_probe(since, suspect_after);
        if !self.suspect {
            next = next.min(since + suspect_after);
        }
        if let Some(sent) = self.probes.get(self.patience.probes.saturating_sub(1) as usize) {
            next = next.min((since + self.enough()).max(*sent + self.path.rto()));
        }
        Some(next.max(since))
    }

    /// Decides. `late` is by how much this comes later than [`Silence::due`] wanted: our own lateness is
    /// no silence of the viewer's. Whoever calls this has read everything that has arrived.
    pub fn tick(&mut self, now: Instant, late: Duration) -> Acts {
        let mut acts = Acts::default();
        let Some(since) = self.unproven else {
            acts.probe = self.hinted || self.asked_to_probe;
            return acts;
        };
        if self.gone {
            return acts;
        }
        let since = (since + late).min(now);
        self.unproven = Some(since);
        self.probes.iter_mut().for_each(|sent| *sent = (*sent + late).min(now));
        let silence = now.saturating_duration_since(since);
        let suspect_after = self.patience.suspect_after(&self.path);
        if !self.suspect && silence >= suspect_after {
            self.suspect = true;
            acts.suspect = true;
        }
        if silence >= self.enough() && self.unanswered(now) >= self.patience.probes {
            self.gone = true;
            acts.gone = true;
            return acts;
        }
        acts.probe = self.asked_to_probe || now >= self.next_probe(since, suspect_after);
        acts
    }

    /// The silence that is enough for a verdict, if probes agree.
    fn enough(&self) -> Duration {
        if self.hinted { self.patience.hinted_silence } else { self.patience.gone }
    }

    /// Probes that should have been answered by now.
    fn unanswered(&self, now: Instant) -> u32 {
        let rto = self.path.rto();
        self.probes.iter().filter(|sent| now.saturating_duration_since(**sent) >= rto).count() as u32
    }

    fn next_probe(&self, since: Instant, suspect_after: Duration) -> Instant {
        match self.probes.last() {
            _ if self.hinted && self.probes.is_empty() => since,
            None => since + suspect_after.saturating_sub(self.patience.probe_lead),
            Some(last) if self.hinted => *last + (self.path.rto() / 4).max(Duration::from_millis(10)),
            // After the suspicion they also look for a return.
            Some(last) => *last + suspect_after / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn on_a_lan() -> Silence {
        let mut silence = Silence::new(Patience::production());
        (0..10).for_each(|_| silence.measured(Duration::from_micros(600)));
        silence
    }

    /// Lets time pass without a proof; gives what was done, and when.
    fn wait(silence: &mut Silence, from: Instant, time: Duration) -> Vec<(u64, &'static str)> {
        let mut done = vec![];
        while let Some(due) = silence.due().filter(|due| *due <= from + time) {
            let acts = silence.tick(due, Duration::ZERO);
            let at = due.duration_since(from).as_millis() as u64;
            assert!(acts != Acts::default(), "woken at {at} ms for nothing");
            for (act, name) in [(acts.probe, "probe"), (acts.suspect, "suspect"), (acts.gone, "gone")] {
                if act {
                    done.push((at, name));
                }
            }
            if acts.probe {
                silence.sent_probe(due);
            }
        }
        done
    }

    #[test]
    fn a_viewer_that_vanishes_is_probed_then_suspect_and_at_last_gone() {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        let done = wait(&mut silence, start, ms(10_000));
        assert_eq!(done[0].1, "probe");
        let of = |name: &str| done.iter().filter(|(_, done)| *done == name).map(|(at, _)| *at).collect::<Vec<_>>();
        assert_eq!((of("suspect"), of("gone")), (vec![345], vec![3200]));
        assert!(of("probe").iter().filter(|at| **at < 345).count() >= 1);
        assert_eq!(silence.due(), None, "a verdict is given once");
    }

    #[test]
    fn a_proof_takes_the_suspicion_back_and_a_sound_does_not() {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        wait(&mut silence, start, ms(1000));
        assert!(silence.is_suspect());
        silence.heard();
        assert!(silence.is_suspect(), "it may hear nothing of us");
        assert!(silence.tick(start + ms(1000), Duration::ZERO).probe, "so it is asked");
        assert!(silence.proven());
        assert!(!silence.is_suspect() && !silence.proven());
        assert_eq!(silence.due(), None, "nothing is expected while nothing is sent");
    }

    #[test]
    fn while_nothing_is_sent_nothing_is_expected() {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        assert_eq!(silence.tick(start + ms(60_000), Duration::ZERO), Acts::default());
        silence.sent(start + ms(60_000));
        assert_eq!(silence.lasts(start + ms(60_100)), ms(100));
    }

    #[test]
    fn our_own_lateness_is_no_silence() {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        let acts = silence.tick(start + ms(500), ms(400));
        assert!(!acts.suspect, "of 500 ms we slept 400");
        assert_eq!(silence.lasts(start + ms(500)), ms(100));
    }

    #[test]
    fn a_hint_alone_convicts_nobody_but_shortens_the_verdict_when_probes_agree() {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        silence.hinted();
        assert!(silence.tick(start, Duration::ZERO).probe, "at once");
        silence.sent_probe(start);
        assert!(!silence.proven(), "an answer ends it");
        assert_eq!(wait(&mut silence, start, ms(100)), []);
        silence.sent(start + ms(100));
        silence.hinted();
        let done = wait(&mut silence, start + ms(100), ms(1000));
        let gone = done.iter().find(|(_, name)| *name == "gone").unwrap().0;
        assert!((60..=110).contains(&gone), "{done:?}");
    }

    #[test]
    fn on_a_slow_path_the_verdict_waits_for_the_probes() {
        let (mut silence, start) = (Silence::new(Patience::production()), Instant::now());
        [300, 1200, 400, 1100, 600, 900].into_iter().for_each(|round_trip| silence.measured(ms(round_trip)));
        silence.sent(start);
        let done = wait(&mut silence, start, ms(20_000));
        let gone = done.last().unwrap();
        assert!(gone.1 == "gone" && gone.0 > 3200, "{done:?}");
    }

    #[test]
    fn patience_grows_with_the_path() {
        let patience = Patience::production();
        let after = |us: u64| {
            let mut path = Path::default();
            (0..5).for_each(|_| path.measured(Duration::from_micros(us)));
            patience.suspect_after(&path).as_millis()
        };
        assert_eq!(after(500), 345);
        assert!((345..600).contains(&after(5000)));
        assert!((1100..=1140).contains(&after(600_000)));
        assert_eq!(after(5_000_000), 1140);
        assert_eq!(patience.suspect_after(&Path::default()), ms(1000));
    }
}
