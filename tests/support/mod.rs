//! Runs the real program and speaks to it as a viewer's browser would.

pub mod acme;
pub mod forge;
pub mod keys;
pub mod raw;
pub mod tls;
pub mod tracing;
pub mod wire;

use awc::ws::{Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// An offer of Chromium to receive video.
pub const OFFER: &str = include_str!("offer.sdp");

/// The head of a request that opens a WebSocket (RFC 6455, section 4.1).
pub const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Longer than anything here takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What a program writes to give one key frame: parameters, and a slice that begins a picture.
pub const KEYFRAME: &str = "printf '\\000\\000\\001\\147\\102\\300\\036\\000\\000\\001\\145\\210'";

/// A camera whose process writes one key frame and then nothing, and is easy to end.
pub const SILENT_CAMERA: &str =
    "exec:printf '\\000\\000\\001\\147\\102\\300\\036\\000\\000\\001\\145\\210' && exec sleep 1000";

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("lenscap-test-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs the program to its end.
pub fn lenscap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lenscap")).args(arguments).output().unwrap()
}

/// A running server, ended with the test.
pub struct Server {
    child: Child,
    pub address: String,
    /// Where it takes video's packets.
    pub udp: SocketAddr,
    log: Arc<Mutex<String>>,
    folder: Folder,
}

impl Server {
    /// Starts a server with these `[[camera]]` sections and `[server]` keys. Its viewers are offers that no packet
    /// follows: it waits for them, unless it is told otherwise.
    pub fn start(cameras: &str, keys: &str) -> Self {
        let told = format!("{cameras}{keys}").contains("[departure]");
        let departure = "[departure]\nfirst_packet_timeout = \"60s\"\nconnect_timeout = \"60s\"\n";
        Self::start_as_shipped(&format!("{}{cameras}", if told { "" } else { departure }), keys)
    }

    /// Starts a server with these sections and `[server]` keys.
    pub fn start_as_shipped(cameras: &str, keys: &str) -> Self {
        Self::start_with(cameras, keys, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_with(cameras: &str, keys: &str, variables: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lenscap"));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::start_by(command, cameras, keys)
    }

    /// The same, with so many file descriptors.
    pub fn start_with_descriptors(most: u32, cameras: &str, keys: &str) -> Self {
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile={most}:{most}")).arg(env!("CARGO_BIN_EXE_lenscap"));
        Self::start_by(command, cameras, keys)
    }

    /// The same, and each system call of it and of its programs is written to `trace`.
    pub fn start_traced(trace: &Path, cameras: &str) -> Self {
        let mut command = Command::new("strace");
        // -D: what is started is the server, and not the one who looks on.
        command.args(["-D", "-f", "-q", "-o"]).arg(trace).arg(env!("CARGO_BIN_EXE_lenscap"));
        Self::start_by(command, cameras, "")
    }

    /// The same at this TCP port.
    pub fn start_at(port: u16, sections: &str) -> Self {
        Self::start_listening(Command::new(env!("CARGO_BIN_EXE_lenscap")), &format!("127.0.0.1:{port}"), sections, "")
    }

    /// The same at all addresses of this machine.
    pub fn start_everywhere(sections: &str) -> Self {
        Self::start_listening(Command::new(env!("CARGO_BIN_EXE_lenscap")), "0.0.0.0:0", sections, "")
    }

    fn start_by(command: Command, cameras: &str, keys: &str) -> Self {
        Self::start_listening(command, "127.0.0.1:0", cameras, keys)
    }

    fn start_listening(mut command: Command, listen: &str, cameras: &str, keys: &str) -> Self {
        let folder = Folder::new();
        let text = format!(
            "[server]\nlisten = \"{listen}\"\n{keys}\n[webrtc]\nlisten = \"127.0.0.1:0\"\n[discovery]\nv4l2 = false\n{cameras}"
        );
        let config = folder.file("config.toml", &text);
        let mut child = command.arg("--config").arg(&config).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (address, udp) = log
            .by_ref()
            .map(|line| line.unwrap())
            .find_map(|line| {
                let (address, rest) = line.split("streams at http").nth(1)?.split_once("://")?.1.split_once('/')?;
                let udp = rest.split("video by UDP ").nth(1)?.split(')').next()?;
                Some((address.to_owned(), udp.parse().ok()?))
            })
            .expect("the server says where it is");
        let written = Arc::new(Mutex::new(String::new()));
        let written_to = written.clone();
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                eprintln!("{line}");
                written_to.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self { child, address, udp, log: written, folder }
    }

    /// Replaces its configuration, which it reads again if it is told to.
    pub fn rewrite(&self, configuration: &str) {
        self.folder.file("config.toml", configuration);
    }

    /// Where its configuration is.
    pub fn config(&self) -> PathBuf {
        self.folder.0.join("config.toml")
    }

    /// What it has written to its log since it was ready.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has written this to its log.
    pub async fn until_logged(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "never logged: {words}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Its threads, with their names.
    pub fn threads(&self) -> Vec<(i32, String)> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let name = |thread: i32| std::fs::read_to_string(format!("/proc/{}/task/{thread}/comm", self.pid()));
        let numbers = threads.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        numbers.filter_map(|thread| Some((thread, name(thread).ok()?.trim().to_owned()))).collect()
    }

    /// Its children, of whichever thread; those that it has not reaped, too.
    pub fn children(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("children")).ok());
        let text: String = lists.collect();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// The process that starts its cameras' programs.
    pub fn broker(&self) -> i32 {
        let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(broker) = self.children().into_iter().find(|pid| name(*pid).trim() == "camera-broker") {
                return broker;
            }
            assert!(Instant::now() < deadline, "it has no broker");
            std::thread::yield_now();
        }
    }

    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: the process is our own child and has not been waited for.
        unsafe { libc::kill(self.pid(), signal) };
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub async fn debug(&self) -> Value {
        let mut response =
            client().get(self.url("/debug")).insert_header(("Accept", "application/json")).send().await.unwrap();
        response.json().limit(1 << 22).await.unwrap()
    }

    /// Asks until what /debug says fits.
    pub async fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.debug().await;
            if fits(&report) {
                return report;
            }
            assert!(Instant::now() < deadline, "never {what}: {report:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The process of the only camera, once it runs.
    pub async fn camera_pid(&self) -> i32 {
        let report = self.until("capturing", |report| report["cameras"][0]["state"] == "capturing").await;
        pid_of(&report["cameras"][0])
    }

    /// The process of this camera, once it runs.
    pub async fn camera_pid_of(&self, id: &str) -> i32 {
        let runs = |camera: &&Value| camera["id"] == id && camera["state"] == "capturing";
        let report =
            self.until("capturing", |report| report["cameras"].as_array().unwrap().iter().any(|it| runs(&it))).await;
        pid_of(report["cameras"].as_array().unwrap().iter().find(runs).unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid_of(camera: &Value) -> i32 {
    camera["device"].as_str().unwrap().strip_prefix("pid ").unwrap().parse().unwrap()
}

/// Connects from this address of loopback.
pub fn connected_from(source: &str, address: &str) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&format!("{source}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect_timeout(&address.parse::<SocketAddr>().unwrap().into(), PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

/// Whether a process is there, reaped or not; or any of a process group, named by its negative.
pub fn is_there(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(pid, 0) == 0 }
}

/// Resident memory of a process, in kB.
pub fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

pub fn client() -> awc::Client {
    awc::Client::builder().timeout(PATIENCE).finish()
}

/// Opens a viewer by WHEP and returns its Location.
pub async fn watch_by_whep(server: &Server, stream: &str) -> String {
    let post = client().post(server.url(&format!("/whep/{stream}")));
    let response = post.insert_header(("Content-Type", "application/sdp")).send_body(OFFER).await.unwrap();
    assert_eq!(response.status(), 201);
    response.headers().get("Location").unwrap().to_str().unwrap().to_owned()
}

/// The secret name of a viewer, by its Location.
pub fn token(location: &str) -> &str {
    location.rsplit('/').next().unwrap()
}

pub type Socket = actix_codec::Framed<awc::BoxedSocket, awc::ws::Codec>;

/// A signalling connection to a server.
pub async fn connect(server: &Server) -> Socket {
    let (_, socket) = client().ws(server.url("/ws")).connect().await.unwrap();
    socket
}

pub async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

/// The next message of this type; none if the connection ends before.
pub async fn hear(socket: &mut Socket, kind: &str) -> Option<Value> {
    let heard = async {
        while let Some(Ok(frame)) = socket.next().await {
            if let Frame::Text(text) = frame {
                let message: Value = serde_json::from_slice(&text).unwrap();
                if message["type"] == kind {
                    return Some(message);
                }
            }
        }
        None
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("no {kind} came"))
}
