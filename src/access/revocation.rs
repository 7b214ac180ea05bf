//! Lets go whoever loses the right to watch: by a login that ends, a link that expires, or accounts that change.

use super::{Access, lock, unix_now};
use lenscap_actors::departure::Cause;
use lenscap_actors::peer::Leave;
use lenscap_actors::peers::Peers;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time ends are looked at at least as often, for the clock may be set meanwhile.
const AT_LEAST: Duration = Duration::from_secs(30);

/// Goes on as long as the server does.
pub async fn follow(access: Arc<Access>, peers: Peers) {
    loop {
        let next = access.next_end().min(AT_LEAST);
        let _ = tokio::time::timeout(next, access.changed.notified()).await;
        for token in access.without_right(&peers) {
            if let Some(viewer) = peers.admitted(&token) {
                log::info!("root/peers/{}: the right to watch is gone", viewer.id);
                viewer.peer.do_send(Leave(Cause::Revoked));
            }
        }
    }
}

impl Access {
    /// For how long nobody's right ends by itself.
    fn next_end(&self) -> Duration {
        let (now, unix) = (Instant::now(), unix_now());
        let login = lock(&self.sessions).tidy(now).map(|end| end.saturating_duration_since(now));
        let link = lock(&self.watchers).first_end(unix).map(|end| Duration::from_secs(end - unix));
        login.into_iter().chain(link).min().unwrap_or(Duration::MAX)
    }

    /// The tokens of viewers who may not watch any more.
    fn without_right(&self, peers: &Peers) -> Vec<String> {
        let mut watchers = lock(&self.watchers);
        watchers.retain(|token| peers.find(token).is_some());
        watchers.take_unless(|watcher| self.rights(&watcher.visitor).may_view(&watcher.stream))
    }
}
