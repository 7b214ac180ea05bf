//! Actors that panic, err, freeze and are killed, beneath real supervisors on a virtual clock.

use actix::prelude::*;
use lenscap_actors::retry::Exponential;
use lenscap_actors::supervisor::child::Child;
use lenscap_actors::supervisor::context::Context;
use lenscap_actors::supervisor::incarnation::{Cleanup, Launched};
use lenscap_actors::supervisor::mailbox::MAILBOX;
use lenscap_actors::supervisor::messages::{RestartChild, StartChild};
use lenscap_actors::supervisor::recipient::SendError;
use lenscap_actors::supervisor::registered::{Registered, Standing, StandingChanged, Unreachable};
use lenscap_actors::supervisor::shell::{Options, Supervisor};
use lenscap_actors::supervisor::spec::{ChildSpec, ExitReason, Intensity, Restart, Strategy};
use lenscap_actors::supervisor::tree::{Node, OperationError, Tree};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const FROZEN_AFTER: Duration = Duration::from_secs(4);
const DELAY: Duration = Duration::from_millis(100);

/// What happened, in order, and what is to go wrong.
#[derive(Clone, Default)]
struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    log: Vec<String>,
    made: u32,
    panic_when_made: u32,
    panic_when_started: u32,
    pending: Option<oneshot::Receiver<()>>,
}

impl World {
    fn note(&self, what: String) {
        self.0.lock().unwrap().log.push(what);
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().log)
    }
}

/// Does as it is told, wrong things too.
struct Worker {
    name: &'static str,
    world: World,
    cleanup: Cleanup,
    number: u32,
}

impl Worker {
    fn new(name: &'static str, world: &World, cleanup: &Cleanup) -> Self {
        let mut state = world.0.lock().unwrap();
        state.made += 1;
        let number = state.made;
        let panics = state.panic_when_made > 0;
        state.panic_when_made = state.panic_when_made.saturating_sub(1);
        drop(state);
        assert!(!panics, "made wrongly");
        Self { name, world: world.clone(), cleanup: cleanup.clone(), number }
    }
}

impl Actor for Worker {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        let mut state = self.world.0.lock().unwrap();
        let panics = state.panic_when_started > 0;
        state.panic_when_started = state.panic_when_started.saturating_sub(1);
        drop(state);
        assert!(!panics, "started wrongly");
        self.world.note(format!("{} up", self.name));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.world.note(format!("{} down", self.name));
        if let Some(pending) = self.world.0.lock().unwrap().pending.take() {
            self.cleanup.wait_for(async move {
                let _ = pending.await;
            });
        }
    }
}

#[derive(Message)]
#[rtype(result = "u32")]
enum Do {
    Nothing,
    Panic,
    PanicLater,
    Err,
    Stop,
    Freeze,
}

impl Handler<Do> for Worker {
    type Result = MessageResult<Do>;

    fn handle(&mut self, what: Do, ctx: &mut Self::Context) -> Self::Result {
        match what {
            Do::Nothing => {}
            Do::Panic => panic!("told to"),
            Do::PanicLater => {
                ctx.spawn(async { tokio::time::sleep(DELAY).await }.into_actor(self).map(|(), _, _| panic!("later")));
            }
            Do::Err => ctx.exit(ExitReason::Error("no disk".into())),
            Do::Stop => ctx.stop(),
            Do::Freeze => ctx.wait(std::future::pending::<()>().into_actor(self)),
        }
        MessageResult(self.number)
    }
}

