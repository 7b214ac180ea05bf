//! What a supervised actor's handlers get: actix's context, and what supervision needs of it.
//!
//! Every message passes [`Counted`], which notes the message in work. That is two stores, and the
//! reason that this is a context of its own: nothing in the actors has to remember it.

use super::address::Recipient;
use super::spec::ExitReason;
use super::vitals::Vitals;
use actix::dev::{
    AsyncContextParts, ContextParts, Envelope, EnvelopeProxy, MessageResponse, OneshotSender, ToEnvelope,
};
use actix::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// The context of a supervised actor.
pub struct Context<A: Actor<Context = Context<A>>> {
    parts: ContextParts<A>,
    vitals: Arc<Vitals>,
    exit: Option<ExitReason>,
    /// Futures that hold the mailbox. Counted here because actix moves them out of sight.
    holds: Rc<Cell<u32>>,
    held: bool,
}

impl<A: Actor<Context = Context<A>>> Context<A> {
    pub(super) fn new(parts: ContextParts<A>, vitals: Arc<Vitals>) -> Self {
        Self { parts, vitals, exit: None, holds: Rc::default(), held: false }
    }

    /// A recipient of this incarnation.
    pub fn recipient<M>(&self) -> Recipient<M>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Recipient::new(self.address().recipient(), self.vitals.clone())
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

    fn handled(&mut self) {
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

    fn waiting(&self) -> bool {
        self.parts.waiting()
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

impl<A, M> ToEnvelope<A, M> for Context<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(message: M, answer: Option<OneshotSender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Counted { message: Some(message), answer }))
    }
}

/// A message on its way, counted when it is handled.
struct Counted<M: Message> {
    message: Option<M>,
    answer: Option<OneshotSender<M::Result>>,
}

impl<A, M> EnvelopeProxy<A> for Counted<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Context<A>) {
        ctx.turned(); // the one before may have held the mailbox until just now
        let Some(message) = self.message.take() else { return };
        ctx.vitals.begin(std::any::type_name::<M>);
        let answer = self.answer.take();
        // Done even if whoever asked has died meanwhile, unlike with actix: a viewer whose actor is
        // killed while it leaves must leave all the same.
        actor.handle(message, ctx).handle(ctx, answer);
        ctx.handled();
    }
}
