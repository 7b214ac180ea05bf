//! Which rendition a viewer's link can carry. Pure.
//!
//! Down goes who has been too narrow for the full one for a moment that is no dip. Up goes who could carry the full one:
//! the small one does not show that by itself, so now and then a few packets are sent in one burst, and how far apart they
//! arrive tells what the link carries. Who cannot be sent a burst is just sent the full one. If that was wrong, the next attempt
//! comes later.

use std::time::{Duration, Instant};

/// A link that has been too narrow for so long is not just in a dip, if something has been late until now.
const DIP: Duration = Duration::from_secs(2);
const LATELY: Duration = Duration::from_millis(500);

/// A newcomer that would be behind the present for longer than this is not sent the rest: a smaller picture is there before.
const OLD: Duration = Duration::from_millis(900);

/// Whoever has the small rendition is tried again after this, and ever later where that was wrong.
const TRY_FIRST: Duration = Duration::from_secs(2);
const TRY_MOST: Duration = Duration::from_secs(16);

/// The full one was wrong if it could not be kept for so long.
const KEPT: Duration = Duration::from_secs(10);

/// A link has to carry more than the stream has on average: keyframes are larger.
const ROOM: f64 = 1.4;

/// A link is too narrow if it carries less than this of it.
const NARROW: f64 = 0.95;

/// What is known at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// It has the small rendition.
    pub small: bool,
    /// Bytes a second of what it has.
    pub stream: f64,
    /// Bytes a second that its link carries, if that has shown itself to be little.
    pub capacity: Option<f64>,
    /// Frames that were dropped as late, all in all.
    pub late: u64,
    /// Packets wait on the way.
    pub queues: bool,
    /// How long it will have waited for its first picture, and to come from there to the present: as long as it waits,
    /// and that is known.
    pub first: Option<Duration>,
    /// Bytes a second that a burst has shown, and when it was sent.
    pub shown: Option<(f64, Instant)>,
    /// It cannot be sent bursts.
    pub unprovable: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go to the small rendition.
    Small,
    /// Go to the full one.
    Full,
    /// Send a burst.
    Burst,
}

/// What has been chosen so far.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Since when its link has been too narrow.
    narrow: Option<Instant>,
    /// How many frames have been late, and when it became so many.
    late: (u64, Option<Instant>),
    /// Bytes a second of the full rendition, when it was left.
    full: f64,
    /// When something was last tried or chosen.
    at: Option<Instant>,
    /// When it went to the full one by itself.
    risen: Option<Instant>,
    wait: Duration,
}

impl Default for Choice {
    fn default() -> Self {
        Self { narrow: None, late: (0, None), full: 0.0, at: None, risen: None, wait: TRY_FIRST }
    }
}

impl Choice {
    /// Bytes a second that the full rendition had when it was left.
    pub fn full(&self) -> f64 {
        self.full
    }

    /// What to do now.
    pub fn step(&mut self, view: &View, now: Instant) -> Option<Step> {
        if view.small { self.on_small(view, now) } else { self.on_full(view, now) }
    }

    fn on_full(&mut self, view: &View, now: Instant) -> Option<Step> {
        let since = |at: Instant| now.saturating_duration_since(at);
        if view.late != self.late.0 {
            self.late = (view.late, Some(now));
        }
        if view.capacity.is_none_or(|capacity| capacity >= view.stream * NARROW) {
            self.narrow = None;
            return None;
        }
        let narrow = *self.narrow.get_or_insert(now);
        if view.first.is_some_and(|takes| takes > OLD) {
            return Some(self.give_way(view, now));
        }
        // What is not late is as good as on any link.
        let lately = self.late.1.is_some_and(|at| since(at) < LATELY);
        if !lately || since(narrow) < DIP || self.at.is_some_and(|at| since(at) < DIP) {
            return None;
        }
        Some(self.give_way(view, now))
    }

    fn give_way(&mut self, view: &View, now: Instant) -> Step {
        let wrong = self.risen.take().is_some_and(|risen| now.saturating_duration_since(risen) < KEPT);
        self.wait = if wrong { (self.wait * 2).min(TRY_MOST) } else { TRY_FIRST };
        (self.narrow, self.full, self.at) = (None, view.stream, Some(now));
        Step::Small
    }

