//! Silence, from the first doubt to the verdict. Pure: packets and time in, probes and decisions out.
//!
//! Three steps, because one threshold cannot be both fast and never wrong. **Suspect** is early and can be taken
//! back: a suspect holds no camera open. **Away** is conservative, long silence *and* unanswered probes, and can be taken
//! back, too: who is away counts as a viewer no more, and next to nothing is spent on it. **Gone** is final, and comes when
//! a connection may be kept no longer.
//!
//! Silence is not the time since something was heard, but the time that something of ours has gone without a
//! *proof* that it arrived: an answered probe, or feedback that acknowledges what was sent. So nothing is expected
//! while nothing is sent, a path that is cut in one direction only is silent, too, and a packet that merely came
//! from the viewer proves nothing.

use super::path::Path;
use super::patience::{CEILING, Patience};
use std::time::{Duration, Instant};

/// Unanswered probes that make a suspect of a viewer who is said not to be there.
const HINTED_PROBES: u32 = 2;

/// Probes that measure a path when a connection has been made, and the time between them. With what ICE
/// has measured they are enough for a first estimate.
const FIRST_PROBES: u8 = 3;
const FIRST_PROBES_EVERY: Duration = Duration::from_millis(30);

/// Probes of a silence are no closer than this.
const PROBE_SPACING_MIN: Duration = Duration::from_millis(40);

/// The share of the silence before somebody is away in which probes are dense, and how dense.
const LAST_CHANCE: f64 = 3.0 / 8.0;
const LAST_CHANCE_SPACING: Duration = Duration::from_millis(12);

/// A viewer was there when it sent the last proof, which may be long before that came. By more than this it does not add
/// to the time until it is away, as long as this share of that silence is left.
const STALE_MAX: Duration = Duration::from_millis(800);
const FRESH_SHARE: f64 = 0.6;

/// So much of that silence is taken for the last packet's travel, at most.
const UNDER_WAY_MAX: Duration = Duration::from_millis(300);

/// A suspect is sent no media after so much silence: if others watch there is some, and nobody to see it.
const WITHHOLD: Duration = Duration::from_secs(1);

/// How far apart the probes of somebody who is away are, as long as the silence is no longer than this: fewer than 40 until 30 s
/// have passed, for at the other end there are a battery and a phone network. They are few where browsers ask by themselves, every
/// 50 ms, from 5 s without an answer on. Chromium's ICE has `failed` after 17 s, and then it hardly does any more.
const AWAY_SPACING: [(Duration, Duration); 3] = [
    (Duration::from_secs(5), Duration::from_millis(360)),
    (Duration::from_secs(16), Duration::from_millis(1500)),
    (Duration::MAX, Duration::from_millis(620)),
];

/// Somebody who is away and sends is asked no more often than this.
const AWAY_HEARD_SPACING: Duration = Duration::from_millis(200);

/// Nobody who was away is gone before so many questions at the very end are unanswered, so far apart: whoever is back by then is
/// asked after that, and not only before. A burst of losses takes less than all of them, and a stall of a phone network less
/// than the time in which an answer may come.
const FINAL_PROBES: u32 = 3;
const FINAL_SPACING: Duration = Duration::from_millis(250);
const FINAL_PATIENCE: Duration = Duration::from_millis(1500);

/// Who was heard just now is asked first, and not gone before an answer could be there; for so long after its time at most.
const LAST_WORD: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_millis(2500);

/// So much longer than two usual round trips an answer takes if it, and what was sent last, were held up on the way.
const HELD_UP: Duration = Duration::from_millis(400);

/// Answers that were held up come so close to the first sign of whoever is back.
const WITH_FIRST_SIGNS: Duration = Duration::from_millis(150);

/// Answers to probes that are waited for at a time; older ones count as unanswered.
const PROBES_KEPT: usize = 8;

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// Send a probe, and say so by [`Silence::sent_probe`].
    pub probe: bool,
    /// It is suspect from now on.
    pub suspect: bool,
    /// Send it no media until it is there.
    pub withhold: bool,
    /// It is away from now on.
    pub away: bool,
    /// It is gone.
    pub gone: bool,
}

