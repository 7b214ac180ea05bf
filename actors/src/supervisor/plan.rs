//! The decisions of a supervisor, as a state machine. Pure: exits and time go in, actions come out.
//!
//! The caller tells what happened ([`Plan::started`], [`Plan::exited`], [`Plan::terminate`]), asks
//! for the actions that follow ([`Plan::next`]), and comes back when [`Plan::due`] says so.

use super::spec::{ChildSpec, ExitReason, Intensity, Restart, Strategy};
use crate::retry::Backoff;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is to be done. Children are named by their number, which is theirs for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make this child and start it.
    Start(ChildId),
    /// Ask it to stop.
    Stop(ChildId),
    /// It did not stop in time: end it.
    Kill(ChildId),
    /// All children are down and the supervisor ends, for this reason.
    Terminated(ExitReason),
}

/// The number of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// Where a child is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It will be started, not before this time.
    Backoff {
        /// When.
        due: Instant,
    },
    /// It was ordered to start.
    Starting,
    /// It runs.
    Running {
        /// Since when.
        since: Instant,
    },
    /// It was ordered to stop.
    Stopping {
        /// When it is killed.
        deadline: Instant,
        /// Whether that has been ordered.
        killed: bool,
        /// Whether it is started again afterwards, and not before when.
        again: Option<Instant>,
    },
    /// It is down and stays so.
    Down,
}

/// A child as the supervisor sees it.
#[derive(Clone, Debug)]
pub struct ChildState {
    /// Its number.
    pub id: ChildId,
    /// Its specification.
    pub spec: ChildSpec,
    /// Where it is in its life.
    pub life: Life,
    /// How often it was started again.
    pub restarts: u64,
    /// How it ended last, and when.
    pub last_exit: Option<(ExitReason, Instant)>,
    backoff: Backoff,
    /// A sibling's failure takes it along: it is to be stopped, and started again with it.
    with_sibling: Option<Instant>,
}

impl ChildState {
    fn is_up(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Running { .. })
    }
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Plan {
    strategy: Strategy,
    intensity: Intensity,
    children: Vec<ChildState>,
    numbers: u64,
    window: VecDeque<Instant>,
    ending: Option<ExitReason>,
    terminated: bool,
}

impl Plan {
    /// A supervisor without children.
    pub fn new(strategy: Strategy, intensity: Intensity) -> Self {
        Self {
            strategy,
            intensity,
            children: vec![],
            numbers: 0,
            window: VecDeque::new(),
            ending: None,
            terminated: false,
        }
    }

    /// Adds a child behind the others; it is started in its turn. None if the supervisor is ending.
    pub fn add(&mut self, spec: ChildSpec, now: Instant) -> Option<ChildId> {
        if self.ending.is_some() {
            return None;
        }
        self.numbers += 1;
        let id = ChildId(self.numbers);
        let backoff = Backoff::new(spec.backoff.clone());
        let life = Life::Backoff { due: now };
        self.children.push(ChildState { id, spec, life, restarts: 0, last_exit: None, backoff, with_sibling: None });
        Some(id)
    }

    /// The children in the order of their starts.
    pub fn children(&self) -> &[ChildState] {
        &self.children
    }

    /// Restarts within the period that ends now, against [`Intensity::restarts`].
    pub fn spent(&self, now: Instant) -> usize {
        let within = |at: &&Instant| now.saturating_duration_since(**at) < self.intensity.period;
        self.window.iter().filter(within).count()
    }

    /// When somebody was restarted lately; some of it may be older than the period.
    pub fn recent(&self) -> impl Iterator<Item = Instant> {
        self.window.iter().copied()
    }

    /// A child that was ordered to start runs.
    pub fn started(&mut self, id: ChildId, now: Instant) {
        if let Some(child) = self.child(id)
            && child.life == Life::Starting
        {
            child.life = Life::Running { since: now };
        }
    }

