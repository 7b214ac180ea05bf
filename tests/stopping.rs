//! The end of the server: every camera is closed, or named; and in order.

use crate::support::tracing::Stopped;
use crate::support::*;
use lenscap_actors::shutdown::Budget;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn exec(id: &str, command: &str) -> String {
    format!("[[camera]]\nid = \"{id}\"\nsource = {:?}\n", format!("exec:{command}"))
}

const TEST: &str = "[[camera]]\nid = \"test\"\nsource = \"test\"\nsize = [320, 240]\n";

/// Watches each of these, each with a connection of its own.
async fn watch(server: &Server, streams: &[&str]) -> Vec<Socket> {
    let mut viewers = vec![];
    for stream in streams {
        let mut viewer = connect(server).await;
        say(&mut viewer, &json!({ "type": "watch", "stream": stream, "sdp": OFFER })).await;
        hear(&mut viewer, "answer").await.unwrap();
        viewers.push(viewer);
    }
    server
        .until("all capturing", |report| {
            report["cameras"].as_array().unwrap().iter().all(|camera| camera["state"] == "capturing")
        })
        .await;
    viewers
}

/// What runs for the cameras.
fn processes(report: &Value) -> Vec<i32> {
    let cameras = report["cameras"].as_array().unwrap().iter();
    cameras
        .flat_map(|camera| camera["processes"].as_array().unwrap())
        .map(|process| process["pid"].as_i64().unwrap() as i32)
        .collect()
}

fn position(log: &str, words: &str) -> usize {
    log.find(words).unwrap_or_else(|| panic!("{words:?} is not in\n{log}"))
}

#[actix::test]
async fn every_camera_is_closed_before_the_end_and_one_that_takes_its_time_has_it() {
    let folder = Folder::new();
    let goodbye = folder.0.join("goodbye");
    let slow = format!(
        "trap 'sleep 0.3; echo by itself > {}; exit' TERM; {KEYFRAME}; while :; do sleep 0.05; done",
        goodbye.display()
    );
    let cameras = [
        exec("quick", &format!("{KEYFRAME} && exec sleep 1000")),
        exec("slow", &slow),
        exec("apart", &format!("{KEYFRAME}; setsid sleep 1000 & sleep 1000")),
        TEST.into(),
    ];
    let mut server = Server::start(&cameras.concat(), "");
    let _viewers = watch(&server, &["quick", "slow", "apart", "test"]).await;
    let running = processes(&server.debug().await);
    assert!(running.len() >= 4, "{running:?}");
    server.signal(libc::SIGTERM);
    server.until_logged("stopping").await;
    // HTTP answers until everything else has ended.
    let report = server.until("the others closed", |report| {
        report["cameras"].as_array().unwrap().iter().all(|camera| camera["id"] == "slow" || camera["state"] == "closed")
    });
    report.await;
    assert!(server.wait().success());
    assert_eq!(running.iter().filter(|pid| is_there(**pid)).count(), 0, "{running:?}");
    assert_eq!(std::fs::read_to_string(goodbye).unwrap(), "by itself\n");
    let log = server.log();
    let end = position(&log, "stopped within");
    for camera in ["quick", "slow", "apart", "test"] {
        assert!(position(&log, &format!("root/cameras/{camera}/device: closed")) < end, "{camera}");
        let left = log.lines().find(|line| line.contains(&format!("left {camera} (shutdown)")));
        assert!(left.is_some(), "nobody was let go from {camera}:\n{log}");
    }
    assert!(!log.contains("is still"), "{log}");
    assert!(!log.contains("killed"), "nobody has waited in vain: {log}");
}

#[actix::test]
async fn a_camera_that_does_not_close_is_named_with_what_it_waits_for_and_keeps_no_other_open() {
    let cameras = ["one", "stuck", "other"].map(|id| exec(id, &format!("{KEYFRAME} && exec sleep 1000")));
    let mut server = Server::start(&cameras.concat(), "");
    let _viewers = watch(&server, &["one", "stuck", "other"]).await;
    let report = server.debug().await;
    let camera = report["cameras"].as_array().unwrap().iter().find(|camera| camera["id"] == "stuck").unwrap();
    let pid = camera["processes"][0]["pid"].as_i64().unwrap();
    let _held = Stopped::end_of(pid as i32);
    let told = Instant::now();
    server.signal(libc::SIGTERM);
    server.until_logged("root/cameras/one/device: closed").await;
    server.until_logged("root/cameras/other/device: closed").await;
    assert!(told.elapsed() < Budget::USUAL.closing(), "they wait for nobody");
    assert!(server.wait().success());
    let (took, log) = (told.elapsed(), server.log());
    let words = format!("camera stuck is still closing after 4.0 s: it waits for sleep (pid {pid})");
    assert!(position(&log, &words) < position(&log, "stopped within"));
    assert_eq!(log.matches("is still").count(), 1, "the others are closed: {log}");
    // A busy machine is late.
    assert!(took < Budget::USUAL.whole() + Duration::from_secs(1), "{took:?}");
}

#[actix::test]
async fn told_twice_it_ends_at_once_and_says_what_is_open() {
    let mut server = Server::start(&exec("stuck", &format!("{KEYFRAME} && exec sleep 1000")), "");
    let _viewers = watch(&server, &["stuck"]).await;
    let pid = server.camera_pid().await;
    let _held = Stopped::end_of(pid);
    let told = Instant::now();
    server.signal(libc::SIGINT);
    server.until_logged("stopping").await;
    server.until("closing", |report| report["cameras"][0]["state"] == "closing").await;
    server.signal(libc::SIGINT);
    assert!(server.wait().success());
    assert!(told.elapsed() < Budget::USUAL.closing());
    assert!(server.log().contains("camera stuck is still closing after"), "{}", server.log());
}