/// Is noted when its turn comes.
#[derive(Message, Debug)]
#[rtype(result = "()")]
struct Note(&'static str);

impl Handler<Note> for Worker {
    type Result = ();

    fn handle(&mut self, Note(what): Note, _: &mut Self::Context) {
        self.world.note(what.into());
    }
}

fn spec(name: &str, restart: Restart) -> ChildSpec {
    let backoff = Exponential { initial: DELAY, jitter: 0.0, ..Exponential::default() };
    ChildSpec { name: name.into(), restart, shutdown: Duration::from_secs(1), backoff }
}

fn options(strategy: Strategy, restarts: usize) -> Options {
    let intensity = Intensity { restarts, period: Duration::from_secs(60) };
    Options { strategy, intensity, frozen_after: FROZEN_AFTER, chance: || 0.5 }
}

struct Stage {
    world: World,
    tree: Tree,
    names: Vec<Registered<Worker>>,
    root: Launched<Supervisor>,
    ended: oneshot::Receiver<ExitReason>,
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A supervisor of three.
async fn stage(strategy: Strategy, restart: Restart, restarts: usize) -> Stage {
    let (world, tree) = (World::default(), Tree::new("root", now()));
    let names: Vec<Registered<Worker>> = NAMES.into_iter().map(Registered::new).collect();
    let here = Arbiter::current();
    let (exited, ended) = oneshot::channel();
    let children = {
        let (world, names, here) = (world.clone(), names.clone(), here.clone());
        move || {
            let child = |(name, registered): (&'static str, &Registered<Worker>)| {
                let world = world.clone();
                Child::worker(spec(name, restart), here.clone(), registered.clone(), move |cleanup| {
                    Worker::new(name, &world, cleanup)
                })
            };
            NAMES.into_iter().zip(&names).map(child).collect()
        }
    };
    let root = Supervisor::start_root(&here, &tree, options(strategy, restarts), children, |reason| {
        let _ = exited.send(reason);
    });
    tree.until_started().await;
    assert_eq!(world.log(), ["a up", "b up", "c up"], "in order");
    Stage { world, tree, names, root, ended }
}

impl Stage {
    fn report(&self) -> Node {
        self.tree.report(now(), 1_000_000)
    }

    fn node(&self, nth: usize) -> Node {
        self.report().children[nth].clone()
    }

    fn last_exit(&self, nth: usize) -> String {
        self.node(nth).last_exit.map(|exit| exit.reason).unwrap_or_default()
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass, and a little more: timers have a resolution of a millisecond.
async fn pass(time: Duration) {
    tokio::time::advance(time + Duration::from_millis(2)).await;
    settle().await;
}

#[actix::test]
async fn whatever_an_actor_dies_of_is_an_exit_with_words_and_a_fresh_value_follows() {
    tokio::time::pause();
    for (fault, words) in [
        (Do::Panic, "panic: told to"),
        (Do::PanicLater, "panic: later"),
        (Do::Err, "error: no disk"),
        (Do::Stop, "normal"),
    ] {
        let stage = stage(Strategy::OneForOne, Restart::Permanent, 3).await;
        let before = stage.names[1].send(Do::Nothing).await.unwrap();
        let _ = tokio::time::timeout(DELAY / 2, stage.names[1].send(fault)).await;
        pass(DELAY * 2).await;
        pass(DELAY * 2).await;
        assert_eq!(stage.world.log(), ["b down", "b up"], "{words}");
        assert_eq!(stage.last_exit(1), words);
        assert_eq!(stage.node(1).restarts, 1);
        assert_ne!(stage.names[1].send(Do::Nothing).await.unwrap(), before, "a value of its own");
        assert_eq!(stage.report().budget.unwrap().spent, 1);
        let exits = stage.tree.exits(now(), 1_000_000);
        assert_eq!(exits.iter().map(|exit| (&*exit.path, &*exit.reason)).collect::<Vec<_>>(), [("root/b", words)]);
        pass(Duration::from_secs(61)).await;
        assert!(stage.tree.exits(now(), 1_000_000).is_empty(), "forgotten after a minute");
    }
}

#[actix::test]
async fn what_has_to_be_done_is_handled_before_what_may_be_lost_and_has_room_when_that_has_none() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 3).await;
    let worker = &stage.names[0];
    for _ in 0..MAILBOX {
        worker.try_send(Note("datagram")).unwrap();
    }
    assert!(matches!(worker.try_send(Note("too much")), Err(SendError::Full(Note("too much")))));
    worker.do_send(Note("first order"));
    worker.do_send(Note("second order"));
    settle().await;
    let log = stage.world.log();
    assert_eq!(log[..3], ["first order", "second order", "datagram"]);
    assert_eq!(log.len(), 2 + MAILBOX);
}

#[actix::test]
async fn a_panic_while_it_is_made_or_started_is_an_exit_too() {
    tokio::time::pause();
    for at_making in [true, false] {
        let stage = stage(Strategy::OneForOne, Restart::Permanent, 3).await;
        {
            let mut state = stage.world.0.lock().unwrap();
            *(if at_making { &mut state.panic_when_made } else { &mut state.panic_when_started }) = 1;
        }
        stage.names[0].do_send(Do::Panic);
        settle().await;
        pass(DELAY).await;
        assert_eq!(stage.last_exit(0), if at_making { "panic: made wrongly" } else { "panic: started wrongly" });
        pass(DELAY * 2).await;
        assert_eq!(stage.node(0).state, "running", "the second time it goes well");
        assert_eq!(stage.node(0).restarts, 2);
    }
}

#[actix::test]
async fn whoever_gives_no_heartbeat_is_frozen_and_is_started_again() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 3).await;
    pass(FROZEN_AFTER * 10).await;
    assert_eq!(stage.node(2).restarts, 0, "who has nothing to do is not frozen");
    stage.names[2].do_send(Do::Freeze);
    stage.names[2].do_send(Do::Nothing);
    settle().await;
    pass(FROZEN_AFTER / 2).await;
    let node = stage.node(2);
    assert_eq!((node.work.as_ref().map(|work| &*work.message), node.mailbox), (Some("Do"), 1));
    assert!(node.work.unwrap().since_ms >= (FROZEN_AFTER / 2).as_millis() as u64);
    for _ in 0..8 {
        pass(FROZEN_AFTER / 8).await;
    }
    assert_eq!(stage.last_exit(2), "frozen");
    pass(DELAY).await;
    assert_eq!(stage.node(2).state, "running");
    assert!(stage.names[2].send(Do::Nothing).await.is_ok());
}

