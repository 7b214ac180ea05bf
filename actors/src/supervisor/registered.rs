//! How a child is reached across its incarnations, and how its end and its return are noticed.
//! What OTP calls a registered name and a monitor.

use super::vitals::Vitals;
use actix::dev::ToEnvelope;
use actix::prelude::*;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;

/// Whether a child can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not now; it is started again by itself.
    Down,
    /// It lives.
    Up,
    /// Not until somebody asks for it; the words say why.
    Failed(Arc<str>),
}

/// The standing of a child has changed.
#[derive(Message, Clone, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct StandingChanged {
    /// Whose.
    pub name: Arc<str>,
    /// To what.
    pub standing: Standing,
}

/// The child cannot be reached, or has ended before it answered. If it had been reached, all that
/// it held has been released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the actor is down")]
pub struct Unreachable;

/// A child by its name.
pub struct Registered<A: Actor>(Arc<Inner<A>>);

struct Inner<A: Actor> {
    name: Arc<str>,
    slot: RwLock<Slot<A>>,
    /// Counts incarnations that have ended.
    exits: watch::Sender<u64>,
    watchers: Arc<Mutex<Watchers>>,
}

struct Slot<A: Actor> {
    standing: Standing,
    up: Option<(Addr<A>, Arc<Vitals>)>,
}

#[derive(Default)]
struct Watchers {
    numbers: u64,
    list: Vec<(u64, super::address::Recipient<StandingChanged>)>,
}

/// As long as this lives, changes are told.
#[must_use]
pub struct Watch {
    number: u64,
    watchers: Arc<Mutex<Watchers>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        lock(&self.watchers).list.retain(|(number, _)| *number != self.number);
    }
}

impl<A: Actor> Registered<A> {
    /// A name that nobody bears yet.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            slot: RwLock::new(Slot { standing: Standing::Down, up: None }),
            exits: watch::channel(0).0,
            watchers: Arc::default(),
        }))
    }

    /// Whether it can be reached.
    pub fn standing(&self) -> Standing {
        self.read(|slot| slot.standing.clone())
    }

    /// Tells `watcher` of every change from now on.
    pub fn watch(&self, watcher: super::address::Recipient<StandingChanged>) -> Watch {
        let mut watchers = lock(&self.0.watchers);
        watchers.numbers += 1;
        let number = watchers.numbers;
        watchers.list.push((number, watcher));
        Watch { number, watchers: self.0.watchers.clone() }
    }

    /// Sends to the present incarnation; whether there is one.
    pub fn do_send<M>(&self, message: M) -> bool
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.read(|slot| match &slot.up {
            Some((addr, vitals)) => {
                vitals.sent();
                addr.do_send(message);
                true
            }
            None => false,
        })
    }

    /// Asks the present incarnation. The message is on its way when this returns.
    pub fn send<M>(&self, message: M) -> impl Future<Output = Result<M::Result, Unreachable>> + use<A, M>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + Unpin + 'static,
        M::Result: Send,
    {
        let exits = self.0.exits.subscribe();
        let (seen, request) = self.read(|slot| {
            let request = slot.up.as_ref().map(|(addr, vitals)| {
                vitals.sent();
                addr.send(message)
            });
            (*exits.borrow(), request)
        });
        answered(exits, seen, request)
    }

    pub(super) fn up(&self, addr: Addr<A>, vitals: Arc<Vitals>) {
        self.change(Standing::Up, Some((addr, vitals)));
    }

    pub(super) fn down(&self) {
        self.change(Standing::Down, None);
        self.0.exits.send_modify(|exits| *exits += 1);
    }

    /// It is not started again by itself.
    pub fn fail(&self, words: &str) {
        self.change(Standing::Failed(words.into()), None);
    }

    fn change(&self, standing: Standing, up: Option<(Addr<A>, Arc<Vitals>)>) {
        {
            let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
            if slot.standing == standing && up.is_none() {
                return;
            }
            *slot = Slot { standing: standing.clone(), up };
        }
        let change = StandingChanged { name: self.0.name.clone(), standing };
        for (_, watcher) in &lock(&self.0.watchers).list {
            watcher.do_send(change.clone());
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Slot<A>) -> T) -> T {
        look(&self.0.slot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answered<A, M>(
    mut exits: watch::Receiver<u64>,
    seen: u64,
    request: Option<Request<A, M>>,
) -> Result<M::Result, Unreachable>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + Unpin + 'static,
    M::Result: Send,
{
    let request = request.ok_or(Unreachable)?;
    match request.await {
        Ok(answer) => Ok(answer),
        Err(_) => {
            // It has died: what it held is released when its exit has been seen to.
            let _ = exits.wait_for(|exits| *exits > seen).await;
            Err(Unreachable)
        }
    }
}

impl<A: Actor> Clone for Registered<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn lock(watchers: &Mutex<Watchers>) -> MutexGuard<'_, Watchers> {
    watchers.lock().unwrap_or_else(PoisonError::into_inner)
}
