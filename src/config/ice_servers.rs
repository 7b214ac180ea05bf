//! `[webrtc] ice_servers`: STUN and TURN servers that WHEP players are told of. Our own pages need none.

use super::reader::{Checked, Reader};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use toml::Spanned;

/// Players ask all of them, so more only make them slow.
const SERVERS_MAX: usize = 16;

/// Longer names and passwords than this are mistakes, in bytes.
const LOGIN_BYTES_MAX: usize = 512;

/// A server that helps viewers to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// Where it is (RFC 7064, RFC 7065).
    pub url: String,
    /// What a TURN server wants to know.
    pub login: Option<Login>,
}

/// A name and a password. They cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub username: String,
    /// The password.
    pub credential: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// As it is written: a URL, or a table like the `RTCIceServer` of browsers.
pub(super) enum Written {
    Url(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    urls: Urls,
    username: Option<Spanned<String>>,
    credential: Option<Spanned<String>>,
}

/// One, or a list.
struct Urls(Vec<String>);

/// There may be a password in it.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(…)")
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL, or a table with urls, username and credential")
    }

    fn visit_str<E>(self, url: &str) -> Result<Written, E> {
        Ok(Written::Url(url.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(Written::Table)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct UrlsVisitor;

impl<'de> Visitor<'de> for UrlsVisitor {
    type Value = Urls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL or a list of URLs")
    }

    fn visit_str<E>(self, url: &str) -> Result<Urls, E> {
        Ok(Urls(vec![url.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, urls: A) -> Result<Urls, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(urls)).map(Urls)
    }
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlsVisitor)
    }
}

impl Reader<'_> {
    /// One for each URL.
    pub(super) fn ice_servers(&self, entries: &[Spanned<Written>]) -> Checked<Vec<IceServer>> {
        let mut servers = vec![];
        for entry in entries {
            servers.extend(self.at(entry, servers_of(entry.get_ref()))?);
        }
        match entries.first().filter(|_| servers.len() > SERVERS_MAX) {
            Some(first) => self.at(first, Err(format!("{} URLs: expected {SERVERS_MAX} or fewer", servers.len()))),
            None => Ok(servers),
        }
    }
}

fn servers_of(entry: &Written) -> Result<Vec<IceServer>, String> {
    let (urls, username, credential) = match entry {
        Written::Url(url) => (std::slice::from_ref(url), None, None),
        Written::Table(table) => (&table.urls.0[..], table.username.as_ref(), table.credential.as_ref()),
    };
    let login = match (username, credential) {
        (None, None) => None,
        (Some(username), Some(credential)) => {
            let login = Login { username: username.get_ref().clone(), credential: credential.get_ref().clone() };
            let fits = |text: &str| {
                (1..=LOGIN_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            };
            if !fits(&login.username) || !fits(&login.credential) {
                return Err(format!("username and credential are 1 to {LOGIN_BYTES_MAX} characters of ASCII"));
            }
            Some(login)
        }
        _ => return Err("username and credential go together: one of them is missing".to_owned()),
    };
    if urls.is_empty() {
        return Err("has no URL".to_owned());
    }
    urls.iter().map(|url| server(url, &login)).collect()
}

fn server(url: &str, login: &Option<Login>) -> Result<IceServer, String> {
    // Some write the login here.
    let shown = url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, place)| format!("***@{place}"));
    match (kind(url), login) {
        (None, _) => Err(format!(
            "{shown:?} is no STUN or TURN server: expected one like \"stun:stun.example:3478\" or \
             \"turn:turn.example?transport=udp\""
        )),
        (Some(Kind::Stun), Some(_)) => {
            Err(format!("username and credential have no effect on {shown:?}: a STUN server asks nobody who it is"))
        }
        (Some(Kind::Turn), None) => Err(format!(
            "{shown:?} is a TURN server, which needs a login: expected a table with urls, username and credential"
        )),
        (Some(_), login) => Ok(IceServer { url: url.to_owned(), login: login.clone() }),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Stun,
    Turn,
}

