//! Under which names the server may be asked: the defense against DNS rebinding.
//!
//! A page of a foreign name can have that name point to us, and is of the same origin as we are then as far as browsers know.
//! What it cannot change is the name: browsers say it in `Host`. So names have to be known. An address cannot be
//! made to point elsewhere, so every address will do: behind a NAT or in a container we do not know all of ours.

use std::net::{IpAddr, Ipv6Addr};

/// The names under which we are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Those that are configured, and this machine's own with and without `.local` (RFC 6762).
    pub fn new(configured: impl IntoIterator<Item = String>, machine: &str) -> Self {
        Self(configured.into_iter().map(|name| name.to_ascii_lowercase()).chain(names_of(machine)).collect())
    }

    /// Whether a `Host` header (RFC 9110, section 7.2) names us. The port does not matter: proxies and port forwards change it.
    pub fn know(&self, header: &str) -> bool {
        let Some(written) = name_of(header) else { return false };
        // What stands in brackets is no name, and ends with them.
        let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
        let is_address = name.parse::<IpAddr>().is_ok() || {
            let inner = written.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
        };
        // Browsers resolve it and all below it to this machine, whatever the name server says (RFC 6761, section 6.3).
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let is_loopback = name == "localhost" || name.ends_with(".localhost");
        is_address || is_name && (is_loopback || self.0.contains(&name))
    }
}

/// What this machine calls itself.
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The names of a machine on its network, by what it calls itself.
pub fn names_of(machine: &str) -> Vec<String> {
    let machine = machine.trim_end_matches('.').to_ascii_lowercase();
    match machine.split('.').next().unwrap_or_default() {
        "" => vec![],
        short => vec![format!("{short}.local"), short.to_owned(), machine],
    }
}

/// The name in a `Host` header, without the port.
fn name_of(header: &str) -> Option<&str> {
    let (name, port) = match header.rfind(':').filter(|at| *at > header.rfind(']').unwrap_or(0)) {
        Some(at) => (&header[..at], &header[at + 1..]),
        None => (header, ""),
    };
    let is_one = !name.is_empty() && (name.starts_with('[') || !name.contains(':'));
    (is_one && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_to_be_known_and_addresses_do_not() {
        let hosts = Hosts::new(["Cams.Example".to_owned()], "pi.lan");
        for (header, expected) in [
            ("127.0.0.1:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("192.168.1.5:8080", true),
            ("[2001:db8::1]", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("a.localhost:1", true),
            ("cams.example", true),
            ("CAMS.example.:443", true),
            ("pi", true),
            ("pi.lan", true),
            ("pi.local:8080", true),
            ("evil.example:8080", false),
            ("cams.example.evil.example", false),
            ("evilcams.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1@evil.example", false),
            ("evil.example:127.0.0.1", false),
            ("evil.example#127.0.0.1", false),
            ("0x7f.1", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[::1].", false),
            ("[::1].:8080", false),
            ("::1", false),
            ("\u{1}.localhost", false),
            ("evil.example/.localhost", false),
            ("[evil.example]", false),
            (".local", false),
            ("", false),
            (":8080", false),
        ] {
            assert_eq!(hosts.know(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_machine_without_a_name_has_none() {
        assert_eq!(Hosts::new([], ""), Hosts::default());
        assert!(!Hosts::new([], "").know(".local") && !Hosts::new([], "").know(""));
    }
}
