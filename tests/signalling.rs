//! What happens to bad input: a clear error, and no harm to anybody.

use crate::support::*;
use awc::ws::Message;
use futures_util::SinkExt;
use serde_json::{Value, json};

const CAMERAS: &str = "[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n";

#[actix::test]
async fn bad_messages_are_answered_and_the_connection_goes_on() {
    let server = Server::start(CAMERAS, "");
    let mut socket = connect(&server).await;
    for (message, code) in [
        (json!({}), "bad_message"),
        (json!({ "type": "dance" }), "bad_message"),
        (json!({ "type": "watch" }), "bad_message"),
        (json!({ "type": "watch", "stream": 7, "sdp": "" }), "bad_message"),
        (json!({ "type": "watch", "stream": "nothing", "sdp": OFFER }), "unknown_stream"),
        (json!({ "type": "watch", "stream": "cam", "sdp": "v=0" }), "bad_message"),
        (json!({ "type": "watch", "stream": "cam", "sdp": OFFER.replace("m=video", "m=audio") }), "bad_message"),
        (json!({ "type": "candidate", "candidate": "", "sdpMid": "0", "sdpMLineIndex": 0 }), "bad_message"),
        (json!({ "type": "switch", "stream": "cam" }), "bad_message"),
    ] {
        say(&mut socket, &message).await;
        let error = hear(&mut socket, "error").await.unwrap();
        assert_eq!(error["code"], code, "{message} gives {error}");
        assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
    }
    for text in ["", "{", "null", "[1]", "\u{1F980}"] {
        socket.send(Message::Text(text.into())).await.unwrap();
        assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "bad_message", "{text:?}");
    }
    socket.send(Message::Binary(vec![0; 10].into())).await.unwrap();
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "bad_message");
    let report = server.debug().await;
    assert_eq!(report["cameras"][0]["opens"], 0, "no bad message opens a camera");
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    assert!(hear(&mut socket, "answer").await.is_some(), "after all that the connection still works");
    say(&mut socket, &json!({ "type": "candidate", "candidate": "rubbish", "sdpMid": "0", "sdpMLineIndex": 0 })).await;
    // It is not used, so it is no error.
    say(&mut socket, &json!({ "type": "switch", "stream": "nothing" })).await;
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "unknown_stream");
}

#[actix::test]
async fn who_it_was_before_may_be_said_in_any_way() {
    let server = Server::start(CAMERAS, "[departure]\nhidden_timeout = \"90s\"");
    let mut socket = connect(&server).await;
    let long = "peer-1".repeat(8000);
    for after in [json!(null), json!("peer-1"), json!("nobody"), json!(""), json!(7), json!(["peer-1"]), json!(long)] {
        say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER, "after": after })).await;
        let answer = hear(&mut socket, "answer").await.unwrap();
        assert_eq!(answer["hidden_timeout"], 90.0);
    }
    let report = server.debug().await;
    // Each took the place of the one before, who had said goodbye by that.
    assert_eq!(report["departures"]["causes"][0]["cause"], "bye");
    assert_eq!(report["departures"]["returns_within_10s"], 0);
}

#[actix::test]
async fn a_page_in_doubt_is_answered() {
    let server = Server::start(CAMERAS, "");
    let mut socket = connect(&server).await;
    for _ in 0..2 {
        say(&mut socket, &json!({ "type": "ping" })).await;
        assert_eq!(hear(&mut socket, "pong").await, Some(json!({ "type": "pong" })));
    }
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    assert_eq!(hear(&mut socket, "answer").await.unwrap()["hidden_timeout"], json!(null), "hidden pages stay");
}

