//! Cameras of an exclusive group: one is open at a time, and nobody is lost.

use crate::support::*;
use serde_json::{Value, json};

fn cameras() -> String {
    ["a", "b"]
        .map(|id| format!("[[camera]]\nid = \"{id}\"\nexclusive_group = \"hub1\"\nstall_timeout = \"60s\"\nsource = {SILENT_CAMERA:?}\n"))
        .concat()
}

fn camera<'a>(report: &'a Value, id: &str) -> &'a Value {
    report["cameras"].as_array().unwrap().iter().find(|camera| camera["id"] == id).unwrap()
}

async fn pid(server: &Server, id: &str) -> i32 {
    let report = server.until("capturing", |report| camera(report, id)["state"] == "capturing").await;
    camera(&report, id)["device"].as_str().unwrap().strip_prefix("pid ").unwrap().parse().unwrap()
}

#[actix::test]
async fn another_camera_of_the_group_is_busy_and_is_had_when_the_first_is_closed() {
    let server = Server::start(&cameras(), "");
    let mut first = connect(&server).await;
    say(&mut first, &json!({ "type": "watch", "stream": "a", "sdp": OFFER })).await;
    hear(&mut first, "answer").await.unwrap();
    let first_pid = pid(&server, "a").await;
    let mut second = connect(&server).await;
    say(&mut second, &json!({ "type": "watch", "stream": "b", "sdp": OFFER })).await;
    let error = hear(&mut second, "error").await.unwrap();
    assert_eq!(error["code"], "camera_busy");
    let words = error["message"].as_str().unwrap();
    assert!(words.contains("\"hub1\"") && words.contains("camera a"), "{words}");
    assert_eq!(camera(&server.debug().await, "b")["state"], "backoff");
    say(&mut first, &json!({ "type": "bye" })).await;
    pid(&server, "b").await;
    assert!(!is_there(first_pid), "the first was closed before the second was opened");
    assert_eq!(camera(&server.debug().await, "b")["failures"], 0);
}

#[actix::test]
async fn a_switch_within_the_group_closes_the_one_and_opens_the_other_a_hundred_times() {
    let server = Server::start(&cameras(), "");
    let mut viewer = connect(&server).await;
    say(&mut viewer, &json!({ "type": "watch", "stream": "a", "sdp": OFFER })).await;
    hear(&mut viewer, "answer").await.unwrap();
    let mut open = pid(&server, "a").await;
    for turn in 1..=100 {
        let (from, to) = if turn % 2 == 1 { ("a", "b") } else { ("b", "a") };
        say(&mut viewer, &json!({ "type": "switch", "stream": to })).await;
        let next = pid(&server, to).await;
        assert!(!is_there(open), "{from} was closed before {to} was opened");
        open = next;
    }
    let report = server.debug().await;
    assert_eq!([camera(&report, "a")["failures"].clone(), camera(&report, "b")["failures"].clone()], [0, 0]);
    assert_eq!([camera(&report, "a")["opens"].clone(), camera(&report, "b")["opens"].clone()], [51, 50]);
    assert_eq!(report["peers"].as_array().unwrap().len(), 1, "over one connection");
}

#[actix::test]
async fn the_next_viewer_gets_its_camera_after_the_first_is_closed_however_soon_it_comes() {
    let server = Server::start(&cameras(), "");
    for turn in 0..20 {
        let stream = if turn % 2 == 0 { "a" } else { "b" };
        let mut viewer = connect(&server).await;
        say(&mut viewer, &json!({ "type": "watch", "stream": stream, "sdp": OFFER })).await;
        hear(&mut viewer, "answer").await.unwrap();
        pid(&server, stream).await;
        // The next one comes while this one leaves.
        drop(viewer);
    }
    let report = server.debug().await;
    assert_eq!([camera(&report, "a")["failures"].clone(), camera(&report, "b")["failures"].clone()], [0, 0]);
}

#[actix::test]
async fn a_camera_that_waits_for_its_turn_gives_it_up_when_its_viewer_leaves() {
    let server = Server::start(&cameras(), "");
    let mut first = connect(&server).await;
    say(&mut first, &json!({ "type": "watch", "stream": "a", "sdp": OFFER })).await;
    pid(&server, "a").await;
    let mut second = connect(&server).await;
    say(&mut second, &json!({ "type": "watch", "stream": "b", "sdp": OFFER })).await;
    hear(&mut second, "error").await.unwrap();
    say(&mut second, &json!({ "type": "bye" })).await;
    server.until("b is closed", |report| camera(report, "b")["state"] == "closed").await;
    say(&mut first, &json!({ "type": "bye" })).await;
    server.until("a is closed", |report| camera(report, "a")["state"] == "closed").await;
    assert_eq!(camera(&server.debug().await, "b")["opens"], 0);
}

#[actix::test]
async fn cameras_without_controls_say_so() {
    let server = Server::start(&cameras(), "");
    let mut response = client().get(server.url("/cameras/a/controls")).send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "controls": [] }));
    for (path, status, code) in
        [("/cameras/a/controls", 409, "not_possible"), ("/cameras/nobody/controls", 404, "unknown_camera")]
    {
        let mut response = client().put(server.url(path)).send_body("{}").await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.json::<Value>().await.unwrap()["code"], code);
    }
}
