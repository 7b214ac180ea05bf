//! What a supervised actor's handlers get: actix's context, and what supervision needs of it.
//!
//! Every message is announced here before it is handled. That is two stores, and the reason that
//! this is a context of its own: nothing in the actors has to remember it.

use super::mailbox::Mailbox;
use super::recipient::Recipient;
use super::spec::ExitReason;
use super::vitals::{MessageName, Vitals};
use actix::dev::{AsyncContextParts, ContextParts};
use actix::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// The context of a supervised actor.
pub struct Context<A: Actor<Context = Context<A>>> {
    parts: ContextParts<A>,
    mailbox: Arc<Mailbox<A>>,
    vitals: Arc<Vitals>,
    exit: Option<ExitReason>,
    /// Futures that hold the mailbox. Counted here because actix moves them out of sight.
    holds: Rc<Cell<u32>>,
    held: bool,
}

impl<A: Actor<Context = Context<A>>> Context<A> {
    pub(super) fn new(parts: ContextParts<A>, mailbox: Arc<Mailbox<A>>, vitals: Arc<Vitals>) -> Self {
        Self { parts, mailbox, vitals, exit: None, holds: Rc::default(), held: false }
    }

    /// The mailbox of this incarnation.
    pub fn mailbox(&self) -> &Arc<Mailbox<A>> {
        &self.mailbox
    }

    /// A recipient of this incarnation.
    pub fn recipient<M>(&self) -> Recipient<M>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Recipient::new(self.mailbox.clone())
    }

    /// Ends this incarnation for a reason that its supervisor is told.
    pub fn exit(&mut self, reason: ExitReason) {
        self.exit.get_or_insert(reason);
        self.stop();
    }

    pub(super) fn take_exit(&mut self) -> Option<ExitReason> {
        self.exit.take()
    }

    /// After each turn of the actor: whether a message still holds the mailbox.
    pub(super) fn turned(&mut self) -> bool {
        let waiting = self.holds.get() > 0;
        if self.held && !waiting {
            self.held = false;
            self.vitals.end();
        }
        waiting
    }

    /// Whether no message may be handled now.
    pub(super) fn is_held(&self) -> bool {
        self.holds.get() > 0 || self.parts.waiting()
    }

    /// A message is about to be handled.
    pub(super) fn begin(&mut self, message: MessageName) {
        self.turned(); // the one before may have held the mailbox until just now
        self.vitals.begin(message);
    }

    /// It has been handled, but for what it waits for.
    pub(super) fn end(&mut self) {
        if self.holds.get() > 0 {
            self.held = true;
            self.vitals.hold(tokio::time::Instant::now().into_std());
        } else {
            self.vitals.end();
        }
    }
}

impl<A: Actor<Context = Self>> ActorContext for Context<A> {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl<A: Actor<Context = Self>> AsyncContext<A> for Context<A> {
    fn spawn<F>(&mut self, fut: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.spawn(fut)
    }

    fn wait<F>(&mut self, fut: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.holds.set(self.holds.get() + 1);
        let holds = self.holds.clone();
        self.parts.wait(fut.map(move |(), _, _| holds.set(holds.get() - 1)));
    }

    /// Always true: all that actix does with it is not to look into its own mailbox, which is empty.
    /// Whether a message holds the mailbox is known to this module alone.
    fn waiting(&self) -> bool {
        true
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }

    fn address(&self) -> Addr<A> {
        self.parts.address()
    }
}

impl<A: Actor<Context = Self>> AsyncContextParts<A> for Context<A> {
    fn parts(&mut self) -> &mut ContextParts<A> {
        &mut self.parts
    }
}