    /// A child has ended. `chance` is uniform in 0..1, for the jitter of its backoff.
    pub fn exited(&mut self, id: ChildId, reason: ExitReason, now: Instant, chance: f64) {
        let Some(index) = self.children.iter().position(|child| child.id == id) else { return };
        let ending = self.ending.is_some();
        let child = &mut self.children[index];
        let healthy = match child.life {
            Life::Backoff { .. } | Life::Down => return, // it was known to be down
            Life::Running { since } => now.saturating_duration_since(since),
            Life::Starting | Life::Stopping { .. } => Duration::ZERO,
        };
        let expected = match child.life {
            Life::Stopping { again, .. } => Some(again),
            // It went before it could be asked to.
            _ => child.with_sibling.take().map(Some),
        };
        let again = match child.spec.restart {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_normal(),
            Restart::Temporary => false,
        };
        child.last_exit = Some((reason, now));
        if let Some(again) = expected {
            child.with_sibling = None;
            child.life = again.filter(|_| !ending).map_or(Life::Down, |due| Life::Backoff { due });
            child.restarts += u64::from(child.life != Life::Down);
            self.forget_temporary(index);
        } else if ending || !again {
            child.life = Life::Down;
            self.forget_temporary(index);
        } else if self.overspends(now) {
            let child = &mut self.children[index];
            child.life = Life::Down;
            let last = child.last_exit.as_ref().map_or_else(String::new, |(reason, _)| reason.to_string());
            self.ending = Some(ExitReason::BudgetSpent(format!("{}: {last}", child.spec.name)));
        } else {
            let child = &mut self.children[index];
            let due = now + child.backoff.failed(healthy, chance);
            child.life = Life::Backoff { due };
            child.restarts += 1;
            self.take_along(index, due);
        }
    }

    /// Starts a child now that is down or waits, or stops one that is up and starts it again, with
    /// those that depend on it. It costs nothing and forgets earlier failures, for somebody wants
    /// it. False if there is no such child, or the supervisor is ending.
    pub fn restart(&mut self, id: ChildId, now: Instant) -> bool {
        let Some(index) = self.children.iter().position(|child| child.id == id) else { return false };
        let child = &mut self.children[index];
        if self.ending.is_some() || child.spec.restart == Restart::Temporary {
            return false;
        }
        child.backoff.reset();
        match &mut child.life {
            Life::Down => {
                child.life = Life::Backoff { due: now };
                child.restarts += 1;
            }
            Life::Backoff { due } => *due = now,
            Life::Stopping { again, .. } => *again = Some(now),
            Life::Starting | Life::Running { .. } => child.with_sibling = Some(now),
        }
        self.take_along(index, now);
        true
    }

    /// Ends the supervisor: its children are stopped in reverse order.
    pub fn terminate(&mut self, reason: ExitReason) {
        self.ending.get_or_insert(reason);
    }

    /// The actions that follow from what is known now. Asked again at once it gives none.
    pub fn next(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = vec![];
        for child in &mut self.children {
            if let Life::Stopping { deadline, killed, .. } = &mut child.life
                && !*killed
                && *deadline <= now
            {
                *killed = true;
                actions.push(Action::Kill(child.id));
            }
        }
        if self.terminated {
            return actions;
        }
        match self.ending.clone() {
            Some(reason) => self.wind_down(reason, now, &mut actions),
            None => {
                self.stop_taken_along(now, &mut actions);
                self.start_due(now, &mut actions);
            }
        }
        actions
    }

    /// When [`Plan::next`] has something to order, if nothing else happens before. It lies in the
    /// future, or `next` was not asked: who sleeps until then does not spin.
    pub fn due(&self) -> Option<Instant> {
        let deadlines = self.children.iter().filter_map(|child| match child.life {
            Life::Stopping { deadline, killed: false, .. } => Some(deadline),
            _ => None,
        });
        let start = self.next_start().map(|(_, due)| due);
        deadlines.chain(start).min()
    }

    fn child(&mut self, id: ChildId) -> Option<&mut ChildState> {
        self.children.iter_mut().find(|child| child.id == id)
    }

