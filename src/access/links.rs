//! Links that expire: whoever has one may watch one stream until then.
//!
//! A link carries what it allows, and a signature (HMAC-SHA256, RFC 2104) by a key of the configuration. Nothing is kept of
//! it, so that it outlives a restart; another key ends all of them.

use super::digest::Digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// Where what a link carries stands in an address.
pub const PARAMETER: &str = "link";

/// A shorter key could be guessed, in characters.
const KEY_MIN: usize = 32;

/// Keeps what is signed here apart from whatever else the key may be used for.
const PURPOSE: &[u8] = b"lenscap link 1";

/// What links are signed with. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkKey(String);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

impl FromStr for LinkKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected 32 random characters or more, as `lenscap link` proposes them";
        match text.chars().count() >= KEY_MIN {
            true => Ok(Self(text.to_owned())),
            false => Err(format!("is too short to sign with: {expected}")),
        }
    }
}

impl LinkKey {
    /// By which it is known whether this is still the key.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// What a link to this stream carries that holds until then, in seconds since the Unix epoch.
    pub fn sign(&self, stream: &str, until: u64) -> String {
        let tag = self.mac(stream, until).finalize().into_bytes();
        format!("{stream}.{until}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The stream of what a link carries and until when it holds, if it was signed with this key.
    pub fn read<'a>(&self, text: &'a str) -> Option<(&'a str, u64)> {
        let mut pieces = text.rsplitn(3, '.');
        let (tag, until, stream) = (pieces.next()?, pieces.next()?.parse().ok()?, pieces.next()?);
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // In constant time.
        self.mac(stream, until).verify_slice(&tag).is_ok().then_some((stream, until))
    }

    fn mac(&self, stream: &str, until: u64) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 3)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length");
        for piece in [PURPOSE, stream.as_bytes(), &until.to_be_bytes()] {
            // With its length before it: no two lists of pieces are the same bytes.
            mac.update(&(piece.len() as u64).to_be_bytes());
            mac.update(piece);
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> LinkKey {
        text.parse().unwrap()
    }

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_link_says_its_stream_and_its_end_to_who_signed_it() {
        let link = key(KEY).sign("front", 1_800_000_000);
        assert_eq!(key(KEY).read(&link), Some(("front", 1_800_000_000)));
        assert_eq!(key(&KEY.replace('f', "e")).read(&link), None);
        for forged in [
            link.replace("front", "back"),
            link.replace("1800000000", "1800000001"),
            link.replace("1800000000", "+1800000000"),
            link.replace("front.1", "front1"),
            format!("{link}="),
            format!("x{link}"),
            "front.1800000000.".into(),
            "..".into(),
            String::new(),
        ] {
            // A plus sign is read as a number, too, and says the same.
            let expected = forged.contains('+').then_some(("front", 1_800_000_000));
            assert_eq!(key(KEY).read(&forged), expected, "{forged}");
        }
    }

    #[test]
    fn a_key_is_long_and_is_not_shown() {
        assert!("short".parse::<LinkKey>().is_err());
        assert_eq!(format!("{:?}", key(KEY)), "LinkKey(…)");
    }

    proptest! {
        #[test]
        fn no_change_of_a_link_is_believed(at in 0usize..60, byte in 32u8..127) {
            let link = key(KEY).sign("front", 1_800_000_000);
            let at = at % link.len();
            let mut changed = link.clone().into_bytes();
            changed[at] = byte;
            let changed = String::from_utf8(changed).unwrap();
            if changed != link {
                prop_assert_eq!(key(KEY).read(&changed), None);
            }
        }
    }
}
