//! Asks threads whether they are alive. Each answers from its own loop, so that one that is blocked does not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// All who are asked. Clones are the same.
#[derive(Clone)]
pub struct Pulse {
    round: Arc<watch::Sender<u64>>,
    members: Arc<Mutex<Vec<Arc<Member>>>>,
    /// Called when somebody has answered.
    answered: Arc<dyn Fn() + Send + Sync>,
}

struct Member {
    name: &'static str,
    /// The last question that was answered.
    round: AtomicU64,
    /// Its task has ended: its place can be taken by another of this name.
    ended: AtomicBool,
}

/// Says that a member's task has ended, whatever it ended of.
struct Ended(Arc<Member>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Pulse {
    /// Nobody yet. `answered` is called from the threads of members.
    pub fn new(answered: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { round: Arc::new(watch::channel(0).0), members: Arc::default(), answered }
    }

    /// One more is asked from now on, who is alive if this runs and `check` resolves. It is to be run by the thread that it
    /// stands for, and takes the place of one of its name that has ended.
    pub fn member<F, C>(&self, name: &'static str, check: F) -> impl Future<Output = ()> + use<F, C>
    where
        F: Fn() -> C,
        C: Future<Output = ()>,
    {
        let member = Arc::new(Member { name, round: AtomicU64::new(0), ended: AtomicBool::new(false) });
        {
            let mut members = self.lock();
            let gone = |other: &&mut Arc<Member>| other.name == name && other.ended.load(Ordering::Relaxed);
            match members.iter_mut().find(gone) {
                Some(place) => *place = member.clone(),
                None => members.push(member.clone()),
            }
        }
        let (ended, mut asked, answered) = (Ended(member.clone()), self.round.subscribe(), self.answered.clone());
        // It may have been asked already when it comes.
        asked.mark_changed();
        async move {
            let _ended = ended;
            while asked.changed().await.is_ok() {
                let round = *asked.borrow_and_update();
                check().await;
                member.round.store(round, Ordering::Release);
                answered();
            }
        }
    }

    /// Asks everybody.
    pub fn ask(&self, round: u64) {
        self.round.send_replace(round);
    }

    /// The last question that each has answered.
    pub fn answers(&self) -> Vec<u64> {
        self.lock().iter().map(|member| member.round.load(Ordering::Acquire)).collect()
    }

    /// The names of some.
    pub fn names(&self, members: &[usize]) -> String {
        let all = self.lock();
        members.iter().filter_map(|nth| all.get(*nth)).map(|member| member.name).collect::<Vec<_>>().join(", ")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[actix::test]
    async fn who_is_busy_does_not_answer_and_who_has_ended_is_replaced() {
        let woken = Arc::new(AtomicU64::new(0));
        let count = woken.clone();
        let answered = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let pulse = Pulse::new(Arc::new(answered));
        let (free, busy) = watch::channel(false);
        let quick = actix::spawn(pulse.member("quick", || async {}));
        actix::spawn(pulse.member("busy", move || {
            let mut busy = busy.clone();
            async move { drop(busy.wait_for(|free| *free).await) }
        }));
        pulse.ask(1);
        until(|| pulse.answers()[0] == 1).await;
        assert_eq!(pulse.answers(), [1, 0]);
        free.send_replace(true);
        until(|| pulse.answers() == [1, 1]).await;
        assert!(woken.load(Ordering::Relaxed) >= 2, "each wakes who waits for it");
        quick.abort();
        let _ = quick.await;
        pulse.ask(2);
        until(|| pulse.answers()[1] == 2).await;
        assert_eq!(pulse.answers(), [1, 2], "the dead do not answer");
        assert_eq!(pulse.names(&[0]), "quick");
        actix::spawn(pulse.member("quick", || async {}));
        until(|| pulse.answers() == [2, 2]).await;
    }

    async fn until(what: impl Fn() -> bool) {
        let come = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), come).await.expect("it comes about");
    }
}
