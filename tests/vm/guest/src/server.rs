//! The program that is checked: the release build of `lenscap`, as any user runs it.

use crate::PATIENCE;
use crate::http::{Response, request};
use crate::websocket::WebSocket;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An offer of Chromium to receive video.
pub const OFFER: &str = include_str!("../../../support/offer.sdp");

/// Between two looks at something that changes by itself.
const POLL: Duration = Duration::from_millis(2);

/// A camera for the configuration. `source` is as the configuration writes it.
pub struct CameraConfig<'a> {
    pub id: &'a str,
    pub source: &'a str,
    pub format: &'a str,
    pub size: [u32; 2],
    /// 0 to leave it to the server.
    pub fps: u32,
}

impl CameraConfig<'_> {
    fn section(&self) -> String {
        let Self { id, source, format, size, fps } = self;
        let fps = if *fps == 0 { String::new() } else { format!("\nfps = {fps}") };
        let keys = format!("id = {id:?}\nsource = {source:?}\nformat = {format:?}\nsize = {size:?}{fps}");
        format!("[[camera]]\n{keys}\n")
    }
}

/// Viewers here never connect, as nobody would look at the picture: they must not be given up as long as their
/// check lasts.
const TABLES: &str = r#"[server]
listen = "127.0.0.1:0"
[webrtc]
listen = "127.0.0.1:0"
[webrtc.ice]
profile = "custom"
disconnected_timeout = "5s"
failed_timeout = "10m"
keepalive_interval = "2s"
[departure]
first_packet_timeout = "60s"
connect_timeout = "60s"
"#;

