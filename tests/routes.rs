//! What holds for every route: errors are JSON, HEAD goes with GET, and 405 says what there is.

use crate::support::raw::{ANY, FRAGMENT, Reply, SDP, ask, ask_for_headers, begin};
use crate::support::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

const CAMERAS: &str = "[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n";
#[actix::test]
async fn errors_are_json_whatever_goes_wrong() {
    let server = Server::start(CAMERAS, "");
    let session = watch_by_whep(&server, "cam").await;
    for size in [(64 << 10) + 1, 70 << 10, 1 << 20] {
        for (method, path, kind) in [("POST", "/whep/cam", SDP), ("PATCH", &session, FRAGMENT)] {
            let request = client().request(method.parse().unwrap(), server.url(path));
            let mut reply = request.insert_header(kind).insert_header(ANY).send_body("x".repeat(size)).await.unwrap();
            assert_eq!(reply.headers().get("content-type").unwrap(), "application/json", "{method} of {size}");
            let problem: Value = reply.json().await.unwrap();
            assert_eq!((reply.status().as_u16(), problem["code"].as_str()), (413, Some("bad_message")), "{problem}");
        }
    }
    for (method, path, status, code) in [
        ("GET", "/nothing", 404, "unknown_path"),
        ("POST", "/whep/cam/0/1", 404, "unknown_path"),
        ("OPTIONS", "/nothing", 404, "unknown_path"),
        ("DELETE", "/whep/cam", 405, "wrong_method"),
        ("GET", "/ws", 400, "bad_message"),
        ("GET", "/view/nothing", 404, "unknown_stream"),
    ] {
        let reply = ask(&server, method, path, &[], "");
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path}");
    }
    let mut stream = begin(&server, "POST", "/whep/cam", &[SDP, ("Content-Length", "2")], "");
    stream.write_all(&[0xff, 0xfe]).unwrap();
    let mut read = vec![];
    stream.read_to_end(&mut read).unwrap();
    let reply = Reply::parse(&read);
    assert_eq!((reply.status, reply.code().as_str()), (400, "bad_message"), "no UTF-8");
}

/// Paths of the reference, each with its methods.
pub fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut routes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in include_str!("../docs/reference/http.md").lines().filter_map(|line| line.strip_prefix("| `")) {
        let Some((method, path)) = row.split('`').next().and_then(|route| route.split_once(" /")) else { continue };
        if method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            routes.entry(format!("/{path}")).or_default().insert(method.to_owned());
        }
    }
    assert!(routes.len() > 12, "{routes:?}");
    routes
}

#[actix::test]
async fn every_route_has_head_with_get_and_405_for_what_it_has_not() {
    let server = Server::start(CAMERAS, "");
    let session = watch_by_whep(&server, "cam").await;
    for (path, methods) in documented() {
        let path = path
            .replace("{stream}/{token}", session.strip_prefix("/whep/").unwrap())
            .replace("{token}", token(&session))
            .replace("{stream}", "cam")
            .replace("{id}", "cam")
            .replace("{path}", "root/cameras/cam/device");
        let mut allowed = methods.clone();
        allowed.insert("OPTIONS".to_owned());
        if methods.contains("GET") {
            allowed.insert("HEAD".to_owned());
            let (get, head) = (ask_for_headers(&server, "GET", &path), ask(&server, "HEAD", &path, &[], ""));
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "HEAD {path}");
            // What is reported changes, and with it its length; and each thread has lists in an order of its own.
            let compared = |reply: &Reply| -> BTreeMap<String, BTreeSet<String>> {
                let names = reply.headers.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "date");
                names
                    .map(|name| {
                        (name.to_owned(), if name == "content-length" { BTreeSet::new() } else { reply.list(name) })
                    })
                    .collect()
            };
            assert_eq!(compared(&head), compared(&get), "HEAD {path}");
        }
        let options = ask(&server, "OPTIONS", &path, &[], "");
        assert_eq!((options.status, options.body.as_str()), (204, ""), "OPTIONS {path}");
        assert_eq!(options.list("allow"), allowed, "OPTIONS {path}");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
            if !allowed.contains(method) {
                let reply = ask(&server, method, &path, &[], "");
                assert_eq!((reply.status, reply.list("allow")), (405, allowed.clone()), "{method} {path}");
                if method != "HEAD" {
                    assert_eq!(reply.code(), "wrong_method");
                }
            }
        }
    }
    assert_eq!(server.debug().await["peers"].as_array().unwrap().len(), 1, "nothing of this changes anything");
}

#[actix::test]
async fn head_never_opens_a_web_socket() {
    let server = Server::start(CAMERAS, "");
    let upgrade =
        [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")];
    assert_eq!(ask(&server, "HEAD", "/ws", &upgrade, "").status, 400);
}
