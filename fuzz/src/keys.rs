//! What visitors show to be let in, and the names that they ask for.

use crate::Target;
use lenscap::access::accounts::{Accounts, Token, Visitor};
use lenscap::access::digest::Digest;
use lenscap::access::hosts::Hosts;
use lenscap::access::links::LinkKey;
use lenscap::access::password::PasswordHash;
use lenscap::access::rights::{Rights, Streams};
use std::collections::BTreeMap;
use std::time::Duration;

/// The target.
pub const TARGET: Target = Target { name: "keys", run, seeds };

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn key() -> LinkKey {
    KEY.parse().unwrap()
}

fn seeds() -> Vec<Vec<u8>> {
    let link = key().sign("front", 1_800_000_000);
    let texts = [
        link.as_str(),
        "cams.example:8080",
        "[2001:db8::1]:443",
        "localhost",
        "a.localhost.",
        "192.0.2.1",
        "front*",
        "*small",
        "a*b*c",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$c29tZSBoYXNoIHRoYXQgaXMgbG9uZw",
        "the secret of a token",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Only what was signed is believed, and that says what it did when it was.
    if let Some((stream, until)) = key().read(&text) {
        let signed = key().sign(stream, until);
        assert_eq!(signed.rsplit('.').next(), text.rsplit('.').next(), "{text}");
    }
    let accounts = accounts();
    match accounts.of_token(&text) {
        Some(Visitor::Token { name, .. }) => assert_eq!((name.as_str(), &*text), ("tv", "the secret of a token")),
        Some(other) => panic!("{other:?}"),
        None => assert_ne!(text, "the secret of a token"),
    }
    // A host that is known is an address, of loopback, or the one that is configured.
    if accounts.hosts.know(&text) {
        let lower = text.to_ascii_lowercase();
        let has_digits = lower.contains(|c: char| c.is_ascii_digit());
        assert!(
            has_digits || lower.contains("::") || lower.contains("localhost") || lower.contains("cams.example"),
            "{text}"
        );
        assert!(!lower.contains(['/', '@', '#', ' ', '\\']), "{text}");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text.to_ascii_lowercase());
    }
    let _ = text.parse::<PasswordHash>();
    // A pattern without a star is the name itself.
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let found = Streams::named([first]).contain(rest);
    assert!(first.contains('*') || found == (first == rest), "{first:?} {rest:?}");
}

fn accounts() -> Accounts {
    let rights = Rights { view: Streams::all(), ..Rights::default() };
    let token = Token { digest: Digest::of(b"the secret of a token"), rights };
    Accounts {
        hosts: Hosts::new(["cams.example".to_owned()], ""),
        open: false,
        users: BTreeMap::new(),
        tokens: [("tv".to_owned(), token)].into(),
        link_key: Some(key()),
        session_for: Duration::from_secs(60),
    }
}
