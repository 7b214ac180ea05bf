//! Whose is a datagram? Pure.
//!
//! A STUN request names its receiver: the user name begins with the ICE user name fragment that
//! we chose for the peer (RFC 8445, section 7.2.2). Once it is found to be signed with that peer's password, the
//! address it came from is the peer's, and DTLS, SRTP and answers to our own requests follow by address.
//!
//! Whoever has a session can sign for it, and can lie about where he is. So an address may be several peers', who
//! all get what comes from it: each can tell what is meant for it, and nobody takes it away from another.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Addresses that one peer may be seen from: whoever listens on the way can play back its requests from elsewhere.
const ADDRESSES_MAX: usize = 16;

/// Of these the first stay, where nothing but such a play-back is likely. The others make room, the oldest first: who has been seen from
/// so many may go on to the next.
const FIRST: usize = 8;

/// Peers that one address may be. More than one if a browser that reloads gets the port that it had before, or
/// somebody lies.
const PEERS_MAX: usize = 4;

/// The table. `I` is a peer's inbox.
#[derive(Debug)]
pub struct Routes<I> {
    peers: HashMap<String, Peer<I>>,
    addresses: HashMap<SocketAddr, Vec<Route<I>>>,
}

#[derive(Debug)]
struct Peer<I> {
    inbox: I,
    password: String,
    addresses: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Route<I> {
    ufrag: String,
    /// The peer's, here too: what comes from an address is not looked up twice.
    inbox: I,
    /// The address of ours that it wrote to, which the answers must come from.
    local: Option<IpAddr>,
}

impl<I> Default for Routes<I> {
    fn default() -> Self {
        Self { peers: HashMap::new(), addresses: HashMap::new() }
    }
}

impl<I: Clone> Routes<I> {
    /// Requests for this fragment that are signed with `password` go to `inbox`.
    pub fn register(&mut self, ufrag: &str, password: &str, inbox: I) {
        // Who had that name before has its addresses, too.
        self.forget(ufrag);
        let password = password.to_owned();
        self.peers.insert(ufrag.to_owned(), Peer { inbox, password, addresses: vec![] });
    }

    /// Forgets a peer and its addresses.
    pub fn forget(&mut self, ufrag: &str) {
        if let Some(peer) = self.peers.remove(ufrag) {
            for address in peer.addresses {
                forget_route(&mut self.addresses, address, ufrag);
            }
        }
    }

    /// Whether a request is signed with the password of the peer that it names.
    pub fn is_authentic(&self, datagram: &[u8], authentic: impl Fn(&[u8], &str) -> bool) -> bool {
        let peer = stun_receiver(datagram).and_then(|ufrag| self.peers.get(ufrag));
        peer.is_some_and(|peer| authentic(datagram, &peer.password))
    }

    /// Whose this datagram is; `local` is the address it arrived at. `authentic` tells whether it is signed with a
    /// password.
    pub fn inboxes(
        &mut self,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: &[u8],
        authentic: impl Fn(&[u8], &str) -> bool,
    ) -> impl Iterator<Item = &I> {
        let asked = stun_receiver(datagram);
        let receiver = asked.filter(|ufrag| {
            self.peers.get(*ufrag).is_some_and(|peer| authentic(datagram, &peer.password))
                && self.learn(ufrag, from, local)
        });
        let rest = asked.is_none().then(|| self.at(from));
        receiver
            .and_then(|ufrag| self.peers.get(ufrag))
            .map(|peer| &peer.inbox)
            .into_iter()
            .chain(rest.into_iter().flatten())
    }

    /// An address is this peer's; false if there is no such peer.
    fn learn(&mut self, ufrag: &str, from: SocketAddr, local: Option<IpAddr>) -> bool {
        let Some(peer) = self.peers.get_mut(ufrag) else { return false };
        let known =
            self.addresses.get_mut(&from).and_then(|routes| routes.iter_mut().find(|route| route.ufrag == ufrag));
        if let Some(route) = known {
            route.local = local;
            return true;
        }
        if peer.addresses.len() >= ADDRESSES_MAX {
            let former = peer.addresses.remove(FIRST);
            forget_route(&mut self.addresses, former, ufrag);
        }
        peer.addresses.push(from);
        let routes = self.addresses.entry(from).or_default();
        // The first ones stay: they had it before anybody could think of taking it.
        let former = if routes.len() >= PEERS_MAX { routes.pop() } else { None };
        routes.push(Route { ufrag: ufrag.to_owned(), inbox: peer.inbox.clone(), local });
        if let Some(former) = former.and_then(|former| self.peers.get_mut(&former.ufrag)) {
            former.addresses.retain(|address| *address != from);
        }
        true
    }

