//! Frames on their way to the viewers of one thread.

use crate::support::{frame, settle};
use actix::prelude::*;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::fanout::{Deliver, MediaQueue, Spread, TakeFrames};
use lenscap_actors::media::Origin;
use lenscap_actors::ports::Clock;
use lenscap_actors::retry::Exponential;
use lenscap_actors::supervisor::child::Child;
use lenscap_actors::supervisor::incarnation::Launched;
use lenscap_actors::supervisor::registered::Standing;
use lenscap_actors::supervisor::shell::{Options, Supervisor};
use lenscap_actors::supervisor::spec::{ChildSpec, Intensity, Restart, Strategy};
use lenscap_actors::supervisor::tree::Tree;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A viewer that writes down what it gets, and breaks at frame 13.
#[derive(Debug, Default)]
struct Viewer(Mutex<Vec<u64>>);

impl TakeFrames for Viewer {
    fn take(&self, deliver: &Deliver) {
        let Deliver::Next { frame, .. } = deliver else { panic!("nothing is replayed here") };
        assert_ne!(frame.number, 13);
        self.0.lock().unwrap().push(frame.number);
    }
}

impl Viewer {
    fn has(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn send(queue: &MediaQueue, viewer: &Arc<Viewer>, number: u64) {
    let deliver = Deliver::Next { stream: "cam".into(), frame: Arc::new(frame(number, false, Origin::Encoder)) };
    let to: [Arc<dyn TakeFrames>; 1] = [viewer.clone()];
    queue.send(Spread { deliver, to: Arc::new(to) });
}

/// The fan-out of this thread beneath a supervisor.
async fn running(queue: &MediaQueue) -> Launched<Supervisor> {
    let here = Arbiter::current();
    let tree = Tree::new("root", SystemClock.now());
    let options = Options {
        strategy: Strategy::OneForOne,
        intensity: Intensity { restarts: 10, period: Duration::from_secs(60) },
        frozen_after: Duration::from_secs(4),
        chance: || 0.5,
    };
    let (fanout, thread) = (queue.clone(), here.clone());
    let children = move || {
        let spec = ChildSpec {
            name: "thread-0".into(),
            restart: Restart::Permanent,
            shutdown: Duration::from_millis(500),
            backoff: Exponential { jitter: 0.0, ..Exponential::default() },
        };
        let queue = fanout.clone();
        vec![Child::worker(spec, thread.clone(), queue.actor().clone(), move |_| queue.fanout())]
    };
    let root = Supervisor::start_root(&here, &tree, options, children, |_| {});
    tree.until_started().await;
    assert_eq!(queue.actor().standing(), Standing::Up);
    root
}

#[actix::test]
async fn whoever_is_about_to_take_long_hands_out_first_and_nothing_comes_twice() {
    let (queue, viewer) = (MediaQueue::new("thread-0"), Arc::new(Viewer::default()));
    let _root = running(&queue).await;
    (1..=3).for_each(|number| send(&queue, &viewer, number));
    assert_eq!(viewer.has(), [0; 0], "its thread has not had its turn");
    queue.hand_out();
    assert_eq!(viewer.has(), [1, 2, 3]);
    settle().await;
    assert_eq!(viewer.has(), [0; 0]);
    send(&queue, &viewer, 4);
    settle().await;
    assert_eq!(viewer.has(), [4]);
}

#[actix::test]
async fn without_the_actor_frames_are_handed_out_at_once() {
    let (queue, viewer) = (MediaQueue::new("thread-0"), Arc::new(Viewer::default()));
    send(&queue, &viewer, 1);
    assert_eq!(viewer.has(), [1]);
}

#[actix::test]
async fn a_thread_that_does_not_come_to_it_has_bounded_room() {
    let (queue, viewer) = (MediaQueue::new("thread-0"), Arc::new(Viewer::default()));
    let _root = running(&queue).await;
    (100..10_000).for_each(|number| send(&queue, &viewer, number));
    queue.hand_out();
    let has = viewer.has();
    assert_eq!(has, (100..356).collect::<Vec<_>>(), "256 may wait");
    send(&queue, &viewer, 1);
    settle().await;
    assert_eq!(viewer.has(), [1]);
}

#[actix::test]
async fn what_waited_when_the_actor_died_does_not_hold_up_what_comes_after_it() {
    tokio::time::pause();
    let (queue, viewer) = (MediaQueue::new("thread-0"), Arc::new(Viewer::default()));
    let _root = running(&queue).await;
    (12..=16).for_each(|number| send(&queue, &viewer, number));
    settle().await;
    tokio::time::advance(Duration::from_secs(2)).await;
    settle().await;
    assert_eq!(queue.actor().standing(), Standing::Up, "again");
    assert_eq!(viewer.has(), [12, 14, 15, 16]);
    send(&queue, &viewer, 17);
    settle().await;
    assert_eq!(viewer.has(), [17], "at once, and not when the next one comes");
    tokio::time::resume();
}
