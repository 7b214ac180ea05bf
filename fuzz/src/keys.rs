//! What visitors show to be let in, and the names that they ask for.

use crate::Target;
use crate::ours::{NAME, is_ours};
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
const TOKEN: &str = "the secret of a token";

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
        TOKEN,
        "front\nback",
        "front*\nfront.2",
        "front.1800000000\nfront",
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    links(first, rest);
    // Only what was signed is believed, and that says what it did when it was.
    if let Some((stream, until)) = key().read(&text) {
        let signed = key().sign(stream, until);
        assert!(text.starts_with(stream), "{text}");
        assert_eq!(signed.rsplit('.').next(), text.rsplit('.').next(), "{text}");
    }
    let accounts = accounts();
    match accounts.of_token(&text) {
        Some(Visitor::Token { name, .. }) => assert_eq!((name.as_str(), &*text), ("tv", TOKEN)),
        Some(other) => panic!("{other:?}"),
        None => assert_ne!(text, TOKEN),
    }
    if accounts.hosts.know(&text) {
        is_ours(&text);
    }
    match text.parse::<Digest>() {
        Ok(digest) => assert_eq!(digest.to_string(), text.to_ascii_lowercase()),
        Err(error) => assert_eq!(Err(error), "".parse::<Digest>(), "what may be a secret is not repeated"),
    }
    match text.parse::<PasswordHash>() {
        Ok(hash) => assert_eq!(format!("{hash:?}"), "PasswordHash(…)"),
        Err(error) => assert_eq!(Err(error), "".parse::<PasswordHash>(), "what may be a secret is not repeated"),
    }
    match text.parse::<LinkKey>() {
        Ok(key) => assert_eq!(format!("{key:?}"), "LinkKey(…)"),
        Err(error) => assert_eq!(Err(error), "".parse::<LinkKey>(), "what may be a secret is not repeated"),
    }
    // A pattern without a star is the name itself.
    let found = Streams::named([first]).contain(rest);
    assert!(first.contains('*') || found == (first == rest), "{first:?} {rest:?}");
}

/// A link to one stream, whatever that is called, opens that one and nothing else, until its end; and no other stream, end or key
/// can be put into it.
fn links(stream: &str, other: &str) {
    let until = 1 + other.len() as u64;
    let link = key().sign(stream, until);
    assert_eq!(key().read(&link), Some((stream, until)));
    let another: LinkKey = KEY.replace('0', "1").parse().unwrap();
    assert_eq!(another.read(&link), None);
    let tag = link.rsplit('.').next().unwrap();
    for (stream_of_other, until_of_other) in [(other, until), (stream, until + 1), (stream, until - 1)] {
        let forged = format!("{stream_of_other}.{until_of_other}.{tag}");
        assert!(forged == link || key().read(&forged).is_none(), "{forged} is believed");
    }
    let mut accounts = accounts();
    let visitor = accounts.of_link(&link).unwrap();
    let rights = accounts.rights(&visitor, until - 1);
    assert!(rights.may_view(stream) && !rights.control && !rights.admin, "{rights:?}");
    assert!(stream.contains('*') || stream == other || !rights.may_view(other), "{rights:?}");
    assert_eq!(accounts.rights(&visitor, until), Rights::default(), "it has ended");
    accounts.link_key = Some(another);
    assert_eq!(accounts.rights(&visitor, until - 1), Rights::default(), "its key is another");
}

fn accounts() -> Accounts {
    let rights = Rights { view: Streams::all(), ..Rights::default() };
    let token = Token { digest: Digest::of(TOKEN.as_bytes()), rights };
    Accounts {
        hosts: Hosts::new([NAME.to_owned()], ""),
        open: false,
        users: BTreeMap::new(),
        tokens: [("tv".to_owned(), token)].into(),
        link_key: Some(key()),
        session_for: Duration::from_secs(60),
    }
}
