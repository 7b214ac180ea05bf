//! Which ICE session a viewer is at, and that nobody restarts another one than was meant.

use crate::support::connected::Scene;
use crate::transport::pair::{server, viewer_at};
use crate::transport::viewer::{Kindness, Viewer};
use lenscap_actors::board::PeerState;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::peer::{Follows, IceSession, RestartError, RestartIce, Restarted};
use lenscap_actors::ports::*;

fn only(session: &str) -> Follows {
    Follows::Only(session.to_owned())
}

/// The viewer begins anew, and we would call ourselves `ufrag`.
async fn restart(scene: &mut Scene, follows: Follows, ufrag: &str) -> Result<Restarted, RestartError> {
    let restart = RestartIce {
        follows,
        offer: scene.viewer.fragment(),
        addresses: vec!["198.51.100.1:8555".parse().unwrap()],
        ufrag: ufrag.to_owned(),
        password: "a/password/of/the/server/1".to_owned(),
    };
    scene.peer.send(restart).await.unwrap()
}

#[actix::test]
async fn a_restart_of_a_session_that_is_over_changes_nothing() {
    let mut scene = Scene::new(false).await;
    assert_eq!(scene.peer.send(IceSession).await.unwrap(), "lens0");
    scene.viewer.begin_restart();
    let first = restart(&mut scene, only("lens0"), "lens1").await.unwrap();
    assert_eq!((first.anew, first.session.as_str()), (true, "lens1"));
    scene.viewer.accept(&first.answer, SystemClock.now());
    let again = restart(&mut scene, only("lens1"), "lens2").await.unwrap();
    assert_eq!((again.anew, again.session.as_str()), (false, "lens1"), "the viewer's credentials are the same");
    scene.viewer.begin_restart();
    assert_eq!(restart(&mut scene, only("lens0"), "lens2").await, Err(RestartError::Superseded));
    assert_eq!(scene.peer.send(IceSession).await.unwrap(), "lens1");
    let whatever = restart(&mut scene, Follows::Any, "lens2").await.unwrap();
    assert_eq!((whatever.anew, whatever.session.as_str()), (true, "lens2"));
    scene.viewer.accept(&whatever.answer, SystemClock.now());
    scene.pass(500).await;
    scene.show("full", false).await;
    assert_eq!(scene.seen(), ["full"], "the picture goes on");
}

/// The viewer watches on, and has each picture.
async fn goes_on(scene: &mut Scene, ufrag: &str) {
    for _ in 0..20 {
        scene.show("full", false).await;
        scene.pass(80).await;
        assert_eq!(scene.status().state, PeerState::Watching, "{ufrag}");
    }
    assert_eq!(scene.seen(), ["full"; 20], "{ufrag}");
}

#[actix::test]
async fn restarts_that_lead_nowhere_take_nothing_from_the_path_that_carries_media() {
    let mut scene = Scene::new(false).await;
    // The answers do not reach the viewer: it goes on where it is.
    for ufrag in ["lens1", "lens2", "lens3"] {
        scene.viewer.begin_restart();
        assert!(restart(&mut scene, Follows::Any, ufrag).await.unwrap().anew);
        goes_on(&mut scene, ufrag).await;
    }
}

#[actix::test]
async fn a_viewer_that_only_answers_is_connected_and_keeps_its_picture_when_it_begins_anew() {
    let kindness = Kindness { gcm: true, rtx: true, passive: false, polite: true };
    let mut viewer = Viewer::new(kindness, viewer_at(1000), server(), 5);
    viewer.lite = true;
    let mut scene = Scene::of(viewer, false, 10, 0).await;
    for ufrag in ["lens1", "lens2"] {
        scene.viewer.begin_restart();
        let restarted = restart(&mut scene, Follows::Any, ufrag).await.unwrap();
        scene.viewer.accept(&restarted.answer, SystemClock.now());
        goes_on(&mut scene, ufrag).await;
    }
}

#[actix::test]
async fn without_a_name_only_what_is_of_the_present_session_is_taken() {
    let mut scene = Scene::new(false).await;
    let known = restart(&mut scene, Follows::Unnamed, "lens1").await.unwrap();
    assert_eq!((known.anew, known.session.as_str()), (false, "lens0"));
    scene.viewer.begin_restart();
    assert_eq!(restart(&mut scene, Follows::Unnamed, "lens1").await, Err(RestartError::Unnamed));
    assert_eq!(scene.peer.send(IceSession).await.unwrap(), "lens0");
}
