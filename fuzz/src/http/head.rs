//! A request as text: who is connected, the head, and what is sent with it.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, Uri, Version};
use actix_web::test::TestRequest;
use std::net::{IpAddr, SocketAddr};

/// A request that HTTP itself would let through to us.
pub struct Head<'a> {
    /// Who is connected; none if that is not known any more.
    pub peer: Option<IpAddr>,
    /// Who is believed.
    pub trusted: Vec<IpAddr>,
    /// Where to.
    pub target: &'a str,
    /// What is sent with it.
    pub body: &'a str,
    method: Method,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl<'a> Head<'a> {
    /// Of a first line `PEER TRUSTED,…`, a request line, headers, an empty line and a body. What no parser of HTTP
    /// lets through is none, and a header that is not let through is left out.
    pub fn read(text: &'a str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.split('\n');
        let mut way = lines.next()?.split(' ');
        let peer = way.next().and_then(|word| word.parse().ok());
        let trusted = way.next().unwrap_or_default().split(',').filter_map(|word| word.parse().ok()).collect();
        let mut request = lines.next()?.split(' ');
        let (method, target, version) = (request.next()?, request.next()?, request.next().unwrap_or_default());
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        Uri::try_from(target).ok()?;
        let version = match version {
            "HTTP/1.0" => Version::HTTP_10,
            "HTTP/2" => Version::HTTP_2,
            _ => Version::HTTP_11,
        };
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
        };
        let headers = lines.filter_map(header).collect();
        Some(Self { peer, trusted, target, body, method, version, headers })
    }

    /// The request, as the server gets it.
    pub fn request(&self) -> TestRequest {
        let mut request = TestRequest::default()
            .method(self.method.clone())
            .uri(self.target)
            .version(self.version)
            .set_payload(self.body.to_owned());
        if let Some(peer) = self.peer {
            request = request.peer_addr(SocketAddr::new(peer, 4000));
        }
        self.headers.iter().cloned().fold(request, TestRequest::append_header)
    }

    /// All that is said in headers of this name, from the first to the last.
    pub fn said<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b [u8]> {
        self.headers.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_bytes())
    }
}
