//! What players send to a session: nothing of it is taken for another session, and what begins ICE anew is answered in due form.

use super::head::Head;
use crate::problem::answered;
use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, HttpDate};
use lenscap::http::picture::is_known;
use lenscap::http::problem::Problem;
use lenscap::http::whep::patch::{Condition, Step, decide};
use lenscap::http::whep::{FRAGMENT, SDP, is};
use lenscap_actors::peer::Follows;
use lenscap_actors::transport::{IceTimeouts, Identity, Secrets, Terms, Transport, answer};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The ICE session of the viewer, which is our user name fragment.
const SESSION: &str = "here";

/// Where we are.
const ADDRESS: ([u8; 4], u16) = ([192, 0, 2, 1], 8555);

/// Looks at a request.
pub fn look(head: &Head, request: &HttpRequest) {
    for expected in [SDP, FRAGMENT] {
        let sent = head.said("content-type").next().unwrap_or_default();
        match is(expected, request) {
            Ok(()) => assert!(sent.to_ascii_lowercase().starts_with(expected.as_bytes()), "{sent:?}"),
            Err(problem) => answered(&problem),
        }
    }
    // A picture that there is not any more is not taken for the present one.
    let (tag, taken) =
        (EntityTag::new_strong("1700000000000".to_owned()), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let asks = ["if-none-match", "if-modified-since"].iter().any(|name| head.said(name).next().is_some());
    assert!(!is_known(request, &tag, HttpDate::from(taken)) || asks);

    let mut tags = head.said("if-match").peekable();
    let is_missing = tags.peek().is_none();
    let names = |wanted: &[u8]| head.said("if-match").any(|line| line.windows(wanted.len()).any(|it| it == wanted));
    match decide(&Condition::of(request.headers()), SESSION, head.body) {
        Ok(Step::Nothing) => assert!(!is_missing && (names(b"\"here\"") || names(b"*"))),
        Ok(Step::Restart(follows)) => {
            match follows {
                Follows::Unnamed => assert!(is_missing),
                Follows::Any => assert!(names(b"*")),
                Follows::Only(session) => assert!(session == SESSION && names(b"\"here\"")),
            }
            begin_anew(head.body);
        }
        Err(problem) => answered(&problem),
    }
}

/// A viewer that has ICE begin anew by this.
fn begin_anew(fragment: &str) {
    static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Arc::new(Identity::generate().unwrap()));
    static TERMS: LazyLock<Terms> = LazyLock::new(|| {
        let secrets = Secrets {
            ufrag: SESSION.to_owned(),
            password: "a-password-of-22-chars".to_owned(),
            ssrcs: [1, 2],
            sequence: 1,
            timestamp: 1,
            tie_breaker: 1,
        };
        let offer = include_str!("../../../actors/tests/offers/chromium-max-bundle.sdp");
        answer(offer, &IDENTITY, &[ADDRESS.into()], secrets).unwrap().1
    });
    let now = Instant::now();
    let timeouts = IceTimeouts {
        disconnected: Duration::from_secs(5),
        failed: Duration::from_secs(15),
        keepalive: Duration::from_secs(2),
    };
    let mut transport = Transport::new(TERMS.clone(), IDENTITY.clone(), timeouts, now, Duration::from_secs(1));
    let is_present = transport.is_of_present_session(fragment);
    let here: SocketAddr = ADDRESS.into();
    match transport.restart(fragment, &[here], "anew".to_owned(), "another-password-of-ours".to_owned(), now) {
        Ok(answer) => {
            let is_anew = transport.credentials().0 == "anew";
            // A whole offer is a restart, too, if anybody sends one.
            if !fragment.trim_start().starts_with("v=") {
                assert_eq!(is_present, Ok(!is_anew));
            }
            let ours = if is_anew { "a=ice-ufrag:anew\r\n" } else { "a=ice-ufrag:here\r\n" };
            assert!(answer.contains(ours) && answer.contains("192.0.2.1 8555"), "{answer:?}");
            let lines = answer.strip_suffix("\r\n").map(|lines| lines.split("\r\n"));
            let is_line = |line: &str| line.len() > 2 && !line.contains(|letter: char| letter.is_ascii_control());
            assert!(lines.is_some_and(|mut lines| lines.all(is_line)), "{answer:?}");
        }
        Err(error) => {
            assert_eq!(transport.credentials().0, SESSION, "what cannot be had leaves all as it is");
            answered(&Problem::from(error));
        }
    }
}
