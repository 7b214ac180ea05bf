//! As much of an HTTP client as the checks need: one request a connection.

use crate::PATIENCE;
use std::io::{Read, Write};
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
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
    Response { status, body: body.to_owned(), head: head.to_owned() }
}
