//! The decisions of a supervisor against a world that does anything at any time.

use lenscap_actors::retry::Exponential;
use lenscap_actors::supervisor::plan::{Action, ChildId, Life, Plan};
use lenscap_actors::supervisor::spec::{ChildSpec, ExitReason, Intensity, Restart, Strategy as Scheme};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const SHUTDOWN: Duration = Duration::from_millis(500);

fn spec(name: usize, restart: Restart) -> ChildSpec {
    ChildSpec {
        name: format!("child-{name}"),
        restart,
        shutdown: SHUTDOWN,
        backoff: Exponential { jitter: 0.0, ..Exponential::default() },
    }
}

#[derive(Clone, Debug)]
enum Event {
    /// The nth child that is up ends.
    Exit(usize, ExitReason),
    /// The nth child that was ordered to stop obeys.
    Obey(usize),
    /// The nth child that was ordered to start says that it runs.
    Run(usize),
    Pass(u64),
    Add(Restart),
    /// Somebody wants the nth child started again.
    Restart(usize),
    Terminate,
}

fn restart() -> impl Strategy<Value = Restart> {
    prop_oneof![3 => Just(Restart::Permanent), 1 => Just(Restart::Transient), 1 => Just(Restart::Temporary)]
}

fn reason() -> impl Strategy<Value = ExitReason> {
    prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::Error("e".into())),
        Just(ExitReason::Panic("p".into())),
        Just(ExitReason::Frozen),
        Just(ExitReason::Killed)
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..8usize, reason()).prop_map(|(nth, reason)| Event::Exit(nth, reason)),
        4 => (0..8usize).prop_map(Event::Obey),
        6 => (0..8usize).prop_map(Event::Run),
        6 => prop_oneof![0..50u64, 50..3000u64].prop_map(Event::Pass),
        1 => restart().prop_map(Event::Add),
        1 => (0..8usize).prop_map(Event::Restart),
        1 => Just(Event::Terminate),
    ]
}

fn scheme() -> impl Strategy<Value = Scheme> {
    prop_oneof![
        Just(Scheme::OneForOne),
        Just(Scheme::OneForAll),
        Just(Scheme::RestForOne),
        Just(Scheme::SimpleOneForOne)
    ]
}

/// What is really the case, as far as actions and events tell: the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Real {
    Starting,
    Running,
    Stopping(Instant),
}

struct World {
    plan: Plan,
    scheme: Scheme,
    intensity: Intensity,
    now: Instant,
    real: BTreeMap<ChildId, Real>,
    kinds: BTreeMap<ChildId, Restart>,
    /// When each child last failed by itself.
    failed: BTreeMap<ChildId, Instant>,
    restarts: Vec<Instant>,
    /// Who is started again because somebody asked for it.
    wanted: BTreeSet<ChildId>,
    ending: bool,
    terminated: Option<ExitReason>,
}

impl World {
    fn new(scheme: Scheme, intensity: Intensity) -> Self {
        let plan = Plan::new(scheme, intensity);
        Self {
            plan,
            scheme,
            intensity,
            now: Instant::now(),
            real: BTreeMap::new(),
            kinds: BTreeMap::new(),
            failed: BTreeMap::new(),
            restarts: vec![],
            wanted: BTreeSet::new(),
            ending: false,
            terminated: None,
        }
    }

    fn add(&mut self, restart: Restart) {
        let id = self.plan.add(spec(self.kinds.len(), restart), self.now);
        assert_eq!(id.is_some(), !self.ending);
        self.kinds.extend(id.map(|id| (id, restart)));
    }

    fn nth(&self, nth: usize, fits: impl Fn(&Real) -> bool) -> Option<ChildId> {
        let fitting: Vec<ChildId> = self.real.iter().filter(|(_, real)| fits(real)).map(|(id, _)| *id).collect();
        (!fitting.is_empty()).then(|| fitting[nth % fitting.len()])
    }