/// What a URL names; none if it is none (RFC 7064, section 3.1; RFC 7065, section 3.1).
fn kind(url: &str) -> Option<Kind> {
    let (scheme, rest) = url.split_once(':')?;
    let kind = match scheme {
        "stun" | "stuns" => Kind::Stun,
        "turn" | "turns" => Kind::Turn,
        _ => return None,
    };
    let place = match (kind, rest.split_once('?')) {
        (Kind::Turn, Some((place, "transport=udp" | "transport=tcp"))) => place,
        (_, None) => rest,
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let host = url::Url::parse(&format!("http://{place}")).ok().filter(|url| url.port() != Some(0));
    (place.chars().all(plain) && host.is_some()).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn read(value: &str) -> Result<Vec<IceServer>, String> {
        let text = format!("[webrtc]\nice_servers = {value}");
        Config::parse("x.toml", &text).map(|config| config.ice_servers).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_urls_or_tables() {
        assert_eq!(read("[]"), Ok(vec![]));
        let servers = read(
            "[\"stun:stun.example\", { urls = [\"turn:turn.example:3478?transport=udp\", \"turns:[2001:db8::1]\"], \
             username = \"me\", credential = \"hush hush\" }, { urls = \"stuns:192.0.2.1:5349\" }]",
        )
        .unwrap();
        let login = Login { username: "me".to_owned(), credential: "hush hush".to_owned() };
        let shown: Vec<(&str, bool)> =
            servers.iter().map(|server| (server.url.as_str(), server.login.as_ref() == Some(&login))).collect();
        let expected = [
            ("stun:stun.example", false),
            ("turn:turn.example:3478?transport=udp", true),
            ("turns:[2001:db8::1]", true),
            ("stuns:192.0.2.1:5349", false),
        ];
        assert_eq!(shown, expected);
        assert!(!format!("{servers:?}").contains("hush"));
    }

    #[test]
    fn mistakes_are_named_without_the_password() {
        let login = "username = \"me\", credential = \"hush\"";
        for (value, expected) in [
            ("[\"stun.example\"]", "expected one like"),
            ("[\"http://stun.example\"]", "expected one like"),
            ("[\"stun:\"]", "expected one like"),
            ("[\"stun://stun.example\"]", "expected one like"),
            ("[\"stun:stun.example:0\"]", "expected one like"),
            ("[\"stun:stun.example:99999\"]", "expected one like"),
            ("[\"stun:stun.example?transport=udp\"]", "expected one like"),
            ("[\"stun:a.example>; rel=next\"]", "expected one like"),
            ("[\"turn:turn.example\"]", "needs a login"),
            (&format!("[{{ urls = \"turn:me:hush@turn.example\", {login} }}]"), "expected one like"),
            (&format!("[{{ urls = \"turn:turn.example?transport=sctp\", {login} }}]"), "expected one like"),
            (&format!("[{{ urls = \"stun:stun.example\", {login} }}]"), "have no effect"),
            (&format!("[{{ urls = [], {login} }}]"), "has no URL"),
            ("[{ urls = \"turn:turn.example\", credential = \"hush\" }]", "go together"),
            ("[{ urls = \"turn:turn.example\", username = \"me\", credential = \"hu\\nsh\" }]", "of ASCII"),
            ("[{ username = \"me\" }]", "missing field `urls`"),
            ("[{ url = \"stun:stun.example\" }]", "unknown field `url`"),
            ("[7]", "expected a URL, or a table"),
            ("[{ urls = 7 }]", "expected a URL or a list"),
            ("\"stun:stun.example\"", "expected a sequence"),
            (&format!("[{}]", vec!["\"stun:a\""; 17].join(", ")), "expected 16 or fewer"),
        ] {
            let error = read(value).unwrap_err();
            assert!(error.starts_with("x.toml:2: webrtc.ice_servers: "), "{value} gives {error}");
            assert!(error.contains(expected) && !error.contains("hush"), "{value} gives {error}");
            let over_lines = value.replacen('[', "[\n  # of a = b\n  ", 1);
            for (text, key) in [
                (format!("[webrtc]\nice_servers = {over_lines}"), "webrtc.ice_servers"),
                (format!("webrtc.ice_servers = {over_lines}"), "webrtc.ice_servers"),
                (format!("\"webrtc\" . ice_servers = {over_lines}"), "webrtc.ice_servers"),
                (format!("webrtc = {{ ice_servers = {value} }}"), "webrtc"),
                (format!("webrtc = {{ ice_servers = {over_lines} }}"), "webrtc"),
            ] {
                let error = Config::parse("x.toml", &text).unwrap_err();
                assert_eq!(error.key, key, "{text} gives {error}");
                assert!(error.message.contains(expected) && !error.message.contains("hush"), "{text} gives {error}");
            }
        }
    }

    #[test]
    fn a_password_that_stands_where_something_else_is_expected_is_not_repeated() {
        for value in [
            "[{ urls = \"turn:a.example\", username = \"me\", credential = [\"hush\"] }]",
            "[\n  { urls = \"turn:a.example\",\n username = \"me\", credential = [\n \"hush\"\n ] }]",
            "[\n  {\n \"hush\" }]",
            "[\n  \"turn:a.example\" \"hush\"]",
            "\"hush\"",
        ] {
            for text in [format!("[webrtc]\nice_servers = {value}"), format!("webrtc = {{ ice_servers = {value} }}")] {
                let error = Config::parse("x.toml", &text).unwrap_err().to_string();
                assert!(error.contains(": webrtc") && !error.contains("hush"), "{text} gives {error}");
            }
        }
    }
}
