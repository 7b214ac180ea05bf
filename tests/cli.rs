//! The command line: what it says, and its exit codes.

use crate::support::*;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::FromRawFd;
use std::process::{Command, Output, Stdio};

/// A pipe that nobody reads.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Runs the program to its end in a terminal that knows colors; what it writes there, as it came.
fn in_a_terminal(arguments: &[&str], both: bool) -> (Output, String) {
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: both pointers are to integers of our own, and null means that nothing else is asked for.
    let opened = unsafe {
        libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut())
    };
    assert_eq!(opened, 0);
    // SAFETY: both were opened just now, and nobody else has them.
    let (mut ours, theirs) = unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) };
    let mut command = Command::new(env!("CARGO_BIN_EXE_lenscap"));
    command.args(arguments).env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("RUST_LOG");
    command.stdout(if both { theirs.try_clone().unwrap().into() } else { Stdio::piped() }).stderr(theirs);
    let child = command.spawn().unwrap();
    // It holds the other end as long as it is there.
    drop(command);
    let shown = std::thread::spawn(move || {
        let mut shown = vec![];
        // The end of a terminal is an error (EIO).
        assert_ne!(ours.read_to_end(&mut shown).err().map(|error| error.kind()), Some(ErrorKind::InvalidInput));
        String::from_utf8_lossy(&shown).into_owned()
    });
    let output = child.wait_with_output().unwrap();
    (output, shown.join().unwrap())
}

#[test]
fn check_accepts_the_defaults_and_explains_mistakes() {
    let fine = lenscap(&["check"]);
    assert_eq!(fine.status.code(), Some(0));
    let words = String::from_utf8(fine.stdout).unwrap();
    assert!(words.starts_with("  The configuration that is built in is right: 1 camera, 1 stream\n"), "{words}");
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

#[test]
fn who_reads_no_further_has_what_they_wanted() {
    let folder = Folder::new();
    let wrong = folder.file("wrong.toml", "[server]\nlisten = 1\n");
    let wrong = wrong.to_str().unwrap();
    for (arguments, code) in [
        (vec!["check"], 0),
        (vec!["devices"], 0),
        (vec!["devices", "--json"], 0),
        (vec!["token", "cli"], 0),
        (vec!["check", "--config", wrong], 2),
        (vec!["probe", "http://127.0.0.1:1/front", "--json"], 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lenscap"));
        let ended = command.args(&arguments).stdout(nobody()).output().unwrap();
        let words = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{arguments:?}: {words}");
        assert!(!words.contains("panicked"), "{arguments:?}: {words}");
        let ended = command.stderr(nobody()).stdout(nobody()).status().unwrap();
        assert_eq!(ended.code(), Some(code), "{arguments:?}, when errors are not read either");
    }
}

#[test]
fn what_cannot_be_written_for_want_of_room_is_said_and_ends_with_1() {
    let full = File::create("/dev/full").unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_lenscap")).arg("check").stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let words = String::from_utf8(ended.stderr).unwrap();
    assert!(words.contains("nothing can be written to standard output"), "{words}");
}

#[test]
fn a_terminal_has_colors_and_whatever_else_reads_has_the_same_without() {
    for arguments in [["check"], ["devices"]] {
        let (ended, shown) = in_a_terminal(&arguments, true);
        assert_eq!(ended.status.code(), Some(0), "{shown}");
        assert!(shown.contains("\u{1b}["), "{shown:?}");
        let plain = String::from_utf8(lenscap(&arguments).stdout).unwrap();
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
        let stripped = anstream::adapter::strip_str(&shown).to_string().replace("\r\n", "\n");
        assert_eq!(stripped, plain);
    }
}

#[test]
fn what_takes_longer_than_a_second_is_said_in_a_terminal_and_only_there() {
    // It takes connections, and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/front", silent.local_addr().unwrap());
    let arguments = ["probe", url.as_str(), "--patience", "1.5", "--json"];
    let (ended, shown) = in_a_terminal(&arguments, false);
    assert_eq!(ended.status.code(), Some(1), "{shown}");
    assert!(shown.contains("waiting for the server's answer (HTTP) … 1 s"), "{shown:?}");
    assert!(shown.ends_with("\r\u{1b}[K"), "it is taken away at the end: {shown:?}");
    let json: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(json["error"]["step"], "http");
    let elsewhere = lenscap(&arguments);
    assert_eq!(String::from_utf8(elsewhere.stderr).unwrap(), "");
}
