//! Whether a request may go on. Pure: what it says of itself in, the decision out.

use super::accounts::{Accounts, Visitor};
use super::hosts::Hosts;
use super::rights::{Right, Rights};
use actix_web::http::Method;
use std::time::Duration;

/// Why a request may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It names no host.
    #[error("the request names no host")]
    NoHost,
    /// It is for somebody else, or a page of a foreign name has that name point here.
    #[error("this server is not known as {0:?}: if it is to be, add the name to `access.hosts` of its configuration")]
    UnknownHost(String),
    /// A page of somebody else sends it.
    #[error("pages of {0} may not connect; `server.allowed_origins` can let them")]
    ForeignOrigin(String),
    /// It comes from elsewhere, and only this machine is trusted.
    #[error(
        "only the machine that the server runs on may connect, as localhost: nobody has an account in [access] of its \
         configuration"
    )]
    OnlyHere,
    /// A proxy passes it on for somebody of whom it says nothing that could be believed.
    #[error(
        "a proxy passes this on, and for whom cannot be believed: name it in `server.trusted_proxies`, have it send \
         X-Forwarded-For, and say in [access] who may come"
    )]
    UnknownProxy,
    /// Nobody has said who asks.
    #[error("who are you? Log in at /login, or send a token")]
    Unidentified,
    /// Whoever it is has not proved it.
    #[error("the name, the password or the token is not right")]
    WrongCredentials,
    /// It was a link, and its time is over.
    #[error("this link has expired")]
    LinkExpired,
    /// There were too many tries from there.
    #[error("too many tries: the next one can be made in {} s", .0.as_secs() + 1)]
    TooManyTries(Duration),
    /// Others are waiting to have their passwords looked at, too.
    #[error("too many log in just now")]
    Busy,
    /// It is known who asks, and that is not enough.
    #[error("this needs the right to {0}, which you do not have")]
    Lacking(String),
}

impl Refusal {
    /// For want of a right.
    pub fn lacking(right: Right) -> Self {
        Self::Lacking(right.to_string())
    }

    /// For want of the right to watch this stream.
    pub fn lacking_view(stream: &str) -> Self {
        Self::Lacking(format!("{} {stream:?}", Right::View))
    }
}

/// What a request says of where it was made.
#[derive(Clone, Copy, Debug)]
pub struct PageOrigin<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Whether it opens a WebSocket, which the same-origin policy does not cover (RFC 6455, section 10.2).
    pub is_socket: bool,
    /// The name it was sent to.
    pub host: Option<&'a str>,
    /// The origin of the page that sends it (RFC 6454), which browsers name wherever it matters.
    pub origin: Option<&'a str>,
    /// How that page stands to us, as browsers say it (Fetch Metadata).
    pub fetch_site: Option<&'a str>,
    /// Whether it is known to have come by HTTPS. A proxy that does not say so may have ended it.
    pub is_https: bool,
}

impl PageOrigin<'_> {
    /// Whether the page that sends it is ours: of the host that the request is for, and of HTTPS where that is spoken. Whoever is on the
    /// path writes the pages of plain HTTP, also of our name.
    fn is_own(&self) -> bool {
        let authority = match self.origin.and_then(|origin| origin.split_once("://")) {
            Some(("https", authority)) => Some(authority),
            Some(("http", authority)) if !self.is_https => Some(authority),
            _ => None,
        };
        matches!((authority, self.host), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
    }

    /// Whether a page sends it that is neither ours nor of one of these origins.
    pub fn is_foreign(&self, allowed_origins: &[String]) -> bool {
        match self.origin {
            Some(origin) => !self.is_own() && !allowed_origins.iter().any(|it| it.eq_ignore_ascii_case(origin)),
            // Not a page of ours, and it says of which only to the browser.
            None => matches!(self.fetch_site, Some("cross-site" | "same-site")),
        }
    }

    /// Whether it was sent to us, and by whom it may be.
    ///
    /// # Errors
    ///
    /// If it was not.
    pub fn check(&self, hosts: &Hosts, allowed_origins: &[String]) -> Result<(), Refusal> {
        let host = self.host.ok_or(Refusal::NoHost)?;
        if !hosts.know(host) {
            return Err(Refusal::UnknownHost(host.chars().take(100).collect()));
        }
        if !self.is_socket && matches!(*self.method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        match self.is_foreign(allowed_origins) {
            true => Err(Refusal::ForeignOrigin(self.origin.unwrap_or("another site").chars().take(100).collect())),
            false => Ok(()),
        }
    }
}

/// From where a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// From this machine.
    Here,
    /// From another.
    Elsewhere,
    /// Through a proxy that nobody has named.
    UnknownProxy,
}