#[actix::test]
async fn a_page_goes_on_over_another_connection_and_only_the_end_of_that_is_its_leaving() {
    let server = Server::start(CAMERAS, "");
    let mut first = connect(&server).await;
    say(&mut first, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    let answer = hear(&mut first, "answer").await.unwrap();
    let token = answer["beacon"].as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    let mut second = connect(&server).await;
    for unknown in ["", "nobody", &token.to_uppercase()] {
        for kind in ["seek", "resume"] {
            say(&mut second, &json!({ "type": kind, "token": unknown })).await;
            assert_eq!(hear(&mut second, "error").await.unwrap()["code"], "unknown_peer", "{kind} {unknown}");
        }
    }
    // Asking changes nothing: who has asked can go.
    let mut asked = connect(&server).await;
    say(&mut asked, &json!({ "type": "seek", "token": token })).await;
    assert_eq!(hear(&mut asked, "known").await.unwrap()["peer"], answer["peer"]);
    drop(asked);
    for _ in 0..2 {
        say(&mut second, &json!({ "type": "resume", "token": token })).await;
        assert_eq!(hear(&mut second, "resumed").await.unwrap()["peer"], answer["peer"]);
        assert_eq!(hear(&mut second, "state").await.unwrap()["stream"], "cam", "it is told how things are");
    }
    assert!(hear(&mut first, "closed").await.is_none(), "the first ends, and says nothing of a leaving");
    say(&mut second, &json!({ "type": "switch", "stream": "cam" })).await;
    say(&mut second, &json!({ "type": "ping" })).await;
    assert!(hear(&mut second, "pong").await.is_some());
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), 1);
    drop(second);
    let left = server.until("left", |report| report["peers"].as_array().unwrap().is_empty()).await;
    assert_eq!(left["releases"][0]["cause"], "ws_closed");
}

#[actix::test]
async fn a_page_whose_peer_dies_is_told_before_its_connection_ends() {
    let server = Server::start(CAMERAS, "[debug]\nallow_kill = true");
    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    let peer = hear(&mut socket, "answer").await.unwrap()["peer"].as_str().unwrap().to_owned();
    client().post(server.url(&format!("/debug/actors/root/peers/{peer}/kill"))).send().await.unwrap();
    assert_eq!(hear(&mut socket, "closed").await.unwrap()["cause"], "crashed");
    assert!(hear(&mut socket, "anything").await.is_none());
}

#[actix::test]
async fn a_message_of_more_than_64_kib_is_answered_and_ends_its_connection_only() {
    let server = Server::start(CAMERAS, "");
    let mut other = connect(&server).await;
    for size in [(64 << 10) + 1, 1 << 20] {
        let mut socket = connect(&server).await;
        socket.send(Message::Text("x".repeat(size).into())).await.unwrap();
        assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "bad_message");
        assert!(hear(&mut socket, "anything").await.is_none());
    }
    say(&mut other, &json!({ "type": "dance" })).await;
    assert!(hear(&mut other, "error").await.is_some());
    let mut response = client()
        .post(server.url("/whep/cam"))
        .insert_header(("Content-Type", "application/sdp"))
        .send_body("x".repeat(1 << 20))
        .await
        .unwrap();
    assert_eq!(response.status(), 413, "{:?}", response.body().await);
}

