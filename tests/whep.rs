//! WHEP by its draft (draft-ietf-wish-whep), row by row as docs/reference/http.md has it.

use crate::support::raw::{ANY, FRAGMENT, Reply, SDP, ask};
use crate::support::*;

const CAMERAS: &str = "[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n";

/// A program that may watch, by the secret "player".
const TOKEN: &str = "[[access.token]]\nname = \"player\"\nhash = \"sha256:cdb59355f3ba293977fc0945fb85f11822d412c45c7520c7121bd2234f6c1f48\"\n";
const BEARER: &str = "Bearer player";

const HOUSE: (&str, &str) = ("Origin", "https://house.example");

const CANDIDATES: &str = "a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n";

fn watch(server: &Server) -> Reply {
    let reply = ask(server, "POST", "/whep/cam", &[SDP], OFFER);
    assert_eq!(reply.status, 201, "{reply:?}");
    reply
}

fn patch(server: &Server, session: &str, if_match: &str, fragment: &str) -> Reply {
    ask(server, "PATCH", session, &[FRAGMENT, ("If-Match", if_match)], fragment)
}

/// A fragment with credentials of this name.
fn restart(name: &str) -> String {
    format!("a=ice-ufrag:{name}\r\na=ice-pwd:a-password-of-22-chars\r\na=ice-options:trickle\r\n{CANDIDATES}")
}

fn value<'a>(sdp: &'a str, key: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {sdp}"))
}

#[actix::test]
async fn get_on_an_endpoint_or_a_session_has_no_content() {
    let server = Server::start(CAMERAS, "");
    let session = watch(&server).location().to_owned();
    for path in ["/whep/cam", &session] {
        let reply = ask(&server, "GET", path, &[], "");
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
    }
    for path in ["/whep/nothing", "/whep/cam/0123"] {
        let reply = ask(&server, "GET", path, &[], "");
        assert_eq!((reply.status, reply.code().as_str()), (404, "unknown_stream"), "{path}");
    }
}

#[actix::test]
async fn head_says_by_its_type_that_this_is_whep() {
    let server = Server::start(CAMERAS, "");
    let session = watch(&server).location().to_owned();
    for path in ["/whep/cam", &session] {
        let reply = ask(&server, "HEAD", path, &[], "");
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/sdp")), "{path}");
        assert_eq!(reply.body, "");
    }
    assert_eq!(ask(&server, "HEAD", "/whep/nothing", &[], "").status, 404);
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), 1, "who asks is no viewer");
}

#[actix::test]
async fn an_offer_is_answered_with_a_session_that_nobody_can_guess() {
    let server = Server::start(CAMERAS, "");
    let (first, second) = (watch(&server), watch(&server));
    assert_eq!(first.header("content-type"), Some("application/sdp"));
    assert!(first.body.starts_with("v=0\r\n"), "{}", first.body);
    let token = first.location().strip_prefix("/whep/cam/").unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "128 bits: {token}");
    assert_ne!(first.location(), second.location());
    assert!(first.etag().starts_with('"') && first.etag().len() > 16, "strong: {}", first.etag());
    assert_ne!(first.etag(), second.etag());
    assert_eq!(ask(&server, "POST", "/whep/nothing", &[SDP], OFFER).code(), "unknown_stream");
    assert_eq!(ask(&server, "POST", "/whep/cam", &[SDP], "v=0").code(), "bad_message");
}

#[actix::test]
async fn another_content_type_is_refused() {
    let server = Server::start(CAMERAS, "");
    let session = watch(&server).location().to_owned();
    for (method, path, kind, expected) in [
        ("POST", "/whep/cam", Some("text/plain"), 415),
        ("POST", "/whep/cam", Some("application/sdpx"), 415),
        ("POST", "/whep/cam", None, 415),
        ("POST", "/whep/cam", Some("Application/SDP; charset=utf-8"), 400),
        ("PATCH", &session, Some("application/sdp"), 415),
        ("PATCH", &session, Some("application/json"), 415),
        ("PATCH", &session, None, 415),
        ("PATCH", &session, Some("application/Trickle-ICE-sdpfrag"), 400),
    ] {
        let kind = kind.map(|kind| ("Content-Type", kind));
        let headers: Vec<_> = kind.into_iter().chain([ANY]).collect();
        let reply = ask(&server, method, path, &headers, "no sdp");
        assert_eq!((reply.status, reply.code().as_str()), (expected, "bad_message"), "{method} {kind:?}");
    }
}

