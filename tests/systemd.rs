//! What systemd is told, by a socket that is not systemd's.

use crate::support::tracing::Stopped;
use crate::support::*;
use actix_web::web;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

/// So often systemd would look; it is told twice as often.
const WATCHDOG: Duration = Duration::from_secs(1);

const CAMERAS: &str = "[[camera]]\nid = \"test\"\nsource = \"test\"\nsize = [320, 240]\n";

/// Where a server's notifications arrive.
struct Manager {
    socket: UnixDatagram,
    folder: Folder,
}

impl Manager {
    fn new() -> Self {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.0.join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, folder }
    }

    fn start(&self, cameras: &str, watchdog: Option<Duration>) -> Server {
        let socket = self.folder.0.join("notify").to_string_lossy().into_owned();
        let mut variables = vec![("NOTIFY_SOCKET", socket)];
        variables.extend(watchdog.map(|every| ("WATCHDOG_USEC", every.as_micros().to_string())));
        Server::start_with(cameras, "", &variables)
    }

    /// The next notification; none if none comes within `patience`.
    fn next(&self, patience: Duration) -> Option<String> {
        let mut buffer = [0; 4096];
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Waits for a notification with this in it; gives it, and those before it.
    fn until(&self, words: &str) -> (String, Vec<String>) {
        let (deadline, mut before) = (Instant::now() + PATIENCE, vec![]);
        while let Some(told) =
            self.next(deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)))
        {
            if told.contains(words) {
                return (told, before);
            }
            before.push(told);
        }
        panic!("never told: {words}; but {before:#?}");
    }

    /// Whether no ping comes for so long as would have systemd end the server, after those that are on their way.
    fn is_silent(&self) -> bool {
        let deadline = Instant::now() + 3 * WATCHDOG;
        let mut last_ping = Instant::now();
        while Instant::now() < deadline {
            if self.next(Duration::from_millis(50)).is_some_and(|told| told.contains("WATCHDOG=1")) {
                last_ping = Instant::now();
            }
        }
        last_ping.elapsed() > 2 * WATCHDOG
    }
}

#[actix::test]
async fn it_is_ready_when_it_serves_and_says_how_it_is_and_that_it_stops() {
    let manager = Manager::new();
    let mut server = manager.start(CAMERAS, None);
    let (_, before) = manager.until("READY=1");
    assert_eq!(before, Vec::<String>::new(), "nothing before it is ready");
    let mut answer = client().get(server.url("/healthz")).send().await.unwrap();
    assert_eq!(answer.body().await.unwrap(), "ok\n");
    manager.until("STATUS=0 of 1 stream live, 0 viewers");
    let mut viewer = connect(&server).await;
    say(&mut viewer, &json!({ "type": "watch", "stream": "test", "sdp": OFFER })).await;
    hear(&mut viewer, "answer").await.unwrap();
    manager.until("STATUS=1 of 1 stream live, 1 viewer");
    server.signal(libc::SIGTERM);
    let (told, before) = manager.until("STOPPING=1");
    assert!(told.contains("EXTEND_TIMEOUT_USEC=5000000"), "{told}");
    assert!(before.iter().all(|told| !told.contains("WATCHDOG")), "nobody asked for that: {before:?}");
    assert!(server.wait().success());
    assert!(server.log().contains("root/cameras/test/device: closed"));
}

#[actix::test]
async fn the_watchdog_is_told_while_all_threads_answer_and_not_while_one_of_them_stands_still() {
    let manager = Manager::new();
    let server = manager.start(CAMERAS, Some(WATCHDOG));
    manager.until("READY=1");
    let start = Instant::now();
    for _ in 0..4 {
        manager.until("WATCHDOG=1");
    }
    assert!(start.elapsed() >= WATCHDOG, "not more often than it must be");
    let threads = server.threads();
    // Those on which actors live, and those that answer requests.
    for name in ["lenscap", "cameras", "media", "http"] {
        let mine: Vec<i32> = threads.iter().filter(|(_, own)| own == name).map(|(thread, _)| *thread).collect();
        assert!(!mine.is_empty(), "{name} is none of {threads:?}");
        for thread in mine {
            let stopped = Stopped::thread(thread);
            assert!(manager.is_silent(), "{name} {thread} stands still");
            drop(stopped);
            manager.until("WATCHDOG=1");
        }
        let member = if name == "lenscap" { "supervisors" } else { name };
        server.until_logged(&format!("{member} gives no answer since")).await;
    }
}

/// The system calls of each of systemd's groups, and the groups that are in them.
fn groups() -> HashMap<String, Vec<String>> {
    let printed = Command::new("systemd-analyze").args(["--no-pager", "syscall-filter"]).output().unwrap();
    let (mut groups, mut group) = (HashMap::<String, Vec<String>>::new(), String::new());
    for line in String::from_utf8(printed.stdout).unwrap().lines() {
        match line.strip_prefix("    ") {
            Some(member) if !member.starts_with('#') => {
                groups.entry(group.clone()).or_default().push(member.to_owned())
            }
            None if line.starts_with('@') => group = line.to_owned(),
            _ => {}
        }
    }
    groups
}

/// All that the unit lets through.
fn let_through() -> HashSet<String> {
    let (groups, unit) = (groups(), include_str!("../packaging/lenscap.service"));
    let filters = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let mut todo: Vec<String> = filters.flat_map(|names| names.split_whitespace().map(str::to_owned)).collect();
    let mut all = HashSet::new();
    while let Some(name) = todo.pop() {
        if name.starts_with('@') {
            todo.extend(groups.get(&name).unwrap_or_else(|| panic!("systemd knows no {name}")).iter().cloned());
        } else {
            all.insert(name);
        }
    }
    all
}

/// The names of the system calls in what `strace` has written.
fn calls(trace: &str) -> HashSet<String> {
    let name = |line: &str| {
        let call = line.split_once(' ')?.1.trim_start().split_once('(')?.0;
        call.chars().all(|it| it.is_ascii_alphanumeric() || it == '_').then(|| call.to_owned())
    };
    trace.lines().filter_map(name).collect()
}

#[actix::test]
async fn neither_it_nor_a_program_of_its_cameras_makes_a_system_call_that_its_unit_refuses() {
    let folder = Folder::new();
    let trace = folder.0.join("trace");
    let program = "exec:ffmpeg -v error -re -f lavfi -i testsrc=size=320x240:rate=30 -c:v libx264 -preset ultrafast -tune zerolatency -g 15 -f h264 -";
    let camera = format!("[[camera]]\nid = \"program\"\nsource = \"{program}\"\n");
    let mut server = Server::start_traced(&trace, &format!("{CAMERAS}{camera}"));
    for stream in ["test", "program"] {
        let url = server.url(&format!("/{stream}"));
        let probe = web::block(move || lenscap(&["probe", "--frames", "5", &url])).await.unwrap();
        assert!(probe.status.success(), "{}", String::from_utf8_lossy(&probe.stderr));
    }
    server.signal(libc::SIGTERM);
    assert!(server.wait().success());
    let made = calls(&std::fs::read_to_string(&trace).unwrap());
    for known in ["execve", "sendmsg", "landlock_restrict_self", "seccomp"] {
        assert!(made.contains(known), "the trace is not whole: {known} is missing");
    }
    let refused: Vec<_> = made.difference(&let_through()).cloned().collect();
    assert_eq!(refused, Vec::<String>::new());
}