#[actix::test]
async fn those_that_were_started_later_go_along_in_reverse_order() {
    tokio::time::pause();
    let stage = stage(Strategy::RestForOne, Restart::Permanent, 3).await;
    stage.names[0].do_send(Do::Panic);
    settle().await;
    assert_eq!(stage.world.log(), ["a down", "c down", "b down"]);
    pass(DELAY).await;
    assert_eq!(stage.world.log(), ["a up", "b up", "c up"]);
    stage.names[2].do_send(Do::Panic);
    settle().await;
    pass(DELAY).await;
    assert_eq!(stage.world.log(), ["c down", "c up"], "nobody depends on the last");
}

#[actix::test]
async fn nothing_is_started_before_what_was_left_behind_is_over() {
    tokio::time::pause();
    let stage = stage(Strategy::RestForOne, Restart::Permanent, 3).await;
    let (over, pending) = oneshot::channel();
    stage.world.0.lock().unwrap().pending = Some(pending);
    let asked = stage.names[0].send(Do::Freeze);
    settle().await;
    let killed = stage.tree.kill("root/a");
    let told = async {
        assert_eq!(asked.await, Ok(1), "it answered before it was killed");
        stage.names[0].send(Do::Nothing).await
    };
    let finish = async {
        for _ in 0..3 {
            pass(DELAY).await;
        }
        assert_eq!(stage.world.log(), ["a down"], "it is dropped, but not dead");
        assert_eq!(stage.node(0).state, "running");
        over.send(()).unwrap();
    };
    let (killed, told, ()) = tokio::join!(killed, told, finish);
    assert_eq!((killed, told), (Ok(()), Err(Unreachable)));
    settle().await;
    assert_eq!(stage.world.log(), ["c down", "b down"]);
    pass(DELAY).await;
    assert_eq!(stage.world.log(), ["a up", "b up", "c up"]);
}

#[actix::test]
async fn a_spent_budget_ends_the_supervisor_after_its_children() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 2).await;
    for _ in 0..2 {
        stage.names[1].do_send(Do::Panic);
        settle().await;
        pass(DELAY * 4).await;
    }
    stage.world.log();
    stage.names[1].do_send(Do::Panic);
    settle().await;
    assert_eq!(stage.world.log(), ["b down", "c down", "a down"]);
    assert_eq!(stage.ended.await, Ok(ExitReason::BudgetSpent("b: panic: told to".into())));
    assert!(stage.names.iter().all(|name| name.standing() == Standing::Down));
}

#[actix::test]
async fn an_orderly_end_stops_in_reverse_order_and_kills_who_does_not_stop() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 2).await;
    let (_never, pending) = oneshot::channel();
    stage.world.0.lock().unwrap().pending = Some(pending);
    stage.root.control.stop();
    settle().await;
    assert_eq!(stage.world.log(), ["c down"], "its pending hold up the others");
    for _ in 0..6 {
        pass(Duration::from_secs(1)).await;
    }
    assert_eq!(stage.world.log(), ["b down", "a down"]);
    assert_eq!(stage.ended.await, Ok(ExitReason::Shutdown));
}

#[actix::test]
async fn a_killed_supervisor_takes_its_children_along_and_all_come_back() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 2).await;
    let (world, here) = (stage.world.clone(), Arbiter::current());
    let (inner, leaf) = (Registered::new("inner"), Registered::new("leaf"));
    let leaf_of = leaf.clone();
    let child = Supervisor::child(
        spec("inner", Restart::Permanent),
        here.clone(),
        inner.clone(),
        options(Strategy::OneForOne, 2),
        move || {
            let world = world.clone();
            vec![Child::worker(spec("leaf", Restart::Permanent), here.clone(), leaf_of.clone(), move |cleanup| {
                Worker::new("leaf", &world, cleanup)
            })]
        },
    );
    let (over, pending) = oneshot::channel();
    start_child(&stage, child).await;
    stage.world.log();
    stage.world.0.lock().unwrap().pending = Some(pending);
    let killed = stage.tree.kill("root/inner");
    let finish = async {
        settle().await;
        assert_eq!(stage.world.log(), ["leaf down"]);
        assert_eq!(inner.standing(), Standing::Up, "not dead before its child is");
        over.send(()).unwrap();
    };
    let (killed, ()) = tokio::join!(killed, finish);
    assert_eq!(killed, Ok(()));
    let exits: Vec<String> = stage.tree.exits(now(), 1_000_000).into_iter().map(|exit| exit.path).collect();
    assert_eq!(exits, ["root/inner/leaf", "root/inner"]);
    pass(DELAY).await;
    assert_eq!(stage.world.log(), ["leaf up"]);
    assert!(leaf.send(Do::Nothing).await.is_ok());
    assert_eq!(stage.tree.kill("root/nobody").await, Err(OperationError::Unknown));
    assert_eq!(stage.tree.kill("root").await, Err(OperationError::Once));
}

