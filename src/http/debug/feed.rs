//! Looks for all who follow `/debug/events`: what has changed is found and written once, and each is sent the same bytes.

use super::report::{Report, Reporter};
use bytes::Bytes;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

/// Changes that come faster than this are shown together.
const SPACING: Duration = Duration::from_millis(100);

/// What is counted all the time is shown this often.
const COUNTS_EVERY: Duration = Duration::from_secs(1);

/// With more viewers than this, half as often.
const MANY_VIEWERS: usize = 200;

/// Events that wait for a follower, who is told everything anew when there are more.
const EVENTS_WAITING_MAX: usize = 16;

/// What is followed. Clones are the same.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    reporter: Reporter,
    state: Mutex<State>,
    sender: broadcast::Sender<Bytes>,
    /// Somebody follows.
    came: Notify,
}

#[derive(Default)]
struct State {
    /// What everybody who follows knows.
    known: Option<Report>,
    /// It as it is sent to whoever comes.
    written: Option<Bytes>,
}

impl Feed {
    /// Nothing is done until somebody follows, and [`Feed::watch`] runs.
    pub fn new(reporter: Reporter) -> Self {
        let (sender, _) = broadcast::channel(EVENTS_WAITING_MAX);
        Self(Arc::new(Shared { reporter, state: Mutex::default(), sender, came: Notify::new() }))
    }

    /// What is shown at this moment.
    pub fn look(&self) -> Report {
        self.0.reporter.whole()
    }

    /// Looks whenever something has changed, as long as anybody follows; goes on as long as the server does.
    pub async fn watch(self) {
        loop {
            self.0.came.notified().await;
            self.watch_while_followed().await;
        }
    }

    async fn watch_while_followed(&self) {
        let root = &self.0.reporter.root;
        let mut changes = (root.board.changes(), root.tree.changes());
        let (mut counted, mut counts_every) = (Instant::now(), COUNTS_EVERY);
        loop {
            tokio::time::sleep(SPACING).await;
            let due = counted + counts_every;
            let changed = async {
                tokio::select! {
                    _ = changes.0.changed() => {}
                    _ = changes.1.changed() => {}
                }
            };
            let _ = tokio::time::timeout_at(due, changed).await;
            changes.0.mark_unchanged();
            changes.1.mark_unchanged();
            let count = Instant::now() >= due;
            if count {
                counted = Instant::now();
            }
            let feed = self.clone();
            // Not here: it reads files of the kernel.
            match tokio::task::spawn_blocking(move || feed.tell(count)).await {
                Ok(Some(viewers)) if viewers > MANY_VIEWERS => counts_every = COUNTS_EVERY * 2,
                Ok(Some(_)) => counts_every = COUNTS_EVERY,
                Ok(None) => return,
                Err(error) => log::error!("/debug/events misses a change: {error}"),
            }
        }
    }

    /// Follows from now on: everything, and where the changes will come. It may take milliseconds: not for the thread of an actor.
    pub fn follow(&self) -> (Bytes, broadcast::Receiver<Bytes>) {
        let mut state = self.lock();
        self.update(&mut state, false);
        let receiver = self.0.sender.subscribe();
        let State { known, written } = &mut *state;
        let beginning = || event("report", &known.as_ref().map(Report::beginning).unwrap_or_default());
        let written = written.get_or_insert_with(beginning).clone();
        self.0.came.notify_one();
        (written, receiver)
    }

    /// Tells all who follow what has changed: how many viewers there are. If nobody follows, what was known is forgotten.
    fn tell(&self, count: bool) -> Option<usize> {
        let mut state = self.lock();
        if self.0.sender.receiver_count() == 0 {
            *state = State::default();
            return None;
        }
        self.update(&mut state, count);
        state.known.as_ref().map(Report::viewers)
    }

    fn update(&self, state: &mut State, count: bool) {
        let reporter = &self.0.reporter;
        let now = match &state.known {
            Some(known) if !count => reporter.without_counts(known),
            _ => reporter.whole(),
        };
        let told = match state.known.as_ref().map(|known| known.changes(&now)) {
            // Nobody follows yet.
            None => None,
            Some(Some(changes)) if changes.are_none() && !count => return,
            Some(Some(changes)) => Some(event("changes", &changes.into_json())),
            Some(None) => Some(event("report", &now.beginning())),
        };
        if let Some(told) = told {
            // It fails if nobody follows any more.
            let _ = self.0.sender.send(told);
        }
        *state = State { known: Some(now), written: None };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server-sent event of this kind.
fn event(kind: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests;
