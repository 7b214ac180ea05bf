//! Cameras that are programs: closed means that nothing is left of them, whatever they have started.

use crate::support::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{XattrFlags, setxattr};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often each kind of camera is left.
const LEAVINGS: usize = 200;

/// Once this has been written, a program has ended by itself.
const ENDED: &str = "ended";

/// One kind of program each, all of which write a key frame and then nothing.
struct Kinds {
    folder: Folder,
    sources: Vec<(&'static str, String)>,
}

impl Kinds {
    fn new() -> Self {
        let folder = Folder::new();
        let clip = folder.0.join("clip.h264");
        std::fs::write(&clip, [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 1, 0x65, 0x88]).unwrap();
        let clip = clip.display();
        let ended = folder.0.join(ENDED);
        let script = format!(
            "#!/bin/sh\ntrap 'sleep 0.2; echo by itself >> {}; exit' TERM\ncat {clip}\nwhile :; do sleep 0.01; done\n",
            ended.display()
        );
        let script = folder.file("slow.sh", &script);
        let sources = vec![
            ("single", format!("tail -f {clip}")),
            ("pipe", format!("tail -f {clip} | cat")),
            ("slow", format!("sh {}", script.display())),
            // The leader of a group cannot leave it, so setsid forks, and ends.
            ("session", format!("setsid tail -f {clip}")),
            ("daemon", format!("(setsid tail -f {clip} &) & exit 0")),
        ];
        Self { folder, sources }
    }

    fn cameras(&self) -> String {
        let camera = |(id, command): &(&str, String)| {
            let source = format!("exec:{command}");
            format!("[[camera]]\nid = \"{id}\"\nstall_timeout = \"60s\"\nsource = {source:?}\n")
        };
        self.sources.iter().map(camera).collect()
    }

    fn ended_by_themselves(&self) -> usize {
        std::fs::read_to_string(self.folder.0.join(ENDED)).unwrap_or_default().lines().count()
    }
}

fn camera<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["cameras"].as_array().unwrap().iter().find(|camera| camera["id"] == id).unwrap()
}

fn listed(camera: &Value) -> BTreeSet<i32> {
    let processes = camera["processes"].as_array().unwrap();
    processes.iter().map(|process| process["pid"].as_i64().unwrap() as i32).collect()
}

/// All that descend from a server, without its broker, which is nobody's camera.
fn started_by(server: &Server) -> BTreeSet<i32> {
    let mut found = descendants(server.pid());
    assert!(found.remove(&server.broker()));
    found
}

/// All that descend from a process, found without the server's help.
fn descendants(root: i32) -> BTreeSet<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields = stat.rsplit_once(") ").unwrap().1;
        let parent = fields.split_whitespace().nth(1).unwrap().parse().unwrap();
        children.entry(parent).or_default().push(pid);
    }
    let mut found = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        for &child in children.get(&pid).into_iter().flatten() {
            found.insert(child);
            waiting.push(child);
        }
    }
    found
}

/// Hold on to processes, so that it can be asked what became of them.
fn hold(pids: &BTreeSet<i32>) -> Vec<(i32, OwnedFd)> {
    let held = pids.iter().filter_map(|&pid| {
        let descriptor = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).ok()?;
        Some((pid, descriptor))
    });
    held.collect()
}

/// Those of them that have not ended.
fn alive(held: &[(i32, OwnedFd)]) -> Vec<i32> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let running = held
        .iter()
        .filter(|(_, descriptor)| poll(&mut [PollFd::new(descriptor, PollFlags::IN)], Some(&now)).unwrap() == 0);
    running.map(|(pid, _)| *pid).collect()
}