/// One viewer's silence.
#[derive(Clone, Debug)]
pub struct Silence {
    patience: Patience,
    path: Path,
    /// What the patience is for this path, and how long its answers take at most.
    suspect_after: Duration,
    rto: Duration,
    /// Since when something of ours has gone without a proof.
    unproven: Option<Instant>,
    /// When the probes of this silence were sent, the oldest first.
    probes: Vec<Instant>,
    suspect_since: Option<Instant>,
    withheld: bool,
    away: bool,
    gone: bool,
    hinted: bool,
    /// Probes that came back as undeliverable.
    refused: u32,
    /// Something was heard that proves nothing: ask.
    asked_to_probe: bool,
    /// When something was last heard of somebody who is away.
    heard: Option<Instant>,
    /// The questions at the very end that were sent, and when the last of them was.
    final_probes: u32,
    finally: Option<Instant>,
    /// When the viewer was last found to be there after all, and when an answer came that had been held up.
    back_since: Option<Instant>,
    held_up: Option<Instant>,
    /// Probes of the beginning that are still to be sent, and when the next is.
    first: Option<(u8, Instant)>,
    last_proof: Option<Instant>,
    /// When the viewer was surely there: when the freshest proof was sent.
    was_there: Option<Instant>,
}

impl Silence {
    /// A viewer of whose path nothing is known.
    pub fn new(patience: Patience) -> Self {
        let path = Path::default();
        Self {
            suspect_after: patience.suspect_after(&path),
            rto: path.rto(),
            patience,
            path,
            unproven: None,
            probes: Vec::with_capacity(PROBES_KEPT),
            suspect_since: None,
            withheld: false,
            away: false,
            gone: false,
            hinted: false,
            refused: 0,
            asked_to_probe: false,
            heard: None,
            final_probes: 0,
            finally: None,
            back_since: None,
            held_up: None,
            first: None,
            last_proof: None,
            was_there: None,
        }
    }

    /// The connection stands: a few probes measure the path.
    pub fn connected(&mut self, now: Instant) {
        self.last_proof = Some(now);
        self.first = Some((FIRST_PROBES, now));
    }

    /// The path as far as it is known.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the viewer is suspect.
    pub fn is_suspect(&self) -> bool {
        self.suspect_since.is_some()
    }

    /// Whether the viewer is away.
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// Whether a probe of this silence was refused.
    pub fn is_refused(&self) -> bool {
        self.refused > 0
    }

    /// When both directions were last seen to work.
    pub fn last_proof(&self) -> Option<Instant> {
        self.last_proof
    }

    /// How long something of ours has gone without a proof.
    pub fn lasts(&self, now: Instant) -> Duration {
        self.unproven.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// A round trip was measured, by a probe or a receiver report.
    pub fn measured(&mut self, round_trip: Duration) {
        self.path.measured(round_trip);
        self.suspect_after = self.patience.suspect_after(&self.path);
        self.rto = self.path.rto();
    }

    /// The same by an answer that came now, which may have been held up.
    pub fn answered(&mut self, round_trip: Duration, now: Instant) {
        let usual = self.path.round_trip().unwrap_or_default();
        if round_trip > 2 * usual + HELD_UP {
            self.held_up = Some(now);
        }
        self.measured(round_trip);
    }

    /// Whether what was sent before a silence has been held up and not lost: answers to old questions come with the first signs
    /// of whoever is back, in whatever order. Told once.
    pub fn take_held_up(&mut self, now: Instant) -> bool {
        let lately = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < WITH_FIRST_SIGNS);
        let both = lately(self.back_since) && lately(self.held_up);
        if both {
            (self.back_since, self.held_up) = (None, None);
        }
        both
    }

    /// Media was sent, which the viewer will acknowledge.
    pub fn sent(&mut self, now: Instant) {
        self.unproven.get_or_insert(now);
    }

    /// A probe was sent.
    pub fn sent_probe(&mut self, now: Instant) {
        self.asked_to_probe = false;
        let since = *self.unproven.get_or_insert(now);
        if self.away && self.final_probes < FINAL_PROBES && now >= self.time_is_over(since) {
            self.final_probes += 1;
            self.finally = Some(now);
        }
        if self.probes.len() == PROBES_KEPT {
            // The first ones say how long nobody has answered; of the latest only the very last matters.
            self.probes.pop();
        }
        self.probes.push(now);
    }

    /// Something that was sent has arrived, and the news of it, too: both directions work. Since when the
    /// viewer was suspect, if that is taken back. The viewer was surely there `age` ago, or later.
    pub fn proven(&mut self, now: Instant, age: Duration) -> Option<Instant> {
        self.was_there = now.checked_sub(age).max(self.was_there);
        self.last_proof = Some(now);
        self.unproven = None;
        self.probes.clear();
        self.hinted = false;
        self.refused = 0;
        self.asked_to_probe = false;
        self.withheld = false;
        self.away = false;
        self.heard = None;
        self.final_probes = 0;
        self.finally = None;
        let suspect_since = self.suspect_since.take();
        if suspect_since.is_some() {
            self.back_since = Some(now);
        }
        suspect_since
    }

