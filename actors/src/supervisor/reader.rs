//! How a mailbox is read: one message after another, as a future of the actor's context.

use super::context::Context;
use super::mailbox::Mailbox;
use actix::fut::ActorFuture;
use actix::prelude::Actor;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

/// Messages that are handled before others of the thread get their turn.
const MESSAGES_AT_A_TIME: usize = 256;

/// Reads a mailbox. Every message is announced to the context, so that others can see which is in work.
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
            self.mailbox.wake(task.waker());
        }
        for _ in 0..MESSAGES_AT_A_TIME {
            // A message that holds the mailbox is waited for elsewhere; then this is polled again.
            if ctx.is_held() {
                return Poll::Pending;
            }
            let Some(letter) = self.mailbox.pop() else { return Poll::Pending };
            ctx.begin(letter.message());
            letter.open(actor, ctx);
            ctx.end();
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }
}
