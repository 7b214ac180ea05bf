//! A socket file for a reverse proxy on the same machine.

use crate::support::raw::Reply;
use crate::support::{Folder, PATIENCE, UPGRADE};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that listens at a file, ended with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts one, and gives what it says until it serves, or ends.
fn start(folder: &Folder, file: &Path) -> (Server, String) {
    let text = format!(
        "[server]\nlisten = \"unix:{}\"\n[webrtc]\nlisten = \"127.0.0.1:0\"\n[discovery]\nv4l2 = false\n\
         [[camera]]\nid = \"front\"\nsource = \"test\"\n",
        file.display()
    );
    let config = folder.file("config.toml", &text);
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_lenscap")).arg("--config").arg(config).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push_str(&line.unwrap());
        if said.contains("streams at unix:") {
            break;
        }
    }
    (Server(child), said)
}

fn ask(file: &Path, request: &str) -> Reply {
    let mut stream = UnixStream::connect(file).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut read = vec![];
    let mut some = [0; 4096];
    // A WebSocket stays open: its head is enough.
    while !read.windows(4).any(|it| it == b"\r\n\r\n") {
        let length = stream.read(&mut some).unwrap();
        assert!(length > 0, "the connection ended: {read:?}");
        read.extend_from_slice(&some[..length]);
    }
    Reply::parse(&read)
}

fn streams(file: &Path, forwarded_for: &str) -> u16 {
    ask(file, &format!("GET /streams HTTP/1.1\r\nHost: localhost\r\n{forwarded_for}Connection: close\r\n\r\n")).status
}

fn place() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let file = folder.0.join("lenscap.sock");
    (folder, file)
}

#[test]
fn a_proxy_is_believed_and_nobody_else_is_behind_the_file() {
    let (folder, file) = place();
    let (_server, _) = start(&folder, &file);
    assert_eq!(streams(&file, ""), 403, "a proxy that does not say for whom it asks");
    assert_eq!(streams(&file, "X-Forwarded-For: 192.0.2.1\r\n"), 403, "somebody elsewhere, without accounts");
    assert_eq!(streams(&file, "X-Forwarded-For: 127.0.0.1, 192.0.2.1\r\n"), 403, "and who says to be from here");
    assert_eq!(streams(&file, "X-Forwarded-For: 127.0.0.1\r\n"), 200, "somebody on this machine");
    let upgrade = UPGRADE.replacen("\r\n", "\r\nX-Forwarded-For: 127.0.0.1\r\n", 1);
    assert_eq!(ask(&file, &upgrade).status, 101, "a WebSocket");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660, "the proxy's group may connect, others may not");
}

#[test]
fn a_file_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let (folder, file) = place();
    let (first, _) = start(&folder, &file);
    let (second, said) = start(&folder, &file);
    assert!(said.contains("(server.listen) cannot be used for HTTP"), "{said}");
    drop(second);
    assert_eq!(streams(&file, "X-Forwarded-For: 127.0.0.1\r\n"), 200, "the first serves as before");
    // Killed, it leaves its file.
    drop(first);
    assert!(file.exists());
    let (_third, said) = start(&folder, &file);
    assert!(said.contains("streams at unix:"), "{said}");
    assert_eq!(streams(&file, "X-Forwarded-For: 127.0.0.1\r\n"), 200);
}
