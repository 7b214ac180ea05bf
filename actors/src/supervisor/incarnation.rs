//! One incarnation of an actor: runs it, and tells how it ended.
//!
//! Whatever ends it, a panic in a handler, in a future that it spawned or in `started`, an error,
//! an order, it ends in the same way: the actor is dropped, what it [left behind](Cleanup) is waited
//! for, and only then its supervisor is told. So a device is closed before a restart begins.

use super::context::Context;
use super::mailbox::Mailbox;
use super::reader::Reader;
use super::spec::ExitReason;
use super::vitals::Vitals;
use actix::dev::{ContextFut, ContextParts};
use actix::prelude::{Actor, ActorContext, ArbiterHandle, AsyncContext};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::watch;

type Pending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is to be over before an actor that has ended counts as dead.
#[derive(Clone, Default)]
pub struct Cleanup(Arc<Mutex<Vec<Pending>>>);

impl Cleanup {
    /// Leaves something behind; to be called when the actor is dropped.
    pub fn wait_for(&self, pending: impl Future<Output = ()> + Send + 'static) {
        lock(&self.0).push(Box::pin(pending));
    }
}

const NOTHING: u8 = 0;
const STOP: u8 = 1;
const KILL: u8 = 2;

/// The supervisor's hold on one incarnation.
#[derive(Debug)]
pub struct Control {
    wish: AtomicU8,
    verdict: Mutex<ExitReason>,
    waker: Mutex<Option<Waker>>,
    asked: AtomicU64,
    answered: AtomicU64,
    asked_at: Mutex<Option<Instant>>,
    dead: watch::Sender<bool>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            wish: AtomicU8::new(NOTHING),
            verdict: Mutex::new(ExitReason::Killed),
            waker: Mutex::default(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            asked_at: Mutex::default(),
            dead: watch::channel(false).0,
        }
    }
}

impl Control {
    /// Asks the actor to stop; it may take its time.
    pub fn stop(&self) {
        self.wish.fetch_max(STOP, Ordering::Release);
        self.wake();
    }

    /// Ends the actor between two of its turns. One that blocks its thread ends when it returns:
    /// no thread can be killed.
    pub fn kill(&self, reason: ExitReason) {
        if self.wish.load(Ordering::Acquire) < KILL {
            *lock(&self.verdict) = reason;
            self.wish.store(KILL, Ordering::Release);
        }
        self.wake();
    }

    /// Resolves when the actor and what it left behind are gone.
    pub async fn dead(&self) {
        let mut dead = self.dead.subscribe();
        // The sender is `self`, so it cannot be gone.
        let _ = dead.wait_for(|dead| *dead).await;
    }

    /// Asks for a heartbeat unless one is due already; for how long it has been due.
    pub fn heartbeat(&self, now: Instant) -> Duration {
        let asked = self.asked.load(Ordering::Relaxed);
        let mut asked_at = lock(&self.asked_at);
        if self.answered.load(Ordering::Acquire) == asked {
            self.asked.store(asked + 1, Ordering::Release);
            *asked_at = Some(now);
            drop(asked_at);
            self.wake();
            return Duration::ZERO;
        }
        asked_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }

    fn answer(&self) {
        self.answered.store(self.asked.load(Ordering::Acquire), Ordering::Release);
    }

    fn wake(&self) {
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }
}

/// Watches one incarnation for its supervisor: told once that it runs, and once that it has ended.
pub struct Monitor {
    /// Called when `started` has returned.
    pub started: Option<Box<dyn FnOnce() + Send>>,
    /// Called when it has ended.
    pub exited: Option<Box<dyn FnOnce(ExitReason) + Send>>,
    /// How long what it leaves behind is waited for.
    pub timeout: Duration,
}

impl Monitor {
    fn exit(&mut self, reason: ExitReason) {
        if let Some(exited) = self.exited.take() {
            exited(reason);
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // The thread it was to live on has ended.
        self.exit(ExitReason::Killed);
    }
}

/// An incarnation that has been launched.
pub struct Launched<A: Actor<Context = Context<A>>> {
    /// Its mailbox; messages wait until it runs.
    pub mailbox: Arc<Mailbox<A>>,
    /// What it shows.
    pub vitals: Arc<Vitals>,
    /// The hold on it.
    pub control: Arc<Control>,
}

/// Makes an actor on a thread and lets it live there.
pub fn launch<A>(
    thread: &ArbiterHandle,
    make: impl FnOnce(&Cleanup) -> A + Send + 'static,
    monitor: Monitor,
) -> Launched<A>
where
    A: Actor<Context = Context<A>>,
{
    let launched = Launched { mailbox: Arc::default(), vitals: Arc::default(), control: Arc::default() };
    let (mailbox, vitals, control) = (launched.mailbox.clone(), launched.vitals.clone(), launched.control.clone());
    // If the thread has ended, this drops the closure, and that reports the exit.
    thread.spawn_fn(move || {
        // Nobody watches this task: it cannot panic, and its end is its last report.
        actix::spawn(Incarnation::begin(mailbox, make, vitals, control, monitor));
    });
    launched
}

enum Phase<A: Actor<Context = Context<A>>> {
    Running(Box<ContextFut<A, Context<A>>>),
    Ending { reason: ExitReason, pending: Vec<Pending>, deadline: Pin<Box<tokio::time::Sleep>> },
    Ended,
}

struct Incarnation<A: Actor<Context = Context<A>>> {
    phase: Phase<A>,
    mailbox: Arc<Mailbox<A>>,
    cleanup: Cleanup,
    control: Arc<Control>,
    stopping: bool,
    has_waker: bool,
    monitor: Monitor,
    vitals: Arc<Vitals>,
    progress: Progress,
}

/// What was handled when the last question after a heartbeat was seen. Pure.
#[derive(Debug, Default)]
struct Progress {
    asked: u64,
    handled: u64,
}

impl Progress {
    /// After a turn in which so much had been `handled`: whether the `asked` question has its answer. If no message holds the
    /// mailbox, that is empty, and everything up to the question has been handled. If one does, others since then tell as much: there may
    /// always be one more.
    fn is_alive(&mut self, holds: bool, asked: u64, handled: u64) -> bool {
        if self.asked != asked {
            *self = Self { asked, handled };
        }
        !holds || handled > self.handled
    }
}

impl<A: Actor<Context = Context<A>>> Incarnation<A> {
    fn begin(
        mailbox: Arc<Mailbox<A>>,
        make: impl FnOnce(&Cleanup) -> A,
        vitals: Arc<Vitals>,
        control: Arc<Control>,
        monitor: Monitor,
    ) -> Self {
        let cleanup = Cleanup::default();
        // actix's own mailbox stays empty: its addresses are given to nobody.
        let unused = actix::dev::Mailbox::default();
        let mut ctx = Context::new(ContextParts::new(unused.sender_producer()), mailbox.clone(), vitals.clone());
        ctx.spawn(Reader::new(mailbox.clone()));
        let phase = match catch_unwind(AssertUnwindSafe(|| make(&cleanup))) {
            Ok(actor) => Phase::Running(Box::new(ContextFut::new(ctx, actor, unused))),
            Err(panic) => {
                mailbox.end();
                Self::ending(ExitReason::Panic(words(&*panic)), &cleanup, monitor.timeout)
            }
        };
        let progress = Progress::default();
        Self { phase, mailbox, cleanup, control, stopping: false, has_waker: false, monitor, vitals, progress }
    }

