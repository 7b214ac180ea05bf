//! Suspects hold no camera open, and have their picture back: with a device that does as it is told, on a virtual
//! clock.

use crate::support::*;
use lenscap_actors::board::{CameraState, StreamState};
use lenscap_actors::departure::Cause;
use lenscap_actors::media::Origin;
use lenscap_actors::ports::*;
use lenscap_actors::stream::{Released, Subscribe};
use std::time::Duration;

#[actix::test]
async fn a_suspect_holds_no_camera_open_and_gets_its_picture_back_when_it_is_there() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    stage.suspect("a").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
    assert_eq!((stage.camera(), stage.stream_state()), (CameraState::Closed, StreamState::Paused));
    stage.alive("a").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["frame 1"], "over the same link");
    assert_eq!(stage.causes(), [Cause::Suspected]);
    stage.alive("a").await;
    assert_eq!(stage.fake.log().len(), 4, "saying so twice changes nothing");
}

#[actix::test]
async fn capture_goes_on_while_somebody_watches_who_is_no_suspect() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.suspect("a").await;
    assert_eq!(stage.stream_state(), StreamState::Starting);
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["frame 1"], "a suspect is sent what there is: it may be there");
    stage.suspect("b").await;
    assert_eq!(stage.stream_state(), StreamState::Paused);
    assert_eq!(stage.causes(), [Cause::Suspected], "one release, by the last");
}

#[actix::test]
async fn when_only_suspects_are_left_the_last_leaving_closes_the_camera() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.suspect("a").await;
    let leaving = stage.disconnect("b");
    let closing = async {
        settle().await;
        stage.fake.finish_closing();
    };
    let (left, ()) = tokio::join!(leaving, closing);
    assert!(matches!(left.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.stream_state(), StreamState::Paused);
    assert_eq!(stage.causes(), [Cause::Bye]);
}

#[actix::test]
async fn a_verdict_after_a_suspicion_adds_no_second_release() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.suspect("a").await;
    assert!(matches!(stage.disconnect("a").await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.causes(), [Cause::Suspected]);
    assert_eq!(stage.stream_state(), StreamState::Idle);
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
}

#[actix::test]
async fn a_newcomer_opens_the_camera_that_suspects_had_closed() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.suspect("a").await;
    stage.subscribe("b").await;
    assert_eq!(stage.stream_state(), StreamState::Starting);
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
}

#[actix::test]
async fn whoever_is_suspect_from_the_beginning_opens_nothing() {
    let stage = stage().await;
    let (link, _, _) = stage.viewer();
    stage.stream.send(Subscribe { peer: "a".into(), link, ready: false, suspect: true }).await.unwrap();
    settle().await;
    assert_eq!(stage.fake.log(), [""; 0]);
    assert_eq!(stage.stream_state(), StreamState::Paused);
    stage.alive("a").await;
    assert_eq!(stage.fake.log(), ["open"]);
}

#[actix::test]
async fn a_suspicion_during_backoff_ends_the_attempts() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() }));
    settle().await;
    stage.suspect("a").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
}
