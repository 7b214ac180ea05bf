//! Heads of requests, as far as they are ours to read: who asks, from where and for what. No words in them open more than
//! is documented (docs/design/access.md).

mod head;
mod routes;
mod visitor;
mod whep;

use crate::Target;
use head::Head;

/// The target.
pub const TARGET: Target = Target { name: "http", run, seeds };

fn seeds() -> Vec<Vec<u8>> {
    let fragment = "a=ice-ufrag:anew\na=ice-pwd:a-password-of-22-chars\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:0\n";
    let patch = |condition: &str, body: &str| {
        format!(
            "198.51.100.7 -\nPATCH /whep/front/0123456789abcdef HTTP/1.1\nHost: 192.0.2.80:8080\n\
             Content-Type: application/trickle-ice-sdpfrag\n{condition}\n\n{body}"
        )
    };
    [
        "127.0.0.1 -\nGET / HTTP/1.1\nHost: localhost:8080\nAccept: text/html".to_owned(),
        "192.0.2.80 -\nGET /ws?link=front.1800000000.abc HTTP/1.1\nHost: [::1]:8080\nUpgrade: websocket\nOrigin: http://[::1]:8080".to_owned(),
        "::ffff:127.0.0.1 127.0.0.1,10.0.0.1\nGET /view/front HTTP/1.1\nHost: cams.example\nX-Forwarded-For: 127.0.0.1, 192.0.2.1, 10.0.0.1\nX-Forwarded-For: [2001:db8::1]:4711\nX-Forwarded-Proto: https\nCookie: a=b; lenscap=abc; c=d".to_owned(),
        "127.0.0.1 127.0.0.1\nGET /streams HTTP/1.0\nHost: CAMS.example.:443\nX-Forwarded-For: ::1\nAuthorization: Bearer abc".to_owned(),
        "198.51.100.7 -\nGET /debug/actors/root%2Fcameras/kill HTTP/2\nHost: a.localhost\nForwarded: for=127.0.0.1\nVia: 1.1 x\nAuthorization: Basic YW5uOmE6Yg==".to_owned(),
        "gone 127.0.0.1\nPOST /logout HTTP/1.1\nHost: cams.example\nOrigin: https://house.example\nX-Real-IP: 127.0.0.1\nX-Forwarded-Host: x\nCookie: lenscap=".to_owned(),
        "10.0.0.1 10.0.0.1\nGET /view/%2e%2e%2F%25%00b%C3%A4 HTTP/1.1\nHost: 10.0.0.2\nX-Forwarded-For: 10.0.0.2\nSec-Fetch-Site: cross-site\nSec-Fetch-Dest: document".to_owned(),
        "10.0.0.9 10.0.0.1\nGET /login?next=%2Fview%2Ffront%3Fa%3D%22%3E%3Cb HTTP/1.1\nHost: 10.0.0.2\nX-Forwarded-For: unknown".to_owned(),
        "10.0.0.9 -\nHEAD /streams/front/picture.jpg?at=1 HTTP/1.1\nHost: 10.0.0.2\nIf-None-Match: W/\"1700000000000\", \"a\"\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT".to_owned(),
        "10.0.0.9 -\nOPTIONS /whep/front HTTP/1.1\nHost: 10.0.0.2\nOrigin: https://evil.example\nSec-Fetch-Site: same-site".to_owned(),
        "10.0.0.9 -\nPUT /cameras/front/controls HTTP/1.1\nHost: cams.example\nOrigin: https://cams.example\n\n{\"brightness\": 10}".to_owned(),
        "10.0.0.9 -\nPOST /login HTTP/1.1\nHost: cams.example\nContent-Type: application/x-www-form-urlencoded\n\nname=a&password=b&next=/".to_owned(),
        patch("If-Match: *", fragment),
        patch("If-Match: \"there\", \"here\"", &fragment.replace('\n', "\r\n")),
        patch("X: y", fragment),
        patch("If-Match: \"here\"", "a=mid:0\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\n"),
        patch("If-Match: W/\"here\"", include_str!("../../actors/tests/offers/chromium-max-bundle.sdp")),
        patch("If-Match: *", include_str!("../../actors/tests/offers/chromium-max-bundle.sdp")),
    ]
    .map(String::into_bytes)
    .into()
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some(head) = Head::read(&text) else { return };
    let request = head.request().to_http_request();
    visitor::look(&head, &request);
    whep::look(&head, &request);
    routes::look(&head);
}
