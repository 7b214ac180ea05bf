//! From where a request comes.

use super::Site;
use crate::access::door::From;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use actix_web::{HttpRequest, web};
use std::any::Any;
use std::net::{IpAddr, Ipv4Addr};

/// Where proxies say for whom they ask: the one nearest to us appends last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Whoever sends one of these passes a request on for somebody else (RFC 7239; RFC 9110, section 7.6.3).
const OF_PROXIES: [&str; 4] = [FORWARDED_FOR, "forwarded", "x-real-ip", "via"];

/// Over what the client reached the proxy.
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The address of ours that a connection was made to.
struct ReachedAt(IpAddr);

/// Remembers what a connection says of itself.
pub fn on_connect(connection: &dyn Any, extensions: &mut Extensions) {
    let stream = connection.downcast_ref::<TcpStream>();
    if let Some(address) = stream.and_then(|stream| stream.local_addr().ok()) {
        extensions.insert(ReachedAt(address.ip().to_canonical()));
    }
}

/// The client's address. Of what proxies say only that is believed which comes from one that is trusted.
pub fn address(request: &HttpRequest) -> IpAddr {
    let connected = connected(request);
    let Some(site) = request.app_data::<web::Data<Site>>() else { return connected };
    let forwarded = request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    farthest_believed(connected, forwarded, &site.trusted_proxies)
}

/// The same, and how that stands to this machine.
pub fn whence(request: &HttpRequest) -> (IpAddr, From) {
    let (address, connected) = (address(request), connected(request));
    let is_passed_on = OF_PROXIES.iter().any(|name| request.headers().contains_key(*name));
    // A machine that connects to an address of its own does so from that address.
    let own = request.conn_data::<ReachedAt>().map(|reached| reached.0);
    let is_here = |address: IpAddr| address.is_loopback() || Some(address) == own;
    let from = match is_trusted(request, connected) {
        false if is_passed_on => From::UnknownProxy,
        // What it does not say for whom it asks is no request of its own: who is trusted as a proxy is nothing else.
        true if !request.headers().contains_key(FORWARDED_FOR) => From::UnknownProxy,
        _ if is_here(address) => From::Here,
        _ => From::Elsewhere,
    };
    (address, from)
}

/// Whether the client speaks HTTPS, to us or to a proxy that is trusted.
pub fn is_https(request: &HttpRequest) -> bool {
    let said = request.headers().get(FORWARDED_PROTO).and_then(|value| value.to_str().ok());
    is_trusted(request, connected(request)) && said.is_some_and(|said| said.eq_ignore_ascii_case("https"))
}

fn connected(request: &HttpRequest) -> IpAddr {
    request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip()).to_canonical()
}

fn is_trusted(request: &HttpRequest, proxy: IpAddr) -> bool {
    request.app_data::<web::Data<Site>>().is_some_and(|site| site.trusted_proxies.contains(&proxy))
}

/// Goes back from proxy to proxy as long as each is trusted.
fn farthest_believed<'a>(
    connected: IpAddr,
    forwarded: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpAddr],
) -> IpAddr {
    let mut hops = forwarded.rev().flat_map(|line| line.rsplit(','));
    let mut at = connected.to_canonical();
    while trusted.contains(&at) {
        // An IPv4 address may have a port.
        let named = hops.next().map(str::trim).and_then(|hop| {
            hop.parse().ok().or_else(|| hop.parse().ok().map(|address: std::net::SocketAddr| address.ip()))
        });
        let Some(named) = named else { break };
        at = named.to_canonical();
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (connected, forwarded, expected) in [
            ("198.51.100.7", &[][..], "198.51.100.7"),
            ("198.51.100.7", &["192.0.2.1"], "198.51.100.7"),
            ("127.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:127.0.0.1", &["192.0.2.1:4711"], "192.0.2.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            // What the client itself said is to the left of what our proxy saw.
            ("127.0.0.1", &["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1", &["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1", &["192.0.2.1, 10.0.0.1"], "192.0.2.1"),
            ("127.0.0.1", &["10.0.0.1"], "10.0.0.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
        ] {
            let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
            let address = farthest_believed(connected.parse().unwrap(), forwarded.iter().copied(), &trusted);
            assert_eq!(address.to_string(), expected, "{connected}, {forwarded:?}");
        }
    }
}
