//! As much HTTP/1.1 as a WHEP client on the same machine needs: a request, and an answer that ends with the connection.

use crate::Failure;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

/// No answer is longer.
const ANSWER_MAX: usize = 1 << 16;

/// The endpoint of a stream.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where the server listens.
    pub host: SocketAddr,
    /// The path, with its first slash.
    pub path: String,
}

impl Endpoint {
    /// Reads `http://ADDRESS:PORT/PATH`.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or("expected http://ADDRESS:PORT/PATH")?;
        let (host, path) = rest.split_at(rest.find('/').ok_or("the URL has no path")?);
        Ok(Self { host: host.parse()?, path: path.to_owned() })
    }

    /// The address of this host from which the server is reached.
    pub fn our_address(&self) -> Result<IpAddr, Failure> {
        // Connecting a UDP socket sends nothing.
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect(self.host)?;
        Ok(socket.local_addr()?.ip())
    }
}

/// A request on its way, and what has come back so far.
pub struct Exchange {
    stream: TcpStream,
    unsent: Vec<u8>,
    read: Vec<u8>,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The content.
    pub body: String,
}

impl Exchange {
    /// Begins a request, and waits for nothing: on a narrow link a connection takes its time, in which other viewers
    /// must not be kept waiting.
    pub fn begin(host: SocketAddr, method: &str, path: &str, body: &str) -> Result<Self, Failure> {
        let family = if host.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = TcpStream::from(net::socket_with(family, SocketType::STREAM, flags, None)?);
        match net::connect(&stream, &host) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        stream.set_nodelay(true)?;
        let unsent = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        Ok(Self { stream, unsent, read: Vec::new() })
    }

    /// What to wait for.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends and reads on; the answer, once it is whole. To be called when the stream can be written or read.
    pub fn proceed(&mut self) -> Result<Option<Answer>, Failure> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return parse(&self.read).map(Some),
                Ok(length) => self.read.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if self.read.len() > ANSWER_MAX {
                return Err("the answer has no end".into());
            }
        }
    }
}

fn parse(read: &[u8]) -> Result<Answer, Failure> {
    let text = std::str::from_utf8(read)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("the server hung up before it had answered")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
    let location = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map(|(_, value)| value.trim().to_owned());
    Ok(Answer { status, location, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, parse};

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = parse(b"HTTP/1.1 201 Created\r\nlocation: /whep/a/b\r\n\r\nv=0\r\n").unwrap();
        assert_eq!((answer.status, answer.location.as_deref(), &*answer.body), (201, Some("/whep/a/b"), "v=0\r\n"));
        assert!(parse(b"HTTP/1.1 201 Created\r\nloc").is_err());
    }

    #[test]
    fn a_url_names_an_address_and_a_path() {
        let endpoint = Endpoint::parse("http://127.0.0.1:8080/whep/demo").unwrap();
        assert_eq!((endpoint.host.port(), &*endpoint.path), (8080, "/whep/demo"));
        assert!(Endpoint::parse("http://127.0.0.1:8080").is_err());
    }
}
