//! Cameras and streams with a device that does as it is told, on a virtual clock.

use lenscap_actors::board::{CameraState, StreamState};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::{Cause, Presence};
use lenscap_actors::media::{FRESH, Origin};
use lenscap_actors::peer::subscription::SubscriberState;
use lenscap_actors::ports::*;
use lenscap_actors::root::Supervision;
use lenscap_actors::stream::{KeyframeWanted, Released, Subscribe};
use std::sync::Arc;
use std::time::Duration;

use crate::support::*;

#[actix::test]
async fn the_last_leaving_is_answered_after_the_device_is_closed_and_not_before() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.subscribe("b").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    settle().await;
    assert_eq!(stage.camera(), CameraState::Capturing);
    assert_eq!(stage.disconnect("a").await.unwrap(), Released::Shared);
    assert!(!stage.fake.log().contains(&"close"), "the other one still watches");
    let mut leaving = Box::pin(stage.disconnect("b"));
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    assert_eq!(stage.camera(), CameraState::Closing);
    tokio::time::advance(Duration::from_millis(40)).await;
    stage.fake.finish_closing();
    assert!(matches!(leaving.await.unwrap(), Released::Closed { .. }));
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.disconnect("b").await.unwrap(), Released::Unknown, "twice counts once");
    let times: Vec<_> = stage.board.read(|b| b.releases.iter().map(|r| (r.stop_ms, r.closed_ms)).collect());
    let [(None, None), (Some(stop), Some(closed))] = times[..] else { panic!("{times:?}") };
    assert!(stop < 40.0 && closed >= stop + 40.0, "ordered with the verdict, closed when the device was: {times:?}");
}

#[actix::test]
async fn a_subscribe_during_a_stop_is_served_after_it_in_order() {
    let stage = stage().await;
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    let next = stage.subscribe("b");
    let driver = async {
        settle().await;
        assert_eq!(stage.fake.log(), ["open", "close"], "nothing opens while it closes");
        stage.fake.finish_closing();
    };
    let (left, _, ()) = tokio::join!(leaving, next, driver);
    assert!(matches!(left.unwrap(), Released::Closed { .. }));
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].subscribers.len()), 1);
}

#[actix::test]
async fn a_failing_camera_is_tried_again_after_growing_delays_and_says_so() {
    let stage = stage().await;
    let got = stage.subscribe("a").await;
    for (failure, delay) in [250, 500, 1000].into_iter().enumerate() {
        let device = "/dev/video7".to_owned();
        stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device }));
        settle().await;
        assert_eq!(stage.camera(), CameraState::Absent);
        tokio::time::advance(Duration::from_millis(delay - 1)).await;
        settle().await;
        assert_eq!(stage.fake.log().len(), failure + 1, "not before its time");
        tokio::time::advance(Duration::from_millis(2)).await;
        settle().await;
        assert_eq!(stage.fake.log().len(), failure + 2);
    }
    assert_eq!(*got.lock().unwrap(), ["camera_absent"; 3]);
}

#[actix::test]
async fn stop_during_backoff_is_immediate() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() }));
    settle().await;
    let before = SystemClock.now();
    assert!(matches!(stage.disconnect("a").await.unwrap(), Released::Closed { .. }));
    assert_eq!(SystemClock.now(), before, "no time passes");
    tokio::time::advance(Duration::from_secs(60)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"], "and nothing is tried afterwards");
}

#[actix::test]
async fn a_newcomer_gets_an_idr_from_our_encoder_and_the_past_from_a_device() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    tokio::time::advance(FRESH + Duration::from_millis(1)).await;
    stage.subscribe("b").await;
    assert_eq!(stage.fake.log(), ["open", "keyframe"]);
    for number in 2..5 {
        stage.fake.frame(number, number == 2, Origin::Device);
    }
    settle().await;
    let got = stage.subscribe("c").await;
    stage.fake.frame(5, false, Origin::Device);
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["replay of 3", "frame 5"]);
}

