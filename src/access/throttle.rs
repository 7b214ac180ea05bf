//! How often somebody may try a password, or send an offer.
//!
//! Both are counted by network, for guessing from many is a matter of who owns them. With IPv6 one subscriber may own thousands, so
//! those of a block are counted together, too. A password that was right a moment ago
//! is not tried again, so that a program which sends it with each request is not slowed down.

use super::digest::Digest;
use governor::clock::{Clock, DefaultClock};
use governor::{Quota, RateLimiter};
use lenscap_actors::peers::{Block, Network};
use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// So many passwords at once, and then one in this time.
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);
const THEN_EVERY: Duration = Duration::from_secs(5);

/// So many seconds' worth of offers can be sent at once: a whole office, when a server has been started again.
const OFFERS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// All networks of a block together may have so many times what one may have.
pub const SHARES_OF_A_BLOCK: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

/// When there are more networks than this, and then twice as many as were left, those are forgotten that may try as often as anybody.
const NETWORKS_KEPT: usize = 1000;

/// Counts by what they come from.
struct Counter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, governor::state::keyed::HashMapStateStore<K>, DefaultClock>,
    tidy_at: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Counter<K> {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::hashmap(quota), tidy_at: AtomicUsize::new(NETWORKS_KEPT) }
    }

    fn one_more(&self, from: &K) -> Result<(), Duration> {
        if self.limiter.len() > self.tidy_at.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.tidy_at.store((2 * self.limiter.len()).max(NETWORKS_KEPT), Ordering::Relaxed);
        }
        self.limiter.check_key(from).map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// Counts by network, and says when there were too many.
pub struct Throttle {
    networks: Counter<Network>,
    blocks: Counter<Block>,
    refused: AtomicU64,
}

impl Throttle {
    /// Of passwords that are tried.
    pub fn of_passwords() -> Self {
        Self::new(|shares| {
            let at_once = AT_ONCE.saturating_mul(shares);
            let quota = Quota::with_period(THEN_EVERY / shares.get()).unwrap_or(Quota::per_minute(at_once));
            quota.allow_burst(at_once)
        })
    }

    /// Of offers: so many a second.
    pub fn of_offers(per_second: NonZeroU32) -> Self {
        Self::new(|shares| {
            let per_second = per_second.saturating_mul(shares);
            Quota::per_second(per_second).allow_burst(per_second.saturating_mul(OFFERS_AT_ONCE))
        })
    }

    /// With what so many shares allow.
    fn new(quota: impl Fn(NonZeroU32) -> Quota) -> Self {
        let (networks, blocks) = (Counter::new(quota(NonZeroU32::MIN)), Counter::new(quota(SHARES_OF_A_BLOCK)));
        Self { networks, blocks, refused: AtomicU64::new(0) }
    }

    /// How often there were too many.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one more from there.
    ///
    /// # Errors
    ///
    /// If there were too many: for how long there can be no other.
    pub fn one_more(&self, from: Network) -> Result<(), Duration> {
        let of_block = || from.block().map_or(Ok(()), |block| self.blocks.one_more(&block));
        let counted = self.networks.one_more(&from).and_then(|()| of_block());
        if counted.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        counted
    }
}

/// Passwords that are being looked at: who shows the same meanwhile waits for what comes out, and has not tried another.
#[derive(Default)]
pub struct Alike(HashMap<Digest, Weak<Semaphore>>);

impl Alike {
    /// One at a time of those who show these credentials.
    pub fn of(&mut self, credentials: Digest) -> Arc<Semaphore> {
        self.0.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = self.0.get(&credentials).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Semaphore::new(1));
        self.0.insert(credentials, Arc::downgrade(&turn));
        turn
    }
}

/// Passwords that were right a moment ago, by a hash of them.
#[derive(Default)]
pub struct Known(HashMap<Digest, Instant>);

/// For how long, and how many.
const KNOWN_FOR: Duration = Duration::from_secs(300);
const KNOWN_MAX: usize = 256;

impl Known {
    /// It was right.
    pub fn remember(&mut self, credentials: Digest, now: Instant) {
        self.0.retain(|_, since| now.saturating_duration_since(*since) < KNOWN_FOR);
        if self.0.len() < KNOWN_MAX {
            self.0.insert(credentials, now);
        }
    }

    /// Whether it was.
    pub fn has(&self, credentials: &Digest, now: Instant) -> bool {
        self.0.get(credentials).is_some_and(|since| now.saturating_duration_since(*since) < KNOWN_FOR)
    }

    /// Passwords may have changed.
    pub fn forget_all(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_try_a_few_times_and_then_has_to_wait_while_others_may_go_on() {
        let tries = Throttle::of_passwords();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Network::of(ip.parse().unwrap()));
        assert!((0..AT_ONCE.get()).all(|_| tries.one_more(one).is_ok()));
        let wait = tries.one_more(one).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= THEN_EVERY, "{wait:?}");
        assert!(tries.one_more(other).is_ok());
        assert_eq!(tries.refused(), 1);
    }

    #[test]
    fn who_owns_many_networks_may_not_try_from_each_of_them() {
        let tries = Throttle::of_passwords();
        let from = |text: String| Network::of(text.parse().unwrap());
        let tried = (0..64).map(|nth| tries.one_more(from(format!("2001:db8:7:{nth:x}::1")))).collect::<Vec<_>>();
        let allowed = tried.iter().filter(|tried| tried.is_ok()).count();
        assert_eq!(allowed as u32, AT_ONCE.saturating_mul(SHARES_OF_A_BLOCK).get());
        assert!(tried.last().unwrap().is_err_and(|wait| wait <= THEN_EVERY));
        assert!(tries.one_more(from("2001:db8:8::1".to_owned())).is_ok(), "a neighbor");
        assert!((0..64).all(|nth| tries.one_more(from(format!("192.0.2.{nth}"))).is_ok()), "of IPv4 each has its own");
    }

    #[test]
    fn a_crowd_may_come_at_once_and_a_flood_may_not() {
        let offers = Throttle::of_offers(NonZeroU32::new(50).unwrap());
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Network::of(ip.parse().unwrap()));
        assert!((0..500).all(|_| offers.one_more(one).is_ok()));
        assert!((0..500).any(|_| offers.one_more(one).is_err()));
        assert!(offers.one_more(other).is_ok());
    }

    #[test]
    fn what_was_right_is_known_for_a_while_and_bounded() {
        let (mut known, start) = (Known::default(), Instant::now());
        let id = |nth: usize| Digest::of(&nth.to_be_bytes());
        (0..2 * KNOWN_MAX).for_each(|nth| known.remember(id(nth), start));
        assert!(known.has(&id(0), start) && !known.has(&id(KNOWN_MAX), start));
        assert!(!known.has(&id(0), start + KNOWN_FOR));
        known.forget_all();
        assert!(!known.has(&id(0), start));
    }
}