    fn forget_temporary(&mut self, index: usize) {
        let child = &self.children[index];
        if child.spec.restart == Restart::Temporary && child.life == Life::Down {
            self.children.remove(index);
        }
    }

    /// Counts a restart, and says whether it is one too many.
    fn overspends(&mut self, now: Instant) -> bool {
        self.window.push_back(now);
        while self.window.front().is_some_and(|at| now.saturating_duration_since(*at) >= self.intensity.period) {
            self.window.pop_front();
        }
        self.window.len() > self.intensity.restarts
    }

    /// The failure of the child at `index` takes others along, to be started not before `due`.
    fn take_along(&mut self, index: usize, due: Instant) {
        for (nth, sibling) in self.children.iter_mut().enumerate() {
            let taken = match self.strategy {
                Strategy::OneForOne | Strategy::SimpleOneForOne => false,
                Strategy::OneForAll => nth != index,
                Strategy::RestForOne => nth > index,
            };
            if !taken {
                continue;
            }
            match &mut sibling.life {
                Life::Starting | Life::Running { .. } => sibling.with_sibling = Some(due),
                Life::Backoff { due: other } => *other = due.max(*other),
                Life::Stopping { again: Some(other), .. } => *other = due.max(*other),
                Life::Stopping { again: None, .. } | Life::Down => {}
            }
        }
    }

    fn stop(child: &mut ChildState, again: Option<Instant>, now: Instant) -> Action {
        child.with_sibling = None;
        child.life = Life::Stopping { deadline: now + child.spec.shutdown, killed: false, again };
        Action::Stop(child.id)
    }

    fn is_stopping(&self) -> bool {
        self.children.iter().any(|child| matches!(child.life, Life::Stopping { .. }))
    }

    fn wind_down(&mut self, reason: ExitReason, now: Instant, actions: &mut Vec<Action>) {
        for child in &mut self.children {
            if let Life::Backoff { .. } = child.life {
                child.life = Life::Down;
            }
        }
        let at_once = if self.strategy == Strategy::SimpleOneForOne { usize::MAX } else { 1 };
        if self.is_stopping() && at_once == 1 {
            return;
        }
        let last = self.children.iter_mut().rev().filter(|child| child.is_up()).take(at_once);
        actions.extend(last.map(|child| Self::stop(child, None, now)));
        if !self.is_stopping() {
            self.terminated = true;
            actions.push(Action::Terminated(reason));
        }
    }

    /// Those that a sibling took along are stopped one by one, the last started first. A temporary
    /// one is not started again.
    fn stop_taken_along(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.is_stopping() {
            return;
        }
        if let Some(child) = self.children.iter_mut().rev().find(|child| child.with_sibling.is_some()) {
            let again = child.with_sibling.filter(|_| child.spec.restart != Restart::Temporary);
            actions.push(Self::stop(child, again, now));
        }
    }

    fn start_due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Some((index, due)) = self.next_start()
            && due <= now
        {
            let child = &mut self.children[index];
            child.life = Life::Starting;
            actions.push(Action::Start(child.id));
        }
    }

    /// Who is started next, and when. Children are started one by one, in order, but for simple
    /// ones. Where they depend on each other, one that waits holds up those behind it, and all wait
    /// for those that stop; elsewhere the first that is due comes first.
    fn next_start(&self) -> Option<(usize, Instant)> {
        let dependent = self.strategy.is_dependent();
        let busy = self.children.iter().any(|child| {
            (child.life == Life::Starting && self.strategy != Strategy::SimpleOneForOne)
                || (dependent && (child.with_sibling.is_some() || matches!(child.life, Life::Stopping { .. })))
        });
        if busy || self.ending.is_some() {
            return None;
        }
        let mut waiting = self.children.iter().enumerate().filter_map(|(index, child)| match child.life {
            Life::Backoff { due } => Some((index, due)),
            _ => None,
        });
        if dependent { waiting.next() } else { waiting.min_by_key(|(_, due)| *due) }
    }
}