#[actix::test]
async fn who_misses_a_frame_of_a_device_gets_the_group_again_but_not_on_and_on() {
    let stage = stage().await;
    let (got, other) = (stage.subscribe("a").await, stage.subscribe("b").await);
    for number in 1..4 {
        stage.fake.frame(number, number == 1, Origin::Device);
    }
    settle().await;
    let ask = async || {
        got.lock().unwrap().clear();
        for _ in 0..100 {
            stage.stream.send(KeyframeWanted { peer: "a".into(), missed: true }).await.unwrap();
        }
        settle().await;
        got.lock().unwrap().clone()
    };
    assert_eq!(ask().await, ["replay of 3"]);
    assert_eq!(ask().await, [""; 0]);
    tokio::time::advance(Duration::from_millis(250)).await;
    assert_eq!(ask().await, ["replay of 3"]);
    tokio::time::advance(Duration::from_millis(250)).await;
    assert_eq!(ask().await, [""; 0], "twice as long now");
    tokio::time::advance(Duration::from_millis(250)).await;
    stage.fake.frame(4, false, Origin::Device);
    settle().await;
    assert_eq!(ask().await, ["replay of 4"]);
    assert!(!other.lock().unwrap().concat().contains("replay"), "nobody else asked");
}

#[actix::test]
async fn who_asks_at_intervals_and_has_missed_nothing_is_seldom_sent_the_group_of_a_device_again() {
    let stage = stage().await;
    stage.subscribe("before").await;
    stage.fake.frame(1, true, Origin::Device);
    settle().await;
    let got = stage.subscribe("a").await;
    // Ten frames a second for 20 s, a keyframe every 4 s; asked every 2 s.
    for number in 2..202 {
        tokio::time::advance(Duration::from_millis(100)).await;
        stage.fake.frame(number, number % 40 == 1, Origin::Device);
        settle().await;
        if number % 20 == 1 {
            stage.stream.send(KeyframeWanted { peer: "a".into(), missed: false }).await.unwrap();
            settle().await;
        }
    }
    let got = got.lock().unwrap().clone();
    let (replays, frames): (Vec<_>, Vec<_>) = got.iter().partition(|what| what.starts_with("replay"));
    assert_eq!(frames.len(), 200);
    // The first picture, and what was given of what was asked for: after 2, 6 and 14 s.
    assert_eq!(replays, ["replay of 1", "replay of 21", "replay of 21", "replay of 21"]);
}

#[actix::test]
async fn a_keyframe_of_our_own_is_given_again_to_who_comes_or_asks_right_after_it() {
    let stage = stage().await;
    stage.subscribe("a").await;
    settle().await;
    let forced = || stage.fake.log().iter().filter(|what| **what == "keyframe").count();
    let before = forced();
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    let newcomer = stage.subscribe("b").await;
    stage.stream.send(KeyframeWanted { peer: "b".into(), missed: false }).await.unwrap();
    settle().await;
    assert_eq!(*newcomer.lock().unwrap(), ["replay of 1"; 2]);
    assert_eq!(forced(), before, "nobody else pays for it");
    tokio::time::advance(Duration::from_millis(500)).await;
    stage.stream.send(KeyframeWanted { peer: "a".into(), missed: false }).await.unwrap();
    settle().await;
    assert_eq!(forced(), before + 1, "it is no longer nearly the present");
}

#[actix::test]
async fn a_newcomer_to_a_source_that_hangs_gets_the_past_when_that_goes_on() {
    let stage = stage().await;
    let first = stage.subscribe("a").await;
    for number in 1..4 {
        stage.fake.frame(number, number == 1, Origin::Device);
    }
    settle().await;
    tokio::time::advance(FRESH + Duration::from_millis(1)).await;
    let second = stage.subscribe("b").await;
    assert!(second.lock().unwrap().is_empty(), "the past is not the present");
    stage.fake.frame(4, false, Origin::Device);
    settle().await;
    stage.fake.frame(5, false, Origin::Device);
    settle().await;
    assert_eq!(*second.lock().unwrap(), ["replay of 4", "frame 5"]);
    assert_eq!(first.lock().unwrap().last().unwrap(), "frame 5");
}

