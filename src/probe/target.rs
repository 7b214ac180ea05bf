//! The address of a stream, as people have it at hand.

use std::fmt;
use std::str::FromStr;
use url::Url;

/// A stream of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    whep: Url,
}

/// An address that names no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongTarget {
    /// It is no URL.
    #[error("this is no URL ({0}); expected http://HOST:PORT/view/STREAM")]
    NoUrl(#[from] url::ParseError),
    /// It is of a kind that is not spoken.
    #[error("{0}: is not spoken; expected http: (behind a proxy with HTTPS, probe the server itself)")]
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
}

impl FromStr for Target {
    type Err = WrongTarget;

    /// Takes `http://HOST:PORT/whep/STREAM`, `http://HOST:PORT/view/STREAM` (both also beneath a
    /// prefix that a proxy adds) and `http://HOST:PORT/STREAM`.
    fn from_str(text: &str) -> Result<Self, WrongTarget> {
        let mut whep = Url::parse(text)?;
        if whep.scheme() != "http" {
            return Err(WrongTarget::Scheme(whep.scheme().to_owned()));
        }
        let segments: Vec<&str> = whep.path().trim_matches('/').split('/').collect();
        let path = match &segments[..] {
            [prefix @ .., "whep" | "view", stream] => [prefix, &["whep", stream]].concat(),
            [stream] if !stream.is_empty() => vec!["whep", stream],
            _ => return Err(WrongTarget::NoStream),
        };
        whep.set_path(&path.join("/"));
        whep.set_query(None);
        whep.set_fragment(None);
        Ok(Self { whep })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what else a URL can carry: a password has no place in a log.
        f.write_str(&self.whep[..url::Position::BeforeUsername])?;
        f.write_str(&self.whep[url::Position::BeforeHost..])
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
        ] {
            assert_eq!(given.parse::<Target>().unwrap().to_string(), whep, "{given}");
        }
    }

    #[test]
    fn what_names_no_stream_is_refused() {
        let parse = |text: &str| text.parse::<Target>().unwrap_err();
        assert!(matches!(parse("front"), WrongTarget::NoUrl(_)));
        assert!(matches!(parse(""), WrongTarget::NoUrl(_)));
        assert_eq!(parse("https://cam/view/front"), WrongTarget::Scheme("https".into()));
        assert_eq!(parse("localhost:8080/front"), WrongTarget::Scheme("localhost".into()));
        for none in ["http://cam:8080", "http://cam:8080/", "http://cam:8080/debug/events"] {
            assert_eq!(parse(none), WrongTarget::NoStream, "{none}");
        }
    }
}
