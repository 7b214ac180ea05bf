//! Who asks, from where, and by which name of ours: nothing that is said makes anybody more than is documented.

use super::head::Head;
use crate::ours::{NAME, is_ours};
use crate::problem::answered;
use actix_web::HttpRequest;
use lenscap::access::Credentials;
use lenscap::access::hosts::Hosts;
use lenscap::access::policy::Place;
use lenscap::http::authorize::{comes_from_another_site, credentials, source};
use lenscap::http::client::{Connected, Way, came_by_https};
use lenscap::http::problem::Problem;

/// An origin that is configured.
pub const ALLOWED: &str = "https://house.example";

/// Looks at a request.
pub fn look(head: &Head, request: &HttpRequest) {
    place(head, request);
    by_name(head, request);
    shown(head, request);
}

fn place(head: &Head, request: &HttpRequest) {
    let way = Way::of(request);
    assert_eq!(way.connected, head.peer.map_or(Connected::Unknown, |peer| Connected::From(peer.to_canonical())));
    let ended = way.end(&head.trusted);
    for connected in [way.connected, Connected::ByFile, Connected::Unknown] {
        let way = Way { connected, ..way.clone() };
        let (address, place) = way.end(&head.trusted);
        let believed = match connected {
            Connected::From(at) => head.trusted.contains(&at),
            Connected::ByFile => true,
            Connected::Unknown => false,
        };
        assert!(place != Place::Here || address.is_loopback(), "{way:?} is not here");
        if !believed {
            // Only the connection itself tells, and that nobody passes it on.
            let is_here = matches!(connected, Connected::From(at) if at.is_loopback()) && !way.is_passed_on;
            assert_eq!(place == Place::Here, is_here, "{way:?}");
            continue;
        }
        // Who is believed asks for others only, and says for whom in one header.
        assert!(place == Place::UnknownProxy || !way.forwarded_for.is_empty(), "{way:?}");
        let otherwise = Way { is_passed_on: !way.is_passed_on, ..way.clone() };
        assert_eq!(otherwise.end(&head.trusted), (address, place), "{way:?}");
        // What stands to the left of the first stranger is the stranger's own word.
        if place != Place::UnknownProxy && !head.trusted.contains(&address) {
            let first: [&[u8]; 2] = [b"127.0.0.1, ::1", b"\xff"];
            let forwarded_for = first.into_iter().chain(way.forwarded_for.iter().copied()).collect();
            assert_eq!(Way { forwarded_for, ..way }.end(&head.trusted), (address, place));
        }
    }
    let is_believed = head.peer.is_some_and(|peer| head.trusted.contains(&peer.to_canonical()));
    let is_said = head.said("x-forwarded-proto").next().is_some();
    assert!(!came_by_https(request, &head.trusted) || is_believed && is_said, "{ended:?} does not come by HTTPS");
}

fn by_name(head: &Head, request: &HttpRequest) {
    let (hosts, allowed) = (Hosts::new([NAME.to_owned()], ""), [ALLOWED.to_owned()]);
    let source = source(request);
    match source.check(&hosts, &allowed) {
        Ok(()) => {
            let host = source.host.unwrap();
            is_ours(host);
            if source.is_socket || !matches!(source.method.as_str(), "GET" | "HEAD") {
                let own = ["http://", "https://"].map(|scheme| format!("{scheme}{host}"));
                let from = source.origin.map(str::to_ascii_lowercase);
                let is_own = |from: &String| *from == ALLOWED || own.iter().any(|own| own.eq_ignore_ascii_case(from));
                assert!(from.as_ref().is_none_or(is_own), "{source:?}");
            }
        }
        Err(refusal) => answered(&Problem::from(refusal)),
    }
    let other_site = head.said("sec-fetch-site").any(|site| site.ends_with(b"-site"));
    assert!(!comes_from_another_site(request) || other_site && request.method() == "GET");
}

/// What is shown to be known by stands in the one place that comes first, as it was sent.
fn shown(head: &Head, request: &HttpRequest) {
    let authorization = head.said("authorization").next();
    let of_header = |shown: bool| assert_eq!(authorization.is_some(), shown, "of {authorization:?}");
    match credentials(request) {
        Credentials::None => of_header(false),
        Credentials::Cookie(secret) => {
            of_header(false);
            assert!(!secret.contains(';'), "{secret:?}");
            let pair = format!("lenscap={secret}");
            let is_in = |line: &[u8]| String::from_utf8_lossy(line).split(';').any(|piece| piece.trim() == pair);
            assert!(head.said("cookie").any(is_in), "{secret:?} is no cookie of ours");
        }
        Credentials::Link(_) => {
            of_header(false);
            assert!(!request.query_string().is_empty());
        }
        Credentials::Bearer(secret) => {
            of_header(true);
            let sent = String::from_utf8_lossy(authorization.unwrap());
            assert!(sent.ends_with(&secret) && sent[..6].eq_ignore_ascii_case("bearer"), "{sent:?}: {secret:?}");
        }
        Credentials::Basic(name, _) => {
            of_header(true);
            assert!(!name.contains(':'), "{name:?}");
        }
        Credentials::Unreadable => of_header(true),
    }
}
