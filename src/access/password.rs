//! Passwords, which are short and guessed: kept by Argon2id (RFC 9106), slow on purpose.

use super::digest::Digest;
use argon2::password_hash::phc;
use argon2::{Argon2, Params, PasswordHasher, PasswordVerifier};
use std::fmt;
use std::str::FromStr;

/// The hash of a password, in the PHC string format. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl FromStr for PasswordHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Also of costs that can be computed.
        let usable = phc::PasswordHash::new(text).is_ok_and(|hash| {
            hash.algorithm.as_str() == "argon2id" && hash.hash.is_some() && Params::try_from(&hash).is_ok()
        });
        usable.then(|| Self(text.to_owned())).ok_or_else(|| {
            "is no hash of a password: expected what `lenscap passwd` prints, \"$argon2id$…\"".to_owned()
        })
    }
}

impl PasswordHash {
    /// Hashes a password, which takes some 30 ms and 19 MiB.
    ///
    /// # Errors
    ///
    /// In words, if the system has no random numbers.
    pub fn of(password: &str) -> Result<String, String> {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
        Ok(hash.to_string())
    }

    /// By which it is known whether this is still the hash.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// Whether this is the password. Takes as long as [`PasswordHash::of`].
    pub fn is_of(&self, password: &str) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_no_other_is() {
        let text = PasswordHash::of("open sesame").unwrap();
        assert!(text.starts_with("$argon2id$") && text != PasswordHash::of("open sesame").unwrap(), "{text}");
        let hash: PasswordHash = text.parse().unwrap();
        assert!(hash.is_of("open sesame"));
        assert!(!hash.is_of("open sesame ") && !hash.is_of(""));
        assert!(!format!("{hash:?}").contains(&text[30..]));
        for wrong in [
            "",
            "secret",
            "$argon2id$v=19$m=1,t=1,p=1",
            "$2b$12$abcdefghijklmnopqrstuu",
            "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
        ] {
            assert!(wrong.parse::<PasswordHash>().is_err(), "{wrong}");
        }
    }
}
