//! What one incarnation of an actor shows of itself. Written by the actor's own thread with plain
//! stores, so that it costs a message next to nothing; read by anybody.

use crossbeam_utils::atomic::AtomicCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Names a message type.
pub type MessageName = fn() -> &'static str;

/// The signs of life of one incarnation.
#[derive(Debug, Default)]
pub struct Vitals {
    handled: AtomicU64,
    work: AtomicCell<Option<MessageName>>,
    /// Since when the message in work has been seen: exactly if it holds the mailbox while it
    /// waits, else since the first time that somebody looked.
    since: Mutex<Option<(u64, Instant)>>,
}

/// What a look at [`Vitals`] shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Messages handled so far.
    pub handled: u64,
    /// The message in work, and since when at least.
    pub work: Option<(&'static str, Instant)>,
}

impl Vitals {
    /// A message is being handled.
    pub(super) fn begin(&self, message: MessageName) {
        self.work.store(Some(message));
    }

    /// It has been handled; only the actor's own thread may say so.
    pub(super) fn end(&self) {
        self.handled.store(self.handled.load(Relaxed) + 1, Relaxed);
        self.work.store(None);
    }

    /// It has been handled as far as that goes, but holds the mailbox until something happens.
    pub(super) fn hold(&self, now: Instant) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.handled.load(Relaxed), now));
    }

    /// Messages handled so far.
    pub(super) fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    /// Looks, and remembers when the message in work was first seen.
    pub fn look(&self, now: Instant) -> Seen {
        let handled = self.handled.load(Relaxed);
        let work = self.work.load().map(|name| {
            let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
            match *since {
                Some((count, at)) if count == handled => (name(), at),
                _ => {
                    *since = Some((handled, now));
                    (name(), now)
                }
            }
        });
        Seen { handled, work }
    }
}
