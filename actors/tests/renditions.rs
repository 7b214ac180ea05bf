//! A viewer goes to the small rendition of its stream and back: with devices that do as they are told, a real connection
//! over a network of its own, and a virtual clock.

use crate::support::connected::Scene;
use crate::support::*;
use lenscap_actors::board::{CameraState, StreamState};
use lenscap_actors::departure::Cause;
use lenscap_actors::media::Size;
use lenscap_actors::peer::{Carry, Leave, Signal, Switch};
use lenscap_actors::ports::*;

const BIG: Carry = Carry { full: true };
const LITTLE: Carry = Carry { full: false };

fn watching(stream: &str, size: Size) -> (String, Size) {
    (stream.to_owned(), size)
}

/// A viewer of the small rendition of "cam".
async fn on_small(group: bool) -> Scene {
    let mut scene = Scene::new(group).await;
    scene.peer.send(LITTLE).await.unwrap();
    scene.pass(20).await;
    scene.show("small", true).await;
    assert_eq!((scene.seen(), scene.state("cam")), (vec!["small".to_owned()], StreamState::Idle));
    scene
}

#[actix::test]
async fn the_full_picture_goes_on_until_the_small_one_begins_and_the_page_sees_one_stream() {
    let mut scene = Scene::new(false).await;
    scene.peer.send(LITTLE).await.unwrap();
    scene.pass(20).await;
    assert_eq!(scene.state("cam~small"), StreamState::Starting);
    scene.show("full", false).await;
    scene.show("small", false).await;
    assert_eq!(scene.seen(), ["full"], "what does not begin with a keyframe is not shown");
    scene.show("small", true).await;
    scene.show("full", false).await;
    scene.show("small", false).await;
    assert_eq!(scene.seen(), ["small", "small"]);
    assert_eq!(scene.watches(), watching("cam", Size::Small));
    assert_eq!((scene.state("cam"), scene.state("cam~small")), (StreamState::Idle, StreamState::Live));
    assert_eq!((scene.viewers("cam"), scene.camera("cam")), (1, CameraState::Capturing));
    scene.peer.send(BIG).await.unwrap();
    scene.pass(20).await;
    scene.show("small", false).await;
    scene.show("full", true).await;
    scene.show("full", false).await;
    assert_eq!(scene.seen(), ["small", "full", "full"]);
    assert_eq!(scene.watches(), watching("cam", Size::Full));
    assert_eq!((scene.state("cam"), scene.state("cam~small")), (StreamState::Live, StreamState::Idle));
    assert_eq!(scene.told(), []);
    assert_eq!(scene.full.log().iter().filter(|what| **what == "open" || **what == "close").count(), 1);
    assert_eq!(scene.releases(), [], "nobody has left");
}

#[actix::test]
async fn the_last_viewer_is_answered_after_the_camera_is_closed_whichever_rendition_it_has() {
    // The keyframe of the rendition to which it is about to go has come, or not.
    for arrived in [true, false] {
        let mut scene = Scene::new(false).await;
        scene.peer.send(LITTLE).await.unwrap();
        scene.pass(20).await;
        if arrived {
            scene.show("small", true).await;
        }
        let mut leaving = Box::pin(scene.peer.send(Leave(Cause::Bye)));
        tokio::select! {
            biased;
            _ = &mut leaving => panic!("answered while the device is open"),
            () = settle() => {}
        }
        assert_eq!(scene.camera("cam"), CameraState::Closing);
        scene.full.finish_closing();
        leaving.await.unwrap();
        assert_eq!(scene.camera("cam"), CameraState::Closed);
        assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Bye, true)], "arrived: {arrived}");
        assert_eq!(scene.told(), [Signal::Closed(Cause::Bye)]);
        assert_eq!((scene.state("cam"), scene.state("cam~small")), (StreamState::Idle, StreamState::Idle));
    }
}

