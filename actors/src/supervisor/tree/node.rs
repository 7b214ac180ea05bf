//! One actor as it is shown, and how it looks by what its supervisor shows of it.

use super::calendar::Calendar;
use super::view::{ChildView, SupervisorView};
use crate::supervisor::mailbox::Lanes;
use crate::supervisor::plan::Life;
use crate::supervisor::spec::{ChildKind, ExitReason, Restart, Strategy};
use serde::Serialize;
use std::collections::BTreeMap;

/// One child that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Exit {
    /// How many ended before it since the start.
    pub nth: u64,
    /// When, in ms since the Unix epoch.
    pub at: u64,
    /// Who.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// One actor, and those below it.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its names from the root on.
    pub path: String,
    /// What it is.
    pub kind: ChildKind,
    /// Whether it is started again; the root is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<Restart>,
    /// Of a supervisor that lives: who is restarted with whom.
    pub strategy: Option<Strategy>,
    /// `starting`, `running`, `stopping`, `backoff`, `failed` (until somebody asks for it) or `down`.
    pub state: &'static str,
    /// How often it was started again.
    pub restarts: u64,
    /// Of a supervisor that lives: its budget.
    pub budget: Option<Budget>,
    /// How it ended last.
    pub last_exit: Option<LastExit>,
    /// Since when it has been running, in ms since the Unix epoch.
    pub since: Option<u64>,
    /// For how long it has been running, ms.
    pub uptime_ms: Option<u64>,
    /// Messages that wait for it.
    pub mailbox: u64,
    /// The same by lane.
    pub lanes: Lanes,
    /// Messages that this incarnation has handled.
    pub handled: u64,
    /// The message in work.
    pub work: Option<Work>,
    /// Its children.
    pub children: Vec<Node>,
}

/// Restarts against what is allowed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Budget {
    /// Within the period that ends now.
    pub spent: usize,
    /// More than so many, and it gives up.
    pub restarts: usize,
    /// The period, ms.
    pub period_ms: u64,
}

/// How an actor ended last.
#[derive(Clone, Debug, Serialize)]
pub struct LastExit {
    /// When, in ms since the Unix epoch.
    pub at: u64,
    /// Why.
    pub reason: String,
}

/// A message in work.
#[derive(Clone, Debug, Serialize)]
pub struct Work {
    /// Its type.
    pub message: String,
    /// Since when at least, in ms since the Unix epoch.
    pub since: u64,
    /// For how long at least, ms.
    pub since_ms: u64,
}

impl Node {
    /// The root, whom nobody supervises, without its children.
    pub(super) fn root(name: &str, since: u64) -> Self {
        Self {
            path: name.to_owned(),
            kind: ChildKind::Supervisor,
            restart: None,
            strategy: None,
            state: "running",
            restarts: 0,
            budget: None,
            last_exit: None,
            since: Some(since),
            uptime_ms: None,
            mailbox: 0,
            lanes: Lanes::default(),
            handled: 0,
            work: None,
            children: vec![],
        }
    }

    fn of(parent: &str, child: &ChildView, supervisors: &Supervisors, calendar: &Calendar) -> Self {
        let look = child.vitals.as_ref().map(|vitals| vitals.look(calendar.now()));
        let work = look.and_then(|look| look.work);
        let lanes = child.mailbox.as_ref().map_or_else(Lanes::default, |waiting| waiting());
        let mut node = Self {
            path: format!("{parent}/{}", child.name),
            kind: child.kind,
            restart: Some(child.restart),
            strategy: None,
            state: match child.life {
                Life::Backoff { .. } => "backoff",
                Life::Starting => "starting",
                Life::Running { .. } => "running",
                Life::Stopping { .. } => "stopping",
                Life::Down if matches!(child.last_exit, Some((ExitReason::BudgetSpent(_), _))) => "failed",
                Life::Down => "down",
            },
            restarts: child.restarts,
            budget: None,
            last_exit: child
                .last_exit
                .as_ref()
                .map(|(reason, at)| LastExit { at: calendar.of_day(*at), reason: reason.to_string() }),
            since: match child.life {
                Life::Running { since } => Some(calendar.of_day(since)),
                _ => None,
            },
            uptime_ms: None,
            mailbox: lanes.total() as u64,
            lanes,
            handled: look.map_or(0, |look| look.handled),
            work: work.map(|(name, at)| Work { message: short(name), since: calendar.of_day(at), since_ms: 0 }),
            children: vec![],
        };
        if child.kind == ChildKind::Supervisor {
            fill(&mut node, supervisors, calendar);
        }
        node
    }

    /// Says how long ago everything began that is still going on.
    pub(super) fn tell_ages(&mut self, now: u64) {
        self.uptime_ms = self.since.map(|since| now.saturating_sub(since));
        if let Some(work) = &mut self.work {
            work.since_ms = now.saturating_sub(work.since);
        }
        self.children.iter_mut().for_each(|child| child.tell_ages(now));
    }
}

type Supervisors = BTreeMap<String, SupervisorView>;

/// Adds what only a supervisor has: strategy, budget and children.
pub(super) fn fill(node: &mut Node, supervisors: &Supervisors, calendar: &Calendar) {
    let Some(view) = supervisors.get(&node.path) else { return };
    let period = view.intensity.period;
    let recent = view.restarts.iter().filter(|at| calendar.now().saturating_duration_since(**at) < period);
    node.strategy = Some(view.strategy);
    node.budget =
        Some(Budget { spent: recent.count(), restarts: view.intensity.restarts, period_ms: period.as_millis() as u64 });
    node.children = view.children.iter().map(|child| Node::of(&node.path, child, supervisors, calendar)).collect();
}

/// The last part of a type's path.
fn short(name: &str) -> String {
    name.rsplit("::").next().unwrap_or(name).to_owned()
}
