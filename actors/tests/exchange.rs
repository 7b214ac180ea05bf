//! A viewer that goes from one camera to another of which only one may be open, and does not wait for the end of that.

use crate::support::connected::Scene;
use crate::support::*;
use lenscap_actors::board::PeerState;
use lenscap_actors::departure::Cause;
use lenscap_actors::peer::{Leave, Switch};
use lenscap_actors::ports::*;
use std::time::Duration;

/// It waits for "cam" to be closed.
async fn on_its_way() -> Scene {
    let mut scene = Scene::new(true).await;
    scene.peer.send(Switch("other".into())).await.unwrap().unwrap();
    scene.pass(50).await;
    assert!(scene.full.is_closing());
    assert_eq!(scene.other.log(), [""; 0]);
    scene
}

#[actix::test]
async fn who_leaves_before_one_camera_is_closed_has_the_other_not_opened() {
    let scene = on_its_way().await;
    let mut leaving = Box::pin(scene.peer.send(Leave(Cause::Bye)));
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    assert_eq!(scene.status().state, PeerState::Gone, "it is known at once");
    tokio::time::advance(Duration::from_millis(250)).await;
    scene.full.finish_closing();
    leaving.await.unwrap();
    settle().await;
    assert_eq!(scene.other.log(), [""; 0]);
    assert!(scene.is_gone());
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Bye, true)]);
}

#[actix::test]
async fn who_changes_its_mind_meanwhile_gets_what_it_wanted_last() {
    let mut scene = on_its_way().await;
    scene.peer.send(Switch("cam".into())).await.unwrap().unwrap();
    scene.full.finish_closing();
    scene.pass(20).await;
    assert_eq!(scene.full.log().iter().filter(|what| **what == "open").count(), 2);
    scene.full.report(CaptureEventKind::Opened(CaptureInfo::default()));
    scene.show("full", true).await;
    assert_eq!((scene.seen(), scene.other.log()), (vec!["full".to_owned()], vec![]));
}

#[actix::test]
async fn who_waits_for_a_camera_to_be_closed_is_not_taken_for_gone() {
    let mut scene = on_its_way().await;
    scene.pass(900).await;
    assert_eq!(scene.status().state, PeerState::Watching);
    scene.full.finish_closing();
    scene.pass(20).await;
    scene.other.report(CaptureEventKind::Opened(CaptureInfo::default()));
    scene.show("other", true).await;
    assert_eq!(scene.seen(), ["other"]);
}
