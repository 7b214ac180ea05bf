//! What can be seen of a tree of supervisors, at any time and from any thread.

use super::address::Mailbox;
use super::child::Kind;
use super::life::Control;
use super::plan::Life;
use super::shell::{RestartChild, Settle, Supervisor};
use super::spec::{ExitReason, Intensity};
use super::vitals::Vitals;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long the dead are remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// And how many at most.
const EXITS_KEPT: usize = 10_000;

/// One child as its supervisor shows it.
pub struct ChildView {
    /// Its name among its siblings.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Where it is in its life.
    pub life: Life,
    /// How often it was started again.
    pub restarts: u64,
    /// How it ended last, and when.
    pub last_exit: Option<(ExitReason, Instant)>,
    /// What its incarnation shows, if there is one.
    pub vitals: Option<Arc<Vitals>>,
    /// The hold on it.
    pub control: Option<Arc<Control>>,
    /// How many messages wait for it.
    pub mailbox: Option<Arc<dyn Fn() -> usize + Send + Sync>>,
}

/// A supervisor as it shows itself.
pub struct SupervisorView {
    /// Its budget.
    pub intensity: Intensity,
    /// When it restarted somebody lately.
    pub restarts: Vec<Instant>,
    /// Its children, in the order of their starts.
    pub children: Vec<ChildView>,
    /// Where it takes orders.
    pub mailbox: Arc<Mailbox<Supervisor>>,
}

/// One child that has ended.
#[derive(Clone, Debug, Serialize)]
pub struct Exit {
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
    pub kind: Kind,
    /// `starting`, `running`, `stopping`, `backoff`, `failed` (until somebody asks for it) or `down`.
    pub state: &'static str,
    /// How often it was started again.
    pub restarts: u64,
    /// Of a supervisor: its budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How it ended last.
    pub last_exit: Option<LastExit>,
    /// For how long it has been running, ms.
    pub uptime_ms: Option<u64>,
    /// Messages that wait for it.
    pub mailbox: u64,
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
    /// For how long at least, ms.
    pub since_ms: u64,
}

#[derive(Default)]
struct State {
    supervisors: BTreeMap<String, SupervisorView>,
    exits: VecDeque<(Instant, String, ExitReason)>,
}

/// Everything that can be seen. Clones show the same.
#[derive(Clone)]
pub struct Tree {
    root: Arc<str>,
    started: Instant,
    state: Arc<Mutex<State>>,
    version: Arc<watch::Sender<u64>>,
}

struct Found {
    supervisor: Arc<Mailbox<Supervisor>>,
    control: Option<Arc<Control>>,
}

/// Why an order cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such actor.
    #[error("there is no such actor; /debug lists them")]
    Unknown,
    /// It is not running.
    #[error("it is not running now")]
    NotRunning,
    /// It cannot be started again: the root, or a child that lives once.
    #[error("it cannot be started again")]
    Once,
}

impl Tree {
    /// A tree whose root has this name.
    pub fn new(root: &str, now: Instant) -> Self {
        Self { root: root.into(), started: now, state: Arc::default(), version: Arc::new(watch::channel(0).0) }
    }

