//! HTTPS: what is served over it, and what becomes of viewers when the certificate changes.

use crate::support::keys::lenscap_with;
use crate::support::tls::Tls;
use crate::support::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const CAMERAS: &str = "[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n";

/// A certificate and its key, in a folder of their own.
struct Pair {
    folder: Folder,
    section: String,
}

impl Pair {
    fn new() -> Self {
        let folder = Folder::new();
        let made = lenscap(&["cert", "localhost", "127.0.0.1", "--out", folder.0.to_str().unwrap()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { folder, section: String::from_utf8(made.stdout).unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.0.join(format!("lenscap-{name}.pem"))
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file("cert")).unwrap()
    }

    /// Takes the place of another's files.
    fn replace(&self, other: &Pair) {
        for name in ["key", "cert"] {
            std::fs::copy(self.file(name), other.file(name)).unwrap();
        }
    }
}

/// Connects, trusting these certificates only.
fn connect(address: &str, trusted: &[&Pair], protocols: &[&str]) -> std::io::Result<Tls> {
    let roots: Vec<_> = trusted.iter().map(|pair| pair.certificate()).collect();
    tls::connect(address, "localhost", tls::trusting(&roots), protocols)
}

/// One request, answered to the end.
fn ask(stream: &mut Tls, head: &str, body: &str) -> String {
    let length = body.len();
    let text =
        format!("{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = vec![];
    // Whoever answers may end the connection without saying so.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A viewer who signals over WSS.
struct Viewer(Tls);

impl Viewer {
    fn new(address: &str, pair: &Pair) -> Self {
        let mut stream = connect(address, &[pair], &["http/1.1"]).unwrap();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        let mut read = vec![];
        while !read.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            read.push(byte[0]);
        }
        assert!(read.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&read));
        let mut viewer = Self(stream);
        viewer.say(&json!({ "type": "watch", "stream": "cam", "sdp": OFFER }));
        viewer.until("answer");
        viewer
    }

    /// A text frame (RFC 6455, section 5.2), masked with zeros.
    fn say(&mut self, message: &Value) {
        let text = message.to_string();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).unwrap();
    }

    /// Reads to the next message of this type.
    fn until(&mut self, kind: &str) -> Value {
        loop {
            let mut head = [0; 2];
            self.0.read_exact(&mut head).unwrap();
            let mut length = u64::from(head[1]);
            if length > 125 {
                let mut bytes = [0; 8];
                let wide = if length == 126 { 2 } else { 8 };
                self.0.read_exact(&mut bytes[8 - wide..]).unwrap();
                length = u64::from_be_bytes(bytes);
            }
            let mut text = vec![0; length as usize];
            self.0.read_exact(&mut text).unwrap();
            let message: Value = serde_json::from_slice(&text).unwrap_or_default();
            if message["type"] == kind {
                return message;
            }
        }
    }
}

fn shown(stream: &Tls) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[actix::test]
async fn a_changed_certificate_is_taken_and_nobody_is_interrupted() {
    let (first, second) = (Pair::new(), Pair::new());
    let server = Server::start(&format!("{}{CAMERAS}", first.section), "max_viewers = 30");
    let mut viewers: Vec<Viewer> = (0..20).map(|_| Viewer::new(&server.address, &first)).collect();
    assert!(connect(&server.address, &[&second], &[]).is_err(), "it is not the other yet");
    // Half of a change is none.
    std::fs::copy(second.file("key"), first.file("key")).unwrap();
    server.until_logged("the certificate stays as it was").await;
    second.replace(&first);
    server.until_logged("the certificate was read again").await;
    let mut stream = connect(&server.address, &[&second], &["http/1.1"]).unwrap();
    assert_eq!(shown(&stream), second.certificate().to_vec());
    for viewer in &mut viewers {
        viewer.say(&json!({ "type": "ping" }));
        viewer.until("pong");
    }
    let answer = ask(&mut stream, "GET /debug", "");
    let report: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(report["peers"].as_array().unwrap().len(), 20, "all of them watch on");
}

#[actix::test]
async fn https_speaks_http_2_and_1_and_its_cookies_are_for_it_alone() {
    let pair = Pair::new();
    let hash = lenscap_with(&["passwd"], "open sesame\n");
    let user = format!("[[access.user]]\nname = \"ann\"\npassword = \"{hash}\"\n");
    let server = Server::start(&format!("{}\n{user}{CAMERAS}", pair.section), "");
    for (offered, taken) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let stream = connect(&server.address, &[&pair], offered).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(taken.as_bytes()));
    }
    // Of HTTP/2 the name stands elsewhere.
    let port = server.address.rsplit(':').next().unwrap();
    for (host, expected) in [("localhost", "2 401"), ("evil.example", "2 421")] {
        let asked = std::process::Command::new("curl")
            .args(["-s", "-k", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"])
            .args(["--resolve", &format!("{host}:{port}:127.0.0.1"), &format!("https://{host}:{port}/streams")])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&asked.stdout), expected, "{host}");
    }
    let mut stream = connect(&server.address, &[&pair], &["http/1.1"]).unwrap();
    let body = "name=ann&password=open+sesame";
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![];
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let cookie =
        answer.lines().find(|line| line.starts_with("set-cookie: lenscap=")).unwrap_or_else(|| panic!("{answer}"));
    assert!(cookie.contains("Secure") && cookie.contains("HttpOnly"), "{cookie}");
}

