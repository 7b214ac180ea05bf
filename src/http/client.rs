//! From where a request comes.

use super::site::Site;
use crate::access::policy::Place;
use actix_web::http::Version;
use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, web};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where proxies say for whom they ask: the one nearest to us appends last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Whoever sends one of these passes a request on for somebody else (RFC 7239; RFC 9110, section 7.6.3).
const OF_PROXIES: [&str; 6] = [FORWARDED_FOR, "forwarded", "x-real-ip", "via", "x-forwarded-host", FORWARDED_PROTO];

/// Over what the client reached the proxy.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Marks a connection that was made to a socket file.
pub struct ByFile;

/// Who is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    /// Somebody at this address.
    From(IpAddr),
    /// Somebody on this machine who may open the socket file: the proxy that it is for.
    ByFile,
    /// That cannot be told any more, because the connection was reset.
    Unknown,
}

impl Connected {
    fn of(request: &HttpRequest) -> Self {
        match request.peer_addr() {
            Some(address) => Connected::From(address.ip().to_canonical()),
            None if request.conn_data::<ByFile>().is_some() => Connected::ByFile,
            None => Connected::Unknown,
        }
    }

    /// Its address, and whether it is believed when it says for whom it asks.
    fn address(self, trusted: &[IpAddr]) -> Option<(IpAddr, bool)> {
        match self {
            Connected::From(address) => Some((address, trusted.contains(&address))),
            Connected::ByFile => Some((Ipv4Addr::LOCALHOST.into(), true)),
            Connected::Unknown => None,
        }
    }
}

/// What a request and its connection say of where it comes from.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// Who is connected.
    pub connected: Connected,
    /// What is said of whom it is passed on for, as it came.
    pub forwarded_for: Vec<&'a [u8]>,
    /// Whether anything shows that it was passed on.
    pub is_passed_on: bool,
}

impl<'a> Way<'a> {
    /// Of a request.
    pub fn of(request: &'a HttpRequest) -> Self {
        let headers = request.headers();
        Self {
            connected: Connected::of(request),
            forwarded_for: headers.get_all(FORWARDED_FOR).map(|value| value.as_bytes()).collect(),
            // No browser speaks HTTP/1.0, and nginx does to whom it asks if nothing else is configured.
            is_passed_on: OF_PROXIES.iter().any(|name| headers.contains_key(*name))
                || request.version() <= Version::HTTP_10,
        }
    }

    /// The client's address, and how that stands to this machine. Of what proxies say only that is believed which comes from
    /// one that is trusted; what cannot be read is nobody's word.
    pub fn end(&self, trusted: &[IpAddr]) -> (IpAddr, Place) {
        let Some((connected, is_trusted)) = self.connected.address(trusted) else {
            return (Ipv4Addr::UNSPECIFIED.into(), Place::Elsewhere);
        };
        if !is_trusted {
            let from = if self.is_passed_on { Place::UnknownProxy } else { stands(connected) };
            return (connected, from);
        }
        let mut at = connected;
        let mut hops = self.forwarded_for.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut is_told = false;
        while !is_told || trusted.contains(&at) {
            match hops.next().map(address_in) {
                Some(Some(named)) => (at, is_told) = (named, true),
                None if is_told => break,
                // Who is trusted as a proxy is nothing else, and so does not ask for itself.
                Some(None) | None => return (at, Place::UnknownProxy),
            }
        }
        (at, stands(at))
    }
}