#[actix::test]
async fn the_bit_rate_of_a_source_that_hangs_falls_to_nothing_within_a_second() {
    let stage = stage().await;
    stage.subscribe("a").await;
    for number in 1..11 {
        stage.fake.frame(number, number == 1, Origin::Device);
        settle().await;
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    let bitrate = || stage.board.snapshot(SystemClock.now()).streams[&"cam".into()].bitrate_bps;
    assert_eq!(bitrate(), 72, "nine frames of a byte within the last second");
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(bitrate(), 32);
    tokio::time::advance(Duration::from_millis(400)).await;
    assert_eq!(bitrate(), 0);
    assert_eq!(stage.stream_state(), StreamState::Live);
}

#[actix::test]
async fn those_who_ask_get_ever_fewer_keyframes_between_them_and_none_is_forgotten() {
    let stage = stage().await;
    for peer in ["a", "b"] {
        stage.subscribe(peer).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    let before = stage.fake.log().len();
    let forced = |stage: &Stage| stage.fake.log().len() - before;
    for _ in 0..100 {
        stage.stream.send(KeyframeWanted { peer: "a".into(), missed: false }).await.unwrap();
    }
    settle().await;
    assert_eq!(forced(&stage), 1);
    stage.stream.send(KeyframeWanted { peer: "b".into(), missed: false }).await.unwrap();
    tokio::time::advance(Duration::from_millis(499)).await;
    settle().await;
    assert_eq!(forced(&stage), 1);
    tokio::time::advance(Duration::from_millis(2)).await;
    settle().await;
    assert_eq!(forced(&stage), 2, "what was asked for meanwhile comes once");
    // Two floods, of ten seconds.
    for _ in 0..1000 {
        tokio::time::advance(Duration::from_millis(10)).await;
        for peer in ["a", "b"] {
            stage.stream.send(KeyframeWanted { peer: peer.into(), missed: false }).await.unwrap();
        }
    }
    settle().await;
    assert!((4..=9).contains(&forced(&stage)), "{}", forced(&stage));
}

#[actix::test]
async fn what_a_closed_device_still_says_is_not_heard() {
    let stage = stage().await;
    stage.subscribe("a").await;
    let leaving = stage.disconnect("a");
    let driver = async {
        settle().await;
        stage.fake.finish_closing();
    };
    let (left, ()) = tokio::join!(leaving, driver);
    left.unwrap();
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].state), StreamState::Idle);
}

const RESTART_DELAY: Duration = Duration::from_millis(15);

#[actix::test]
async fn a_camera_that_dies_is_closed_before_it_is_opened_again() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.kill("root/cameras/cam/device").await;
    assert_eq!(stage.fake.log(), ["open", "close"]);
    tokio::time::advance(RESTART_DELAY * 10).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close"], "not before it is closed");
    assert_eq!(stage.camera(), CameraState::Closing);
    stage.fake.finish_closing();
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closed);
    tokio::time::advance(RESTART_DELAY).await;
    settle().await;
    stage.subscribe("b").await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed", "open"]);
}

#[actix::test]
async fn a_camera_killed_while_it_closes_is_not_dead_before_it_is_closed() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    let verdict = Presence::new(SystemClock.now()).leaving(Cause::Bye, SystemClock.now()).unwrap();
    let mut leaving = Box::pin(subscription.end(verdict));
    settle().await;
    assert_eq!(stage.camera(), CameraState::Closing);
    stage.kill("root/cameras/cam/device").await;
    tokio::time::advance(RESTART_DELAY * 10).await;
    tokio::select! {
        biased;
        () = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    stage.fake.finish_closing();
    leaving.await;
    assert_eq!(stage.camera(), CameraState::Closed);
    assert_eq!(stage.fake.log(), ["open", "close", "closed"]);
}

#[actix::test]
async fn a_frame_from_before_its_camera_failed_does_not_say_that_all_is_well() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(stage.stream_state(), StreamState::Live);
    let late = frame(2, false, Origin::Encoder);
    tokio::time::advance(Duration::from_millis(1)).await;
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "x".into() }));
    settle().await;
    stage.fake.encoded(late);
    settle().await;
    assert_eq!(stage.stream_state(), StreamState::Backoff);
    tokio::time::advance(RESTART_DELAY * 10).await;
    settle().await;
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.fake.frame(3, true, Origin::Encoder);
    settle().await;
    assert_eq!(stage.stream_state(), StreamState::Live);
}

#[actix::test]
async fn a_stream_that_dies_finds_its_camera_still_open() {
    let stage = stage().await;
    let (mut subscription, told) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    tokio::time::advance(RESTART_DELAY).await;
    settle().await;
    assert_eq!(*told.lock().unwrap(), ["down", "up"]);
    subscription.renew(SubscriberState::Here { ready: true, suspect: false });
    settle().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].subscribers.len()), 1);
}

#[actix::test]
async fn a_stream_that_dies_and_is_wanted_by_nobody_lets_its_camera_go_soon() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    drop(subscription);
    settle().await;
    assert_eq!(stage.fake.log(), ["open"]);
    tokio::time::advance(Duration::from_millis(62)).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close"]);
}

