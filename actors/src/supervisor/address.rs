//! The mailbox of an incarnation, and how it is reached while it lives.
//!
//! Lock-free queues that know their own length, which actix's do not tell: so the number of
//! waiting messages can be shown at no cost to each of them.
//!
//! It has two lanes. What has to be done (`do_send`, `send`) is handled before what may be lost for want of room (`try_send`:
//! datagrams, frames), however much of that waits: who leaves is not kept waiting by a flood. Within a lane the order is kept.

use super::context::Context;
use actix::dev::{MessageResponse, OneshotSender};
use actix::fut::ActorFuture;
use actix::prelude::{Actor, Handler, Message};
use crossbeam_queue::SegQueue;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll, Waker};
use tokio::sync::oneshot;

/// Messages that may wait in the second lane of a supervised actor before `try_send` fails.
pub const MAILBOX: usize = 256;

/// Messages that are handled before others of the thread get their turn.
const MESSAGES_AT_A_TIME: usize = 256;

/// Why a message was not taken; it is given back.
#[derive(Debug, PartialEq, Eq)]
pub enum SendError<M> {
    /// As many messages as may wait do.
    Full(M),
    /// The incarnation has ended.
    Ended(M),
}

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
pub struct Mailbox<A: Actor<Context = Context<A>>> {
    /// What has to be done.
    orders: Lane<A>,
    /// What may be lost, and what is to follow it.
    traffic: Lane<A>,
    /// Of the one task that reads, from its first turn on.
    reader: OnceLock<Waker>,
    ended: AtomicBool,
}

type Lane<A> = SegQueue<Box<dyn Envelope<A>>>;

trait Envelope<A: Actor<Context = Context<A>>>: Send {
    fn open(self: Box<Self>, actor: &mut A, ctx: &mut Context<A>);
}

struct Letter<M: Message> {
    message: M,
    answer: Option<OneshotSender<M::Result>>,
}

impl<A, M> Envelope<A> for Letter<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn open(self: Box<Self>, actor: &mut A, ctx: &mut Context<A>) {
        ctx.begin(std::any::type_name::<M>);
        let Letter { message, answer } = *self;
        // Done even if whoever asked has died meanwhile, unlike with actix: a viewer whose actor is
        // killed while it leaves must leave all the same.
        actor.handle(message, ctx).handle(ctx, answer);
        ctx.end();
    }
}

impl<A: Actor<Context = Context<A>>> Default for Mailbox<A> {
    fn default() -> Self {
        Self {
            orders: SegQueue::new(),
            traffic: SegQueue::new(),
            reader: OnceLock::new(),
            ended: AtomicBool::new(false),
        }
    }
}

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
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

    fn pop(&self) -> Option<Box<dyn Envelope<A>>> {
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

/// Reads a mailbox, as a future of the actor's context.
pub(super) struct Reader<A: Actor<Context = Context<A>>> {
    mailbox: Arc<Mailbox<A>>,
    began: bool,
}

impl<A: Actor<Context = Context<A>>> Reader<A> {
    pub fn new(mailbox: Arc<Mailbox<A>>) -> Self {
        Self { mailbox, began: false }
    }
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Reader<A> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, actor: &mut A, ctx: &mut Context<A>, task: &mut task::Context<'_>) -> Poll<()> {
        if !self.began {
            self.began = true;
            // A task's waker stays the same, so once is enough.
            let _ = self.mailbox.reader.set(task.waker().clone());
            fence(Ordering::SeqCst);
        }
        for _ in 0..MESSAGES_AT_A_TIME {
            // A message that holds the mailbox is waited for elsewhere; then this is polled again.
            if ctx.is_held() {
                return Poll::Pending;
            }
            match self.mailbox.pop() {
                Some(letter) => letter.open(actor, ctx),
                None => return Poll::Pending,
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Takes messages of one kind for one incarnation of an actor. When that has ended, messages are
/// lost, as in OTP; whoever cares watches its [name](super::registered::Registered).
pub struct Recipient<M: Message>(Arc<dyn Post<M>>);

pub(super) trait Post<M>: Send + Sync {
    fn do_send(&self, message: M) -> bool;
    fn try_send(&self, message: M) -> Result<(), SendError<M>>;
}

impl<A, M> Post<M> for Mailbox<A>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn do_send(&self, message: M) -> bool {
        Mailbox::do_send(self, message)
    }

    fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(SendError::Ended(message));
        }
        if self.traffic.len() >= MAILBOX {
            return Err(SendError::Full(message));
        }
        self.send_after_traffic(message);
        Ok(())
    }
}

/// An actor that nobody supervises, as in tests.
impl<M> Post<M> for actix::Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn do_send(&self, message: M) -> bool {
        actix::Recipient::do_send(self, message);
        self.connected()
    }

    fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        actix::Recipient::try_send(self, message).map_err(|error| match error {
            actix::prelude::SendError::Full(message) => SendError::Full(message),
            actix::prelude::SendError::Closed(message) => SendError::Ended(message),
        })
    }
}

impl<M: Message + Send + 'static> Recipient<M>
where
    M::Result: Send,
{
    pub(super) fn new<A>(mailbox: Arc<Mailbox<A>>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<M>,
    {
        Self(mailbox)
    }

    /// Sends, however many wait; whether the incarnation still lived.
    pub fn do_send(&self, message: M) -> bool {
        self.0.do_send(message)
    }

    /// Sends unless [`MAILBOX`] messages wait or the incarnation has ended.
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_send(message)
    }
}

impl<M> From<actix::Recipient<M>> for Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn from(inner: actix::Recipient<M>) -> Self {
        Self(Arc::new(inner))
    }
}

impl<M: Message> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whether they are the same incarnation's.
impl<M: Message> PartialEq for Recipient<M> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(&self.0), Arc::as_ptr(&other.0))
    }
}

impl<M: Message> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient")
    }
}