/// Starts one more child beneath the root of a stage.
async fn start_child(stage: &Stage, child: Child) {
    stage.root.mailbox.send(StartChild(child)).await.unwrap().unwrap();
    settle().await;
}

#[actix::test]
async fn whoever_gave_up_stays_down_until_somebody_asks() {
    tokio::time::pause();
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 9).await;
    let (world, here) = (stage.world.clone(), Arbiter::current());
    let leaf = Registered::new("leaf");
    let leaf_of = leaf.clone();
    let child = Supervisor::child(
        spec("inner", Restart::Transient),
        here.clone(),
        Registered::new("inner"),
        options(Strategy::OneForOne, 1),
        move || {
            let world = world.clone();
            vec![Child::worker(spec("leaf", Restart::Permanent), here.clone(), leaf_of.clone(), move |cleanup| {
                Worker::new("leaf", &world, cleanup)
            })]
        },
    );
    let failing = leaf.clone();
    let child = child.on_giving_up(move |reason| failing.fail(&reason.to_string()));
    start_child(&stage, child).await;
    let heard = Arc::<Mutex<Vec<Standing>>>::default();
    let _watch = leaf.watch(Listener(heard.clone()).start().recipient().into());
    for _ in 0..2 {
        leaf.do_send(Do::Panic);
        settle().await;
        pass(DELAY).await;
    }
    let failed = Standing::Failed("restarted too often; the last was leaf: panic: told to".into());
    assert_eq!(leaf.standing(), failed);
    assert_eq!(*heard.lock().unwrap(), [Standing::Down, Standing::Up, Standing::Down, failed.clone()]);
    pass(Duration::from_secs(1000)).await;
    assert_eq!((leaf.standing(), stage.node(3).state), (failed, "failed"));
    assert_eq!(stage.report().budget.unwrap().spent, 0, "it costs the others nothing");
    let root = &stage.root.mailbox;
    let restart = |only_if_down| RestartChild { name: "inner".into(), only_if_down };
    assert!(root.send(restart(true)).await.unwrap());
    settle().await;
    assert_eq!((leaf.standing(), stage.node(3).state), (Standing::Up, "running"));
    stage.world.log();
    assert!(root.send(restart(true)).await.unwrap());
    settle().await;
    assert!(stage.world.log().is_empty(), "who is up is left alone");
    stage.tree.restart("root/inner/leaf").await.unwrap();
    settle().await;
    assert_eq!(stage.world.log(), ["leaf down", "leaf up"], "unless that is what is wanted; without delay");
}

struct Listener(Arc<Mutex<Vec<Standing>>>);

impl Actor for Listener {
    type Context = actix::Context<Self>;
}

impl Handler<StandingChanged> for Listener {
    type Result = ();

    fn handle(&mut self, change: StandingChanged, _: &mut Self::Context) {
        self.0.lock().unwrap().push(change.standing);
    }
}

#[actix::test]
async fn an_actor_whose_thread_has_ended_counts_as_dead() {
    // In real time: a paused clock would leap ahead while it waits for the other thread.
    let stage = stage(Strategy::OneForOne, Restart::Permanent, 9).await;
    let thread = Arbiter::new();
    let name = Registered::new("far");
    let world = stage.world.clone();
    let child = Child::worker(spec("far", Restart::Temporary), thread.handle(), name.clone(), move |cleanup| {
        Worker::new("far", &world, cleanup)
    });
    start_child(&stage, child).await;
    assert!(name.send(Do::Nothing).await.is_ok());
    thread.stop();
    thread.join().unwrap();
    settle().await;
    assert_eq!(name.standing(), Standing::Down);
    assert_eq!(stage.tree.exits(now(), 1_000_000).last().unwrap().path, "root/far");
    assert_eq!(stage.report().children.len(), 3, "a temporary child is forgotten");
}
