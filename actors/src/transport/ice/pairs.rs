//! The addresses at which a viewer has been heard, a few of them. Pure.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Addresses that a viewer may be seen at: whoever listens on the way can play back its requests from elsewhere.
const PAIRS_MAX: usize = 8;

/// An answer proves a path for so long (RFC 7675, section 5.1).
const PROOF: Duration = Duration::from_secs(30);

/// A question that is not answered is asked again after this time, and then after twice that each time (RFC 8445, section 14.3,
/// in spirit: it knows nothing of the path).
const RETRY: Duration = Duration::from_millis(100);
const RETRIES_MAX: u8 = 6;

/// The viewer's own repetitions are not each asked back.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// One address of the viewer's beside ours: a candidate pair.
#[derive(Debug)]
pub struct Pair {
    pub address: SocketAddr,
    /// The credentials that were used there last.
    pub generation: u32,
    heard: Instant,
    /// When a question of ours was last answered there.
    pub proven: Option<Instant>,
    /// The viewer wants media to go there.
    pub nominated: bool,
    last_asked: Option<Instant>,
    tries: u8,
    /// When to ask again.
    pub retry: Option<Instant>,
}

impl Pair {
    /// Whether it was answered from there lately.
    pub fn is_proven(&self, now: Instant) -> bool {
        self.proven.is_some_and(|at| now.saturating_duration_since(at) < PROOF)
    }

    /// Whether it was not asked just now.
    pub fn may_be_asked(&self, now: Instant) -> bool {
        self.last_asked.is_none_or(|at| now.saturating_duration_since(at) >= ASKED_EVERY)
    }

    /// It is being asked.
    pub fn asked(&mut self, now: Instant) {
        self.last_asked = Some(now);
        self.retry = None;
        if !self.is_proven(now) && self.tries < RETRIES_MAX {
            self.retry = Some(now + RETRY * 2u32.pow(u32::from(self.tries)));
            self.tries += 1;
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Pairs(Vec<Pair>);

impl Pairs {
    /// The viewer was heard there. If there are too many, the one that was heard longest ago goes, but not `keep`.
    pub fn heard(&mut self, address: SocketAddr, generation: u32, keep: Option<SocketAddr>, now: Instant) -> &mut Pair {
        let known = self.0.iter().position(|path| path.address == address);
        let nth = known.unwrap_or_else(|| {
            if self.0.len() >= PAIRS_MAX {
                let rest = self.0.iter().enumerate().filter(|(_, path)| Some(path.address) != keep);
                if let Some((oldest, _)) = rest.min_by_key(|(_, path)| path.heard) {
                    self.0.swap_remove(oldest);
                }
            }
            self.0.push(Pair {
                address,
                generation,
                heard: now,
                proven: None,
                nominated: false,
                last_asked: None,
                tries: 0,
                retry: None,
            });
            self.0.len() - 1
        });
        let path = &mut self.0[nth];
        path.heard = now;
        if path.generation != generation {
            // What was nominated with other credentials is not with these; that it was answered from there still holds.
            (path.generation, path.nominated, path.tries) = (generation, false, 0);
        }
        path
    }

    /// What is known of an address.
    pub fn find(&self, address: SocketAddr) -> Option<&Pair> {
        self.0.iter().find(|path| path.address == address)
    }

    /// What is known of an address.
    pub fn find_mut(&mut self, address: SocketAddr) -> Option<&mut Pair> {
        self.0.iter_mut().find(|path| path.address == address)
    }

    /// Media goes there: no other is nominated any more.
    pub fn nominated_is(&mut self, address: SocketAddr) {
        self.0.iter_mut().for_each(|path| path.nominated = path.address == address);
    }

    /// What is of older credentials goes.
    pub fn forget_before(&mut self, generation: u32) {
        self.0.retain(|path| path.generation >= generation);
    }

    /// The credentials before this generation now have its number; what was its own goes.
    pub fn rename(&mut self, generation: u32) {
        self.0.retain(|path| path.generation != generation);
        self.0.iter_mut().for_each(|path| path.generation = generation);
    }

    /// When one of them is to be asked again.
    pub fn due(&self) -> Option<Instant> {
        self.0.iter().filter_map(|path| path.retry).min()
    }

    /// One that is to be asked again now.
    pub fn to_be_asked_again(&self, now: Instant) -> Option<SocketAddr> {
        self.0.iter().find(|path| path.retry.is_some_and(|at| at <= now)).map(|path| path.address)
    }
}
