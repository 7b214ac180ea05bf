//! What a flood of connections does: nothing to others, and nothing to cameras.

use crate::support::*;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Connects from this address of loopback.
fn from(source: &str, server: &Server) -> TcpStream {
    connected_from(source, &server.address)
}

/// Sends this, and gives the status of the answer.
fn status(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head[9..]).into_owned()
}

fn offer() -> String {
    format!(
        "POST /whep/pipe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    )
}

#[actix::test]
async fn thousands_of_idle_web_sockets_keep_out_no_viewer_and_no_camera() {
    // The test's own side of them needs descriptors, too.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let limits = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limits).unwrap();
    let camera = format!("[[camera]]\nid = \"pipe\"\nsource = {SILENT_CAMERA:?}\n");
    let server = Server::start_with_descriptors(1024, &format!("{camera}[limits]\nsilent_websocket = \"3s\"\n"), "");
    let mut codes = std::collections::BTreeMap::<String, usize>::new();
    let mut held = vec![];
    for nth in 0..5000 {
        let mut stream = from(&format!("127.0.1.{}", 1 + nth % 20), &server);
        let code = status(&mut stream, UPGRADE);
        if code == "101" {
            held.push(stream);
        }
        *codes.entry(code).or_default() += 1;
    }
    assert_eq!(codes.keys().collect::<Vec<_>>(), ["101", "503"], "{codes:?}");
    // While they last, somebody from elsewhere is let in, and the camera opens.
    let mut viewer = from("127.0.0.1", &server);
    assert_eq!(status(&mut viewer, &offer()), "201", "{codes:?}");
    server.camera_pid().await;
    drop(held);
}

#[actix::test]
async fn a_web_socket_over_which_nothing_is_watched_or_said_is_closed() {
    let camera = "[[camera]]\nid = \"pipe\"\nsource = \"test\"\n";
    let server = Server::start(&format!("{camera}[limits]\nsilent_websocket = \"1s\"\n"), "");
    let mut watching = connect(&server).await;
    say(&mut watching, &serde_json::json!({ "type": "watch", "stream": "pipe", "sdp": OFFER })).await;
    hear(&mut watching, "answer").await.unwrap();
    // It is kept busy, so that no proxy takes it for dead.
    let pinged = async { while !matches!(watching.next().await.unwrap().unwrap(), awc::ws::Frame::Ping(_)) {} };
    tokio::time::timeout(PATIENCE, pinged).await.unwrap();
    let mut silent = connect(&server).await;
    // Answers to pings say nothing.
    let closed = async {
        while let Some(Ok(frame)) = silent.next().await {
            if let awc::ws::Frame::Ping(bytes) = frame {
                silent.send(awc::ws::Message::Pong(bytes)).await.unwrap();
            }
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("it is closed");
    say(&mut watching, &serde_json::json!({ "type": "ping" })).await;
    assert!(hear(&mut watching, "pong").await.is_some(), "who watches need not speak");
    let mut metrics = client().get(server.url("/metrics")).send().await.unwrap();
    let metrics = String::from_utf8(metrics.body().await.unwrap().to_vec()).unwrap();
    assert!(metrics.contains("\nlenscap_websockets 1\n"), "{metrics}");
}

#[actix::test]
async fn one_address_has_its_share_and_another_has_its_own() {
    let server = Server::start("[limits]\nwebsockets = 4\nwebsockets_per_address = 2\n", "");
    let open = |source: &str| {
        let mut stream = from(source, &server);
        (status(&mut stream, UPGRADE), stream)
    };
    let (a, b, refused) = (open("127.0.0.1"), open("127.0.0.1"), open("127.0.0.1"));
    assert_eq!([&a.0, &b.0, &refused.0], ["101", "101", "503"]);
    let (c, d, full) = (open("127.0.0.2"), open("127.0.0.3"), open("127.0.0.4"));
    assert_eq!([&c.0, &d.0, &full.0], ["101", "101", "503"]);
    drop(a);
    // As soon as its end is noticed there is a place again.
    while open("127.0.0.4").0 != "101" {}
}

#[actix::test]
async fn one_address_cannot_have_all_connections() {
    let server = Server::start_with_descriptors(300, "[[camera]]\nid = \"cam\"\nsource = \"test\"\n", "");
    let held: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = from("127.0.1.1", &server);
            // It is answered for ever. It may be ended before it has asked.
            let _ = stream.write_all(b"GET /streams/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream
        })
        .collect();
    let mut other = from("127.0.0.1", &server);
    assert_eq!(status(&mut other, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"), "200");
    // Of 150 connections one address has half.
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let mut metrics = client().get(server.url("/metrics")).send().await.unwrap();
        let metrics = String::from_utf8(metrics.body().await.unwrap().to_vec()).unwrap();
        if metrics.contains("\nlenscap_refused_connections_total 125\n") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{metrics}");
    }
    drop(held);
}

#[actix::test]
async fn switches_that_come_again_and_again_are_asked_to_come_later_and_the_log_stays_short() {
    let server = Server::start(&format!("{}[limits]\noffers_per_second = 1\n", crate::support::keys::CAMERAS), "");
    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "front", "sdp": OFFER })).await;
    let answer = hear(&mut socket, "answer").await.unwrap();
    let token = answer["beacon"].as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    for _ in 0..50 {
        say(&mut socket, &json!({ "type": "resume", "token": token })).await;
        hear(&mut socket, "resumed").await.unwrap();
        // What is wanted already opens nothing.
        say(&mut socket, &json!({ "type": "switch", "stream": "front" })).await;
    }
    for nth in 0..50 {
        say(&mut socket, &json!({ "type": "switch", "stream": if nth % 2 == 0 { "back" } else { "front" } })).await;
    }
    let refusal = hear(&mut socket, "error").await.unwrap();
    assert!(refusal["code"] == "too_many_offers" && refusal["stream"].is_string(), "{refusal}");
    say(&mut socket, &json!({ "type": "ping" })).await;
    hear(&mut socket, "pong").await.unwrap();
    let log = server.log();
    let lines = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert_eq!(lines("goes on over another signalling connection"), 10, "{log}");
    assert!((1..30).contains(&lines("switching to")), "{log}");
}