    /// Something came from the viewer that is authentic but proves one direction only.
    pub fn heard(&mut self, now: Instant) {
        self.asked_to_probe |= self.is_suspect();
        self.heard = self.away.then_some(now);
    }

    /// A hint that nobody is there, which anybody may have forged: probes go out at once.
    pub fn hinted(&mut self) {
        self.asked_to_probe |= !self.hinted;
        self.hinted = true;
    }

    /// A probe came back as undeliverable, quoted so that only somebody on the path can have said so.
    pub fn refused(&mut self) {
        self.hinted();
        self.refused = self.refused.saturating_add(1);
    }

    /// Somebody wants to know whether the viewer is there.
    pub fn ask(&mut self) {
        self.asked_to_probe = true;
    }

    /// Whether a probe is to be sent at once, whatever [`Silence::due`] says.
    pub fn wants_probe(&self, now: Instant) -> bool {
        self.asked_to_probe && !self.gone && self.may_be_asked().is_none_or(|at| at <= now)
    }

    /// From when on one may be sent that was asked for.
    fn may_be_asked(&self) -> Option<Instant> {
        self.probes.last().filter(|_| self.away).map(|last| *last + AWAY_HEARD_SPACING)
    }

    /// When [`Silence::tick`] has something to decide, if nothing is heard before.
    pub fn due(&self) -> Option<Instant> {
        self.due_since(self.unproven)
    }

    /// The same if something has been sent at `now`, or is sent any moment.
    pub fn due_if_sent(&self, now: Instant) -> Option<Instant> {
        self.due_since(self.unproven.or(Some(now)))
    }

    fn due_since(&self, unproven: Option<Instant>) -> Option<Instant> {
        if self.gone {
            return None;
        }
        let first = self.first.map(|(_, at)| at);
        let Some(since) = unproven else { return first };
        let probe = self.next_probe(since);
        let mut next = first.map_or(probe, |first| first.min(probe));
        if !self.is_suspect() {
            next = next.min(since + self.suspect_after);
            if self.hinted {
                next = self.agreed(since, HINTED_PROBES).map_or(next, |at| next.min(at));
            }
        }
        if self.is_suspect() && !self.withheld {
            next = next.min(since + WITHHOLD);
        }
        if let Some(gone) = self.gone_at(since).filter(|_| self.away) {
            next = next.min(gone);
        }
        if let Some(agreed) = self.agreed(since, self.patience.probes).filter(|_| !self.away || self.is_refused()) {
            next = next.min(agreed.max(since + self.enough()));
        }
        Some(next.max(since))
    }

    /// When so many probes will have gone unanswered, and a hint's silence is over, too.
    fn agreed(&self, since: Instant, probes: u32) -> Option<Instant> {
        let sent = *self.probes.get(probes.saturating_sub(1) as usize)?;
        let answer_due = (sent + self.rto).min(sent.max(since + CEILING));
        Some(answer_due.max(since + self.patience.hinted_silence))
    }

    /// Decides. `late` is by how much this comes later than [`Silence::due`] wanted: our own lateness is
    /// no silence of the viewer's. Whoever calls this has read everything that has arrived.
    pub fn tick(&mut self, now: Instant, late: Duration) -> Acts {
        let mut acts = Acts::default();
        if self.gone {
            return acts;
        }
        if let Some((left, _)) = self.first.filter(|(_, at)| *at <= now) {
            self.first = (left > 1).then(|| (left - 1, now + FIRST_PROBES_EVERY));
            acts.probe = true;
        }
        let Some(since) = self.unproven else {
            acts.probe |= self.asked_to_probe;
            return acts;
        };
        let since = (since + late).min(now);
        self.unproven = Some(since);
        self.probes.iter_mut().for_each(|sent| *sent = (*sent + late).min(now));
        let silence = now.saturating_duration_since(since);
        let unanswered = self.unanswered(now);
        let hinted = self.hinted && silence >= self.patience.hinted_silence && unanswered >= HINTED_PROBES;
        if !self.is_suspect() && (silence >= self.suspect_after || hinted) {
            self.suspect_since = Some(now);
            acts.suspect = true;
        }
        acts.withhold = self.is_suspect() && silence >= WITHHOLD && !std::mem::replace(&mut self.withheld, true);
        let asked = self.probes.len() as u32 >= self.patience.probes;
        let agreed = unanswered >= self.patience.probes || silence >= CEILING && asked;
        if silence >= self.enough() && agreed {
            acts.gone = self.is_refused() || self.gone_at(since).is_some_and(|at| now >= at);
            self.gone = acts.gone;
            acts.away = !acts.gone && !std::mem::replace(&mut self.away, true);
            // A proof that was held up for long can bring this before the suspicion is due.
            acts.suspect |= acts.away && self.suspect_since.is_none();
            self.suspect_since.get_or_insert(now);
        }
        acts.probe |= !self.gone && (self.wants_probe(now) || now >= self.next_probe(since));
        acts
    }

