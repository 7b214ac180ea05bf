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

/// A camera that did not close in time: what lets it close, at last.
async fn left_stuck(stage: &Stage) -> oneshot::Sender<()> {
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    settle().await;
    let stuck = stage.fake.take_closing();
    tokio::time::advance(Budget::USUAL.waiting()).await;
    assert_eq!(leaving.await.unwrap(), Released::Shared);
    stuck
}

/// The same, and it is wanted again.
async fn stuck(stage: &Stage) -> oneshot::Sender<()> {
    let stuck = left_stuck(stage).await;
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

#[actix::test]
async fn a_camera_that_is_stuck_is_not_closed_by_starting_its_actor_again() {
    let stage = stage().await;
    let stuck = left_stuck(&stage).await;
    for _ in 0..2 {
        stage.kill("root/cameras/cam/device").await;
        tokio::time::advance(Budget::USUAL.waiting()).await;
        settle().await;
        assert_eq!(stage.camera(), CameraState::Closing);
    }
    stuck.send(()).unwrap();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn a_device_that_fails_and_does_not_close_is_told_of_all_the_same() {
    let stage = stage().await;
    let told = stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    let stalled = CaptureError::Stalled { device: "/dev/video7".into(), silence: Duration::from_secs(5) };
    stage.fake.report(CaptureEventKind::Failing(stalled));
    settle().await;
    assert_eq!(stage.camera(), CameraState::Capturing, "most close in a moment");
    tokio::time::advance(Budget::USUAL.closing() + Duration::from_millis(2)).await;
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closing);
    assert_eq!(*told.lock().unwrap(), ["camera_failed"]);
    let board = stage.board.snapshot(SystemClock.now());
    let words = board.cameras[&"cam".into()].last_error.clone().unwrap();
    assert!(words.ends_with("and it did not close within 3 s"), "{words}");
}
