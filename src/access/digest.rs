//! Hashes of secrets that are random and long, so that nothing slower than SHA-256 is needed to keep them.

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// How a hash is written.
const PREFIX: &str = "sha256:";

/// The SHA-256 of a secret. Compared in constant time, and not shown.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a secret.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// As it is written in a configuration.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex(&self.0))
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_hex = |hex: &&str| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let hex = text.strip_prefix(PREFIX).filter(is_hex);
        let byte = |hex: &str, at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok();
        let bytes = hex.and_then(|hex| (0..32).map(|at| byte(hex, at)).collect::<Option<Vec<u8>>>());
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| "is no hash of a token: expected what `lenscap token` prints, \"sha256:…\"".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let digest = Digest::of(b"abc");
        let text = digest.to_string();
        // FIPS 180-2, appendix B.1.
        assert_eq!(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text.parse(), Ok(digest));
        for wrong in [
            "",
            "abc",
            &text[7..],
            &text[..70],
            &format!("{text}0"),
            &text.replace('b', "x"),
            &text.replace("ba", "+a"),
            "sha256:ä",
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
        assert_eq!(format!("{digest:?}"), "Digest(…)");
    }
}
