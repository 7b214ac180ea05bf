//! The promise, without a browser: whoever reports a leaving is answered after the camera is
//! closed.

use crate::support::*;
use serde_json::json;
use std::time::{Duration, Instant};

fn camera(source: &str) -> String {
    let stall = if source.starts_with("exec:") { "stall_timeout = \"60s\"\n" } else { "" };
    format!("[[camera]]\nid = \"cam\"\nsource = {source:?}\n{stall}")
}

#[actix::test]
async fn the_beacon_is_answered_after_the_process_is_reaped_every_time() {
    let server = Server::start(&camera(SILENT_CAMERA), "");
    for _ in 0..100 {
        let location = watch_by_whep(&server, "cam").await;
        let pid = server.camera_pid().await;
        assert!(is_there(pid));
        let leave = server.url(&format!("/peers/{}/leave", token(&location)));
        let response = client().post(leave).send().await.unwrap();
        assert!(!is_there(pid), "the answer came before the end of the process");
        assert_eq!(response.status(), 204);
        assert!(response.headers().get("Server-Timing").unwrap().to_str().unwrap().starts_with("release;dur="));
        let report = server.debug().await;
        assert_eq!(report["cameras"][0]["state"], "closed");
        assert_eq!(report["releases"].as_array().unwrap().last().unwrap()["cause"], "beacon");
    }
}

#[actix::test]
async fn deleting_the_whep_session_closes_the_camera() {
    let server = Server::start(&camera(SILENT_CAMERA), "");
    let location = watch_by_whep(&server, "cam").await;
    let pid = server.camera_pid().await;
    let response = client().delete(server.url(&location)).send().await.unwrap();
    assert!(!is_there(pid));
    assert_eq!(response.status(), 200);
    assert_eq!(server.debug().await["releases"][0]["cause"], "whep_delete");
    let response = client().delete(server.url(&location)).send().await.unwrap();
    assert_eq!(response.status(), 200, "twice is no error");
}

#[actix::test]
async fn an_unknown_token_is_answered_like_a_known_one() {
    let server = Server::start(&camera("test"), "");
    let answer = async |token: &str| {
        let mut response = client().post(server.url(&format!("/peers/{token}/leave"))).send().await.unwrap();
        let mut headers: Vec<String> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort();
        (response.status().as_u16(), headers, response.body().await.unwrap())
    };
    let known = token(&watch_by_whep(&server, "cam").await).to_owned();
    let first = answer(&known).await;
    assert_eq!(first.0, 204);
    assert!(first.1.contains(&"server-timing".to_owned()), "{first:?}");
    assert_eq!(answer(&known).await, first, "the second time it is unknown");
    // The last is one segment of the path, however it reads.
    for unknown in ["0", &"f".repeat(32), "%00", "..%2F.."] {
        assert_eq!(answer(unknown).await, first, "{unknown}");
    }
    // Without a token it is another path, and says so.
    assert_eq!(answer("").await.0, 404);
}

#[actix::test]
async fn bye_and_the_end_of_the_websocket_close_the_camera() {
    let server = Server::start(&camera(SILENT_CAMERA), "");
    for (nth, cause) in ["bye", "ws_closed"].into_iter().enumerate() {
        let mut socket = connect(&server).await;
        say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
        let answer = hear(&mut socket, "answer").await.unwrap();
        assert!(answer["sdp"].as_str().unwrap().contains("a=candidate:"));
        let pid = server.camera_pid().await;
        if cause == "bye" {
            say(&mut socket, &json!({ "type": "bye" })).await;
        } else {
            drop(socket);
        }
        // The release is recorded when the camera is closed, not before.
        let report = server.until("released", |report| report["releases"].as_array().unwrap().len() > nth).await;
        assert!(!is_there(pid));
        assert_eq!(report["cameras"][0]["state"], "closed");
        assert_eq!(report["releases"][nth]["cause"], cause);
    }
}

#[actix::test]
async fn a_viewer_that_comes_during_a_stop_is_served_after_it() {
    // It takes its time to end, so that the next viewer meets the stop.
    let slow = format!("exec:trap 'sleep 0.2; exit' TERM; {KEYFRAME}; while :; do sleep 0.01; done");
    let server = Server::start(&camera(&slow), "");
    let first = watch_by_whep(&server, "cam").await;
    let pid = server.camera_pid().await;
    let leaving = client().post(server.url(&format!("/peers/{}/leave", token(&first)))).send();
    let next = async {
        server.until("closing", |report| report["cameras"][0]["state"] == "closing").await;
        watch_by_whep(&server, "cam").await
    };
    let (left, _second) = tokio::join!(leaving, next);
    assert_eq!(left.unwrap().status(), 204);
    let second = server.camera_pid().await;
    assert_ne!(second, pid, "a process of its own");
    assert!(!is_there(pid));
    assert_eq!(server.debug().await["streams"][0]["subscribers"].as_array().unwrap().len(), 1);
}