#[actix::test]
async fn more_viewers_than_allowed_are_refused_until_one_leaves() {
    let server = Server::start(CAMERAS, "max_viewers = 2");
    let mut sockets = vec![];
    for nth in 0..3 {
        let mut socket = connect(&server).await;
        say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
        if nth < 2 {
            // Offers are answered side by side: who comes third is only known once these are in.
            assert!(hear(&mut socket, "answer").await.is_some());
        }
        sockets.push(socket);
    }
    assert_eq!(hear(&mut sockets[2], "error").await.unwrap()["code"], "too_many_viewers");
    say(&mut sockets[0], &json!({ "type": "bye" })).await;
    server.until("left", |report| report["peers"].as_array().unwrap().len() == 1).await;
    say(&mut sockets[2], &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    assert!(hear(&mut sockets[2], "answer").await.is_some());
}

/// Status and code of the answer to an offer of which a proxy says whom it is from.
async fn offer_from(server: &Server, forwarded_for: &str) -> (u16, Value) {
    let mut response = client()
        .post(server.url("/whep/cam"))
        .insert_header(("Content-Type", "application/sdp"))
        .insert_header(("X-Forwarded-For", forwarded_for))
        .send_body(OFFER)
        .await
        .unwrap();
    let body = response.body().await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

#[actix::test]
async fn one_address_has_its_limit_and_a_proxy_is_believed_only_if_it_is_trusted() {
    let server = Server::start(
        &format!("[access]\nopen = true\n{CAMERAS}"),
        "max_viewers_per_address = 1\ntrusted_proxies = [\"127.0.0.1\"]",
    );
    for viewer in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        assert_eq!(offer_from(&server, viewer).await.0, 201, "{viewer}");
    }
    for viewer in ["192.0.2.1", "203.0.113.5, 192.0.2.2", "2001:db8::2"] {
        let (status, problem) = offer_from(&server, viewer).await;
        assert_eq!((status, problem["code"].as_str()), (503, Some("too_many_viewers")), "{viewer}");
        assert!(problem["message"].as_str().unwrap().contains("max_viewers_per_address"), "{problem}");
    }
    let server = Server::start(&format!("[access]\nopen = true\n{CAMERAS}"), "max_viewers_per_address = 1");
    assert_eq!(offer_from(&server, "192.0.2.1").await.0, 201);
    assert_eq!(offer_from(&server, "192.0.2.2").await.0, 503, "anybody could say so");
}

#[actix::test]
async fn pages_from_elsewhere_may_connect_only_if_they_are_configured() {
    let server = Server::start(CAMERAS, "allowed_origins = [\"https://house.example\"]");
    let own = format!("http://{}", server.address);
    for (origin, allowed) in [(own.as_str(), true), ("https://house.example", true), ("https://evil.example", false)] {
        let opened = client().ws(server.url("/ws")).origin(origin).connect().await;
        assert_eq!(opened.is_ok(), allowed, "/ws from {origin}");
        let whep = client()
            .post(server.url("/whep/cam"))
            .insert_header(("Content-Type", "application/sdp"))
            .insert_header(("Origin", origin))
            .send_body(OFFER)
            .await
            .unwrap();
        assert_eq!(whep.status(), if allowed { 201 } else { 403 }, "/whep from {origin}");
        let beacon =
            client().post(server.url("/peers/0/leave")).insert_header(("Origin", origin)).send().await.unwrap();
        assert_eq!(beacon.status(), if allowed { 204 } else { 403 }, "the beacon from {origin}");
    }
}

#[actix::test]
async fn debug_tells_no_secret() {
    let cameras = "[[camera]]\nid = \"cam\"\nsource = \"exec:echo rtsp://me:hush@house/ && sleep 100\"\n";
    let server = Server::start(cameras, "");
    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    let answer = hear(&mut socket, "answer").await.unwrap();
    let token = answer["beacon"].as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    assert_eq!(token.len(), 32);
    let report = server.debug().await.to_string();
    assert!(report.contains("***@house"));
    assert!(!report.contains("hush") && !report.contains(&token));
}

#[actix::test]
async fn actors_can_be_killed_only_if_that_is_allowed() {
    for (keys, expected) in [("", 403), ("[debug]\nallow_kill = true", 204)] {
        let server = Server::start("[[camera]]\nid = \"a\"\nsource = \"test\"\n", keys);
        let response = client().post(server.url("/debug/actors/root/cameras/a/device/kill")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), expected);
        let killed = server.debug().await["exits"].as_array().unwrap().iter().any(|exit| exit["reason"] == "killed");
        assert_eq!(killed, expected == 204);
    }
}

#[actix::test]
async fn a_small_rendition_is_shown_where_it_runs_and_cannot_be_had_by_name() {
    let cameras = format!("{CAMERAS}[[stream]]\nid = \"large\"\ncamera = \"cam\"\nsmall_rendition = false\n");
    let server = Server::start(&cameras, "");
    let report = server.debug().await;
    let streams = report["streams"].as_array().unwrap();
    let shown: Vec<String> = streams
        .iter()
        .map(|it| format!("{} {} {}", it["id"], it["known_as"], it["rendition"]).replace('"', ""))
        .collect();
    assert_eq!(shown, ["cam cam full", "cam~small cam small", "large large full"]);
    assert!(report["tree"].to_string().contains("root/cameras/cam/stream-cam~small"));
    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam~small", "sdp": OFFER })).await;
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "unknown_stream");
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    hear(&mut socket, "answer").await.unwrap();
    say(&mut socket, &json!({ "type": "switch", "stream": "cam~small" })).await;
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "unknown_stream");
    let whep = client().post(server.url("/whep/cam~small")).insert_header(("Content-Type", "application/sdp"));
    assert_eq!(whep.send_body(OFFER).await.unwrap().status(), 404);
    for path in ["/view/cam~small", "/view/cam%7Esmall"] {
        assert_eq!(client().get(server.url(path)).send().await.unwrap().status(), 404);
    }
    let report = server.debug().await;
    assert_eq!(report["peers"][0]["rendition"], "full");
    let viewers: Vec<u64> =
        report["streams"].as_array().unwrap().iter().map(|it| it["viewers"].as_u64().unwrap()).collect();
    assert_eq!(viewers, [1, 0, 0]);
    let mut response = client().get(server.url("/metrics")).send().await.unwrap();
    let metrics = String::from_utf8(response.body().await.unwrap().to_vec()).unwrap();
    assert!(
        metrics.contains("{stream=\"cam\",rendition=\"small\",state=\"idle\"} 1") && !metrics.contains("stream=\"cam~"),
        "{metrics}"
    );
}
