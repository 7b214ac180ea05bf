//! What a supervisor is given to start: a specification, and how to make a fresh value each time.

use super::address::Lanes;
use super::context::Context;
use super::life::{Cleanup, Control, Launched, News, launch};
use super::registered::Registered;
use super::shell::{Options, Supervisor};
use super::spec::{ChildSpec, ExitReason};
use super::tree::Tree;
use super::vitals::Vitals;
use actix::prelude::*;
use std::sync::Arc;

/// What a child is to those who look at the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It does the work.
    Worker,
    /// It supervises.
    Supervisor,
}

/// Where an incarnation begins.
pub struct StartArgs {
    /// Its path in the tree.
    pub path: String,
    /// Where its supervisor shows its children.
    pub tree: Tree,
    /// Where its beginning and end are told.
    pub news: News,
}

/// An incarnation, seen from its supervisor.
pub struct Running {
    /// The hold on it.
    pub control: Arc<Control>,
    /// What it shows.
    pub vitals: Arc<Vitals>,
    /// How many messages wait for it.
    pub mailbox: Arc<dyn Fn() -> Lanes + Send + Sync>,
    /// Takes its name from it.
    pub down: Box<dyn Fn() + Send>,
}

type Make = Box<dyn FnMut(StartArgs) -> Option<Running> + Send>;

/// Called when a child is down for good although it should not be.
pub type GivenUp = Arc<dyn Fn(&ExitReason) + Send + Sync>;

/// A child to be started.
pub struct Child {
    /// What its supervisor is told of it.
    pub spec: ChildSpec,
    /// What it is.
    pub kind: Kind,
    pub(super) make: Make,
    pub(super) given_up: Option<GivenUp>,
}

impl Child {
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
            Some(name_it(&name, launch(&thread, move |cleanup| make(cleanup), args.news)))
        };
        Self { spec, kind: Kind::Worker, make: Box::new(start), given_up: None }
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
        let start = move |args: StartArgs| make.take().map(|make| name_it(&name, launch(&thread, make, args.news)));
        Self { spec, kind: Kind::Worker, make: Box::new(start), given_up: None }
    }

    /// A supervisor of other children, which are listed anew for each of its incarnations.
    pub fn supervisor(
        spec: ChildSpec,
        thread: ArbiterHandle,
        name: Registered<Supervisor>,
        options: Options,
        children: impl Fn() -> Vec<Child> + Send + Sync + 'static,
    ) -> Self {
        let children: Arc<dyn Fn() -> Vec<Child> + Send + Sync> = Arc::new(children);
        let start = move |args: StartArgs| {
            let (options, children, StartArgs { path, tree, news }) = (options.clone(), children.clone(), args);
            let make = move |cleanup: &Cleanup| Supervisor::new(path, options, tree, cleanup.clone(), children);
            Some(name_it(&name, launch(&thread, make, news)))
        };
        Self { spec, kind: Kind::Supervisor, make: Box::new(start), given_up: None }
    }

    /// Has `given_up` called when this child stays down although it failed.
    pub fn on_giving_up(mut self, given_up: impl Fn(&ExitReason) + Send + Sync + 'static) -> Self {
        self.given_up = Some(Arc::new(given_up));
        self
    }
}

fn name_it<A: Actor<Context = Context<A>>>(name: &Registered<A>, launched: Launched<A>) -> Running {
    let Launched { mailbox, vitals, control } = launched;
    name.up(mailbox.clone());
    let name = name.clone();
    Running { control, vitals, mailbox: Arc::new(move || mailbox.lanes()), down: Box::new(move || name.down()) }
}
