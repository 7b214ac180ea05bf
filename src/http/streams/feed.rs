//! Looks at the board once for all who follow the streams.

use super::entries::{Entries, entries};
use crate::codec::LastPictures;
use lenscap_actors::board::Board;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Changes that come faster than this are shown together.
const EVENT_SPACING: Duration = Duration::from_millis(100);

/// Looks at the board for all who follow the streams, as long as anybody does.
#[derive(Clone)]
pub struct Feed {
    entries: Arc<watch::Sender<Arc<Entries>>>,
    /// Who looks tells what was seen before anybody else looks: older news must not follow newer.
    looks: Arc<Mutex<()>>,
    pictures: LastPictures,
}

impl Feed {
    /// With these last pictures.
    pub fn new(pictures: LastPictures) -> Self {
        Self { entries: Arc::default(), looks: Arc::default(), pictures }
    }

    /// Looks whenever something has changed and somebody follows; goes on as long as the server does.
    pub async fn watch(self, board: Board) {
        let (mut changed, mut pictured) = (board.changes(), self.pictures.changes());
        loop {
            let result = tokio::select! {
                result = changed.changed() => result,
                result = pictured.changed() => result,
            };
            if result.is_err() {
                return;
            }
            if self.entries.receiver_count() > 0 {
                self.look(&board);
                tokio::time::sleep(EVENT_SPACING).await;
            }
        }
    }

    /// What there is to know now.
    pub(super) fn now(&self, board: &Board) -> Entries {
        let pictures = self.pictures.times();
        board.read(|board| entries(board, &pictures))
    }

    fn look(&self, board: &Board) {
        let _alone = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now(board);
        self.entries.send_if_modified(|before| {
            let differs = **before != now;
            if differs {
                *before = Arc::new(now);
            }
            differs
        });
    }

    /// Follows the streams from now on.
    pub(super) fn follow(&self, board: &Board) -> watch::Receiver<Arc<Entries>> {
        let mut receiver = self.entries.subscribe();
        self.look(board);
        receiver.mark_changed();
        receiver
    }
}