#[actix::test]
async fn a_request_that_never_comes_whole_is_ended() {
    let camera = "[[camera]]\nid = \"pipe\"\nsource = \"test\"\n";
    let server = Server::start(&format!("{camera}[limits]\nrequest_timeout = \"1s\"\n"), "");
    let mut body = from("127.0.0.1", &server);
    body.write_all(&offer().as_bytes()[..offer().len() - 100]).unwrap();
    let mut head = from("127.0.0.1", &server);
    head.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    for (stream, what) in [(&mut body, "body"), (&mut head, "head")] {
        let mut answer = vec![];
        let mut piece = [0; 1024];
        // A byte now and then is not enough.
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let started = std::time::Instant::now();
        while !answer.starts_with(b"HTTP/1.1 408") {
            assert!(started.elapsed() < PATIENCE, "{what}: {}", String::from_utf8_lossy(&answer));
            let _ = stream.write_all(b"a");
            if let Ok(read) = stream.read(&mut piece) {
                answer.extend_from_slice(&piece[..read]);
                assert!(read > 0 || !answer.is_empty(), "{what}: ended without a word");
            }
        }
    }
    assert!(server.debug().await["peers"].as_array().unwrap().is_empty());
}

#[actix_web::test]
async fn offers_that_come_again_and_again_are_asked_to_come_later_by_either_way() {
    let camera = format!("[[camera]]\nid = \"cam\"\nsource = {SILENT_CAMERA:?}\n");
    let server = Server::start(&format!("{camera}[limits]\noffers_per_second = 1\n"), "");
    let post = || client().post(server.url("/whep/cam")).insert_header(("Content-Type", "application/sdp"));
    let mut statuses = vec![];
    let refusal = loop {
        let mut answer = post().send_body(OFFER).await.unwrap();
        statuses.push(answer.status().as_u16());
        if answer.status() != 201 {
            let words: Value = answer.json().await.unwrap();
            break (answer.headers().get("Retry-After").cloned(), words["code"].clone());
        }
    };
    assert!(statuses.len() > 10, "some may come at once: {statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(refusal.1, "too_many_offers");
    assert!(refusal.0.is_some());
    let mut socket = connect(&server).await;
    let mut codes = vec![];
    // Some may be allowed meanwhile.
    for _ in 0..50 {
        say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": "v=0" })).await;
        codes.push(hear(&mut socket, "error").await.unwrap()["code"].clone());
        if codes.last() == Some(&json!("too_many_offers")) {
            break;
        }
    }
    assert!(codes.contains(&json!("too_many_offers")), "{codes:?}");
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), statuses.len() - 1);
}