#[actix::test]
async fn the_answer_only_sends() {
    let server = Server::start(CAMERAS, "");
    for direction in ["recvonly", "sendrecv"] {
        let reply = ask(&server, "POST", "/whep/cam", &[SDP], &OFFER.replace("a=recvonly", &format!("a={direction}")));
        assert_eq!(reply.status, 201);
        assert!(reply.body.contains("a=sendonly") && !reply.body.contains("a=sendrecv"), "{direction}: {}", reply.body);
    }
}

#[actix::test]
async fn delete_is_answered_after_the_release_whatever_its_if_match_says() {
    let server = Server::start(CAMERAS, "");
    let session = watch(&server).location().to_owned();
    let reply = ask(&server, "DELETE", &session, &[("If-Match", "\"another\"")], "");
    assert_eq!(reply.status, 200);
    assert!(reply.header("server-timing").unwrap().starts_with("release;dur="));
    assert_eq!(server.debug().await["releases"][0]["cause"], "whep_delete");
    assert_eq!(patch(&server, &session, "*", CANDIDATES).status, 404);
    assert_eq!(ask(&server, "DELETE", &session, &[], "").status, 200, "it is gone, as was asked");
}

#[actix::test]
async fn options_says_what_can_be_posted_to_programs_too() {
    let server = Server::start(CAMERAS, "");
    let reply = ask(&server, "OPTIONS", "/whep/cam", &[], "");
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    assert_eq!(reply.header("accept-post"), Some("application/sdp"));
    assert!(reply.list("access-control-allow-methods").contains("PATCH"), "{reply:?}");
    let session = watch(&server).location().to_owned();
    let reply = ask(&server, "OPTIONS", &session, &[], "");
    assert_eq!((reply.status, reply.header("accept-patch")), (204, Some("application/trickle-ice-sdpfrag")));
    assert_eq!(ask(&server, "OPTIONS", "/whep/nothing", &[], "").status, 404);
}

#[actix::test]
async fn a_patch_names_the_ice_session_that_it_is_for() {
    let server = Server::start(CAMERAS, "");
    let reply = watch(&server);
    let (session, etag) = (reply.location(), reply.etag());
    for fragment in [CANDIDATES.to_owned(), restart("anew")] {
        let missing = ask(&server, "PATCH", session, &[FRAGMENT], &fragment);
        assert_eq!((missing.status, missing.code().as_str()), (428, "bad_message"));
        for wrong in ["\"another\"", &format!("W/{etag}"), etag.trim_matches('"')] {
            let reply = patch(&server, session, wrong, &fragment);
            assert_eq!((reply.status, reply.code().as_str()), (412, "other_session"), "{wrong}");
        }
    }
    for right in [etag, "*", &format!("\"another\", {etag}")] {
        assert_eq!(patch(&server, session, right, CANDIDATES).status, 204, "{right}");
    }
    // By its credentials a fragment can say it itself.
    let own = format!(
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n{CANDIDATES}",
        value(OFFER, "a=ice-ufrag:"),
        value(OFFER, "a=ice-pwd:")
    );
    assert_eq!(ask(&server, "PATCH", session, &[FRAGMENT], &own).status, 204);
}

#[actix::test]
async fn candidates_are_taken_without_a_word_even_those_that_cannot_be_used() {
    let server = Server::start(CAMERAS, "");
    let reply = watch(&server);
    for fragment in [
        CANDIDATES,
        "a=candidate:rubbish\r\n",
        "a=candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active\r\n",
        "a=candidate:1 1 udp 2130706431 not.to.be.found.local 9 typ host\r\n",
        "a=end-of-candidates\r\n",
    ] {
        let taken = patch(&server, reply.location(), reply.etag(), fragment);
        assert_eq!((taken.status, taken.body.as_str()), (204, ""), "{fragment}");
        assert!(taken.header("etag").is_none() && taken.header("content-type").is_none(), "{taken:?}");
    }
    let malformed = patch(&server, reply.location(), "*", "{\"candidate\":\"\"}");
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "bad_message"));
}