#[test]
fn a_page_of_plain_http_is_not_ours_where_https_is_spoken() {
    let pair = Pair::new();
    let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
    for (origin, expected) in [("http://localhost", "403"), ("https://localhost", "101"), ("https://a.example", "403")]
    {
        let mut stream = connect(&server.address, &[&pair], &["http/1.1"]).unwrap();
        stream.write_all(UPGRADE.replace("\r\n\r\n", &format!("\r\nOrigin: {origin}\r\n\r\n")).as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8_lossy(&head[9..]), expected, "{origin}");
    }
}

#[test]
fn what_is_no_certificate_is_said_before_anything_starts() {
    let pair = Pair::new();
    let folder = Folder::new();
    let check = |section: &str| {
        let file = folder.file("config.toml", section);
        let output = lenscap(&["check", "--config", file.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&pair.section).0, Some(0), "{}", check(&pair.section).1);
    let path = |file: &Path| file.display().to_string();
    let (cert, key, other) = (path(&pair.file("cert")), path(&pair.file("key")), Pair::new());
    for (certificate, key, word) in [
        (key.as_str(), key.as_str(), "a certificate"),
        (cert.as_str(), cert.as_str(), "a private key"),
        (cert.as_str(), path(&other.file("key")).as_str(), "cannot be used"),
        ("/nowhere.pem", key.as_str(), "/nowhere.pem"),
    ] {
        let (code, words) = check(&format!("[tls]\ncertificate = {certificate:?}\nkey = {key:?}\n"));
        assert!(code == Some(2) && words.contains(word), "{certificate}, {key}: {words}");
    }
    let (code, words) = check(&format!("[tls]\ncertificate = {cert:?}\n"));
    assert!(code == Some(2) && words.contains("tls.certificate"), "{words}");
    // What is there is not written over.
    let again = lenscap(&["cert", "--out", pair.folder.0.to_str().unwrap()]);
    assert!(!again.status.success());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(pair.file("key")).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, 0x4 * u8::from(kind == 1)], &stream.to_be_bytes(), payload].concat()
}

/// A field that is in no table (RFC 7541, section 6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

#[actix_web::test]
async fn who_never_begins_to_speak_keeps_nobody_elses_handshake_waiting() {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let limits = rustix::process::Rlimit { current: most, maximum: most };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limits).unwrap();
    let pair = Pair::new();
    let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
    // Were it 512 at a time for 3 s each, as the library has it, others would wait for 12 s.
    let silent: Vec<std::net::TcpStream> = (0..2500).map(|_| connected_from("127.0.1.1", &server.address)).collect();
    let began = std::time::Instant::now();
    let mut stream = connect(&server.address, &[&pair], &["http/1.1"]).unwrap();
    assert!(ask(&mut stream, "GET /healthz", "").starts_with("HTTP/1.1 200"));
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    drop(silent);
}

#[actix_web::test]
async fn empty_frames_of_http_2_take_no_memory() {
    const FRAMES: usize = 2_000_000;
    let pair = Pair::new();
    let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
    for (method, path, content) in [
        ("POST", "/whep/cam", "application/sdp"),
        ("POST", "/login", "application/x-www-form-urlencoded"),
        ("GET", "/streams/events", "text/plain"),
        ("PUT", "/cameras/cam/controls", "application/json"),
        ("POST", "/no/such/path", "text/plain"),
    ] {
        let mut stream = connect(&server.address, &[&pair], &["h2"]).unwrap();
        let before = resident(server.pid());
        let fields = [
            (":method", method),
            (":path", path),
            (":scheme", "https"),
            (":authority", "localhost"),
            ("content-type", content),
        ];
        let head: Vec<u8> = fields.iter().flat_map(|(name, value)| field(name, value)).collect();
        stream.write_all(&[preface(&[]), frame(1, 1, &head)].concat()).unwrap();
        let some = frame(0, 1, &[]).repeat(1000);
        for _ in 0..FRAMES / 1000 {
            // Whoever has had enough of it may end it.
            if stream.write_all(&some).is_err() {
                break;
            }
        }
        // Kept, each would take 100 bytes or so: 200 MB. What comes within one turn of a thread that has much to do waits, and
        // that was 31 MB at most, however many came.
        let grown = resident(server.pid()).saturating_sub(before);
        assert!(grown < 48 << 10, "{method} {path}: {grown} kB more");
    }
}