    fn exit(&mut self, id: ChildId, reason: ExitReason) {
        let was = self.real.remove(&id).expect("only who is up can end");
        let again = match self.kinds[&id] {
            Restart::Permanent => true,
            Restart::Transient => !reason.is_normal(),
            Restart::Temporary => false,
        };
        let before = self.plan.spent(self.now);
        self.plan.exited(id, reason, self.now, 0.5);
        let counted = self.plan.spent(self.now) > before;
        // An exit that was ordered costs nothing, and neither does one that is not made good.
        assert!(!(counted && (matches!(was, Real::Stopping(_)) || !again || self.ending)));
        if counted {
            self.failed.insert(id, self.now);
            self.restarts.push(self.now);
            let recent = self.restarts.iter().filter(|at| self.now - **at < self.intensity.period).count();
            self.ending |= recent > self.intensity.restarts;
        } else if !matches!(was, Real::Stopping(_))
            && again
            && !self.ending
            && !self.scheme.is_dependent()
            && !self.wanted.contains(&id)
        {
            panic!("an exit of {id:?} was not counted");
        }
    }

    /// Carries out all actions, checking each.
    fn obey(&mut self) {
        for _ in 0..100 {
            let actions = self.plan.next(self.now);
            if actions.is_empty() {
                assert!(self.plan.due().is_none_or(|due| due > self.now), "who waits until then must not spin");
                return;
            }
            for action in actions {
                assert_eq!(self.terminated, None, "{action:?} after the end");
                match action {
                    Action::Start(id) => self.check_start(id),
                    Action::Stop(id) => self.check_stop(id),
                    Action::Kill(id) => {
                        let Some(Real::Stopping(since)) = self.real.get(&id) else { panic!("{id:?} is not stopping") };
                        assert!(self.now >= *since + SHUTDOWN, "it had its time");
                        self.exit(id, ExitReason::Killed);
                    }
                    Action::Terminated(reason) => {
                        assert!(self.ending && self.real.is_empty(), "nothing is left behind");
                        self.terminated = Some(reason);
                    }
                }
            }
        }
        panic!("actions without end");
    }

    fn check_start(&mut self, id: ChildId) {
        assert!(!self.ending, "nothing is started at the end");
        assert!(!self.real.contains_key(&id), "{id:?} is up already");
        let simple = self.scheme == Scheme::SimpleOneForOne;
        assert!(simple || self.real.values().all(|real| *real != Real::Starting), "one at a time");
        let failed = self.failed.remove(&id);
        if !self.wanted.remove(&id)
            && let Some(failed) = failed
        {
            assert!(self.now >= failed + Exponential::default().initial, "not without a delay");
        }
        if self.scheme.is_dependent() {
            let earlier = self.plan.children().iter().take_while(|child| child.id != id);
            for child in earlier {
                assert!(matches!(child.life, Life::Running { .. } | Life::Down), "{child:?} comes before {id:?}");
            }
            assert!(self.real.values().all(|real| !matches!(real, Real::Stopping(_))));
        }
        self.real.insert(id, Real::Starting);
    }