/// A running server, ended with its check.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server with these cameras.
    pub fn start(cameras: &[CameraConfig<'_>]) -> Self {
        Self::start_with(TABLES, cameras)
    }

    /// Starts a server with these tables before the cameras.
    pub fn start_with(tables: &str, cameras: &[CameraConfig<'_>]) -> Self {
        let sections: String = cameras.iter().map(CameraConfig::section).collect();
        Self::start_sections(tables, &sections)
    }

    /// Starts a server with one camera that has these keys besides.
    pub fn start_one(camera: &CameraConfig<'_>, keys: &str) -> Self {
        Self::start_several(&[camera], keys)
    }

    /// Starts a server with these cameras, all of which have these keys besides.
    pub fn start_several(cameras: &[&CameraConfig<'_>], keys: &str) -> Self {
        let sections: String = cameras.iter().map(|camera| format!("{}{keys}\n", camera.section())).collect();
        Self::start_sections(TABLES, &sections)
    }

    fn start_sections(tables: &str, sections: &str) -> Self {
        std::fs::write("/tmp/config.toml", format!("{tables}[discovery]\nv4l2 = false\n{sections}")).unwrap();
        let mut child = Command::new("/lenscap")
            .args(["run", "--config", "/tmp/config.toml"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("lenscap starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let log = Arc::new(Mutex::new(vec![]));
        let keep = {
            let log = log.clone();
            move |line: &str| log.lock().unwrap().push(line.to_owned())
        };
        let address = lines
            .by_ref()
            .inspect(|line| keep(line))
            .find_map(|line| line.split("streams at http://").nth(1)?.split('/').next()?.parse().ok());
        let Some(address) = address else {
            panic!("lenscap did not start: {:#?}", log.lock().unwrap());
        };
        std::thread::spawn(move || lines.for_each(|line| keep(&line)));
        Self { child, address, log }
    }

    pub fn request(&self, method: &str, path: &str) -> Response {
        request(self.address, method, path, None)
    }

    /// Sends a body of JSON.
    pub fn put(&self, path: &str, body: &str) -> Response {
        request(self.address, "PUT", path, Some(("application/json", body)))
    }

    /// Opens a signalling connection.
    pub fn signalling(&self) -> WebSocket {
        WebSocket::connect(self.address, "/ws")
    }

    /// What `/debug` says.
    pub fn debug(&self) -> Value {
        let response = self.request("GET", "/debug");
        assert_eq!(response.status, 200);
        serde_json::from_str(&response.body).unwrap()
    }

    /// What `/debug` says of one camera.
    pub fn camera(&self, id: &str) -> Value {
        named(&self.debug(), "cameras", id)
    }

    /// What `/debug` says of one stream.
    pub fn stream(&self, id: &str) -> Value {
        named(&self.debug(), "streams", id)
    }

    /// Frames of a stream since it last went live.
    pub fn frames(&self, stream: &str) -> u64 {
        self.stream(stream)["frames"].as_u64().unwrap()
    }

    /// Asks `/debug` until it fits; returns how long that took.
    pub fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            let report = self.debug();
            if fits(&report) {
                return start.elapsed();
            }
            if start.elapsed() > PATIENCE {
                panic!("never {what}: cameras {:#} streams {:#}", report["cameras"], report["streams"]);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits until a camera is in this state.
    pub fn until_camera(&self, id: &str, state: &str) -> Duration {
        self.until(&format!("{id} {state}"), |report| named(report, "cameras", id)["state"] == state)
    }

    /// Waits until a stream is live and has had so many frames more than now.
    pub fn until_frames(&self, id: &str, more: u64) -> Duration {
        // Those who have just become live count from zero again.
        let before = std::cell::Cell::new(self.frames(id));
        self.until(&format!("{more} frames more of {id}"), |report| {
            let stream = named(report, "streams", id);
            let frames = stream["frames"].as_u64().unwrap();
            before.set(before.get().min(frames));
            stream["state"] == "live" && frames >= before.get() + more
        })
    }

    /// Watches a stream, by WHEP.
    pub fn watch(&self, stream: &str) -> Viewer<'_> {
        let offer = Some(("application/sdp", OFFER));
        let response = request(self.address, "POST", &format!("/whep/{stream}"), offer);
        assert_eq!(response.status, 201, "{}", response.body);
        let location = response.header("Location").expect("a Location").to_owned();
        Viewer { server: self, location }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Descriptors it has open.
    pub fn descriptors(&self) -> Vec<String> {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        let links = folder.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.map(|link| link.display().to_string()).collect()
    }

    /// Cameras it holds open, by descriptors or mapped buffers.
    pub fn devices(&self) -> Vec<String> {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.child.id())).unwrap();
        let mapped = maps.lines().filter_map(|line| line.split_whitespace().nth(5).map(str::to_owned));
        self.descriptors().into_iter().chain(mapped).filter(|path| path.starts_with("/dev/video")).collect()
    }

    /// Whether programs that it starts would inherit a file that it has open.
    pub fn inherits(&self, path: &str) -> bool {
        let folder = format!("/proc/{}", self.child.id());
        let open = std::fs::read_dir(format!("{folder}/fd")).unwrap().flatten();
        let open = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == path));
        let flags: Vec<u32> = open
            .map(|entry| {
                let info = std::fs::read_to_string(format!("{folder}/fdinfo/{}", entry.file_name().display())).unwrap();
                let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
                u32::from_str_radix(flags.trim(), 8).unwrap()
            })
            .collect();
        assert!(!flags.is_empty(), "{path} is not open");
        flags.iter().any(|flags| flags & libc::O_CLOEXEC as u32 == 0)
    }

    /// Fails if it has ended.
    pub fn assert_alive(&mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "lenscap has ended");
    }

    /// What it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.log().iter().for_each(|line| eprintln!("lenscap: {line}"));
        }
    }
}

/// One camera or stream in what `/debug` says.
pub fn named(report: &Value, list: &str, id: &str) -> Value {
    let entries = report[list].as_array().unwrap();
    entries.iter().find(|entry| entry["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

/// Somebody who watches.
pub struct Viewer<'a> {
    server: &'a Server,
    location: String,
}

impl Viewer<'_> {
    /// Reports the leaving by the beacon; returns how long the answer took.
    pub fn leave(self) -> Duration {
        let token = self.location.rsplit('/').next().unwrap();
        let start = Instant::now();
        let response = self.server.request("POST", &format!("/peers/{token}/leave"));
        assert_eq!(response.status, 204);
        start.elapsed()
    }
}
