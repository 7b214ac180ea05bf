//! The actor that applies a supervisor's decisions: it starts, stops and kills, and tells the
//! [plan](super::plan) what became of it.

use super::child::{Child, GivenUp, RunningChild, StartArgs};
use super::context::Context;
use super::incarnation::{Cleanup, Launched, Monitor, launch};
use super::mailbox::Mailbox;
use super::messages::{Ending, Ping, RestartChild, StartChild};
use super::plan::{Action, ChildId, Life, Plan};
use super::registered::Registered;
use super::spec::{ChildKind, ChildSpec, ExitReason, Intensity, Strategy};
use super::tree::{ChildView, Operable, SupervisorView, Tree};
use actix::prelude::{Running as Stopping, *};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What all supervisors of a tree share, and what each has of its own.
#[derive(Clone)]
pub struct Options {
    /// Who is restarted with whom.
    pub strategy: Strategy,
    /// The budget.
    pub intensity: Intensity,
    /// A child that has given no heartbeat for so long is frozen.
    pub frozen_after: Duration,
    /// A source of numbers uniform in 0..1, for the jitter of restarts.
    pub chance: fn() -> f64,
}

/// The actor.
pub struct Supervisor {
    path: String,
    options: Options,
    tree: Tree,
    cleanup: Cleanup,
    specs: Arc<dyn Fn() -> Vec<Child> + Send + Sync>,
    plan: Plan,
    children: BTreeMap<ChildId, Started>,
    alarm: Option<(Instant, SpawnHandle)>,
    ended: bool,
}

/// What is needed to make a child, and the incarnation that is there.
struct Started {
    child: Child,
    running: Option<RunningChild>,
    incarnation: u64,
}

/// An incarnation runs, or has ended.
#[derive(Message)]
#[rtype(result = "()")]
struct Told {
    child: ChildId,
    incarnation: u64,
    /// None if it has just begun to run.
    exit: Option<ExitReason>,
}

impl Supervisor {
    fn new(
        path: String,
        options: Options,
        tree: Tree,
        cleanup: Cleanup,
        specs: Arc<dyn Fn() -> Vec<Child> + Send + Sync>,
    ) -> Self {
        let plan = Plan::new(options.strategy, options.intensity);
        Self { path, options, tree, cleanup, specs, plan, children: BTreeMap::new(), alarm: None, ended: false }
    }

    /// A supervisor as a child of another. Its own children are listed anew for each of its incarnations.
    pub fn child(
        spec: ChildSpec,
        thread: ArbiterHandle,
        name: Registered<Supervisor>,
        options: Options,
        children: impl Fn() -> Vec<Child> + Send + Sync + 'static,
    ) -> Child {
        let children: Arc<dyn Fn() -> Vec<Child> + Send + Sync> = Arc::new(children);
        let start = move |args: StartArgs| {
            let (options, children, StartArgs { path, tree, monitor }) = (options.clone(), children.clone(), args);
            let make = move |cleanup: &Cleanup| Self::new(path, options, tree, cleanup.clone(), children);
            Some(RunningChild::named(&name, launch(&thread, make, monitor)))
        };
        Child::new(spec, ChildKind::Supervisor, start)
    }

    /// Starts the supervisor at the root of a tree, which nobody supervises; `exited` is told when
    /// it has ended.
    pub fn start_root(
        thread: &ArbiterHandle,
        tree: &Tree,
        options: Options,
        children: impl Fn() -> Vec<Child> + Send + Sync + 'static,
        exited: impl FnOnce(ExitReason) + Send + 'static,
    ) -> Launched<Self> {
        // What it leaves behind are its children, who have their own time-outs.
        let monitor = Monitor { started: None, exited: Some(Box::new(exited)), timeout: Duration::MAX };
        let (path, specs, shown) = (tree.root().to_owned(), Arc::new(children), tree.clone());
        let make = move |cleanup: &Cleanup| Supervisor::new(path, options, shown, cleanup.clone(), specs);
        launch(thread, make, monitor)
    }