#[actix::test]
async fn who_is_told_twice_goes_once_and_who_is_told_back_stays() {
    let mut scene = Scene::new(false).await;
    for _ in 0..3 {
        scene.peer.send(LITTLE).await.unwrap();
    }
    assert_eq!((scene.watches(), scene.viewers("cam")), (watching("cam", Size::Small), 1));
    scene.peer.send(BIG).await.unwrap();
    scene.pass(20).await;
    assert_eq!((scene.watches(), scene.state("cam~small")), (watching("cam", Size::Full), StreamState::Idle));
    scene.show("full", false).await;
    scene.pass(3000).await;
    scene.show("full", false).await;
    assert_eq!(scene.seen(), ["full", "full"]);
    assert_eq!(scene.told(), []);
}

#[actix::test]
async fn a_small_picture_that_does_not_come_or_is_in_trouble_is_done_without() {
    for trouble in [true, false] {
        let mut scene = Scene::new(false).await;
        scene.peer.send(LITTLE).await.unwrap();
        scene.pass(20).await;
        if trouble {
            scene.small.ended("the decoder refuses");
            scene.pass(20).await;
        } else {
            scene.pass(1900).await;
            assert_eq!(scene.watches(), watching("cam", Size::Small));
            scene.pass(100).await;
        }
        assert_eq!((scene.watches(), scene.state("cam~small")), (watching("cam", Size::Full), StreamState::Idle));
        scene.show("full", false).await;
        assert_eq!(scene.seen(), ["full"]);
        assert_eq!(scene.told(), [], "nothing that the page would see");
    }
}

#[actix::test]
async fn who_has_the_small_picture_gets_the_full_one_if_that_alone_is_left() {
    let mut scene = on_small(false).await;
    scene.small.ended("the decoder refuses");
    scene.pass(20).await;
    assert_eq!(scene.state("cam"), StreamState::Starting);
    scene.show("full", true).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["full".to_owned()], watching("cam", Size::Full)));
    assert_eq!(scene.told().last(), Some(&Signal::State("cam".into(), StreamState::Live)));
}

#[actix::test]
async fn a_camera_in_trouble_is_told_and_tried_once_a_time_only() {
    let mut scene = on_small(false).await;
    for opens in 1..4 {
        scene.full.report(CaptureEventKind::Ended(CaptureError::Absent { device: "/dev/video7".into() }));
        scene.pass(20).await;
        assert_eq!(scene.state("cam"), StreamState::Idle, "the full one would fare no better");
        let told = scene.told();
        assert!(told.iter().any(|it| matches!(it, Signal::Error("camera_absent", _))), "{told:?}");
        assert_eq!(scene.full.log().iter().filter(|what| **what == "open").count(), opens);
        scene.pass(2000).await;
    }
}

#[actix::test]
async fn a_stream_without_a_small_rendition_is_left_as_it_is() {
    let mut scene = Scene::new(false).await;
    scene.peer.send(Switch("other".into())).await.unwrap().unwrap();
    scene.pass(20).await;
    scene.show("other", true).await;
    scene.full.finish_closing();
    scene.peer.send(LITTLE).await.unwrap();
    scene.pass(3000).await;
    scene.show("other", false).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["other".to_owned(); 2], watching("other", Size::Full)));
}

#[actix::test]
async fn nobody_gets_to_the_small_rendition_by_name() {
    let scene = Scene::new(false).await;
    assert!(scene.peer.send(Switch("cam~small".into())).await.unwrap().is_err());
    assert_eq!(scene.root.streams.len(), 2);
}

#[actix::test]
async fn another_stream_begins_with_its_full_rendition_and_the_same_stays_small() {
    for group in [false, true] {
        let mut scene = on_small(group).await;
        scene.peer.send(Switch("cam".into())).await.unwrap().unwrap();
        assert_eq!(scene.watches(), watching("cam", Size::Small));
        let switch = scene.peer.send(Switch("other".into()));
        if group {
            with_closing(&scene.full, switch).await.unwrap().unwrap();
            scene.pass(20).await;
            assert_eq!(scene.camera("cam"), CameraState::Closed, "before the other is opened");
        } else {
            switch.await.unwrap().unwrap();
            scene.pass(20).await;
        }
        assert_eq!(scene.watches(), watching("other", Size::Full));
        scene.show("other", true).await;
        assert_eq!(scene.seen(), ["other"], "group: {group}");
        if !group {
            scene.full.finish_closing();
        }
        let switch = scene.peer.send(Switch("cam".into()));
        if group {
            with_closing(&scene.other, switch).await.unwrap().unwrap();
        } else {
            switch.await.unwrap().unwrap();
        }
        scene.pass(20).await;
        scene.show("full", true).await;
        assert_eq!((scene.seen(), scene.watches()), (vec!["full".to_owned()], watching("cam", Size::Full)));
    }
}