    /// This peer has promised to answer from an address. Unlike by [`Routes::inboxes`] nothing shows that it is there: so nobody makes
    /// room for it.
    pub fn expect(&mut self, ufrag: &str, address: SocketAddr) {
        let Some(peer) = self.peers.get_mut(ufrag).filter(|peer| peer.addresses.len() < FIRST) else { return };
        let there = self.addresses.get(&address).map(Vec::as_slice).unwrap_or_default();
        if there.len() >= PEERS_MAX || there.iter().any(|route| route.ufrag == ufrag) {
            return;
        }
        peer.addresses.push(address);
        let route = Route { ufrag: ufrag.to_owned(), inbox: peer.inbox.clone(), local: None };
        self.addresses.entry(address).or_default().push(route);
    }

    /// Who is known to be reached at an address.
    pub fn at(&self, address: SocketAddr) -> impl Iterator<Item = &I> {
        self.addresses.get(&address).into_iter().flatten().map(|route| &route.inbox)
    }

    /// From which address of ours to write to `to`.
    pub fn local_ip(&self, to: SocketAddr) -> Option<IpAddr> {
        // By the first that has written from there.
        self.addresses.get(&to)?.iter().find_map(|route| route.local)
    }
}

fn forget_route<I>(addresses: &mut HashMap<SocketAddr, Vec<Route<I>>>, address: SocketAddr, ufrag: &str) {
    let Some(routes) = addresses.get_mut(&address) else { return };
    routes.retain(|route| route.ufrag != ufrag);
    if routes.is_empty() {
        addresses.remove(&address);
    }
}

/// Whether a datagram is a request that names whom it is for; only then can [`Routes::inboxes`] learn from it.
pub fn names_a_peer(datagram: &[u8]) -> bool {
    stun_receiver(datagram).is_some()
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
mod tests {
    use super::*;

    fn request(username: &str) -> Vec<u8> {
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

    /// Registers peers by their fragments; the password is the name again.
    fn routes(names: &[&'static str]) -> Routes<&'static str> {
        let mut routes = Routes::default();
        names.iter().for_each(|name| routes.register(name, name, *name));
        routes
    }

    /// To whom it goes; requests are signed by `signer`.
    fn lead(routes: &mut Routes<&'static str>, from: SocketAddr, datagram: &[u8], signer: &str) -> String {
        let inboxes: Vec<&str> =
            routes.inboxes(from, None, datagram, |_, password| password == signer).copied().collect();
        inboxes.join(" ")
    }

    #[test]
    fn a_request_names_its_receiver_and_the_rest_follows_by_address() {
        let mut routes = routes(&["one", "two"]);
        assert_eq!(lead(&mut routes, at(1), &[22, 254], ""), "");
        assert_eq!(lead(&mut routes, at(1), &request("one:abcd"), "one"), "one");
        assert_eq!(lead(&mut routes, at(2), &request("two:abcd"), "two"), "two");
        assert_eq!(lead(&mut routes, at(1), &[22, 254], ""), "one");
        assert_eq!(lead(&mut routes, at(3), &request("nobody:abcd"), "one"), "");
        assert_eq!(lead(&mut routes, at(3), &[128; 40], ""), "");
        let here = Some("192.0.2.9".parse().unwrap());
        assert_eq!(routes.inboxes(at(1), here, &request("one:abcd"), |_, _| true).count(), 1);
        assert_eq!((routes.local_ip(at(1)), routes.local_ip(at(2))), (here, None));
    }

    #[test]
    fn an_address_that_changes_hands_is_the_newcomers_too() {
        // A browser that reloads may get the port it had before.
        let mut routes = routes(&["old", "new"]);
        lead(&mut routes, at(1), &request("old:x"), "old");
        assert_eq!(lead(&mut routes, at(1), &request("new:x"), "new"), "new");
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "old new");
        routes.forget("old");
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "new");
        routes.forget("new");
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "");
        assert!(routes.addresses.is_empty() && routes.peers.is_empty());
    }

    #[test]
    fn a_name_that_is_given_anew_is_only_the_new_peers() {
        let mut routes = routes(&["one"]);
        lead(&mut routes, at(1), &request("one:x"), "one");
        routes.register("one", "one", "other");
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "");
        assert_eq!(lead(&mut routes, at(1), &request("one:x"), "one"), "other");
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "other");
        routes.forget("one");
        assert!(routes.addresses.is_empty());
    }

