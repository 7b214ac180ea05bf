//! Who there is: users, tokens and links as the configuration names them, and what each may do.

use super::digest::Digest;
use super::hosts::Hosts;
use super::links::LinkKey;
use super::password::PasswordHash;
use super::rights::{Rights, Streams};
use super::sessions::SessionId;
use std::collections::BTreeMap;
use std::time::Duration;

/// All that `[access]` says.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The names under which we are reached.
    pub hosts: Hosts,
    /// Whether everybody may watch and set cameras.
    pub open: bool,
    /// Those who have a password, by name.
    pub users: BTreeMap<String, User>,
    /// Programs, by name.
    pub tokens: BTreeMap<String, Token>,
    /// What links are signed with; none: there are no links.
    pub link_key: Option<LinkKey>,
    /// How long a login lasts.
    pub session_for: Duration,
}

/// Somebody with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// The password's hash.
    pub password: PasswordHash,
    /// What this user may do.
    pub rights: Rights,
}

/// A program with a secret of its own.
#[derive(Clone, Debug)]
pub struct Token {
    /// The hash of its secret.
    pub digest: Digest,
    /// What it may do.
    pub rights: Rights,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody on this machine.
    Local,
    /// Somebody who has not said who.
    Anybody,
    /// A user.
    User {
        /// The name.
        name: String,
        /// What the password was known by.
        proof: Digest,
        /// The login, unless the password came with the request.
        login: Option<SessionId>,
    },
    /// A program.
    Token {
        /// The name of its token.
        name: String,
        /// What that was known by.
        proof: Digest,
    },
    /// Whoever has been given a link.
    Link {
        /// The stream that it is for.
        stream: String,
        /// Until when, in seconds since the Unix epoch.
        until: u64,
        /// What it was signed with.
        proof: Digest,
    },
}

impl Accounts {
    /// Whether there is anybody to be told from others. If not, this machine is trusted.
    pub fn is_any(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }

    /// What a visitor may do, whose login, if there is one, still lasts. What was proved has to be so still: another password,
    /// token or key ends what the former one has opened. `now` is in seconds since the Unix epoch.
    pub fn rights(&self, visitor: &Visitor, now: u64) -> Rights {
        let everybody = match self.open {
            true => Rights { view: Streams::all(), control: true, admin: false },
            false => Rights::default(),
        };
        match visitor {
            // Behind a proxy on this machine everybody would seem to be here.
            Visitor::Local if !self.is_any() => Rights::all(),
            Visitor::Local | Visitor::Anybody => everybody,
            Visitor::User { name, proof, .. } => {
                let user = self.users.get(name).filter(|user| user.password.digest() == *proof);
                user.map_or(everybody, |user| user.rights.clone())
            }
            Visitor::Token { name, proof } => {
                let token = self.tokens.get(name).filter(|token| token.digest == *proof);
                token.map_or(everybody, |token| token.rights.clone())
            }
            Visitor::Link { stream, until, proof } => {
                let holds = now < *until && self.link_key.as_ref().is_some_and(|key| key.digest() == *proof);
                match holds && !self.open {
                    true => Rights { view: Streams::named([stream.as_str()]), ..Rights::default() },
                    false => everybody,
                }
            }
        }
    }

    /// Who has the token of this secret.
    pub fn of_token(&self, secret: &str) -> Option<Visitor> {
        let proof = Digest::of(secret.as_bytes());
        let name = self.tokens.iter().find(|(_, token)| token.digest == proof).map(|(name, _)| name.clone());
        name.map(|name| Visitor::Token { name, proof })
    }

    /// Who has what a link carries, whether or not its time is over.
    pub fn of_link(&self, text: &str) -> Option<Visitor> {
        let key = self.link_key.as_ref()?;
        let (stream, until) = key.read(text)?;
        Some(Visitor::Link { stream: stream.to_owned(), until, proof: key.digest() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(open: bool, any: bool) -> Accounts {
        let rights = Rights { view: Streams::named(["front"]), control: false, admin: false };
        let token = Token { digest: Digest::of(b"secret"), rights };
        let tokens = any.then(|| ("tv".to_owned(), token)).into_iter().collect();
        let (hosts, users, session_for) = (Hosts::default(), BTreeMap::new(), Duration::from_secs(60));
        Accounts { hosts, open, users, tokens, link_key: None, session_for }
    }

    #[test]
    fn this_machine_is_trusted_only_where_nobody_has_an_account() {
        let rights = |open, any, visitor: &Visitor| {
            let rights = accounts(open, any).rights(visitor, 0);
            (rights.may_view("back"), rights.control, rights.admin)
        };
        for (open, any, local, anybody) in [
            (false, false, (true, true, true), (false, false, false)),
            (false, true, (false, false, false), (false, false, false)),
            (true, false, (true, true, true), (true, true, false)),
            (true, true, (true, true, false), (true, true, false)),
        ] {
            assert_eq!(rights(open, any, &Visitor::Local), local, "open {open}, accounts {any}");
            assert_eq!(rights(open, any, &Visitor::Anybody), anybody, "open {open}, accounts {any}");
        }
    }

    #[test]
    fn whoever_is_named_no_more_or_otherwise_has_the_rights_of_everybody() {
        let mut accounts = accounts(false, true);
        accounts.link_key = "0123456789abcdef0123456789abcdef".parse().ok();
        let (tv, link) = (accounts.of_token("secret").unwrap(), accounts.link_key.as_ref().unwrap().sign("front", 9));
        let link = accounts.of_link(&link).unwrap();
        let may = |accounts: &Accounts, visitor: &Visitor, now| accounts.rights(visitor, now).may_view("front");
        assert!(may(&accounts, &tv, 0) && may(&accounts, &link, 8));
        assert!(!may(&accounts, &link, 9), "its time is over");
        accounts.link_key = "another key of thirty-two characters".parse().ok();
        assert!(!may(&accounts, &link, 8));
        let mut changed = accounts.clone();
        changed.tokens.insert("tv".into(), Token { digest: Digest::of(b"another"), ..changed.tokens["tv"].clone() });
        assert!(!may(&changed, &tv, 0));
        changed.tokens.clear();
        assert!(!may(&changed, &tv, 0));
        let ann = |proof: &[u8]| Visitor::User { name: "ann".into(), proof: Digest::of(proof), login: None };
        assert!(!may(&changed, &ann(b"x"), 0));
    }

    #[test]
    fn a_token_is_found_by_its_secret() {
        let accounts = accounts(false, true);
        let tv = Visitor::Token { name: "tv".into(), proof: Digest::of(b"secret") };
        assert_eq!(accounts.of_token("secret"), Some(tv));
        assert_eq!((accounts.of_token("Secret"), accounts.of_token("")), (None, None));
    }
}
