//! Whose is a datagram? Pure.
//!
//! A STUN request names its receiver: the user name begins with the ICE user name fragment that
//! we chose for the peer (RFC 8445, section 7.2.2). From then on the address it came from is the
//! peer's, and DTLS, SRTP and answers to our own requests follow by address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Addresses that one peer may be seen from: each STUN request with its user name adds one, and
/// the name can be read by whoever listens on the way.
const ADDRESSES_MAX: usize = 16;

/// The table. `I` is a peer's inbox.
#[derive(Debug)]
pub struct Routes<I> {
    peers: HashMap<String, Peer<I>>,
    addresses: HashMap<SocketAddr, Route>,
}

#[derive(Debug)]
struct Peer<I> {
    inbox: I,
    addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Route {
    ufrag: String,
    /// The address of ours that it wrote to, which the answers must come from.
    local: Option<IpAddr>,
}

impl<I> Default for Routes<I> {
    fn default() -> Self {
        Self { peers: HashMap::new(), addresses: HashMap::new() }
    }
}

impl<I> Routes<I> {
    /// Datagrams for this fragment go to `inbox`.
    pub fn register(&mut self, ufrag: &str, inbox: I) {
        self.peers.insert(ufrag.to_owned(), Peer { inbox, addresses: vec![] });
    }

    /// Forgets a peer and its addresses.
    pub fn forget(&mut self, ufrag: &str) {
        if let Some(peer) = self.peers.remove(ufrag) {
            for address in peer.addresses {
                self.addresses.remove(&address);
            }
        }
    }

    /// Whose this datagram is; `local` is the address it arrived at.
    pub fn inbox(&mut self, from: SocketAddr, local: Option<IpAddr>, datagram: &[u8]) -> Option<&I> {
        if let Some(ufrag) = stun_receiver(datagram) {
            let peer = self.peers.get_mut(ufrag)?;
            let known = self.addresses.get(&from).is_some_and(|route| route.ufrag == ufrag && route.local == local);
            if !known {
                if !peer.addresses.contains(&from) {
                    if peer.addresses.len() >= ADDRESSES_MAX {
                        return None;
                    }
                    peer.addresses.push(from);
                }
                let former = self.addresses.insert(from, Route { ufrag: ufrag.to_owned(), local });
                if let Some(former) = former.filter(|former| former.ufrag != ufrag)
                    && let Some(peer) = self.peers.get_mut(&former.ufrag)
                {
                    peer.addresses.retain(|address| *address != from);
                }
            }
            return self.peers.get(ufrag).map(|peer| &peer.inbox);
        }
        self.at(from)
    }

    /// Who is known to be reached at an address.
    pub fn at(&self, address: SocketAddr) -> Option<&I> {
        self.addresses.get(&address).and_then(|route| self.peers.get(&route.ufrag)).map(|peer| &peer.inbox)
    }

    /// From which address of ours to write to `to`.
    pub fn local_ip(&self, to: SocketAddr) -> Option<IpAddr> {
        self.addresses.get(&to).and_then(|route| route.local)
    }
}

/// The first part of the USERNAME of a STUN request (RFC 8489, sections 5 and 14.3).
fn stun_receiver(datagram: &[u8]) -> Option<&str> {
    const HEADER: usize = 20;
    const BINDING_REQUEST: [u8; 2] = [0, 1];
    const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    const USERNAME: [u8; 2] = [0, 6];
    if datagram.get(..2)? != BINDING_REQUEST || datagram.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    let mut rest = datagram.get(HEADER..)?;
    while let (Some(kind), Some(&[high, low])) = (rest.get(..2), rest.get(2..4)) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let value = rest.get(4..4 + length)?;
        if kind == USERNAME {
            return std::str::from_utf8(value).ok()?.split(':').next();
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn request(username: &str) -> Vec<u8> {
        let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        message.extend([7; 12]);
        message.extend([0x80, 0x22, 0, 1, 9, 0, 0, 0]); // SOFTWARE, with padding
        message.extend([0, 6, 0, username.len() as u8]);
        message.extend(username.as_bytes());
        message
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_request_names_its_receiver_and_the_rest_follows_by_address() {
        let mut routes = Routes::default();
        routes.register("one", 1);
        routes.register("two", 2);
        let here = Some("192.0.2.9".parse().unwrap());
        assert_eq!(routes.inbox(at(1), here, &[22, 254]), None);
        assert_eq!(routes.inbox(at(1), here, &request("one:abcd")), Some(&1));
        assert_eq!(routes.inbox(at(2), here, &request("two:abcd")), Some(&2));
        assert_eq!(routes.inbox(at(1), here, &[22, 254]), Some(&1));
        assert_eq!(routes.local_ip(at(1)), here);
        assert_eq!(routes.inbox(at(3), here, &request("nobody:abcd")), None);
        assert_eq!(routes.inbox(at(3), here, &[128; 40]), None);
    }

    #[test]
    fn an_address_that_changes_hands_belongs_to_the_newcomer() {
        // A browser that reloads may get the port it had before.
        let mut routes = Routes::default();
        routes.register("old", 1);
        routes.register("new", 2);
        routes.inbox(at(1), None, &request("old:x"));
        assert_eq!(routes.inbox(at(1), None, &request("new:x")), Some(&2));
        routes.forget("old");
        assert_eq!(routes.inbox(at(1), None, &[128]), Some(&2));
        routes.forget("new");
        assert_eq!(routes.inbox(at(1), None, &[128]), None);
        assert!(routes.addresses.is_empty() && routes.peers.is_empty());
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory_and_takes_nobody_else_along() {
        let mut routes = Routes::default();
        routes.register("one", 1);
        for port in 1..60_000 {
            routes.inbox(at(port), None, &request("one:x"));
        }
        assert_eq!(routes.addresses.len(), ADDRESSES_MAX);
        assert_eq!(routes.inbox(at(1), None, &[128]), Some(&1));
    }

    #[test]
    fn broken_requests_are_nobodys() {
        let whole = request("one:x");
        let mut routes = Routes::default();
        routes.register("one", 1);
        for length in 0..whole.len() {
            assert_eq!(routes.inbox(at(1), None, &whole[..length]), None, "{length} bytes");
        }
        let mut lying = whole.clone();
        lying[31] = 200;
        assert_eq!(routes.inbox(at(1), None, &lying), None);
    }
}
