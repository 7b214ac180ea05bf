//! What a supervisor is given to start: a specification, and how to make a fresh value each time.

use super::context::Context;
use super::incarnation::{Cleanup, Control, Launched, Monitor, launch};
use super::mailbox::Lanes;
use super::registered::Registered;
use super::spec::{ChildKind, ChildSpec, ExitReason};
use super::tree::Tree;
use super::vitals::Vitals;
use actix::prelude::*;
use std::sync::Arc;

/// Where an incarnation begins.
pub struct StartArgs {
    /// Its path in the tree.
    pub path: String,
    /// Where its supervisor shows its children.
    pub tree: Tree,
    /// Where its beginning and end are told.
    pub monitor: Monitor,
}

/// An incarnation, seen from its supervisor.
pub struct RunningChild {
    /// The hold on it.
    pub control: Arc<Control>,
    /// What it shows.
    pub vitals: Arc<Vitals>,
    /// How many messages wait for it.
    pub mailbox: Arc<dyn Fn() -> Lanes + Send + Sync>,
    /// Takes its name from it.
    pub down: Box<dyn Fn() + Send>,
}

impl RunningChild {
    /// What was launched, reached by `name` from now on.
    pub(super) fn named<A: Actor<Context = Context<A>>>(name: &Registered<A>, launched: Launched<A>) -> Self {
        let Launched { mailbox, vitals, control } = launched;
        name.up(mailbox.clone());
        let (name, own) = (name.clone(), mailbox.clone());
        Self { control, vitals, mailbox: Arc::new(move || mailbox.lanes()), down: Box::new(move || name.down(&own)) }
    }
}

type Make = Box<dyn FnMut(StartArgs) -> Option<RunningChild> + Send>;

/// Called when a child is down for good although it should not be.
pub type GivenUp = Arc<dyn Fn(&ExitReason) + Send + Sync>;

/// A child to be started.
pub struct Child {
    /// What its supervisor is told of it.
    pub spec: ChildSpec,
    /// What it is.
    pub kind: ChildKind,
    pub(super) make: Make,
    pub(super) given_up: Option<GivenUp>,
}

impl Child {
    /// `make` is called for each incarnation. None if there can be no other.
    pub(super) fn new(
        spec: ChildSpec,
        kind: ChildKind,
        make: impl FnMut(StartArgs) -> Option<RunningChild> + Send + 'static,
    ) -> Self {
        Self { spec, kind, make: Box::new(make), given_up: None }
    }

    /// A worker on this thread, reached by `name`; `make` is called for each incarnation.
    pub fn worker<A>(
        spec: ChildSpec,
        thread: ArbiterHandle,
        name: Registered<A>,
        make: impl Fn(&Cleanup) -> A + Send + Sync + 'static,
    ) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        let make = Arc::new(make);
        let start = move |args: StartArgs| {
            let make = make.clone();
            Some(RunningChild::named(&name, launch(&thread, move |cleanup| make(cleanup), args.monitor)))
        };
        Self::new(spec, ChildKind::Worker, start)
    }

    /// A worker that lives once; to be used with [`Restart::Temporary`](super::spec::Restart).
    pub fn worker_once<A>(
        spec: ChildSpec,
        thread: ArbiterHandle,
        name: Registered<A>,
        make: impl FnOnce(&Cleanup) -> A + Send + 'static,
    ) -> Self
    where
        A: Actor<Context = Context<A>>,
    {
        let mut make = Some(make);
        let start = move |args: StartArgs| {
            make.take().map(|make| RunningChild::named(&name, launch(&thread, make, args.monitor)))
        };
        Self::new(spec, ChildKind::Worker, start)
    }

    /// Has `given_up` called when this child stays down although it failed.
    pub fn on_giving_up(mut self, given_up: impl Fn(&ExitReason) + Send + Sync + 'static) -> Self {
        self.given_up = Some(Arc::new(given_up));
        self
    }
}