    fn add(&mut self, child: Child) -> Result<(), Ending> {
        let id = self.plan.add(child.spec.clone(), now()).ok_or(Ending)?;
        self.children.insert(id, Started { child, running: None, incarnation: 0 });
        Ok(())
    }

    /// Carries out what the plan says, and sets the alarm for what it will.
    fn apply(&mut self, ctx: &mut Context<Self>) {
        loop {
            let actions = self.plan.next(now());
            if actions.is_empty() {
                break;
            }
            for action in actions {
                match action {
                    Action::Start(id) => self.start(id, ctx),
                    Action::Stop(id) => self.with(id, |running| running.control.stop()),
                    Action::Kill(id) => self.with(id, |running| running.control.kill(ExitReason::Killed)),
                    Action::Terminated(reason) => {
                        self.ended = true;
                        ctx.exit(reason);
                    }
                }
            }
        }
        self.show(ctx);
        self.arm(ctx);
    }

    fn with(&self, id: ChildId, order: impl FnOnce(&RunningChild)) {
        if let Some(running) = self.children.get(&id).and_then(|entry| entry.running.as_ref()) {
            order(running);
        }
    }

    fn start(&mut self, id: ChildId, ctx: &mut Context<Self>) {
        let Some(entry) = self.children.get_mut(&id) else { return };
        entry.incarnation += 1;
        let incarnation = entry.incarnation;
        let (running, ended) = (ctx.recipient::<Told>(), ctx.recipient::<Told>());
        let monitor = Monitor {
            started: Some(Box::new(move || {
                running.do_send(Told { child: id, incarnation, exit: None });
            })),
            exited: Some(Box::new(move |reason| {
                ended.do_send(Told { child: id, incarnation, exit: Some(reason) });
            })),
            timeout: entry.child.spec.shutdown,
        };
        let path = format!("{}/{}", self.path, entry.child.spec.name);
        entry.running = (entry.child.make)(StartArgs { path, tree: self.tree.clone(), monitor });
    }

    fn exited(&mut self, id: ChildId, reason: ExitReason) {
        let Some(entry) = self.children.get_mut(&id) else { return };
        if let Some(running) = entry.running.take() {
            (running.down)();
        }
        let given_up: Option<GivenUp> = entry.child.given_up.clone();
        let path = format!("{}/{}", self.path, entry.child.spec.name);
        let now = now();
        self.plan.exited(id, reason.clone(), now, (self.options.chance)());
        let life = self.plan.children().iter().find(|child| child.id == id).map(|child| child.life);
        self.tree.exited(path.clone(), reason.clone(), now);
        match life {
            Some(Life::Backoff { due }) if !matches!(reason, ExitReason::Shutdown) => {
                let wait = due.saturating_duration_since(now).as_millis();
                log::warn!("{path}: {reason}; started again in {wait} ms");
            }
            _ if reason.is_normal() => log::debug!("{path}: {reason}"),
            _ => log::warn!("{path}: {reason}"),
        }
        if life.is_none() {
            self.children.remove(&id);
        }
        if let (Some(Life::Down), ExitReason::BudgetSpent(_), Some(given_up)) = (life, &reason, given_up) {
            log::error!("{path}: {reason}; given up until somebody asks for it");
            given_up(&reason);
        }
    }

