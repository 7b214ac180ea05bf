//! `lenscap probe`, against the real server: what it sees, what it explains, and that it leaves.

use crate::support::*;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::Value;
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Output, Stdio};

fn camera(id: &str, source: &str) -> String {
    let size = if source == "test" { "size = [320, 240]\nfps = 30\n" } else { "" };
    format!("[[camera]]\nid = {id:?}\nsource = {source:?}\n{size}")
}

/// Runs the probe beside the test's own tasks.
async fn probe(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        lenscap(&[&["probe"], &arguments[..]].concat())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The camera is closed and its viewer was let go by DELETE, without any waiting.
async fn assert_left(server: &Server, releases: usize) {
    let report = server.debug().await;
    assert_eq!(report["cameras"][0]["state"], "closed", "{report:#}");
    let list = report["releases"].as_array().unwrap();
    assert_eq!(list.len(), releases, "{report:#}");
    assert!(list.iter().all(|release| release["cause"] == "whep_delete"), "{report:#}");
    assert_eq!(report["peers"].as_array().unwrap().len(), 0, "{report:#}");
}

#[actix::test]
async fn frames_of_the_test_picture_are_counted_and_the_camera_is_closed_after() {
    let server = Server::start(&camera("front", "test"), "");
    let output = probe(&[&server.url("/view/front"), "--frames", "30", "--json"]).await;
    assert_left(&server, 1).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report = json(&output);
    assert_eq!(report["frames"], 30, "{report:#}");
    assert_eq!(report["size"], serde_json::json!([320, 240]));
    assert_eq!(report["lost_packets"], 0, "{report:#}");
    assert!((1..30).contains(&report["keyframes"].as_u64().unwrap()), "{report:#}");
    let fps = report["frames_per_second"].as_f64().unwrap();
    assert!((10.0..60.0).contains(&fps), "{report:#}");
    let order = ["answered_ms", "ice_ms", "connected_ms", "first_packet_ms", "first_frame_ms"];
    let times: Vec<f64> = order.iter().map(|name| report[name].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{report:#}");
    assert!(report["left_ms"].is_number(), "{report:#}");

    let output = probe(&[&server.url("/front"), "--seconds", "0.5"]).await;
    assert_left(&server, 2).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" plays: 320x240\n") && text.contains(" 0 lost; "), "{text}");
}

#[actix::test]
async fn a_program_is_watched_and_reaped() {
    let source = "exec:ffmpeg -loglevel error -re -f lavfi -i testsrc2=size=320x240:rate=30 -c:v libx264 -preset ultrafast \
                  -tune zerolatency -g 15 -f h264 -";
    let server = Server::start(&camera("cam", source), "");
    let url = server.url("/whep/cam");
    let arguments = [url.as_str(), "--frames", "40", "--json"];
    let (output, pid) = tokio::join!(probe(&arguments), server.camera_pid());
    assert!(!is_there(pid), "the program is reaped before the probe ends");
    assert_left(&server, 1).await;
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["frames"], 40, "{report:#}");
    assert!((2..=4).contains(&report["keyframes"].as_u64().unwrap()), "{report:#}");
    assert_eq!(report["size"], serde_json::json!([320, 240]), "{report:#}");
}

#[actix::test]
async fn a_camera_without_pictures_is_explained_and_left() {
    let parameters_only = "exec:printf '\\000\\000\\001\\147\\102\\300\\036' && exec sleep 1000";
    let server = Server::start(&camera("cam", parameters_only), "");
    let output = probe(&[&server.url("/whep/cam"), "--patience", "2", "--json"]).await;
    assert_left(&server, 1).await;
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["error"]["step"], "media", "{report:#}");
    assert!(report["error"]["message"].as_str().unwrap().contains("no video came within 2s"), "{report:#}");
}

#[actix::test]
async fn a_wrong_name_is_explained_in_the_words_of_the_server() {
    let server = Server::start(&camera("front", "test"), "");
    let output = probe(&[&server.url("/view/back")]).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("HTTP: the server refuses (404): unknown_stream: there is no stream back"), "{message}");
    assert_left(&server, 0).await;
}

#[actix::test]
async fn a_server_that_is_not_there_is_explained() {
    // Bound and let go again: nobody else gets this port so soon.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = probe(&[&format!("http://{address}/view/front")]).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("HTTP: no answer from the server") && message.contains("refused"), "{message}");
}