    fn check_stop(&mut self, id: ChildId) {
        assert!(matches!(self.real.get(&id), Some(Real::Starting | Real::Running)), "{id:?} is up");
        let simple = self.scheme == Scheme::SimpleOneForOne;
        let alone = self.real.values().all(|real| !matches!(real, Real::Stopping(_)));
        assert!(alone || (simple && self.ending), "one at a time");
        let taken = self.scheme.is_dependent() || self.wanted.contains(&id);
        assert!(self.ending || taken, "nobody is taken along");
        if self.ending && !simple {
            let last = self.real.keys().max();
            assert_eq!(last, Some(&id), "the last started stops first");
        }
        self.real.insert(id, Real::Stopping(self.now));
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Exit(nth, reason) => {
                if let Some(id) = self.nth(nth, |_| true) {
                    self.exit(id, reason);
                }
            }
            Event::Obey(nth) => {
                if let Some(id) = self.nth(nth, |real| matches!(real, Real::Stopping(_))) {
                    self.exit(id, ExitReason::Shutdown);
                }
            }
            Event::Run(nth) => {
                if let Some(id) = self.nth(nth, |real| *real == Real::Starting) {
                    self.real.insert(id, Real::Running);
                    self.plan.started(id, self.now);
                }
            }
            Event::Pass(ms) => self.now += Duration::from_millis(ms),
            Event::Add(restart) => self.add(restart),
            Event::Restart(nth) => {
                let children = self.plan.children();
                if let Some(id) = (!children.is_empty()).then(|| children[nth % children.len()].id) {
                    let refused = self.ending || self.kinds[&id] == Restart::Temporary;
                    assert_eq!(self.plan.restart(id, self.now), !refused);
                    if !refused {
                        self.wanted.insert(id);
                    }
                }
            }
            Event::Terminate => {
                self.plan.terminate(ExitReason::Shutdown);
                self.ending = true;
            }
        }
        self.obey();
    }

    /// From here on everybody does as told, and time passes: what must come, comes.
    fn settle(&mut self) {
        for _ in 0..1000 {
            if let Some(id) = self.nth(0, |real| *real == Real::Starting) {
                self.real.insert(id, Real::Running);
                self.plan.started(id, self.now);
            } else if let Some(id) = self.nth(0, |real| matches!(real, Real::Stopping(_))) {
                self.exit(id, ExitReason::Shutdown);
            } else if let Some(due) = self.plan.due() {
                self.now = self.now.max(due);
            } else {
                break;
            }
            self.obey();
        }
        if self.ending {
            assert!(self.terminated.is_some(), "the end comes");
            return;
        }
        for child in self.plan.children() {
            let up = matches!(child.life, Life::Running { .. });
            assert!(up || (child.life == Life::Down && child.spec.restart == Restart::Transient), "{child:?}");
            assert_eq!(up, self.real.contains_key(&child.id));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_budget_backoff_and_escalation_hold_whatever_happens(
        scheme in scheme(),
        children in prop::collection::vec(restart(), 0..6),
        budget in 0..5usize,
        period in 100..5000u64,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let intensity = Intensity { restarts: budget, period: Duration::from_millis(period) };
        let mut world = World::new(scheme, intensity);
        children.into_iter().for_each(|restart| world.add(restart));
        world.obey();
        events.into_iter().for_each(|event| world.event(event));
        world.settle();
    }
}

fn three(scheme: Scheme) -> World {
    let mut world = World::new(scheme, Intensity { restarts: 3, period: Duration::from_secs(5) });
    (0..3).for_each(|_| world.add(Restart::Permanent));
    world.obey();
    world.settle();
    world
}

/// Who was started again after the second of three failed.
fn restarted(scheme: Scheme) -> Vec<u64> {
    let mut world = three(scheme);
    world.exit(ChildId(2), ExitReason::Panic("x".into()));
    world.obey();
    world.settle();
    world.plan.children().iter().map(|child| child.restarts).collect()
}

#[test]
fn each_strategy_takes_along_whom_otp_says() {
    assert_eq!(restarted(Scheme::OneForOne), [0, 1, 0]);
    assert_eq!(restarted(Scheme::OneForAll), [1, 1, 1]);
    assert_eq!(restarted(Scheme::RestForOne), [0, 1, 1]);
}

#[test]
fn simple_children_are_stopped_side_by_side_and_others_one_by_one() {
    for (scheme, expected) in [(Scheme::SimpleOneForOne, 3), (Scheme::OneForOne, 1)] {
        let mut world = three(scheme);
        world.event(Event::Terminate);
        let stopping = world.real.values().filter(|real| matches!(real, Real::Stopping(_))).count();
        assert_eq!(stopping, expected);
        world.settle();
        assert_eq!(world.terminated, Some(ExitReason::Shutdown));
    }
}

#[test]
fn whoever_gave_up_is_started_again_when_somebody_wants_it() {
    let mut world = World::new(Scheme::OneForOne, Intensity { restarts: 3, period: Duration::from_secs(5) });
    world.add(Restart::Transient);
    world.obey();
    world.settle();
    world.exit(ChildId(1), ExitReason::BudgetSpent("x".into()));
    world.obey();
    assert_eq!(world.plan.children()[0].life, Life::Down);
    assert_eq!(world.plan.spent(world.now), 0, "its failures were its own");
    world.event(Event::Restart(0));
    assert_eq!(world.plan.children()[0].life, Life::Starting, "at once");
}

#[test]
fn the_budget_is_a_sliding_window() {
    let mut world = three(Scheme::OneForOne);
    let fail = |world: &mut World| {
        world.exit(ChildId(1), ExitReason::Frozen);
        world.obey();
        world.settle();
    };
    for _ in 0..20 {
        fail(&mut world);
        world.now += Duration::from_secs(20);
    }
    assert_eq!(world.terminated, None, "one now and then is no reason to give up");
    (0..3).for_each(|_| fail(&mut world));
    assert_eq!(world.terminated, None, "three are within the budget");
    fail(&mut world);
    assert_eq!(world.terminated, Some(ExitReason::BudgetSpent("child-0: frozen".into())));
}