#[actix::test]
async fn a_viewer_that_leaves_while_its_stream_is_down_is_answered_after_the_device_is_closed() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    stage.kill("root/cameras/cam/stream-cam").await;
    let verdict = Presence::new(SystemClock.now()).leaving(Cause::Beacon, SystemClock.now()).unwrap();
    let mut leaving = Box::pin(subscription.end(verdict));
    tokio::select! {
        biased;
        () = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    stage.fake.finish_closing();
    leaving.await;
    assert_eq!(stage.camera(), CameraState::Closed);
    let releases: Vec<_> = stage.board.read(|b| b.releases.iter().map(|r| (r.cause, r.closed_ms.is_some())).collect());
    assert_eq!(releases, [(Cause::Beacon, true)]);
    tokio::time::advance(RESTART_DELAY * 10).await;
    settle().await;
    assert_eq!(stage.fake.log(), ["open", "close", "closed"], "nobody wants it");
}

#[actix::test]
async fn a_peer_that_dies_counts_as_a_leaving() {
    let stage = stage().await;
    let (subscription, _) = stage.subscription("a").await;
    drop(subscription);
    settle().await;
    stage.fake.finish_closing();
    settle().await;
    assert_eq!(stage.board.read(|b| b.releases[0].cause), Cause::Crashed);
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn a_camera_that_keeps_dying_has_failed_until_a_new_viewer_comes() {
    let stage = stage().await;
    let (_first, told) = stage.subscription("a").await;
    for _ in 0..=Supervision::default().intensity.restarts {
        stage.kill("root/cameras/cam/device").await;
        if stage.fake.is_closing() {
            stage.fake.finish_closing();
        }
        settle().await;
        tokio::time::advance(Duration::from_millis(500)).await;
        settle().await;
    }
    assert_eq!(stage.camera(), CameraState::Failed);
    assert_eq!(stage.board.read(|board| board.streams[&"cam".into()].state), StreamState::Failed);
    let words = "camera cam has failed: restarted too often; the last was device: killed";
    assert_eq!(told.lock().unwrap().last().unwrap(), words);
    tokio::time::advance(Duration::from_secs(3600)).await;
    settle().await;
    assert_eq!(stage.camera(), CameraState::Failed);
    let (_second, told) = stage.subscription("b").await;
    assert_eq!(*told.lock().unwrap(), ["up"]);
    assert_eq!(stage.camera(), CameraState::Closed);
}

#[actix::test]
async fn a_capture_thread_that_panics_is_a_fault_of_its_camera() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.report(CaptureEventKind::Panicked("index out of bounds".into()));
    settle().await;
    let exits = stage.root.tree.exits(SystemClock.now(), 0);
    assert_eq!(exits[0].path, "root/cameras/cam/device");
    assert_eq!(exits[0].reason, "panic: in the capture thread: index out of bounds");
}

#[actix::test]
async fn nothing_is_kept_of_those_who_watched_a_stream_that_rests() {
    let stage = stage().await;
    let (link, _, got) = stage.viewer();
    let connection = Arc::downgrade(&link.frames);
    let peer = "a".into();
    stage.stream.send(Subscribe { peer, link, ready: true, suspect: false }).await.unwrap();
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    settle().await;
    for number in 1..4 {
        stage.fake.frame(number, number == 1, Origin::Encoder);
        settle().await;
    }
    assert!(got.lock().unwrap().contains(&"frame 3".to_owned()), "{got:?}");
    assert!(connection.upgrade().is_some());
    let leaving = stage.disconnect("a");
    settle().await;
    stage.fake.finish_closing();
    leaving.await.unwrap();
    settle().await;
    assert!(connection.upgrade().is_none());
}

#[actix::test]
async fn a_failed_cameras_last_picture_is_shown_to_nobody_as_the_present() {
    let stage = stage().await;
    stage.subscribe("a").await;
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    assert_eq!(stage.stream_state(), StreamState::Live);
    stage.fake.report(CaptureEventKind::Ended(CaptureError::Absent { device: "/dev/video7".into() }));
    settle().await;
    let keyframes = || stage.fake.log().iter().filter(|note| **note == "keyframe").count();
    let before = keyframes();
    stage.subscribe("b").await;
    settle().await;
    assert_eq!(keyframes(), before, "the encoder has no other picture than that of the past");
    assert_eq!(stage.stream_state(), StreamState::Backoff);
}