#[actix::test]
async fn a_server_whose_video_does_not_get_through_is_explained_and_left() {
    let server = Server::start(&camera("front", "test"), "");
    let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
    let nowhere = deaf.local_addr().unwrap();
    let front = misleading(server.url(""), nowhere.port()).await;
    let output = probe(&[&format!("{front}/whep/front"), "--patience", "2"]).await;
    assert_left(&server, 1).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("ICE: UDP does not get through to {nowhere} within 2s")), "{message}");
}

/// A server that has another answer, but keeps the addresses of both from each other, as a network
/// without UDP would: offers lose theirs, answers name a port at which nobody answers.
async fn misleading(behind: String, port: u16) -> String {
    let app = move || {
        let behind = behind.clone();
        let watch = move |request: HttpRequest, offer: String| {
            let behind = behind.clone();
            async move {
                let offer: String =
                    offer.lines().filter(|line| !line.contains("candidate")).flat_map(|line| [line, "\r\n"]).collect();
                let post = client().post(format!("{behind}{}", request.path()));
                let mut response =
                    post.insert_header(("Content-Type", "application/sdp")).send_body(offer).await.unwrap();
                let location = response.headers().get("Location").unwrap().to_str().unwrap().to_owned();
                let answer = String::from_utf8(response.body().await.unwrap().to_vec()).unwrap();
                let moved = answer.lines().map(|line| match line.split_once(" typ host") {
                    Some((candidate, rest)) => {
                        let (before, _) = candidate.rsplit_once(' ').unwrap();
                        format!("{before} {port} typ host{rest}\r\n")
                    }
                    None => format!("{line}\r\n"),
                });
                let answer: String = moved.collect();
                HttpResponse::Created().insert_header(("Location", format!("{behind}{location}"))).body(answer)
            }
        };
        App::new().default_service(web::to(watch))
    };
    let http = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = http.addrs()[0];
    actix::spawn(http.run());
    format!("http://{address}")
}

#[actix::test]
async fn a_probe_that_is_told_to_stop_leaves_first() {
    let server = Server::start(&camera("front", "test"), "");
    let child: Child = Command::new(env!("CARGO_BIN_EXE_lenscap"))
        .args(["probe", &server.url("/front"), "--seconds", "1000", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    server.until("watched", |report| report["peers"][0]["sent_packets"].as_u64().is_some_and(|sent| sent > 20)).await;
    // SAFETY: the process is our own child and has not been waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert_left(&server, 1).await;
    assert_eq!(output.status.code(), Some(0));
    assert!(json(&output)["frames"].as_u64().unwrap() > 0);
}

#[test]
fn wrong_usage_is_explained() {
    for (arguments, words) in [
        (vec!["http://127.0.0.1:1/"], "no stream is named"),
        (vec!["ftp://127.0.0.1/view/a"], "expected http: or https:"),
        (vec!["front"], "this is no URL"),
        (vec!["http://127.0.0.1:1/a", "--seconds", "0"], "more than 0"),
        (vec!["http://127.0.0.1:1/a", "--frames", "0"], "0 is not in 1.."),
        (vec![], "<URL>"),
    ] {
        let output = lenscap(&[&["probe"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(words), "{arguments:?}: {message}");
    }
}

#[actix::test]
async fn who_has_been_silent_for_a_second_makes_room_if_there_is_none() {
    let server = Server::start(&camera("front", "test"), "max_viewers = 1");
    let url = server.url("/front");
    let mut first = Command::new(env!("CARGO_BIN_EXE_lenscap"))
        .args(["probe", &url, "--seconds", "60"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.until("watching", |report| report["peers"][0]["state"] == "watching").await;
    assert!(!probe(&[&url, "--frames", "1"]).await.status.success(), "there is no room");
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    server.until("suspect", |report| report["peers"][0]["state"] == "suspect").await;
    // It is away only after 3.2 s; its place is had before.
    while !probe(&[&url, "--frames", "1"]).await.status.success() {
        assert_eq!(server.debug().await["peers"][0]["state"], "suspect");
    }
    assert!(
        server.log().contains("root/peers/peer-1: nothing comes from it, and its place is wanted"),
        "{}",
        server.log()
    );
    first.kill().unwrap();
    first.wait().unwrap();
}
