//! How a child is reached across its incarnations, and how its end and its return are noticed.
//! What OTP calls a registered name and a monitor.

use super::mailbox::Mailbox;
use super::recipient::{Recipient, SendError};
use actix::prelude::{Actor, Handler, Message};
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

impl<A: Actor> std::fmt::Debug for Registered<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registered({})", self.0.name)
    }
}

/// Whether they are the same child's.
impl<A: Actor> PartialEq for Registered<A> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

struct Inner<A: Actor> {
    name: Arc<str>,
    slot: RwLock<Slot<A>>,
    /// Counts incarnations that have ended.
    exits: watch::Sender<u64>,
    watchers: Arc<Mutex<Watchers>>,
}

struct Slot<A: Actor> {
    standing: Standing,
    up: Option<Arc<Mailbox<A>>>,
    /// Incarnations that have ended.
    exits: u64,
}

impl<A: Actor> Slot<A> {
    /// Nobody has it from now on. Whether that is news.
    fn ends(&mut self, standing: Standing) -> bool {
        self.up = None;
        let news = self.standing != standing;
        self.standing = standing;
        news
    }
}

#[derive(Default)]
struct Watchers {
    numbers: u64,
    list: Vec<(u64, Recipient<StandingChanged>)>,
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
            slot: RwLock::new(Slot { standing: Standing::Down, up: None, exits: 0 }),
            exits: watch::channel(0).0,
            watchers: Arc::default(),
        }))
    }

    /// Whether it can be reached.
    pub fn standing(&self) -> Standing {
        self.read(|slot| slot.standing.clone())
    }

    /// Tells `watcher` of every change from now on.
    pub fn watch(&self, watcher: Recipient<StandingChanged>) -> Watch {
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
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.read(|slot| slot.up.as_ref().is_some_and(|mailbox| mailbox.do_send(message)))
    }

    /// Sends to the present incarnation unless as many messages wait as its mailbox holds.
    ///
    /// # Errors
    ///
    /// If they do, or if there is no incarnation; with the message.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.read(|slot| match &slot.up {
            Some(mailbox) => mailbox.try_send(message),
            None => Err(SendError::Ended(message)),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Asks the present incarnation. The message is on its way when this returns.
    pub fn send<M>(&self, message: M) -> impl Future<Output = Result<M::Result, Unreachable>> + use<A, M>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (seen, answer) = self.read(|slot| (slot.exits, slot.up.as_ref().map(|mailbox| mailbox.send(message))));
        let name = self.0.clone();
        async move {
            if let Ok(answer) = answer.ok_or(Unreachable)?.await {
                return Ok(answer);
            }
            // It has died: what it held is released when its exit has been seen to.
            let _ = name.exits.subscribe().wait_for(|exits| *exits > seen).await;
            Err(Unreachable)
        }
    }

    pub(super) fn up(&self, mailbox: Arc<Mailbox<A>>) {
        self.change(|slot| {
            (slot.standing, slot.up) = (Standing::Up, Some(mailbox));
            true
        });
    }

    /// What had this mailbox has ended. If another is up by now, it stays.
    pub(super) fn down(&self, mailbox: &Arc<Mailbox<A>>) {
        self.change(|slot| {
            slot.exits += 1;
            slot.up.as_ref().is_none_or(|up| Arc::ptr_eq(up, mailbox)) && slot.ends(Standing::Down)
        });
        self.0.exits.send_modify(|exits| *exits += 1);
    }

    /// It is not started again by itself.
    pub fn fail(&self, words: &str) {
        self.change(|slot| slot.ends(Standing::Failed(words.into())));
    }

    /// Changes it, and tells those who watch if that is news.
    fn change(&self, to: impl FnOnce(&mut Slot<A>) -> bool) {
        let standing = {
            let mut slot = self.0.slot.write().unwrap_or_else(PoisonError::into_inner);
            if !to(&mut slot) {
                return;
            }
            slot.standing.clone()
        };
        let change = StandingChanged { name: self.0.name.clone(), standing };
        for (_, watcher) in &lock(&self.0.watchers).list {
            watcher.do_send(change.clone());
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Slot<A>) -> T) -> T {
        look(&self.0.slot.read().unwrap_or_else(PoisonError::into_inner))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::context::Context;

    struct Somebody;

    impl Actor for Somebody {
        type Context = Context<Self>;
    }

    #[test]
    fn who_ends_late_takes_nothing_from_who_has_come_after_it() {
        let name = Registered::<Somebody>::new("somebody");
        let (first, second) = (Arc::default(), Arc::default());
        name.up(Arc::clone(&first));
        name.up(Arc::clone(&second));
        name.down(&first);
        assert_eq!(name.standing(), Standing::Up);
        assert_eq!(*name.0.exits.borrow(), 1, "those who wait for its exit are told");
        name.down(&second);
        assert_eq!(name.standing(), Standing::Down);
    }
}