/// Whether a visitor of these rights may have what needs this one.
///
/// # Errors
///
/// If not.
pub fn may(right: Right, rights: &Rights, visitor: &Visitor, accounts: &Accounts, from: Place) -> Result<(), Refusal> {
    match (visitor, from) {
        _ if rights.include(right) => Ok(()),
        (Visitor::User { .. } | Visitor::Token { .. } | Visitor::Link { .. }, _) => Err(Refusal::lacking(right)),
        (Visitor::Local | Visitor::Anybody, _) if accounts.is_any() => Err(Refusal::Unidentified),
        (_, Place::UnknownProxy) => Err(Refusal::UnknownProxy),
        (_, Place::Here | Place::Elsewhere) if accounts.open => Err(Refusal::lacking(right)),
        (_, Place::Here | Place::Elsewhere) => Err(Refusal::OnlyHere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::accounts::Token;
    use crate::access::digest::Digest;
    use crate::access::rights::Streams;

    fn accounts(open: bool, any: bool) -> Accounts {
        let rights = Rights { view: Streams::all(), control: false, admin: false };
        let token = Token { digest: Digest::of(b"secret"), rights };
        let tokens = any.then(|| ("tv".to_owned(), token)).into_iter().collect();
        let (users, session_for) = (Default::default(), Duration::from_secs(60));
        Accounts { hosts: Hosts::default(), open, users, tokens, link_key: None, session_for }
    }

    #[test]
    fn only_requests_to_us_from_our_own_pages_and_configured_ones_and_from_programs_go_on() {
        let hosts = Hosts::new(["cam".to_owned()], "");
        let configured = ["https://house.example".to_owned()];
        let unknown = |host: &str| Err(Refusal::UnknownHost(host.to_owned()));
        let foreign = |origin: &str| Err(Refusal::ForeignOrigin(origin.to_owned()));
        let (get, post) = (Method::GET, Method::POST);
        for (method, is_socket, host, origin, fetch_site, expected) in [
            (&get, false, Some("cam:8080"), None, None, Ok(())),
            (&get, false, None, None, None, Err(Refusal::NoHost)),
            (&get, false, Some("evil.example"), None, None, unknown("evil.example")),
            (&get, true, Some("evil.example"), Some("http://evil.example"), None, unknown("evil.example")),
            (&post, false, Some("evil.example"), Some("http://evil.example"), None, unknown("evil.example")),
            (&get, false, Some("cam"), Some("http://evil.example"), Some("cross-site"), Ok(())),
            (&get, true, Some("cam"), Some("http://evil.example"), None, foreign("http://evil.example")),
            (&post, false, Some("cam"), Some("http://evil.example"), None, foreign("http://evil.example")),
            (&post, false, Some("cam:8080"), Some("http://cam:8080"), None, Ok(())),
            (&post, false, Some("cam:8080"), Some("https://CAM:8080"), None, Ok(())),
            (&post, false, Some("cam:8080"), Some("http://cam"), None, foreign("http://cam")),
            (&post, false, Some("cam"), Some("http://cam.evil.example"), None, foreign("http://cam.evil.example")),
            (&post, false, Some("cam"), Some("https://house.example"), Some("cross-site"), Ok(())),
            (&post, false, Some("cam"), Some("http://house.example"), None, foreign("http://house.example")),
            (&post, false, Some("cam"), Some("null"), None, foreign("null")),
            (&post, false, Some("cam"), None, None, Ok(())),
            (&post, false, Some("cam"), None, Some("same-origin"), Ok(())),
            (&post, false, Some("cam"), None, Some("cross-site"), foreign("another site")),
            (&post, false, Some("cam"), None, Some("same-site"), foreign("another site")),
            (&get, true, Some("cam"), None, Some("cross-site"), foreign("another site")),
        ] {
            let source = PageOrigin { method, is_socket, host, origin, fetch_site, is_https: false };
            assert_eq!(source.check(&hosts, &configured), expected, "{source:?}");
        }
        for (is_socket, origin, expected) in [
            (false, "https://cam:8080", Ok(())),
            (true, "https://cam:8080", Ok(())),
            (false, "http://cam:8080", foreign("http://cam:8080")),
            (true, "http://cam:8080", foreign("http://cam:8080")),
            (true, "https://house.example", Ok(())),
            (true, "ftp://cam:8080", foreign("ftp://cam:8080")),
        ] {
            let (host, origin) = (Some("cam:8080"), Some(origin));
            let source = PageOrigin { method: &post, is_socket, host, origin, fetch_site: None, is_https: true };
            assert_eq!(source.check(&hosts, &configured), expected, "{source:?}");
        }
    }

    #[test]
    fn who_may_not_is_told_what_to_do_about_it() {
        let token = || Visitor::Token { name: "tv".into(), proof: Digest::of(b"secret") };
        for (right, visitor, open, any, from, expected) in [
            (Right::Admin, Visitor::Local, false, false, Place::Here, Ok(())),
            (Right::View, Visitor::Anybody, false, false, Place::Elsewhere, Err(Refusal::OnlyHere)),
            (Right::View, Visitor::Anybody, false, false, Place::UnknownProxy, Err(Refusal::UnknownProxy)),
            (Right::View, Visitor::Anybody, false, true, Place::UnknownProxy, Err(Refusal::Unidentified)),
            (Right::View, Visitor::Local, false, true, Place::Here, Err(Refusal::Unidentified)),
            (Right::View, Visitor::Anybody, true, false, Place::Elsewhere, Ok(())),
            (Right::Control, Visitor::Anybody, true, false, Place::Elsewhere, Ok(())),
            (Right::Admin, Visitor::Anybody, true, false, Place::Elsewhere, Err(Refusal::lacking(Right::Admin))),
            (Right::Admin, Visitor::Local, true, false, Place::Here, Ok(())),
            (Right::Admin, Visitor::Anybody, true, true, Place::Elsewhere, Err(Refusal::Unidentified)),
            (Right::View, token(), false, true, Place::Elsewhere, Ok(())),
            (Right::Control, token(), false, true, Place::Elsewhere, Err(Refusal::lacking(Right::Control))),
            (Right::Admin, token(), false, true, Place::Here, Err(Refusal::lacking(Right::Admin))),
        ] {
            let accounts = accounts(open, any);
            let rights = accounts.rights(&visitor, 0);
            let allowed = may(right, &rights, &visitor, &accounts, from);
            assert_eq!(allowed, expected, "{right:?} {visitor:?}, open {open}, accounts {any}, {from:?}");
        }
    }
}
