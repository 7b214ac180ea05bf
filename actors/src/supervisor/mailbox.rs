//! The mailbox of one incarnation of an actor.
//!
//! Lock-free queues that know their own length, which actix's do not tell: so the number of
//! waiting messages can be shown at no cost to each of them.
//!
//! It has two lanes. What has to be done (`do_send`, `send`) is handled before what may be lost for want of room (`try_send`:
//! datagrams, frames), however much of that waits: who leaves is not kept waiting by a flood. Within a lane the order is kept.

use super::recipient::{Post, SendError};
use super::vitals::MessageName;
use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::{Actor, Handler, Message};
use crossbeam_queue::SegQueue;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::Waker;
use tokio::sync::oneshot;

/// Messages that may wait in the second lane of a supervised actor before `try_send` fails.
pub const MAILBOX: usize = 256;

/// How many messages wait in each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Lanes {
    /// Of what has to be done.
    pub orders: usize,
    /// Of what may be lost for want of room: datagrams, frames.
    pub traffic: usize,
}

impl Lanes {
    /// In all.
    pub fn total(self) -> usize {
        self.orders + self.traffic
    }
}

/// The mailbox of one incarnation. Whoever has it can send.
pub struct Mailbox<A: Actor> {
    /// What has to be done.
    orders: Lane<A>,
    /// What may be lost, and what is to follow it.
    traffic: Lane<A>,
    /// Of the one task that reads, from its first turn on.
    reader: OnceLock<Waker>,
    ended: AtomicBool,
}

type Lane<A> = SegQueue<Box<dyn Envelope<A>>>;

/// A message that waits.
pub(super) trait Envelope<A: Actor>: Send {
    /// What is in it, for those who look at the actor.
    fn message(&self) -> MessageName;
    /// Has the actor handle it.
    fn open(self: Box<Self>, actor: &mut A, ctx: &mut A::Context);
}

struct Letter<M: Message> {
    message: M,
    answer: Option<OneshotSender<M::Result>>,
}

impl<A, M> Envelope<A> for Letter<M>
where
    A: Actor + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn message(&self) -> MessageName {
        std::any::type_name::<M>
    }

    fn open(self: Box<Self>, actor: &mut A, ctx: &mut A::Context) {
        let Letter { message, answer } = *self;
        // Done even if whoever asked has died meanwhile, unlike with actix: a viewer whose actor is
        // killed while it leaves must leave all the same.
        actor.handle(message, ctx).handle(ctx, answer);
    }
}

impl<A: Actor> Default for Mailbox<A> {
    fn default() -> Self {
        Self {
            orders: SegQueue::new(),
            traffic: SegQueue::new(),
            reader: OnceLock::new(),
            ended: AtomicBool::new(false),
        }
    }
}

impl<A: Actor> Mailbox<A> {
    /// Messages that wait.
    pub fn lanes(&self) -> Lanes {
        Lanes { orders: self.orders.len(), traffic: self.traffic.len() }
    }

    /// Sends, however many wait; whether the incarnation still lived.
    pub fn do_send<M>(&self, message: M) -> bool
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.push(&self.orders, Box::new(Letter { message, answer: None }))
    }

    /// Sends what is to be handled after all that may be lost and has come before it; whether the incarnation still lived.
    pub fn send_after_traffic<M>(&self, message: M) -> bool
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.push(&self.traffic, Box::new(Letter { message, answer: None }))
    }

    /// Sends unless as many messages wait as may.
    ///
    /// # Errors
    ///
    /// If they do, or if the incarnation has ended; with the message.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        if self.ended.load(Ordering::SeqCst) {
            return Err(SendError::Ended(message));
        }
        if self.traffic.len() >= MAILBOX {
            return Err(SendError::Full(message));
        }
        self.send_after_traffic(message);
        Ok(())
    }

    /// From now on this task is woken by what is sent. A task's waker stays the same, so once is enough.
    pub(super) fn wake(&self, reader: &Waker) {
        let _ = self.reader.set(reader.clone());
        fence(Ordering::SeqCst);
    }

    /// The message that is next.
    pub(super) fn pop(&self) -> Option<Box<dyn Envelope<A>>> {
        self.orders.pop().or_else(|| self.traffic.pop())
    }

    /// Asks. What is returned fails if the incarnation ends before it answers.
    pub fn send<M>(&self, message: M) -> oneshot::Receiver<M::Result>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (sender, answer) = oneshot::channel();
        self.push(&self.orders, Box::new(Letter { message, answer: Some(sender) }));
        answer
    }

    fn push(&self, lane: &Lane<A>, letter: Box<dyn Envelope<A>>) -> bool {
        lane.push(letter);
        if self.ended.load(Ordering::SeqCst) {
            // Nobody will read it; who waits for an answer learns that by its drop.
            self.empty();
            return false;
        }
        match self.reader.get() {
            Some(reader) => reader.wake_by_ref(),
            None => {
                // Either this sees the reader now, or the reader's first turn sees the letter.
                fence(Ordering::SeqCst);
                if let Some(reader) = self.reader.get() {
                    reader.wake_by_ref();
                }
            }
        }
        true
    }

    fn empty(&self) {
        while self.pop().is_some() {}
    }

    /// The incarnation has ended: what waits is lost.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.empty();
    }
}

impl<A, M> Post<M> for Mailbox<A>
where
    A: Actor + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn do_send(&self, message: M) -> bool {
        Mailbox::do_send(self, message)
    }

    fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        Mailbox::try_send(self, message)
    }
}