    fn on_small(&mut self, view: &View, now: Instant) -> Option<Step> {
        let at = *self.at.get_or_insert(now);
        if view.shown.is_some_and(|(rate, sent)| sent >= at && rate >= self.full * ROOM) {
            (self.at, self.risen) = (Some(now), Some(now));
            return Some(Step::Full);
        }
        if view.queues || now.saturating_duration_since(at) < self.wait {
            return None;
        }
        self.at = Some(now);
        if view.unprovable {
            // Nothing but the full one shows whether it can be carried.
            self.risen = Some(now);
            return Some(Step::Full);
        }
        Some(Step::Burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Looks 20 times a second for so long; what was done, and when, in ms.
    fn look(
        choice: &mut Choice,
        start: Instant,
        from: u32,
        to: u32,
        mut view: impl FnMut(u32) -> View,
    ) -> Vec<(u32, Step)> {
        let looks = (from..to).step_by(50);
        looks.filter_map(|ms| Some((ms, choice.step(&view(ms), start + MS * ms)?))).collect()
    }

    fn narrow(ms: u32) -> View {
        View { stream: 250e3, capacity: Some(60e3), late: u64::from(ms / 100), ..View::default() }
    }

    #[test]
    fn a_dip_is_waited_for_and_a_narrow_link_is_not() {
        let (start, mut choice) = (Instant::now(), Choice::default());
        assert_eq!(look(&mut choice, start, 0, 1950, narrow), []);
        assert_eq!(look(&mut choice, start, 1950, 2500, |_| View { capacity: None, ..narrow(0) }), []);
        assert_eq!(look(&mut choice, start, 2500, 3500, narrow), []);
        let healed = |_| View { late: 34, ..narrow(0) };
        assert_eq!(look(&mut choice, start, 3500, 9000, healed), [], "it has been in time since");
        assert_eq!(look(&mut choice, start, 9000, 9050, narrow), [(9000, Step::Small)]);
    }

    #[test]
    fn a_first_picture_that_would_be_old_is_not_waited_for() {
        let first = |takes| move |ms| View { late: 0, first: Some(takes), ..narrow(ms) };
        let (start, mut choice) = (Instant::now(), Choice::default());
        assert_eq!(look(&mut choice, start, 0, 1500, first(OLD)), []);
        assert_eq!(look(&mut choice, start, 1500, 1550, first(OLD + MS)), [(1500, Step::Small)]);
        let wide = |ms| View { capacity: None, ..first(OLD * 2)(ms) };
        assert_eq!(look(&mut Choice::default(), start, 0, 1500, wide), [], "it is not for the link");
    }

    #[test]
    fn who_gets_everything_in_time_stays() {
        let (start, mut choice) = (Instant::now(), Choice::default());
        assert_eq!(look(&mut choice, start, 0, 9000, |_| View { late: 0, ..narrow(0) }), []);
        assert_eq!(look(&mut choice, start, 0, 9000, |ms| View { capacity: Some(240e3), ..narrow(ms) }), []);
    }

    #[test]
    fn a_wider_link_is_found_by_a_burst_and_one_that_deceived_is_asked_less() {
        let (start, mut choice) = (Instant::now(), Choice::default());
        assert_eq!(look(&mut choice, start, 0, 2050, narrow), [(2000, Step::Small)]);
        let small = |_| View { small: true, stream: 30e3, ..View::default() };
        assert_eq!(look(&mut choice, start, 2050, 6500, small), [(4000, Step::Burst), (6000, Step::Burst)]);
        let shown = |rate| move |ms| View { shown: Some((rate, start + MS * 6010)), ..small(ms) };
        assert_eq!(look(&mut choice, start, 6500, 6700, shown(300e3)), [], "too little for keyframes");
        assert_eq!(look(&mut choice, start, 6700, 6750, shown(900e3)), [(6700, Step::Full)]);
        // It deceived.
        assert_eq!(look(&mut choice, start, 6750, 9000, narrow), [(8750, Step::Small)]);
        assert_eq!(look(&mut choice, start, 9000, 13_500, shown(900e3)), [(12_750, Step::Burst)], "that was before");
    }

    #[test]
    fn who_cannot_be_sent_a_burst_is_sent_the_full_one_and_ever_later_if_that_is_too_much() {
        let (start, mut choice) = (Instant::now(), Choice::default());
        let mut ms = 0;
        let mut until = |narrow_too: bool| {
            let (begun, small) = (ms, View { small: true, stream: 30e3, unprovable: true, ..View::default() });
            loop {
                let steps = look(&mut choice, start, ms, ms + 50, |ms| if narrow_too { narrow(ms) } else { small });
                ms += 50;
                if let [(at, step)] = steps[..] {
                    return (at - begun, step);
                }
            }
        };
        assert_eq!(until(true), (2000, Step::Small));
        for wait in [1950, 3950, 7950, 15_950, 15_950] {
            assert_eq!(until(false), (wait, Step::Full));
            assert_eq!(until(true), (2000, Step::Small), "it was too much");
        }
        // In the end it is not.
        assert_eq!(until(false), (15_950, Step::Full));
        assert_eq!(look(&mut choice, start, ms, ms + 60_000, |_| View::default()), []);
    }

    #[test]
    fn nothing_is_added_to_a_queue() {
        let (start, mut choice) = (Instant::now(), Choice::default());
        let queues = |_| View { small: true, queues: true, ..View::default() };
        assert_eq!(look(&mut choice, start, 0, 9000, queues), []);
    }
}
