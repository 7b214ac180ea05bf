//! What can be seen of a tree of supervisors, at any time and from any thread.

mod calendar;
mod node;
mod view;

pub use node::{Budget, Exit, LastExit, Node, Work};
pub use view::{ChildView, Operable, SupervisorView};

use super::incarnation::Control;
use super::plan::Life;
use super::spec::{ChildKind, ExitReason};
use calendar::Calendar;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long the dead are remembered.
const REMEMBERED: Duration = Duration::from_secs(60);

/// And how many at most.
const EXITS_KEPT: usize = 10_000;

#[derive(Default)]
struct State {
    supervisors: BTreeMap<String, SupervisorView>,
    exits: VecDeque<(Instant, String, ExitReason)>,
    /// How many exits came before those that are remembered.
    forgotten: u64,
    calendar: Option<Calendar>,
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
    supervisor: Arc<dyn Operable>,
    control: Option<Arc<Control>>,
}

/// Why an order cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
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
        let mut state = self.lock();
        let calendar = state.calendar(now, unix_ms);
        let mut root = Node::root(&self.root, calendar.of_day(self.started));
        node::fill(&mut root, &state.supervisors, &calendar);
        root.tell_ages(calendar.of_day(now));
        root
    }

    /// Who has ended in the last minute, the latest last.
    pub fn exits(&self, now: Instant, unix_ms: u64) -> Vec<Exit> {
        let mut state = self.lock();
        let calendar = state.calendar(now, unix_ms);
        state.prune(now);
        let first = state.forgotten;
        let exit = |(nth, (at, path, reason)): (u64, &(Instant, String, ExitReason))| Exit {
            nth,
            at: calendar.of_day(*at),
            path: path.clone(),
            reason: reason.to_string(),
        };
        (first..).zip(&state.exits).map(exit).collect()
    }

    /// Ends an actor as a fault would, for drills; resolves when its supervisor knows.
    pub async fn kill(&self, path: &str) -> Result<(), OperationError> {
        let Found { supervisor, control } = self.find(path)?;
        let control = control.ok_or(OperationError::NotRunning)?;
        control.kill(ExitReason::Killed);
        control.dead().await;
        let _ = supervisor.ping().await;
        Ok(())
    }

    /// Starts an actor again, or for the first time since it failed; resolves when that is ordered.
    pub async fn restart(&self, path: &str) -> Result<(), OperationError> {
        let Found { supervisor, .. } = self.find(path)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        match supervisor.restart(name).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(OperationError::Once),
            Err(_) => Err(OperationError::NotRunning),
        }
    }

    /// The supervisor of this path, if it is up.
    pub fn supervisor(&self, path: &str) -> Option<Arc<dyn Operable>> {
        self.lock().supervisors.get(path).map(|view| view.operable.clone())
    }

    fn find(&self, path: &str) -> Result<Found, OperationError> {
        if path == &*self.root {
            return Err(OperationError::Once);
        }
        let (parent, name) = path.rsplit_once('/').ok_or(OperationError::Unknown)?;
        let state = self.lock();
        let parent = state.supervisors.get(parent).ok_or(OperationError::Unknown)?;
        let child = parent.children.iter().find(|child| child.name == name).ok_or(OperationError::Unknown)?;
        Ok(Found { supervisor: parent.operable.clone(), control: child.control.clone() })
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
            Life::Running { .. } => {
                child.kind == ChildKind::Worker || self.is_settled(&format!("{path}/{}", child.name))
            }
            Life::Down => true,
            _ => false,
        })
    }

    fn calendar(&mut self, now: Instant, unix_ms: u64) -> Calendar {
        let calendar = Calendar::of(self.calendar, now, unix_ms);
        self.calendar = Some(calendar);
        calendar
    }

    fn prune(&mut self, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > REMEMBERED;
        while self.exits.len() > EXITS_KEPT || self.exits.front().is_some_and(|(at, _, _)| old(*at)) {
            self.exits.pop_front();
            self.forgotten += 1;
        }
    }
}