#[actix::test]
async fn a_switch_that_is_under_way_ends_where_the_last_word_says() {
    let mut scene = Scene::new(false).await;
    scene.peer.send(LITTLE).await.unwrap();
    scene.peer.send(Switch("other".into())).await.unwrap().unwrap();
    scene.pass(20).await;
    assert_eq!((scene.state("cam~small"), scene.viewers("cam")), (StreamState::Idle, 1));
    scene.peer.send(Switch("cam".into())).await.unwrap().unwrap();
    with_closing(&scene.other, scene.peer.send(LITTLE)).await.unwrap();
    scene.pass(20).await;
    scene.show("full", false).await;
    scene.show("small", true).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["full".into(), "small".into()], watching("cam", Size::Small)));
    // A rendition of what it is being switched to.
    scene.peer.send(Switch("other".into())).await.unwrap().unwrap();
    scene.pass(20).await;
    scene.peer.send(LITTLE).await.unwrap();
    scene.show("other", true).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["other".to_owned()], watching("other", Size::Full)));
    scene.full.finish_closing();
    // On its way to a stream it is sent to the small rendition of that: its camera stays open.
    scene.peer.send(Switch("cam".into())).await.unwrap().unwrap();
    scene.pass(20).await;
    let before = scene.full.log().len();
    scene.peer.send(LITTLE).await.unwrap();
    scene.pass(20).await;
    scene.show("small", true).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["small".to_owned()], watching("cam", Size::Small)));
    assert!(!scene.full.log()[before..].contains(&"close"), "{:?}", scene.full.log());
}

#[actix::test]
async fn a_suspect_lets_the_camera_go_and_has_the_small_picture_back() {
    let mut scene = on_small(false).await;
    // It was connected a moment ago, and its path is a short one.
    for _ in 0..10 {
        scene.show("small", false).await;
    }
    for _ in 0..200 {
        scene.emit("small", false);
        scene.silence(10).await;
        if scene.full.is_closing() {
            break;
        }
    }
    scene.full.finish_closing();
    settle().await;
    assert_eq!((scene.camera("cam"), scene.state("cam~small")), (CameraState::Closed, StreamState::Paused));
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Suspected, true)]);
    scene.pass(500).await;
    assert_eq!(scene.state("cam~small"), StreamState::Starting);
    scene.seen();
    scene.show("small", true).await;
    // And with it what was lost, for that is asked for now.
    assert_eq!(scene.seen().last().map(String::as_str), Some("small"));
    assert_eq!((scene.watches(), scene.state("cam~small")), (watching("cam", Size::Small), StreamState::Live));
}

#[actix::test]
async fn a_small_rendition_that_dies_comes_back_to_its_viewers() {
    let mut scene = on_small(false).await;
    scene.told();
    let tree = scene.root.tree.clone();
    actix::spawn(async move { tree.kill("root/cameras/cam/stream-cam~small").await.unwrap() });
    scene.pass(40).await;
    scene.show("small", true).await;
    assert_eq!((scene.seen(), scene.watches()), (vec!["small".to_owned()], watching("cam", Size::Small)));
    let states: Vec<StreamState> = scene
        .told()
        .into_iter()
        .map(|signal| match signal {
            Signal::State(stream, state) if stream == "cam".into() => state,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(states, [StreamState::Backoff, StreamState::Starting, StreamState::Live]);
    assert!(!scene.full.log().contains(&"close"));
}