#[actix::test]
async fn a_restart_has_new_credentials_and_a_new_etag() {
    let server = Server::start(CAMERAS, "");
    let first = watch(&server);
    let second = patch(&server, first.location(), "*", &restart("anew"));
    assert_eq!((second.status, second.header("content-type")), (200, Some("application/trickle-ice-sdpfrag")));
    for key in ["a=ice-ufrag:", "a=ice-pwd:"] {
        assert_ne!(value(&first.body, key), value(&second.body, key));
    }
    assert_eq!(value(&second.body, "a=ice-options:"), "trickle", "as in the beginning");
    assert_eq!(value(&second.body, "a=candidate:"), value(&first.body, "a=candidate:"));
    assert_ne!(first.etag(), second.etag());
    assert_eq!(patch(&server, first.location(), first.etag(), CANDIDATES).status, 412, "of the first session");
    assert_eq!(patch(&server, first.location(), second.etag(), CANDIDATES).status, 204);
    let same = patch(&server, first.location(), "*", &restart("anew"));
    assert_eq!((same.status, same.header("etag")), (204, None), "the same again is no restart");
    // The draft's own examples have it in quotes.
    let third = patch(&server, first.location(), "\"*\"", &restart("anew-again"));
    assert_eq!(third.status, 200);
    assert_ne!(third.etag(), second.etag());
}

#[actix::test]
async fn a_restart_that_cannot_be_had_leaves_the_session_as_it_is() {
    let server = Server::start(CAMERAS, "");
    let reply = watch(&server);
    for credentials in ["a=ice-ufrag:x\r\na=ice-pwd:short\r\n", "a=ice-ufrag:alone\r\n", "a=ice-pwd:alone\r\n"] {
        let refused = patch(&server, reply.location(), "*", credentials);
        assert_eq!((refused.status, refused.code().as_str()), (400, "bad_message"), "{credentials}");
    }
    assert_eq!(patch(&server, reply.location(), reply.etag(), CANDIDATES).status, 204);
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), 1);
}

#[actix::test]
async fn of_restarts_of_one_ice_session_the_first_wins() {
    let server = Server::start(CAMERAS, "");
    let reply = watch(&server);
    let (server, reply) = (&server, &reply);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|nth| {
                let fragment = restart(&format!("side-by-side-{nth}"));
                scope.spawn(move || patch(server, reply.location(), reply.etag(), &fragment).status)
            })
            .collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(200), count(412)), (1, 3), "{statuses:?}");
}

#[actix::test]
async fn a_full_server_says_when_to_ask_again() {
    let server = Server::start(CAMERAS, "max_viewers = 1");
    let session = watch(&server).location().to_owned();
    let full = ask(&server, "POST", "/whep/cam", &[SDP], OFFER);
    assert_eq!((full.status, full.code().as_str()), (503, "too_many_viewers"));
    assert!(full.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    ask(&server, "DELETE", &session, &[], "");
    watch(&server);
}

#[actix::test]
async fn ice_servers_are_named_to_players_and_shown_nowhere_else() {
    let servers = "[[webrtc.ice_servers]]\nurls = [\"stun:stun.example:3478\"]\n\
                   [[webrtc.ice_servers]]\nurls = \"turn:turn.example?transport=udp\"\n\
                   username = \"me\"\ncredential = \"hu\\\"sh\"\n";
    let server = Server::start(&format!("{CAMERAS}{servers}"), "");
    let expected = [
        r#"<stun:stun.example:3478>; rel="ice-server""#,
        r#"<turn:turn.example?transport=udp>; rel="ice-server"; username="me"; credential="hu\"sh"; credential-type="password""#,
    ];
    assert_eq!(watch(&server).all("link").collect::<Vec<_>>(), expected);
    let options = ask(&server, "OPTIONS", "/whep/cam", &[], "");
    assert_eq!(options.all("link").collect::<Vec<_>>(), expected, "some clients can use them only before their offer");
    let preflight = [("Access-Control-Request-Method", "POST"), ("Origin", &format!("http://{}", server.address))];
    let preflight = ask(&server, "OPTIONS", "/whep/cam", &preflight, "");
    assert_eq!((preflight.status, preflight.header("link")), (200, None), "it is asked without credentials");
    let shown = format!("{}{}", server.debug().await, server.log());
    assert!(!shown.contains("turn.example") && !shown.contains("sh\\\""), "{shown}");
    assert!(watch(&Server::start(CAMERAS, "")).header("link").is_none());
}

/// What its client for `source: whep://` asks, and insists on.
#[actix::test]
async fn mediamtx_can_pull() {
    let server = Server::start(&format!("{TOKEN}{CAMERAS}"), "");
    let token = ("Authorization", BEARER);
    let options = ask(&server, "OPTIONS", "/whep/cam", &[token], "");
    assert!(matches!(options.status, 200 | 204), "{options:?}");
    assert!(options.list("access-control-allow-methods").contains("PATCH"), "or it sends no candidates");
    let answer = ask(&server, "POST", "/whep/cam", &[SDP, token], OFFER);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("accept-patch"), Some("application/trickle-ice-sdpfrag"), "or older ones send none");
    let fragment = format!(
        "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{CANDIDATES}",
        value(OFFER, "a=ice-ufrag:"),
        value(OFFER, "a=ice-pwd:")
    );
    for if_match in [answer.etag(), "*"] {
        // With `*`: so does its page, whose candidates are of the session that there is.
        let headers = [FRAGMENT, token, ("If-Match", if_match)];
        assert_eq!(ask(&server, "PATCH", answer.location(), &headers, &fragment).status, 204, "{if_match}");
    }
    assert_eq!(ask(&server, "DELETE", answer.location(), &[token], "").status, 200);
}