/// A connection from another address of this machine may be anybody's: what passes connections on to a container without root (pasta,
/// slirp4netns) makes them within it, from and to the container's own address.
fn stands(address: IpAddr) -> Place {
    if address.is_loopback() { Place::Here } else { Place::Elsewhere }
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address_in(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// From which address a request comes, and how that stands to this machine.
pub fn whence(request: &HttpRequest) -> (IpAddr, Place) {
    let trusted = request.app_data::<web::Data<Site>>().map_or(&[][..], |site| &site.trusted_proxies);
    Way::of(request).end(trusted)
}

/// The client's address.
pub fn address(request: &HttpRequest) -> IpAddr {
    whence(request).0
}

/// Whether the client speaks HTTPS, to us or to a proxy that is trusted.
pub fn is_https(request: &HttpRequest) -> bool {
    let site = request.app_data::<web::Data<Site>>();
    site.is_some_and(|site| site.is_https || came_by_https(request, &site.trusted_proxies))
}

/// Whether a proxy that is trusted says that the client reached it over HTTPS.
pub fn came_by_https(request: &HttpRequest, trusted: &[IpAddr]) -> bool {
    let is_trusted = Connected::of(request).address(trusted).is_some_and(|(_, trusted)| trusted);
    is_trusted && says_https(request.headers())
}

/// Whether somebody says that the client spoke HTTPS: a proxy, or anybody.
pub fn says_https(headers: &HeaderMap) -> bool {
    let said = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
    let first = said.and_then(|said| said.split(',').next()).unwrap_or_default();
    first.trim().eq_ignore_ascii_case("https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed_and_only_what_can_be_read() {
        use Place::{Elsewhere, Here, UnknownProxy};
        for (connected, forwarded, expected, from) in [
            ("198.51.100.7", &[][..], "198.51.100.7", Elsewhere),
            ("198.51.100.7", &[&b"192.0.2.1"[..]], "198.51.100.7", UnknownProxy),
            ("198.51.100.7", &[b"127.0.0.1"], "198.51.100.7", UnknownProxy),
            ("127.0.0.1", &[b"192.0.2.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"127.0.0.1"], "127.0.0.1", Here),
            ("::ffff:127.0.0.1", &[b"192.0.2.1:4711"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"[2001:db8::1]:4711"], "2001:db8::1", Elsewhere),
            ("127.0.0.1", &[b"[2001:db8::1]"], "2001:db8::1", Elsewhere),
            // What the client itself said is to the left of what our proxy saw.
            ("127.0.0.1", &[b"203.0.113.9, 192.0.2.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"127.0.0.1, 192.0.2.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"\xff, 192.0.2.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"203.0.113.9", b"192.0.2.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"192.0.2.1, 10.0.0.1"], "192.0.2.1", Elsewhere),
            ("127.0.0.1", &[b"10.0.0.1"], "10.0.0.1", Elsewhere),
            ("127.0.0.1", &[b"unknown"], "127.0.0.1", UnknownProxy),
            ("127.0.0.1", &[b"192.0.2.1, unix:"], "127.0.0.1", UnknownProxy),
            ("127.0.0.1", &[b"192.0.2.1, \xff"], "127.0.0.1", UnknownProxy),
            ("127.0.0.1", &[b"fe80::1%eth0"], "127.0.0.1", UnknownProxy),
            ("127.0.0.1", &[b""], "127.0.0.1", UnknownProxy),
            ("127.0.0.1", &[], "127.0.0.1", UnknownProxy),
            ("::1", &[], "::1", Here),
            // Whatever address of ours it reached.
            ("192.0.2.80", &[], "192.0.2.80", Elsewhere),
        ] {
            let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
            let connected: IpAddr = connected.parse().unwrap();
            let way = Way {
                connected: Connected::From(connected.to_canonical()),
                forwarded_for: forwarded.to_vec(),
                is_passed_on: !forwarded.is_empty(),
            };
            let (address, found) = way.end(&trusted);
            assert_eq!((address.to_string().as_str(), found), (expected, from), "{connected}, {forwarded:?}");
        }
    }

    #[test]
    fn whoever_comes_by_the_socket_file_is_a_proxy_and_nothing_else() {
        for (forwarded, expected, from) in [
            (&[][..], "127.0.0.1", Place::UnknownProxy),
            (&[&b"192.0.2.1"[..]], "192.0.2.1", Place::Elsewhere),
            (&[b"127.0.0.1, 192.0.2.1"], "192.0.2.1", Place::Elsewhere),
            (&[b"192.0.2.1, 10.0.0.1"], "192.0.2.1", Place::Elsewhere),
            (&[b"127.0.0.1"], "127.0.0.1", Place::Here),
            (&[b"unix:"], "127.0.0.1", Place::UnknownProxy),
        ] {
            let forwarded_for = forwarded.to_vec();
            let way = Way { connected: Connected::ByFile, forwarded_for, is_passed_on: false };
            let (address, found) = way.end(&["10.0.0.1".parse().unwrap()]);
            assert_eq!((address.to_string().as_str(), found), (expected, from), "{forwarded:?}");
        }
    }

    #[test]
    fn whoever_is_gone_is_not_from_here() {
        let way = Way { connected: Connected::Unknown, forwarded_for: vec![b"127.0.0.1"], is_passed_on: true };
        assert_eq!(way.end(&["127.0.0.1".parse().unwrap()]), (Ipv4Addr::UNSPECIFIED.into(), Place::Elsewhere));
    }
}