#[actix::test]
async fn a_program_that_ignores_sigterm_is_killed_with_all_it_started() {
    let stubborn = format!("exec:trap '' TERM; sleep 1000 & {KEYFRAME}; while :; do sleep 0.01; done");
    let server = Server::start(&camera(&stubborn), "");
    let location = watch_by_whep(&server, "cam").await;
    let pid = server.camera_pid().await;
    let start = Instant::now();
    client().delete(server.url(&location)).send().await.unwrap();
    let took = start.elapsed();
    assert!(!is_there(pid));
    assert!(took >= Duration::from_millis(500), "it got its chance to end by itself: {took:?}");
    assert!(!is_there(-pid), "nobody of its group is there, either");
}

#[actix::test]
async fn a_leaving_during_a_backoff_takes_less_than_5_ms() {
    // A delay that would be noticed if it were waited for.
    let retry = "[camera.retry]\ninitial = \"1s\"\n";
    let server = Server::start(&format!("{}{retry}", camera("exec:exit 7")), "");
    let mut took = vec![];
    for _ in 0..21 {
        let location = watch_by_whep(&server, "cam").await;
        server.until("in backoff", |report| report["cameras"][0]["state"] == "backoff").await;
        let leave = server.url(&format!("/peers/{}/leave", token(&location)));
        let response = client().post(leave).send().await.unwrap();
        let timing = response.headers().get("Server-Timing").unwrap().to_str().unwrap();
        took.push(timing.strip_prefix("release;dur=").unwrap().parse::<f64>().unwrap());
        assert_eq!(server.debug().await["cameras"][0]["state"], "closed");
    }
    took.sort_by(f64::total_cmp);
    println!("release;dur: median {} ms, from {} to {} ms", took[10], took[0], took[20]);
    assert!(took[10] < 5.0, "{took:?}");
    assert!(took[20] < 500.0, "{took:?}");
}

#[actix::test]
async fn a_camera_that_is_given_up_is_failed_in_words_and_tried_by_the_next_viewer() {
    let retry = "[camera.retry]\nstrategy = \"immediate\"\ntries = 5\nmax_attempts = 3\n";
    let server = Server::start(&format!("{}{retry}", camera("exec:exit 7")), "");
    let mut viewers = vec![];
    for attempts in [3, 6] {
        let mut socket = connect(&server).await;
        say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
        let words = loop {
            let error = hear(&mut socket, "error").await.unwrap();
            assert_eq!(error["code"], "camera_failed");
            let words = error["message"].as_str().unwrap().to_owned();
            if words.contains("3 attempts in a row have failed") {
                break words;
            }
        };
        assert!(words.contains("exit status: 7") && words.contains("when a new viewer comes"), "{words}");
        let report = server.debug().await;
        let camera = &report["cameras"][0];
        assert_eq!((&camera["state"], &camera["opens"]), (&"failed".into(), &attempts.into()));
        assert_eq!(report["streams"][0]["state"], "failed");
        assert_eq!(camera["last_error"], words);
        viewers.push(socket); // they stay: it is the next one that makes it try again
    }
    let order = server.url("/debug/actors/root/cameras/cam/restart");
    assert_eq!(client().post(order).send().await.unwrap().status(), 204);
    server.until("tried again", |report| report["cameras"][0]["opens"].as_u64() == Some(9)).await;
}

#[actix::test]
async fn sigterm_lets_everybody_go_and_ends_well() {
    let mut server = Server::start(&camera(SILENT_CAMERA), "");
    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    hear(&mut socket, "answer").await.unwrap();
    let pid = server.camera_pid().await;
    server.signal(libc::SIGTERM);
    assert!(hear(&mut socket, "nothing").await.is_none(), "the viewer's connection ends");
    assert_eq!(server.wait().code(), Some(0));
    assert!(!is_there(pid));
}

#[actix::test]
async fn a_server_that_is_killed_leaves_no_camera_running() {
    // A program that would not notice by itself: it writes nothing.
    let server = Server::start(&camera(SILENT_CAMERA), "");
    watch_by_whep(&server, "cam").await;
    let pid = server.camera_pid().await;
    server.signal(libc::SIGKILL);
    let deadline = Instant::now() + PATIENCE;
    while is_there(pid) {
        assert!(Instant::now() < deadline, "the program outlives the server");
        actix::clock::sleep(Duration::from_millis(5)).await;
    }
}
