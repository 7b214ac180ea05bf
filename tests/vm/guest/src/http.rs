//! As much of an HTTP client as the checks need: one request a connection.

use crate::PATIENCE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer.
pub struct Response {
    pub status: u16,
    pub body: String,
    head: String,
}

impl Response {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends a request and waits for the whole answer. `content` is a media type and a body.
pub fn request(address: SocketAddr, method: &str, path: &str, content: Option<(&str, &str)>) -> Response {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.set_nodelay(true).unwrap();
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    text += "Accept: application/json\r\n";
    match content {
        Some((kind, body)) => text += &format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
        None => text += "Content-Length: 0\r\n\r\n",
    }
    connection.write_all(text.as_bytes()).unwrap();
    // The answer is there when its last byte is, not when the server hangs up after it.
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = reader.read_line(&mut head).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(read > 0, "{method} {path}: no whole answer: {head:?}");
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    let mut response = Response { status, body: String::new(), head };
    let length = response.header("Content-Length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    response.body = String::from_utf8(body).unwrap();
    response
}