    /// When the time is over for which somebody who is away is waited for.
    fn time_is_over(&self, since: Instant) -> Instant {
        let due = since + self.patience.away_for;
        self.heard.map_or(due, |heard| due.max(heard + LAST_WORD).min(due + GRACE))
    }

    /// When it is gone: then, or if it was away when its last questions are unanswered, too. None before they are sent.
    /// What is asked after them is no reason to wait longer, or a long path would be waited for without end.
    fn gone_at(&self, since: Instant) -> Option<Instant> {
        let over = self.time_is_over(since);
        if !self.away {
            return Some(over);
        }
        self.finally
            .filter(|_| self.final_probes == FINAL_PROBES)
            .map(|asked| over.max(asked + FINAL_PATIENCE.max(self.rto)))
    }

    /// The silence that is enough to be away, if probes agree.
    fn enough(&self) -> Duration {
        if self.is_refused() {
            return self.patience.hinted_silence;
        }
        // What was heard last had been under way for half a round trip.
        let under_way = self.path.round_trip().map_or(Duration::ZERO, |round_trip| round_trip / 2);
        let enough = self.patience.enough(self.suspect_after);
        enough - under_way.min(UNDER_WAY_MAX).min(enough / 8).max(self.credit())
    }

    /// The part of that silence that had passed before the last proof came: one that was held up tells
    /// that the viewer was there when it was sent.
    fn credit(&self) -> Duration {
        let stale = self.last_proof.zip(self.was_there).map(|(came, sent)| came.saturating_duration_since(sent));
        let usual = STALE_MAX + self.path.round_trip().unwrap_or_default();
        stale.unwrap_or_default().saturating_sub(usual).min(self.patience.away.mul_f64(1.0 - FRESH_SHARE))
    }

    /// Probes that should have been answered by now.
    fn unanswered(&self, now: Instant) -> u32 {
        self.probes.iter().filter(|sent| now.saturating_duration_since(**sent) >= self.rto).count() as u32
    }

    /// Four before a suspicion falls anew; a short path can be asked more often. Before somebody is away they are dense:
    /// where most packets are lost, each is one more chance, and nobody else pays for it.
    fn probe_spacing(&self, since: Instant, last: Instant) -> Duration {
        if self.away {
            let silence = last.saturating_duration_since(since);
            return AWAY_SPACING
                .iter()
                .find(|(until, _)| silence < *until)
                .map_or(Duration::MAX, |(_, spacing)| *spacing);
        }
        if last + self.credit() >= since + self.patience.away.mul_f64(1.0 - LAST_CHANCE) {
            return LAST_CHANCE_SPACING;
        }
        let often = self.path.round_trip().map_or(Duration::MAX, |round_trip| round_trip * 20);
        (self.suspect_after / 4).min(often.max(PROBE_SPACING_MIN))
    }

    fn next_probe(&self, since: Instant) -> Instant {
        let doubtful = since + self.suspect_after.saturating_sub(self.patience.probe_lead);
        match self.probes.last() {
            None => doubtful,
            Some(last) if self.hinted && !self.is_suspect() => *last + (self.rto / 4).max(Duration::from_millis(10)),
            // After the suspicion they also look for a return.
            Some(last) if self.away => {
                let usual = || *last + self.probe_spacing(since, *last);
                let next = match (self.final_probes, self.gone_at(since)) {
                    (_, Some(gone)) => gone,
                    (0, None) => usual().min(self.time_is_over(since)),
                    (_, None) => *last + FINAL_SPACING,
                };
                self.may_be_asked().filter(|_| self.asked_to_probe).map_or(next, |asked| next.min(asked))
            }
            Some(last) => doubtful.max(*last + self.probe_spacing(since, *last)),
        }
    }
}

#[cfg(test)]
mod tests;