/// What a client of HTTP/2 sends first, with these settings (RFC 9113, section 3.4).
fn preface(settings: &[u8]) -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, settings)].concat()
}

/// A request without a body in as few bytes as there can be: after the first of a connection, what that has put into the table
/// (RFC 7541, section 6.1).
fn short(stream: u32, method: &str, path: &str) -> Vec<u8> {
    let named =
        |index: u8, value: &str| [&[0x40 | index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let head = match stream {
        1 => [named(2, method), vec![0x87], named(4, path), named(1, "localhost")].concat(),
        _ => vec![0x80 | 64, 0x87, 0x80 | 63, 0x80 | 62],
    };
    let mut frame = frame(1, stream, &head);
    // It is the end of what is sent, too.
    frame[4] |= 0x1;
    frame
}

/// The most memory that a process has had, in kB.
fn most(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[actix_web::test]
async fn streams_of_http_2_whose_answers_nobody_takes_take_no_memory() {
    const STREAMS: u32 = 200_000;
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2): no answer may have a body.
    const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];
    let pair = Pair::new();
    for (method, path, reads) in [
        ("GET", "/debug.css", true),
        ("GET", "/debug.css", false),
        ("HEAD", "/debug.css", false),
        ("GET", "/no/such/path", true),
    ] {
        let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
        let mut stream = connect(&server.address, &[&pair], &["h2"]).unwrap();
        let before = resident(server.pid());
        stream.write_all(&preface(&NO_WINDOW)).unwrap();
        let mut other_side = stream.sock.try_clone().unwrap();
        let taken = reads.then(|| std::thread::spawn(move || std::io::copy(&mut other_side, &mut std::io::sink())));
        let all: Vec<u8> = (0..STREAMS).flat_map(|nth| short(2 * nth + 1, method, path)).collect();
        // Whoever has had enough of it ends it, and until then all of it may be read.
        let is_over = stream.write_all(&all).is_err();
        let deadline = std::time::Instant::now() + PATIENCE;
        match taken {
            Some(taken) => drop(taken.join()),
            None if is_over => {}
            None => {
                while stream.sock.take_error().unwrap().is_none() && std::time::Instant::now() < deadline {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        }
        // Others are served.
        let mut other = connect(&server.address, &[&pair], &["http/1.1"]).unwrap();
        assert!(ask(&mut other, "GET /healthz", "").starts_with("HTTP/1.1 200"), "{method} {path}");
        let grown = most(server.pid()).saturating_sub(before);
        assert!(grown < 64 << 10, "{method} {path}, taken: {reads}: {grown} kB more");
    }
}

#[actix_web::test]
async fn a_browsers_streams_of_http_2_are_all_answered() {
    let pair = Pair::new();
    let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
    let port = server.address.rsplit(':').next().unwrap();
    let url = |nth| format!("url = https://localhost:{port}/debug.css?{nth}\noutput = /dev/null\n");
    let list = pair.folder.file("urls", &(0..2500).map(url).collect::<String>());
    let asked = std::process::Command::new("curl")
        .args(["-s", "-k", "--http2", "--parallel", "--parallel-max", "100"])
        .args(["--resolve", &format!("localhost:{port}:127.0.0.1"), "-w", "%{http_version} %{http_code}\n", "-K"])
        .arg(list)
        .output()
        .unwrap();
    let answers = String::from_utf8_lossy(&asked.stdout);
    assert_eq!(answers.lines().filter(|line| *line == "2 200").count(), 2500, "{answers}");
}

#[actix_web::test]
async fn the_probe_trusts_the_certificate_that_it_is_given_and_no_other() {
    let (pair, other) = (Pair::new(), Pair::new());
    let server = Server::start(&format!("{CAMERAS}{}", pair.section), "");
    let url = format!("https://{}/view/cam", server.address);
    let run = |trust: Option<PathBuf>| {
        let url = url.clone();
        actix_web::web::block(move || {
            let trust = trust.map(|file| ["--trust".to_owned(), file.to_str().unwrap().to_owned()]);
            let arguments =
                ["probe", &url, "--frames", "5"].map(str::to_owned).into_iter().chain(trust.into_iter().flatten());
            let arguments: Vec<String> = arguments.collect();
            lenscap(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        })
    };
    let output = run(Some(pair.file("cert"))).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    for trust in [None, Some(other.file("cert")), Some("/no/such/file".into())] {
        let output = run(trust.clone()).await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{trust:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("--trust"), "{output:?}");
    }
}
