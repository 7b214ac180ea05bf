//! Devices that do not close in time, on a virtual clock.

use lenscap_actors::board::CameraState;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::ports::*;
use lenscap_actors::shutdown::{Budget, not_closed};
use lenscap_actors::stream::Released;
use std::time::Duration;
use tokio::sync::oneshot;

use crate::support::*;

#[actix::test]
async fn a_device_that_does_not_close_is_waited_for_so_long_and_not_said_to_be_closed_before_it_is() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo { device: "pid 812".into(), ..CaptureInfo::default() }));
    let mut leaving = Box::pin(stage.disconnect("a"));
    settle().await;
    tokio::time::advance(Budget::USUAL.closing() - Duration::from_millis(1)).await;
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered before its time"),
        () = settle() => {}
    }
    tokio::time::advance(Duration::from_millis(2)).await;
    assert_eq!(leaving.await.unwrap(), Released::Shared);
    assert_eq!(stage.camera(), CameraState::Closing);
    let times = stage.board.read(|b| b.releases.iter().map(|r| (r.stop_ms.is_some(), r.closed_ms)).collect::<Vec<_>>());
    assert_eq!(times, [(true, None)], "it was told to");
    let board = stage.board.snapshot(SystemClock.now());
    let camera = &board.cameras[&"cam".into()];
    assert_eq!(camera.last_error.as_deref(), Some("the device did not close within 3 s"));
    assert_eq!(
        not_closed(&board, Budget::USUAL.closing(), |_| None),
        ["camera cam is still closing after 3.0 s: it waits for pid 812"]
    );
    stage.fake.finish_closing();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(not_closed(&stage.board.snapshot(SystemClock.now()), Duration::ZERO, |_| None), Vec::<String>::new());
}

/// A camera that did not close in time, and is wanted again: what lets it close, at last.
async fn stuck(stage: &Stage) -> oneshot::Sender<()> {
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    settle().await;
    let stuck = stage.fake.take_closing();
    tokio::time::advance(Budget::USUAL.waiting()).await;
    assert_eq!(leaving.await.unwrap(), Released::Shared);
    stage.subscribe("b").await;
    stuck
}

#[actix::test]
async fn a_camera_that_is_opened_anew_while_it_is_stuck_is_closed_when_both_are() {
    let stage = stage().await;
    let stuck = stuck(&stage).await;
    let mut leaving = Box::pin(stage.disconnect("b"));
    settle().await;
    stage.fake.finish_closing();
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered while the first is not closed"),
        () = settle() => {}
    }
    assert_eq!(stage.camera(), CameraState::Closing);
    stuck.send(()).unwrap();
    assert!(matches!(leaving.await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.camera(), CameraState::Closed);
}

/// The same, and it could not be opened anew.
async fn stuck_and_failed(stage: &Stage) -> oneshot::Sender<()> {
    let stuck = stuck(stage).await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "/dev/video7".into() }));
    settle().await;
    stuck
}

#[actix::test]
async fn what_was_stuck_and_could_not_be_opened_anew_is_closed_with_who_came_meanwhile() {
    let stage = stage().await;
    stuck_and_failed(&stage).await.send(()).unwrap();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Absent);
    assert!(matches!(stage.disconnect("b").await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn what_was_stuck_and_could_not_be_opened_anew_is_closed_when_it_is() {
    let stage = stage().await;
    let stuck = stuck_and_failed(&stage).await;
    assert_eq!(stage.disconnect("b").await.unwrap(), Released::Shared);
    stuck.send(()).unwrap();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
}