    #[test]
    fn who_cannot_sign_is_not_heard_and_teaches_nothing() {
        let mut routes = routes(&["one", "two"]);
        for port in 1..100 {
            assert_eq!(lead(&mut routes, at(port), &request("one:x"), "two"), "");
        }
        assert!(routes.addresses.is_empty());
        assert_eq!(lead(&mut routes, at(1), &request("one:x"), "one"), "one");
    }

    #[test]
    fn who_lies_about_his_address_takes_it_from_nobody() {
        let names = ["honest", "a", "b", "c", "d", "e"];
        let mut routes = routes(&names);
        let there = Some("192.0.2.9".parse().unwrap());
        assert_eq!(routes.inboxes(at(1), there, &request("honest:x"), |_, _| true).count(), 1);
        for liar in &names[1..] {
            lead(&mut routes, at(1), &request(liar), liar);
            assert!(lead(&mut routes, at(1), &[128], "").starts_with("honest"));
        }
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "honest a b e");
        assert_eq!(routes.local_ip(at(1)), there);
        names[1..].iter().for_each(|liar| routes.forget(liar));
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "honest");
        routes.forget("honest");
        assert!(routes.addresses.is_empty());
    }

    #[test]
    fn who_only_answers_is_led_by_what_it_has_promised_and_takes_nothing_from_anybody() {
        let mut routes = routes(&["lite", "honest", "a", "b", "c", "d"]);
        routes.expect("nobody", at(1));
        assert!(routes.addresses.is_empty());
        routes.expect("lite", at(1));
        routes.expect("lite", at(1));
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "lite");
        let here = Some("192.0.2.9".parse().unwrap());
        assert_eq!(routes.inboxes(at(1), here, &request("honest:x"), |_, _| true).count(), 1);
        assert_eq!((lead(&mut routes, at(1), &[128], "").as_str(), routes.local_ip(at(1))), ("lite honest", here));
        for liar in ["a", "b", "c", "d"] {
            routes.expect(liar, at(1));
        }
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "lite honest a b");
        (2..100).for_each(|port| routes.expect("c", at(port)));
        assert_eq!(routes.addresses.len(), 1 + FIRST);
        ["lite", "honest", "a", "b", "c"].iter().for_each(|name| routes.forget(name));
        assert!(routes.addresses.is_empty());
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory_and_takes_nobody_else_along() {
        let mut routes = routes(&["one"]);
        for port in 1..60_000 {
            lead(&mut routes, at(port), &request("one:x"), "one");
        }
        assert_eq!(routes.addresses.len(), ADDRESSES_MAX);
        assert_eq!(lead(&mut routes, at(1), &[128], ""), "one");
    }

    #[test]
    fn who_goes_from_one_address_to_the_next_is_led_at_the_latest() {
        let mut routes = routes(&["one", "two"]);
        for port in 1..100 {
            assert_eq!(lead(&mut routes, at(port), &request("one:x"), "one"), "one");
            assert_eq!(lead(&mut routes, at(port), &[128], ""), "one", "{port}");
        }
        assert_eq!(lead(&mut routes, at(50), &[128], ""), "", "it was left long ago");
        routes.forget("one");
        assert!(routes.addresses.is_empty());
    }

    #[test]
    fn broken_requests_are_nobodys() {
        let whole = request("one:x");
        let mut routes = routes(&["one"]);
        for length in 0..whole.len() {
            assert_eq!(lead(&mut routes, at(1), &whole[..length], "one"), "", "{length} bytes");
        }
        let mut lying = whole.clone();
        lying[31] = 200;
        assert_eq!(lead(&mut routes, at(1), &lying, "one"), "");
    }
}
