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
    /// A user, by name; by a login, unless the password came with the request.
    User(String, Option<SessionId>),
    /// A program, by the name of its token.
    Token(String),
    /// Whoever has been given a link to this stream, until then (seconds since the Unix epoch).
    Link(String, u64),
}

impl Accounts {
    /// Whether there is anybody to be told from others. If not, this machine is trusted.
    pub fn is_any(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty() || self.link_key.is_some()
    }

    /// What a visitor may do, whose login, if there is one, still lasts. `now` is in seconds since the Unix epoch.
    pub fn rights(&self, visitor: &Visitor, now: u64) -> Rights {
        let everybody = match self.open {
            true => Rights { view: Streams::all(), control: true, admin: false },
            false => Rights::default(),
        };
        match visitor {
            // Behind a proxy on this machine everybody would seem to be here.
            Visitor::Local if !self.is_any() => Rights::all(),
            Visitor::Local | Visitor::Anybody => everybody,
            Visitor::User(name, _) => self.users.get(name).map_or(everybody, |user| user.rights.clone()),
            Visitor::Token(name) => self.tokens.get(name).map_or(everybody, |token| token.rights.clone()),
            Visitor::Link(stream, until) if self.link_key.is_some() && now < *until => {
                Rights { view: Streams::named([stream.as_str()]), ..Rights::default() }
            }
            Visitor::Link(..) => everybody,
        }
    }

    /// The token of this secret.
    pub fn token(&self, secret: &str) -> Option<&str> {
        let digest = Digest::of(secret.as_bytes());
        self.tokens.iter().find(|(_, token)| token.digest == digest).map(|(name, _)| name.as_str())
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
    fn whoever_is_named_no_more_has_the_rights_of_everybody() {
        let accounts = accounts(false, true);
        assert!(accounts.rights(&Visitor::Token("tv".into()), 0).may_view("front"));
        for gone in
            [Visitor::Token("gone".into()), Visitor::User("gone".into(), None), Visitor::Link("front".into(), u64::MAX)]
        {
            assert_eq!(accounts.rights(&gone, 0), Rights::default(), "{gone:?}");
        }
    }

    #[test]
    fn a_token_is_found_by_its_secret() {
        let accounts = accounts(false, true);
        assert_eq!((accounts.token("secret"), accounts.token("Secret"), accounts.token("")), (Some("tv"), None, None));
    }
}
