//! How many connections there may be, in all and from one network, so that a flood of them keeps out neither others nor a camera.

use lenscap_actors::peers::Network;
use std::collections::HashMap;
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
}

/// Those that are open. Clones are the same.
#[derive(Clone)]
pub struct Open {
    limits: Limits,
    by_network: Arc<Mutex<HashMap<Network, usize>>>,
    refused: Arc<AtomicU64>,
}

/// A place, which is free again when this is dropped.
pub struct Place {
    network: Network,
    by_network: Arc<Mutex<HashMap<Network, usize>>>,
}

impl Open {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, by_network: Arc::default(), refused: Arc::default() }
    }

    /// One more from there.
    ///
    /// # Errors
    ///
    /// If there is no place.
    pub fn one_more(&self, from: IpAddr) -> Result<Place, Full> {
        let network = Network::of(from);
        let mut by_network = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (by_network.values().sum::<usize>(), by_network.get(&network).copied().unwrap_or(0));
        let limits = self.limits;
        let full = match () {
            () if own >= limits.of_one => Some(Full::OfOneAddress(limits.of_one)),
            () if all >= limits.all => Some(Full::All(limits.all)),
            () => None,
        };
        if let Some(full) = full {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        by_network.insert(network, own + 1);
        Ok(Place { network, by_network: self.by_network.clone() })
    }

    /// How many are open, and how many were refused.
    pub fn counts(&self) -> (u64, u64) {
        let open: usize = self.by_network.lock().unwrap_or_else(PoisonError::into_inner).values().sum();
        (open as u64, self.refused.load(Ordering::Relaxed))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_network = self.by_network.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                by_network.remove(&self.network);
            }
        }
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
        assert!(open.by_network.lock().unwrap().is_empty());
    }
}
