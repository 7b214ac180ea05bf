//! Under which addresses viewers can reach us.

use std::net::{IpAddr, SocketAddr};

/// Candidates for a viewer whose signalling comes from `viewer`, the best first: the configured
/// public ones last, since who is near needs no detour. Loopback is named only to viewers on this
/// machine, or if there is nothing else.
pub fn candidates(listen: SocketAddr, public: &[SocketAddr], viewer: IpAddr) -> Vec<SocketAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the network interfaces cannot be listed: {error}");
        vec![]
    });
    choose(listen, public, viewer, interfaces.iter().map(if_addrs::Interface::ip))
}

fn choose(
    listen: SocketAddr,
    public: &[SocketAddr],
    viewer: IpAddr,
    interfaces: impl Iterator<Item = IpAddr>,
) -> Vec<SocketAddr> {
    let mut ips: Vec<IpAddr> = if listen.ip().is_unspecified() {
        let family = |ip: &IpAddr| listen.is_ipv6() || ip.is_ipv4();
        interfaces.filter(family).filter(|ip| !is_link_local(ip)).collect()
    } else {
        vec![listen.ip()]
    };
    let local = viewer.to_canonical().is_loopback();
    let others = ips.iter().any(|ip| !ip.is_loopback()) || !public.is_empty();
    ips.retain(|ip| !ip.is_loopback() || local || !others);
    // False sorts first: loopback before others (it is here only if it helps), IPv4 before IPv6.
    ips.sort_by_key(|ip| (!ip.is_loopback(), ip.is_ipv6()));
    ips.dedup();
    let mut all: Vec<SocketAddr> = ips.into_iter().map(|ip| SocketAddr::new(ip, listen.port())).collect();
    for address in public {
        if !all.contains(address) {
            all.push(*address);
        }
    }
    all
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(listen: &str, public: &[&str], viewer: &str, interfaces: &[&str]) -> Vec<String> {
        let public: Vec<SocketAddr> = public.iter().map(|a| a.parse().unwrap()).collect();
        choose(
            listen.parse().unwrap(),
            &public,
            viewer.parse().unwrap(),
            interfaces.iter().map(|ip| ip.parse().unwrap()),
        )
        .iter()
        .map(SocketAddr::to_string)
        .collect()
    }

    #[test]
    fn viewers_are_told_addresses_that_they_can_reach() {
        let all = ["127.0.0.1", "::1", "192.168.1.5", "fe80::1", "169.254.3.4", "2001:db8::5"];
        assert_eq!(chosen("0.0.0.0:8555", &[], "192.168.1.9", &all), ["192.168.1.5:8555"]);
        assert_eq!(chosen("0.0.0.0:8555", &[], "127.0.0.1", &all), ["127.0.0.1:8555", "192.168.1.5:8555"]);
        assert_eq!(chosen("[::]:1", &[], "192.168.1.9", &all), ["192.168.1.5:1", "[2001:db8::5]:1"]);
        assert_eq!(chosen("0.0.0.0:1", &[], "192.168.1.9", &all[..2]), ["127.0.0.1:1"]);
        assert_eq!(chosen("192.168.1.5:1", &["203.0.113.1:7"], "10.0.0.1", &all), ["192.168.1.5:1", "203.0.113.1:7"]);
    }
}