async fn until_ended(held: &[(i32, OwnedFd)]) {
    let deadline = Instant::now() + PATIENCE;
    while !alive(held).is_empty() {
        assert!(Instant::now() < deadline, "still alive: {:?}", alive(held));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until a camera gives pictures and has as many processes as it will have.
async fn watch(server: &Server, id: &str) -> (String, Value) {
    let location = watch_by_whep(server, id).await;
    let report = server.until("capturing", |report| camera(report, id)["state"] == "capturing").await;
    (location, camera(&report, id).clone())
}

async fn leave(server: &Server, location: &str) {
    let leave = server.url(&format!("/peers/{}/leave", token(location)));
    assert_eq!(client().post(leave).send().await.unwrap().status(), 204);
}

/// Opens and leaves a camera of one kind again and again, and asks each time whether anything of it is left.
async fn nothing_is_left_of(id: &str) {
    let kinds = Kinds::new();
    let server = Server::start(&kinds.cameras(), "");
    let mut took = vec![];
    let mut most = 0;
    for nth in 0..LEAVINGS {
        let (location, shown) = watch(&server, id).await;
        let all = started_by(&server);
        let held = hold(&all);
        let named = listed(&shown);
        most = most.max(named.len());
        assert!(!named.is_empty(), "{shown}");
        let start = Instant::now();
        leave(&server, &location).await;
        took.push(start.elapsed());
        assert_eq!(alive(&held), [0; 0], "leaving {nth}: the answer came too early");
        for pid in all.iter().chain(&named) {
            assert!(!is_there(*pid), "leaving {nth}: {pid} is not reaped");
        }
    }
    took.sort();
    let (median, max) = (took[LEAVINGS / 2], took[LEAVINGS - 1]);
    println!("{id}: {LEAVINGS} leavings, up to {most} processes, median {median:?}, max {max:?}");
    if id == "slow" {
        assert_eq!(kinds.ended_by_themselves(), LEAVINGS, "each had the time to end by itself");
    }
    assert_eq!(camera(&server.debug().await, id)["failures"], 0);
}

#[actix::test]
async fn nothing_is_left_of_a_single_program_when_its_leaving_is_answered() {
    nothing_is_left_of("single").await;
}

#[actix::test]
async fn nothing_is_left_of_a_pipeline_when_its_leaving_is_answered() {
    nothing_is_left_of("pipe").await;
}

#[actix::test]
async fn nothing_is_left_of_a_script_that_takes_its_time_and_it_has_that_time() {
    nothing_is_left_of("slow").await;
}

#[actix::test]
async fn nothing_is_left_of_a_session_of_its_own_when_its_leaving_is_answered() {
    nothing_is_left_of("session").await;
}

#[actix::test]
async fn nothing_is_left_of_a_daemon_in_the_background_when_its_leaving_is_answered() {
    nothing_is_left_of("daemon").await;
}

#[actix::test]
async fn nothing_survives_a_server_that_is_killed() {
    let kinds = Kinds::new();
    let server = Server::start(&kinds.cameras(), "");
    for (id, _) in &kinds.sources {
        watch(&server, id).await;
    }
    let all = started_by(&server);
    assert!(all.len() >= 2 * kinds.sources.len(), "a guard and a program each: {all:?}");
    let held = hold(&all);
    let start = Instant::now();
    server.signal(libc::SIGKILL);
    until_ended(&held).await;
    println!("all {} ended {:?} after the server", held.len(), start.elapsed());
}

#[actix::test]
async fn a_program_whose_guard_is_killed_ends_with_it_and_is_started_again() {
    let kinds = Kinds::new();
    let server = Server::start(&kinds.cameras(), "");
    for id in ["pipe", "session", "daemon"] {
        let (location, shown) = watch(&server, id).await;
        let named = listed(&shown);
        let held = hold(&named);
        let guards = started_by(&server);
        let guard = guards.iter().find(|pid| descendants(**pid).is_superset(&named)).unwrap();
        kill_process(Pid::from_raw(*guard).unwrap(), Signal::KILL).unwrap();
        until_ended(&held).await;
        let words = server.until("failed", |report| camera(report, id)["failures"] == 1).await;
        let words = camera(&words, id)["last_error"].clone();
        let report = server
            .until("again", |report| camera(report, id)["opens"] == 2 && camera(report, id)["state"] == "capturing")
            .await;
        assert!(words.is_null() || words.as_str().unwrap().contains("guard was killed"), "{words}");
        assert!(listed(camera(&report, id)).is_disjoint(&named));
        leave(&server, &location).await;
        assert!(started_by(&server).is_empty());
    }
    server.until_logged("the program ended (its guard was killed)").await;
}

#[actix::test]
async fn a_program_that_has_been_stopped_is_let_go_of_as_fast_as_another() {
    let kinds = Kinds::new();
    let server = Server::start(&kinds.cameras(), "");
    let (location, shown) = watch(&server, "pipe").await;
    let named = listed(&shown);
    let held = hold(&named);
    for pid in &named {
        kill_process(Pid::from_raw(*pid).unwrap(), Signal::STOP).unwrap();
    }
    let start = Instant::now();
    leave(&server, &location).await;
    assert_eq!(alive(&held), [0; 0]);
    // Had it to be killed, it would have been given half a second first.
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[actix::test]
async fn a_program_that_hangs_is_started_again_and_its_viewer_stays() {
    let folder = Folder::new();
    let clip = folder.0.join("clip.h264");
    std::fs::write(&clip, [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 1, 0x65, 0x88]).unwrap();
    let source = format!("exec:while :; do cat {}; sleep 0.05; done", clip.display());
    let server =
        Server::start(&format!("[[camera]]\nid = \"cam\"\nstall_timeout = \"500ms\"\nsource = {source:?}\n"), "");
    let (_, shown) = watch(&server, "cam").await;
    let named = listed(&shown);
    let held = hold(&named);
    for pid in &named {
        kill_process(Pid::from_raw(*pid).unwrap(), Signal::STOP).unwrap();
    }
    let report = server
        .until("started again", |report| {
            camera(report, "cam")["opens"] == 2 && camera(report, "cam")["state"] == "capturing"
        })
        .await;
    assert_eq!(alive(&held), [0; 0]);
    assert_eq!(report["streams"][0]["subscribers"].as_array().unwrap().len(), 1);
    let exits = report["exits"].to_string();
    assert!(exits.contains("has given no picture for 0.5 s"), "{exits}");
}

#[actix::test]
async fn a_program_without_video_is_an_error_in_words_and_given_up_as_configured() {
    for (command, words) in [
        ("sleep 1000", "exec:sleep 1000 has written nothing for 0.5 s: its command must write H.264"),
        ("cat /dev/zero", "in which there is no video: its command must write H.264"),
        ("echo hello; exec sleep 1000", "has written 1 kB in which there is no video"),
        // VPS, SPS, PPS, an IDR and others, as H.265 has them.
        (
            r"for kind in 100 102 104 046 002 002 002; do printf '\\0\\0\\0\\01\\'$kind'\\01\\0232\\063'; done; exec sleep 1000",
            "in which there is no video: its command must write H.264 and not H.265",
        ),
        ("/there/is/none", "the program ended (exit status: 127)"),
    ] {
        let camera = format!(
            "[[camera]]\nid = \"cam\"\nstall_timeout = \"500ms\"\nsource = \"exec:{command}\"\n[camera.retry]\nmax_attempts = 2\n"
        );
        let server = Server::start(&camera, "");
        let mut socket = connect(&server).await;
        say(&mut socket, &serde_json::json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
        let error = hear(&mut socket, "error").await.unwrap();
        assert_eq!(error["code"], "camera_failed");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        let report = server.until("given up", |report| report["cameras"][0]["state"] == "failed").await;
        assert_eq!(report["cameras"][0]["opens"], 2);
        assert!(report["cameras"][0]["last_error"].as_str().unwrap().contains(words), "{report:#}");
        assert!(started_by(&server).is_empty(), "{command}");
    }
}

/// A control group that is marked as the server's own, if this system has any that can be made.
struct DelegatedGroup(PathBuf);

impl DelegatedGroup {
    fn new() -> Option<Self> {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let root = roots.into_iter().find(|root| root.join("cgroup.controllers").exists())?;
        let path = root.join(format!("lenscap-test-{}", std::process::id()));
        std::fs::create_dir(&path).ok()?;
        let group = Self(path);
        let marks = ["user.delegate", "trusted.delegate"];
        marks.iter().any(|mark| setxattr(&group.0, *mark, b"1", XattrFlags::empty()).is_ok()).then_some(group)
    }

    fn below(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }
}

impl Drop for DelegatedGroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[actix::test]
async fn in_a_delegated_control_group_each_program_has_one_of_its_own() {
    let Some(group) = DelegatedGroup::new() else {
        println!("no control group can be made and marked here: not tried");
        return;
    };
    let kinds = Kinds::new();
    let server = Server::start(&kinds.cameras(), "");
    // A service's processes are there from the start on.
    for process in [server.pid(), server.broker()] {
        std::fs::write(group.0.join("cgroup.procs"), process.to_string()).unwrap();
    }
    let (location, shown) = watch(&server, "daemon").await;
    let below = group.below();
    assert_eq!(below.len(), 1, "{below:?}");
    let members = std::fs::read_to_string(below[0].join("cgroup.procs")).unwrap();
    let members: BTreeSet<i32> = members.lines().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(members, listed(&shown), "all of the program, and nobody else");
    leave(&server, &location).await;
    assert!(group.below().is_empty(), "nothing is left of it");
    drop(server);
}

#[actix::test]
async fn a_program_may_open_as_many_files_as_it_is_used_to() {
    let folder = Folder::new();
    let said = folder.0.join("said");
    let source = format!("exec:ulimit -Sn > {}; {KEYFRAME} && exec sleep 1000", said.display());
    let server = Server::start_with_descriptors(4096, &format!("[[camera]]\nid = \"cam\"\nsource = {source:?}\n"), "");
    watch_by_whep(&server, "cam").await;
    server.camera_pid().await;
    assert_eq!(std::fs::read_to_string(said).unwrap().trim(), "1024");
}