    fn show(&self, ctx: &Context<Self>) {
        let children = self.plan.children().iter().map(|child| {
            let entry = self.children.get(&child.id);
            let running = entry.and_then(|entry| entry.running.as_ref());
            ChildView {
                name: child.spec.name.clone(),
                kind: entry.map_or(ChildKind::Worker, |entry| entry.child.kind),
                restart: child.spec.restart,
                life: child.life,
                restarts: child.restarts,
                last_exit: child.last_exit.clone(),
                vitals: running.map(|running| running.vitals.clone()),
                control: running.map(|running| running.control.clone()),
                mailbox: running.map(|running| running.mailbox.clone()),
            }
        });
        let view = SupervisorView {
            strategy: self.options.strategy,
            intensity: self.options.intensity,
            restarts: self.plan.recent().collect(),
            children: children.collect(),
            operable: ctx.mailbox().clone(),
        };
        self.tree.show(&self.path, view);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let due = self.plan.due();
        if self.alarm.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        if let Some(due) = due {
            let wait = due.saturating_duration_since(now());
            let alarm = ctx.run_later(wait, |supervisor, ctx| {
                supervisor.alarm = None;
                supervisor.apply(ctx);
            });
            self.alarm = Some((due, alarm));
        }
    }

    /// Asks everybody for a heartbeat, and ends who has not given one for too long.
    fn listen(&mut self) {
        let now = now();
        for child in self.plan.children() {
            let running = self.children.get(&child.id).and_then(|entry| entry.running.as_ref());
            if let (Life::Running { .. }, Some(running)) = (child.life, running)
                && running.control.heartbeat(now) >= self.options.frozen_after
            {
                running.control.kill(ExitReason::Frozen);
            }
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for child in (self.specs)() {
            // It cannot be ending yet.
            let _ = self.add(child);
        }
        ctx.run_interval(self.options.frozen_after / 4, |supervisor, _| supervisor.listen());
        self.apply(ctx);
    }

    fn stopping(&mut self, ctx: &mut Self::Context) -> Stopping {
        if !self.ended {
            self.plan.terminate(ExitReason::Shutdown);
            self.apply(ctx);
        }
        if self.ended { Stopping::Stop } else { Stopping::Continue }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Children do not outlive their supervisor, whatever it died of.
        for entry in self.children.values_mut() {
            if let Some(running) = entry.running.take() {
                running.control.kill(ExitReason::Killed);
                let (tree, path) = (self.tree.clone(), format!("{}/{}", self.path, entry.child.spec.name));
                self.cleanup.wait_for(async move {
                    running.control.dead().await;
                    (running.down)();
                    tree.exited(path, ExitReason::Killed, now());
                });
            }
        }
        self.tree.forget(&self.path);
    }
}

impl Handler<Told> for Supervisor {
    type Result = ();

    fn handle(&mut self, told: Told, ctx: &mut Self::Context) {
        if self.children.get(&told.child).map(|entry| entry.incarnation) != Some(told.incarnation) {
            return;
        }
        match told.exit {
            None => self.plan.started(told.child, now()),
            Some(reason) => self.exited(told.child, reason),
        }
        self.apply(ctx);
    }
}

impl Handler<StartChild> for Supervisor {
    type Result = Result<(), Ending>;

    fn handle(&mut self, StartChild(child): StartChild, ctx: &mut Self::Context) -> Self::Result {
        self.add(child)?;
        self.apply(ctx);
        Ok(())
    }
}

impl Handler<RestartChild> for Supervisor {
    type Result = bool;

    fn handle(&mut self, restart: RestartChild, ctx: &mut Self::Context) -> Self::Result {
        let child = self.plan.children().iter().find(|child| child.spec.name == restart.name);
        let Some((id, life)) = child.map(|child| (child.id, child.life)) else { return false };
        if restart.only_if_down && life != Life::Down {
            return true;
        }
        let possible = self.plan.restart(id, now());
        self.apply(ctx);
        possible
    }
}

impl Handler<Ping> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

impl Operable for Mailbox<Supervisor> {
    fn restart(&self, child: &str) -> oneshot::Receiver<bool> {
        self.send(RestartChild { name: child.to_owned(), only_if_down: false })
    }

    fn ping(&self) -> oneshot::Receiver<()> {
        self.send(Ping)
    }
}

/// The system's monotonic clock, which stands still in tests that ask for it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
