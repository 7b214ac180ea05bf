//! The address of a stream, as people have it at hand.

use crate::access::links::PARAMETER;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// A stream of a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    whep: Url,
    login: Option<Login>,
}

/// A name and a password. Not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// An address that names no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongTarget {
    /// It is no URL.
    #[error("this is no URL ({0}); expected http://HOST:PORT/view/STREAM")]
    NoUrl(#[from] url::ParseError),
    /// It is of a kind that is not spoken.
    #[error("{0}: is not spoken; expected http: or https:")]
    Scheme(String),
    /// It names a server alone, or another of its pages.
    #[error("no stream is named; expected http://HOST:PORT/view/STREAM")]
    NoStream,
}

impl Target {
    /// Where the stream can be watched by WHEP.
    pub fn whep(&self) -> &Url {
        &self.whep
    }

    /// Who watches it.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }
}

impl FromStr for Target {
    type Err = WrongTarget;

    /// Takes `http://HOST:PORT/whep/STREAM`, `http://HOST:PORT/view/STREAM` (both also beneath a
    /// prefix that a proxy adds) and `http://HOST:PORT/STREAM`, each also with `NAME:PASSWORD@` or with what a link carries.
    fn from_str(text: &str) -> Result<Self, WrongTarget> {
        let mut whep = Url::parse(text)?;
        if !matches!(whep.scheme(), "http" | "https") {
            return Err(WrongTarget::Scheme(whep.scheme().to_owned()));
        }
        let segments: Vec<&str> = whep.path().trim_matches('/').split('/').collect();
        let path = match &segments[..] {
            [prefix @ .., "whep" | "view", stream] => [prefix, &["whep", stream]].concat(),
            [stream] if !stream.is_empty() => vec!["whep", stream],
            _ => return Err(WrongTarget::NoStream),
        };
        whep.set_path(&path.join("/"));
        let link = whep.query_pairs().find(|(name, _)| name == PARAMETER).map(|(_, text)| text.into_owned());
        whep.set_query(None);
        if let Some(link) = link {
            whep.query_pairs_mut().append_pair(PARAMETER, &link);
        }
        whep.set_fragment(None);
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (name, password) = (decoded(whep.username()), decoded(whep.password().unwrap_or_default()));
        let login = (!name.is_empty()).then_some(Login { name, password });
        // Neither fails for an address with a host, which these always have.
        let _ = whep.set_username("");
        let _ = whep.set_password(None);
        Ok(Self { whep, login })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what else a URL can carry: neither a password nor a link has a place in a log.
        f.write_str(&self.whep[..url::Position::AfterPath])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_by_any_of_their_addresses() {
        for (given, whep) in [
            ("http://cam:8080/whep/front", "http://cam:8080/whep/front"),
            ("http://cam:8080/view/front", "http://cam:8080/whep/front"),
            ("http://cam:8080/view/front/?a=b#c", "http://cam:8080/whep/front"),
            ("http://cam:8080/front", "http://cam:8080/whep/front"),
            ("http://cam:8080/view", "http://cam:8080/whep/view"),
            ("http://[::1]/cameras/view/front%20door", "http://[::1]/cameras/whep/front%20door"),
            ("http://me:secret@cam/front", "http://cam/whep/front"),
            ("https://cam/view/front", "https://cam/whep/front"),
        ] {
            assert_eq!(given.parse::<Target>().unwrap().to_string(), whep, "{given}");
        }
    }

    #[test]
    fn what_an_address_carries_to_be_let_in_is_used_and_not_shown() {
        let target: Target = "http://me:a%3Ab%40@cam/view/front?a=b&link=front.1.x_-&c=d#e".parse().unwrap();
        assert_eq!(target.whep().as_str(), "http://cam/whep/front?link=front.1.x_-");
        assert_eq!(target.login(), Some(&Login { name: "me".into(), password: "a:b@".into() }));
        let shown = format!("{target} {:?}", target.login());
        assert_eq!(shown, "http://cam/whep/front Some(Login(…))");
        assert_eq!("http://cam/front".parse::<Target>().unwrap().login(), None);
    }

    #[test]
    fn what_names_no_stream_is_refused() {
        let parse = |text: &str| text.parse::<Target>().unwrap_err();
        assert!(matches!(parse("front"), WrongTarget::NoUrl(_)));
        assert!(matches!(parse(""), WrongTarget::NoUrl(_)));
        assert_eq!(parse("ftp://cam/view/front"), WrongTarget::Scheme("ftp".into()));
        assert_eq!(parse("localhost:8080/front"), WrongTarget::Scheme("localhost".into()));
        for none in ["http://cam:8080", "http://cam:8080/", "http://cam:8080/debug/events"] {
            assert_eq!(parse(none), WrongTarget::NoStream, "{none}");
        }
    }
}
