//! Which names of hosts are ours: said once more, in another way than the server decides it.

use std::net::{IpAddr, Ipv6Addr};

/// The only name that is configured in any target.
pub const NAME: &str = "cams.example";

/// Holds a `Host` header that was taken for ours to what it may say: an address, a name of loopback, or the one that is
/// configured; then a port or none; and nothing else in which another name could hide.
pub fn is_ours(host: &str) {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, port)) => {
            assert!(inner.parse::<Ipv6Addr>().is_ok(), "{host:?}");
            ("localhost", port.strip_prefix(':').or((port.is_empty()).then_some("")))
        }
        None => host.split_once(':').map_or((host, Some("")), |(name, port)| (name, Some(port))),
    };
    assert!(port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())), "the port of {host:?}");
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let is_address = name.parse::<IpAddr>().is_ok();
    assert!(is_address || name == NAME || name.rsplit('.').next() == Some("localhost"), "{host:?}");
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)), "{host:?}");
}
