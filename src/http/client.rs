//! From which address a request comes.

use super::Site;
use actix_web::{HttpRequest, web};
use std::net::{IpAddr, Ipv4Addr};

/// Where proxies say for whom they ask: the one nearest to us appends last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address. Of what proxies say only that is believed which comes from one that is trusted.
pub fn address(request: &HttpRequest) -> IpAddr {
    let connected = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
    let Some(site) = request.app_data::<web::Data<Site>>() else { return connected };
    let forwarded = request.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    farthest_believed(connected, forwarded, &site.trusted_proxies)
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
