//! The command line: what it says, and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use support::*;

#[test]
fn check_accepts_the_defaults_and_explains_mistakes() {
    let fine = lenscap(&["check"]);
    assert_eq!(fine.status.code(), Some(0));
    let words = String::from_utf8(fine.stdout).unwrap();
    assert!(words.contains("a camera that fails is tried again after 0.25, 0.5, 1, … at most 10 s\n"), "{words}");
    let folder = Folder::new();
    let file = folder.file("wrong.toml", "[server]\nlisten = \"127.0.0.1:0\"\nmax_viewers = -1\n");
    let wrong = lenscap(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2));
    let message = String::from_utf8(wrong.stderr).unwrap();
    assert!(message.contains("wrong.toml:3: server.max_viewers: -1 is out of range: expected 1 to 10000"), "{message}");
}

#[test]
fn a_wrong_file_starts_nothing() {
    let folder = Folder::new();
    let file = folder.file("wrong.toml", "[[camera]]\nid = \"a\"\nsource = \"test\"\nspeed = 3\n");
    for arguments in [vec!["run", "--config"], vec!["--config"]] {
        let mut arguments = arguments;
        arguments.push(file.to_str().unwrap());
        let ended = lenscap(&arguments);
        assert_eq!(ended.status.code(), Some(2));
        let message = String::from_utf8(ended.stderr).unwrap();
        assert!(message.contains("wrong.toml:4: camera.speed: unknown field"), "{message}");
    }
    let missing = lenscap(&["run", "--config", "/nowhere/at-all.toml"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn an_address_that_is_taken_is_said_and_ends_with_1() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let http = folder.file(
        "http.toml",
        &format!("[server]\nlisten = \"{address}\"\n[webrtc]\nlisten = \"127.0.0.1:0\"\n[discovery]\nv4l2 = false"),
    );
    let taken_udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_address = taken_udp.local_addr().unwrap();
    let udp = folder.file(
        "udp.toml",
        &format!("[server]\nlisten = \"127.0.0.1:0\"\n[webrtc]\nlisten = \"{udp_address}\"\n[discovery]\nv4l2 = false"),
    );
    for (file, key) in [(http, "server.listen"), (udp, "webrtc.listen")] {
        let ended = lenscap(&["run", "--config", file.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(1), "{key}");
        let message = String::from_utf8(ended.stderr).unwrap();
        assert!(message.contains(key) && message.contains("in use"), "{message}");
    }
}

#[test]
fn devices_lists_cameras_or_says_that_there_is_none() {
    let text = lenscap(&["devices"]);
    assert_eq!(text.status.code(), Some(0));
    assert!(!text.stdout.is_empty());
    let json = lenscap(&["devices", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(list.is_array());
}