#[actix::test]
async fn a_player_of_another_origin_with_a_token_plays() {
    let server = Server::start(&format!("{TOKEN}{CAMERAS}"), "allowed_origins = [\"https://house.example\"]");
    let preflight = |path: &str, method: &str, headers: &str| {
        let asked = [HOUSE, ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", headers)];
        let reply = ask(&server, "OPTIONS", path, &asked, "");
        assert!(matches!(reply.status, 200 | 204), "{method}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://house.example"));
        assert!(reply.list("access-control-allow-methods").contains(method), "{reply:?}");
        let allowed = reply.header("access-control-allow-headers").unwrap().to_lowercase();
        assert!(headers.split(',').all(|header| allowed.contains(header)), "{headers}: {allowed}");
        assert!(reply.header("access-control-max-age").unwrap().parse::<u32>().unwrap() > 0);
        reply
    };
    let read = |reply: &Reply, name: &str| {
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://house.example"), "{reply:?}");
        let exposed = reply.header("access-control-expose-headers").unwrap().to_lowercase();
        assert!(exposed.contains(name), "{name} is not in {exposed}");
        reply.header(name).map(str::to_owned)
    };
    let token = ("Authorization", BEARER);
    preflight("/whep/cam", "OPTIONS", "authorization");
    let stranger = ask(&server, "POST", "/whep/cam", &[HOUSE, SDP], OFFER);
    assert_eq!(stranger.status, 401);
    read(&stranger, "retry-after");
    read(&ask(&server, "OPTIONS", "/whep/cam", &[HOUSE, token], ""), "link");
    let posting = preflight("/whep/cam", "POST", "authorization,content-type");
    assert_eq!(posting.header("accept-post"), Some("application/sdp"));
    let answer = ask(&server, "POST", "/whep/cam", &[HOUSE, token, SDP], OFFER);
    let (session, etag) = (read(&answer, "location").unwrap(), read(&answer, "etag").unwrap());
    preflight(&session, "PATCH", "authorization,content-type,if-match");
    let headers = [HOUSE, token, FRAGMENT, ("If-Match", etag.as_str())];
    assert_eq!(ask(&server, "PATCH", &session, &headers, CANDIDATES).status, 204);
    let refused = ask(&server, "PATCH", &session, &[HOUSE, token, FRAGMENT], CANDIDATES);
    read(&refused, "retry-after");
    assert_eq!(refused.code(), "bad_message", "errors can be read, too");
    preflight(&session, "DELETE", "authorization");
    let gone = ask(&server, "DELETE", &session, &[HOUSE, token], "");
    assert_eq!((gone.status, read(&gone, "server-timing").is_some()), (200, true));
}

#[actix::test]
async fn a_player_of_a_foreign_origin_does_not() {
    let server = Server::start(CAMERAS, "allowed_origins = [\"https://house.example\"]");
    let evil = ("Origin", "https://evil.example");
    let preflight = [
        evil,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    for (method, headers, status, code) in [
        ("OPTIONS", &preflight[..], 400, "bad_message"),
        ("POST", &[evil, SDP], 403, "unauthorised"),
        ("OPTIONS", &[evil], 403, "unauthorised"),
    ] {
        let reply = ask(&server, method, "/whep/cam", headers, if method == "POST" { OFFER } else { "" });
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method}");
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    let odd = [HOUSE, ("Access-Control-Request-Method", "BREW"), ("Access-Control-Request-Headers", "x-evil")];
    let reply = ask(&server, "OPTIONS", "/whep/cam", &odd, "");
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad_message"));
    assert_eq!(ask(&server, "GET", "/whep/cam", &[evil], "").header("access-control-allow-origin"), None);
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), 0);
}
