//! Offers that nothing follows: they hold no camera for long, and no place for much longer.

use crate::support::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EXEC: &str = "[[camera]]\nid = \"cam\"\nstall_timeout = \"60s\"\nsource = \"SOURCE\"\n";

/// `first_packet_timeout` and `connect_timeout`, as they are by default.
const CAMERA_KEPT: Duration = Duration::from_secs(3);
const OFFER_KEPT: Duration = Duration::from_secs(10);

/// A busy machine is late.
const MARGIN: Duration = Duration::from_secs(2);

async fn offer_by_whep(server: &Server) {
    let post = client().post(server.url("/whep/cam")).insert_header(("Content-Type", "application/sdp"));
    assert_eq!(post.send_body(OFFER).await.unwrap().status(), 201);
}

async fn offer_by_websocket(server: &Server) -> Socket {
    let mut socket = connect(server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    assert!(hear(&mut socket, "answer").await.is_some());
    socket
}

fn exec_camera() -> String {
    EXEC.replace("\"SOURCE\"", &format!("{SILENT_CAMERA:?}"))
}

fn nobody(report: &Value) -> bool {
    report["peers"].as_array().unwrap().is_empty()
}

/// What becomes of an offer that was made at `start`.
async fn assert_let_go(server: &Server, start: Instant) {
    let pid = server.camera_pid().await;
    let report = server.until("closed", |report| report["cameras"][0]["state"] == "closed").await;
    let closed = start.elapsed();
    assert!(!is_there(pid));
    assert!((CAMERA_KEPT - Duration::from_millis(200)..CAMERA_KEPT + MARGIN).contains(&closed), "{closed:?}");
    assert_eq!(report["peers"][0]["state"], "connecting", "it may still come: {report:#}");
    let report = server.until("gone", nobody).await;
    let gone = start.elapsed();
    assert!((OFFER_KEPT - Duration::from_millis(200)..OFFER_KEPT + MARGIN).contains(&gone), "{gone:?}");
    let releases = report["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 1, "{releases:#?}");
    assert_eq!(releases[0]["cause"], "suspected");
    assert_eq!(report["cameras"][0]["opens"], 1);
    assert_eq!(report["streams"][0]["state"], "idle");
}

#[actix::test]
async fn an_offer_by_whep_that_nothing_follows_lets_its_camera_go_and_then_its_place() {
    let server = Server::start_as_shipped(&exec_camera(), "");
    let start = Instant::now();
    offer_by_whep(&server).await;
    assert_let_go(&server, start).await;
}

#[actix::test]
async fn an_offer_by_websocket_that_nothing_follows_lets_its_camera_go_and_then_its_place() {
    let server = Server::start_as_shipped(&exec_camera(), "");
    let start = Instant::now();
    let mut socket = offer_by_websocket(&server).await;
    assert_let_go(&server, start).await;
    assert!(hear(&mut socket, "anything").await.is_none(), "the page is told by the end of its WebSocket");
}

#[actix::test]
async fn an_offer_that_is_refused_takes_nobodys_place() {
    let limits = "[limits]\noffers_per_second = 100000\n";
    let server = Server::start(&format!("{limits}[[camera]]\nid = \"cam\"\nsource = \"test\"\n"), "max_viewers = 1");
    let _socket = offer_by_websocket(&server).await;
    let offer = |sdp: String| {
        let post = client().post(server.url("/whep/cam")).insert_header(("Content-Type", "application/sdp"));
        async move { post.send_body(sdp).await.unwrap().status() }
    };
    // Nothing follows the first offer: after a second it makes room, but for a viewer only.
    let of_another_codec = || offer(OFFER.replace("H264/90000", "H265/90000"));
    assert_eq!(of_another_codec().await, 503, "there is no room yet");
    while of_another_codec().await == 503 {}
    assert!(of_another_codec().await.is_client_error());
    assert_eq!(server.debug().await["peers"][0]["id"], "peer-1");
    assert_eq!(offer(OFFER.to_owned()).await, 201);
    let report = server.until("the first is gone", |report| report["peers"].as_array().unwrap().len() == 1).await;
    assert_ne!(report["peers"][0]["id"], "peer-1");
}

#[actix::test]
async fn a_camera_that_is_not_eager_waits_for_the_connection() {
    let camera = "[departure]\neager = false\nconnect_timeout = \"1s\"\n[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n";
    let server = Server::start_as_shipped(camera, "");
    offer_by_whep(&server).await;
    let _socket = offer_by_websocket(&server).await;
    let report = server.until("gone", nobody).await;
    assert_eq!(report["cameras"][0]["opens"], 0, "{report:#}");
    assert_eq!(report["releases"].as_array().unwrap().len(), 0, "nothing was open: {report:#}");
    let url = server.url("/cam");
    let watch = move || lenscap(&["probe", &url, "--frames", "3", "--json"]);
    let output = tokio::task::spawn_blocking(watch).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.debug().await["cameras"][0]["opens"], 1);
}
