//! `server.listen`: where HTTP is served.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The default.
pub const USUAL: &str = "127.0.0.1:8080";

/// How a socket file is written: its path follows.
const FILE: &str = "unix:";

/// No longer path fits an address (unix(7)), with its final zero, bytes.
const PATH_BYTES_MAX: usize = 107;

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At an address and a TCP port.
    Tcp(SocketAddr),
    /// At a socket file, for a reverse proxy on the same machine.
    File(PathBuf),
}

impl Listen {
    /// Whether nobody but this machine can connect. What a proxy lets through comes from elsewhere all the same.
    pub fn is_local(&self) -> bool {
        match self {
            Listen::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Listen::File(_) => true,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix(FILE) {
            return match path.starts_with('/') && path.len() <= PATH_BYTES_MAX && !path.contains('\0') {
                true => Ok(Listen::File(path.into())),
                false => Err(format!(
                    "{text:?} is no socket file: expected an absolute path of at most {PATH_BYTES_MAX} bytes, like \
                     \"unix:/run/lenscap/lenscap.sock\""
                )),
            };
        }
        text.parse().map(Listen::Tcp).map_err(|_| {
            format!(
                "{text:?} is no address: expected an IP address and a port, like {USUAL:?} or \"[::]:8080\", or a socket \
                 file, like \"unix:/run/lenscap/lenscap.sock\""
            )
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(f),
            Listen::File(path) => write!(f, "{FILE}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_socket_files_are_told_apart() {
        for (text, local) in [
            ("127.0.0.1:8080", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:8080", false),
            ("[::]:8080", false),
            ("unix:/run/lenscap.sock", true),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen.is_local(), local, "{text}");
            assert_eq!(matches!(listen, Listen::File(_)), text.starts_with("unix:"), "{text}");
            assert_eq!(listen.to_string().parse(), Ok(listen), "{text}");
        }
        let long = format!("unix:/{}", "x".repeat(PATH_BYTES_MAX));
        for (text, words) in [
            ("unix:", "is no socket file"),
            ("unix:lenscap.sock", "is no socket file"),
            (&long, "is no socket file"),
            ("unix:/a\0b", "is no socket file"),
            ("/run/lenscap.sock", "is no address"),
            ("localhost:80", "is no address"),
            ("127.0.0.1", "is no address"),
        ] {
            assert!(text.parse::<Listen>().unwrap_err().contains(words), "{text}");
        }
    }
}