    /// The name of the root.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Wakes whenever something has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Resolves when everybody has been started, or given up.
    pub async fn until_started(&self) {
        let mut changes = self.changes();
        while !self.lock().is_settled(&self.root) {
            // It fails only if the sender is gone, which is `self`.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// All nodes from the root on. `unix_ms` tells what time of day it is `now`.
    pub fn report(&self, now: Instant, unix_ms: u64) -> Node {
        let state = self.lock();
        let time = Time { now, unix_ms };
        let mut root = Node {
            path: self.root.to_string(),
            kind: Kind::Supervisor,
            state: "running",
            restarts: 0,
            budget: None,
            last_exit: None,
            uptime_ms: Some(time.age(self.started)),
            mailbox: 0,
            handled: 0,
            work: None,
            children: vec![],
        };
        root.fill(&state, &time);
        root
    }

    /// Who has ended in the last minute, the latest last.
    pub fn exits(&self, now: Instant, unix_ms: u64) -> Vec<Exit> {
        let time = Time { now, unix_ms };
        let mut state = self.lock();
        state.prune(now);
        let exit = |(at, path, reason): &(Instant, String, ExitReason)| Exit {
            at: time.of_day(*at),
            path: path.clone(),
            reason: reason.to_string(),
        };
        state.exits.iter().map(exit).collect()
    }

    /// Ends an actor as a fault would, for drills; resolves when its supervisor knows.
    pub async fn kill(&self, path: &str) -> Result<(), OrderError> {
        let Found { supervisor, control } = self.find(path)?;
        let control = control.ok_or(OrderError::NotRunning)?;
        control.kill(ExitReason::Killed);
        control.dead().await;
        let _ = supervisor.send(Settle).await;
        Ok(())
    }

    /// Starts an actor again, or for the first time since it failed; resolves when that is ordered.
    pub async fn restart(&self, path: &str) -> Result<(), OrderError> {
        let Found { supervisor, .. } = self.find(path)?;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        match supervisor.send(RestartChild { name, only_if_down: false }).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(OrderError::Once),
            Err(_) => Err(OrderError::NotRunning),
        }
    }

    /// The supervisor of this path, if it is up.
    pub fn supervisor(&self, path: &str) -> Option<Arc<Mailbox<Supervisor>>> {
        self.lock().supervisors.get(path).map(|view| view.mailbox.clone())
    }

    fn find(&self, path: &str) -> Result<Found, OrderError> {
        if path == &*self.root {
            return Err(OrderError::Once);
        }
        let (parent, name) = path.rsplit_once('/').ok_or(OrderError::Unknown)?;
        let state = self.lock();
        let parent = state.supervisors.get(parent).ok_or(OrderError::Unknown)?;
        let child = parent.children.iter().find(|child| child.name == name).ok_or(OrderError::Unknown)?;
        Ok(Found { supervisor: parent.mailbox.clone(), control: child.control.clone() })
    }

    pub(super) fn show(&self, path: &str, view: SupervisorView) {
        self.lock().supervisors.insert(path.to_owned(), view);
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn forget(&self, path: &str) {
        self.lock().supervisors.remove(path);
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn exited(&self, path: String, reason: ExitReason, now: Instant) {
        let mut state = self.lock();
        state.exits.push_back((now, path, reason));
        state.prune(now);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_settled(&self, path: &str) -> bool {
        let Some(view) = self.supervisors.get(path) else { return false };
        view.children.iter().all(|child| match child.life {
            Life::Running { .. } => child.kind == Kind::Worker || self.is_settled(&format!("{path}/{}", child.name)),
            Life::Down => true,
            _ => false,
        })
    }

    fn prune(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > REMEMBERED;
        while self.exits.len() > EXITS_KEPT || self.exits.front().is_some_and(|(at, _, _)| old(*at)) {
            self.exits.pop_front();
        }
    }
}

struct Time {
    now: Instant,
    unix_ms: u64,
}

impl Time {
    fn age(&self, at: Instant) -> u64 {
        self.now.saturating_duration_since(at).as_millis() as u64
    }

    fn of_day(&self, at: Instant) -> u64 {
        self.unix_ms.saturating_sub(self.age(at))
    }
}

impl Node {
    /// Adds budget and children of a supervisor.
    fn fill(&mut self, state: &State, time: &Time) {
        let Some(view) = state.supervisors.get(&self.path) else { return };
        let period = view.intensity.period;
        let recent = |at: &&Instant| time.now.saturating_duration_since(**at) < period;
        self.budget = Some(Budget {
            spent: view.restarts.iter().filter(recent).count(),
            restarts: view.intensity.restarts,
            period_ms: period.as_millis() as u64,
        });
        self.children = view.children.iter().map(|child| Node::of(&self.path, child, state, time)).collect();
    }

    fn of(parent: &str, child: &ChildView, state: &State, time: &Time) -> Self {
        let look = child.vitals.as_ref().map(|vitals| vitals.look(time.now));
        let work = look.and_then(|look| look.work);
        let mut node = Node {
            path: format!("{parent}/{}", child.name),
            kind: child.kind,
            state: match child.life {
                Life::Waiting { .. } => "backoff",
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
                .map(|(reason, at)| LastExit { at: time.of_day(*at), reason: reason.to_string() }),
            uptime_ms: match child.life {
                Life::Running { since } => Some(time.age(since)),
                _ => None,
            },
            mailbox: child.mailbox.as_ref().map_or(0, |waiting| waiting() as u64),
            handled: look.map_or(0, |look| look.handled),
            work: work.map(|(name, at)| Work { message: short(name), since_ms: time.age(at) }),
            children: vec![],
        };
        if child.kind == Kind::Supervisor {
            node.fill(state, time);
        }
        node
    }
}

/// The last part of a type's path.
fn short(name: &str) -> String {
    name.rsplit("::").next().unwrap_or(name).to_owned()
}
