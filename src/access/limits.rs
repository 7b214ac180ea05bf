//! How many connections there may be, in all and from one network, so that a flood of them keeps out neither others nor a camera.

use super::throttle::SHARES_OF_A_BLOCK;
use lenscap_actors::peers::{Block, Network};
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: usize,
    /// From one network.
    pub of_one: usize,
}

impl Limits {
    /// Of WebSockets, where there can be no more connections than this: some have to be left for what is no WebSocket, or whoever
    /// is refused could not even be told so.
    pub fn within(self, connections: usize) -> Self {
        Self { all: self.all.min(connections - connections / 4), ..self }
    }

    /// Of connections, of which there can be so many, and so many from one network: never more than half, so that one alone
    /// cannot have them all.
    pub fn of_connections(connections: usize, of_one: usize) -> Self {
        Self { all: connections, of_one: of_one.min(connections / 2) }
    }
}

/// Why there is no place for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are as many as are allowed.
    #[error("{0} WebSockets are open already, as many as `limits.websockets` allows")]
    All(usize),
    /// One network has as many as it may have.
    #[error("{0} WebSockets are open from this address already, as many as `limits.websockets_per_address` allows")]
    OfOneAddress(usize),
    /// The networks of one block have as many together as they may have.
    #[error("{0} WebSockets are open from your 48 bits of IPv6 already, four times `limits.websockets_per_address`")]
    OfOneBlock(usize),
}

/// How many places are taken, and by whom. Pure.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    all: usize,
    by_network: HashMap<Network, usize>,
    by_block: HashMap<Block, usize>,
}

impl Taken {
    fn one_more(&mut self, network: Network, limits: Limits) -> Result<(), Full> {
        let of_block = limits.of_one.saturating_mul(SHARES_OF_A_BLOCK.get() as usize);
        let block = network.block();
        let by_block = block.and_then(|block| self.by_block.get(&block)).copied().unwrap_or(0);
        if self.by_network.get(&network).copied().unwrap_or(0) >= limits.of_one {
            return Err(Full::OfOneAddress(limits.of_one));
        }
        if by_block >= of_block {
            return Err(Full::OfOneBlock(of_block));
        }
        if self.all >= limits.all {
            return Err(Full::All(limits.all));
        }
        self.all += 1;
        *self.by_network.entry(network).or_default() += 1;
        if let Some(block) = block {
            *self.by_block.entry(block).or_default() += 1;
        }
        Ok(())
    }

    fn one_less(&mut self, network: Network) {
        self.all = self.all.saturating_sub(1);
        less(&mut self.by_network, network);
        if let Some(block) = network.block() {
            less(&mut self.by_block, block);
        }
    }
}

/// Who has none any more is forgotten.
fn less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, of: K) {
    if let Some(count) = counts.get_mut(&of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&of);
        }
    }
}

/// Those that are open. Clones are the same.
#[derive(Clone)]
pub struct Open {
    limits: Limits,
    taken: Arc<Mutex<Taken>>,
    refused: Arc<AtomicU64>,
}

/// A place, which is free again when this is dropped.
pub struct Place {
    network: Network,
    taken: Arc<Mutex<Taken>>,
}

impl Open {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, taken: Arc::default(), refused: Arc::default() }
    }

    /// One more from there.
    ///
    /// # Errors
    ///
    /// If there is no place.
    pub fn one_more(&self, from: IpAddr) -> Result<Place, Full> {
        let network = Network::of(from);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner).one_more(network, self.limits);
        if let Err(full) = taken {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        Ok(Place { network, taken: self.taken.clone() })
    }

    /// How many are open, and how many were refused.
    pub fn counts(&self) -> (u64, u64) {
        let open = self.taken.lock().unwrap_or_else(PoisonError::into_inner).all;
        (open as u64, self.refused.load(Ordering::Relaxed))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).one_less(self.network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_network_has_more_than_half_of_the_connections() {
        for (connections, of_one, expected) in [(20_000, 1000, 1000), (824, 1000, 412), (1, 1000, 0)] {
            assert_eq!(Limits::of_connections(connections, of_one).of_one, expected, "of {connections}");
        }
    }

    #[test]
    fn one_network_takes_no_more_than_its_share_and_gives_it_back() {
        let open = Open::new(Limits { all: 5, of_one: 3 });
        let [a, b, c] = ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let mut of_a: Vec<Place> = (0..3).map(|_| open.one_more(a).ok().unwrap()).collect();
        assert_eq!(open.one_more(a).err(), Some(Full::OfOneAddress(3)));
        let of_b = [open.one_more(b), open.one_more(c)].map(|place| place.ok().unwrap());
        assert_eq!(open.one_more("192.0.2.9".parse().unwrap()).err(), Some(Full::All(5)));
        assert_eq!(open.counts(), (5, 2));
        of_a.pop();
        let third = open.one_more(b).ok().unwrap();
        assert_eq!(open.one_more(c).err(), Some(Full::OfOneAddress(3)), "with IPv6 a network is 64 bits wide");
        drop((of_a, of_b, third));
        assert_eq!(open.counts(), (0, 3));
        assert_eq!(*open.taken.lock().unwrap(), Taken::default());
    }

    #[test]
    fn who_owns_many_networks_does_not_have_the_share_of_each() {
        let open = Open::new(Limits { all: 100, of_one: 3 });
        let from = |nth: usize| format!("2001:db8:7:{nth:x}::1").parse::<IpAddr>().unwrap();
        let places: Vec<_> = (0..64).map(|nth| open.one_more(from(nth))).collect();
        assert_eq!(places.iter().filter(|place| place.is_ok()).count(), 12);
        assert_eq!(places.last().unwrap().as_ref().err(), Some(&Full::OfOneBlock(12)));
        assert!(open.one_more("2001:db8:8::1".parse().unwrap()).is_ok(), "a neighbor");
        drop(places);
        assert_eq!(*open.taken.lock().unwrap(), Taken::default());
    }
}