    fn ending(reason: ExitReason, cleanup: &Cleanup, timeout: Duration) -> Phase<A> {
        let pending = std::mem::take(&mut *lock(&cleanup.0));
        let deadline = Box::pin(tokio::time::sleep(timeout));
        Phase::Ending { reason, pending, deadline }
    }

    /// One turn of the actor; its reason if it has ended.
    fn turn(&mut self, cx: &mut task::Context<'_>) -> Option<ExitReason> {
        let Phase::Running(actor) = &mut self.phase else { return None };
        match self.control.wish.load(Ordering::Acquire) {
            KILL => return Some(lock(&self.control.verdict).clone()),
            STOP if !self.stopping => {
                self.stopping = true;
                actor.ctx().stop();
            }
            _ => {}
        }
        match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut **actor).poll(cx))) {
            Err(panic) => Some(ExitReason::Panic(words(&*panic))),
            Ok(Poll::Ready(())) => {
                let usual = if self.stopping { ExitReason::Shutdown } else { ExitReason::Normal };
                Some(actor.ctx().take_exit().unwrap_or(usual))
            }
            Ok(Poll::Pending) => {
                let holds = actor.ctx().turned();
                if self.progress.is_alive(holds, self.control.asked.load(Ordering::Acquire), self.vitals.handled()) {
                    self.control.answer();
                }
                if let Some(started) = self.monitor.started.take() {
                    started();
                }
                None
            }
        }
    }

    /// Drops the actor.
    fn end(&mut self) {
        if let Phase::Running(mut actor) = std::mem::replace(&mut self.phase, Phase::Ended) {
            // Or its drop would give it one more turn, in a state that nobody vouches for.
            actor.ctx().terminate();
            self.mailbox.end();
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(actor)));
            if let Err(panic) = dropped {
                log::error!("an actor panicked while it was dropped: {}", words(&*panic));
            }
        }
    }
}

impl<A: Actor<Context = Context<A>>> Future for Incarnation<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.has_waker {
            // A task's waker stays the same, so once is enough.
            this.has_waker = true;
            *lock(&this.control.waker) = Some(cx.waker().clone());
        }
        if let Some(reason) = this.turn(cx) {
            this.end();
            this.phase = Self::ending(reason, &this.cleanup, this.monitor.timeout);
        }
        match &mut this.phase {
            Phase::Running(_) => return Poll::Pending,
            Phase::Ending { reason, pending, deadline } => {
                pending.retain_mut(|pending| pending.as_mut().poll(cx).is_pending());
                if !pending.is_empty() {
                    if deadline.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    log::error!("what an actor left behind is not over after {:?}", this.monitor.timeout);
                    // It goes on, for what it holds is not free before it is over; only nobody waits for it any more.
                    actix::spawn(futures_util::future::join_all(std::mem::take(pending)));
                }
                let reason = reason.clone();
                this.monitor.exit(reason);
                this.control.dead.send_replace(true);
                this.phase = Phase::Ended;
            }
            Phase::Ended => {}
        }
        Poll::Ready(())
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Incarnation<A> {
    fn drop(&mut self) {
        if !matches!(self.phase, Phase::Ended) {
            // Its thread ends. What it left behind is dropped with it.
            self.end();
            self.monitor.exit(ExitReason::Killed);
        }
        self.control.dead.send_replace(true);
    }
}

/// What a panic says.
pub fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked while it held one of these left a plain value behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_always_has_one_more_message_is_alive_as_long_as_it_handles_them() {
        let mut progress = Progress::default();
        assert!(progress.is_alive(false, 1, 10), "nothing waits");
        assert!(!progress.is_alive(true, 2, 10), "one is in work");
        assert!(!progress.is_alive(true, 2, 10), "and is still");
        assert!(progress.is_alive(true, 2, 11), "another is");
        assert!(!progress.is_alive(true, 3, 11), "asked anew");
    }
}
