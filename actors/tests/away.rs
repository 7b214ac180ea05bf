//! A viewer that cannot be heard for a while, and is there after all: with devices that do as they are told, a real connection
//! over a network of its own, and a virtual clock.

use crate::support::connected::Scene;
use crate::support::*;
use lenscap_actors::board::{CameraState, PeerState, StreamState};
use lenscap_actors::departure::Cause;
use lenscap_actors::peer::{Attach, Hangup, Leave, Line, Signal, Switch};
use lenscap_actors::ports::*;
use tokio::sync::mpsc;

/// The viewer of "cam" is in a tunnel: it cannot be heard until it is away.
async fn in_a_tunnel() -> Scene {
    let mut scene = Scene::new(false).await;
    for _ in 0..10 {
        scene.show("full", false).await;
    }
    while !scene.full.is_closing() {
        scene.emit("full", false);
        scene.silence(10).await;
    }
    scene.full.finish_closing();
    scene.silence(3500).await;
    assert_eq!(scene.status().state, PeerState::Away);
    scene.seen();
    scene.told();
    scene
}

/// When its camera was opened and closed.
fn lights(scene: &Scene) -> Vec<&'static str> {
    scene.full.log().into_iter().filter(|what| ["open", "close"].contains(what)).collect()
}

fn gone(scene: &Scene) -> bool {
    scene.root.board.read(|board| board.peers.is_empty())
}

#[actix::test]
async fn who_is_away_counts_as_a_viewer_no_more_and_is_one_again_as_soon_as_it_is_heard() {
    let mut scene = in_a_tunnel().await;
    assert_eq!((scene.viewers("cam"), scene.state("cam")), (0, StreamState::Idle));
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Suspected, true)], "nothing more was to be let go");
    scene.silence(24_000).await;
    assert_eq!(lights(&scene), ["open", "close"]);
    scene.pass(1500).await;
    assert_eq!(scene.status().state, PeerState::Watching);
    assert_eq!((scene.viewers("cam"), scene.state("cam")), (1, StreamState::Starting));
    assert_eq!(lights(&scene), ["open", "close", "open"]);
    scene.full.report(CaptureEventKind::Opened(CaptureInfo::default()));
    scene.show("full", true).await;
    assert_eq!(scene.seen().last().map(String::as_str), Some("full"), "over the same connection");
    let counters =
        scene.root.board.read(|board| (board.counters.aways, board.counters.backs, board.counters.suspicions));
    assert_eq!(counters, (1, 1, 1));
    assert!(scene.root.board.read(|board| board.verdicts.is_empty()), "nobody has left");
}

#[actix::test]
async fn who_is_away_for_longer_than_consent_lasts_is_gone_and_that_is_no_second_release() {
    let mut scene = in_a_tunnel().await;
    scene.silence(25_500).await;
    assert!(!gone(&scene), "after 29.5 s");
    // The last questions have 1.5 s for their answers.
    scene.silence(4000).await;
    assert!(gone(&scene));
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Suspected, true)]);
    let causes: Vec<Cause> = scene.root.board.read(|board| board.verdicts.iter().map(|it| it.cause).collect());
    assert_eq!(causes, [Cause::Silence]);
    assert_eq!(scene.told().last(), Some(&Signal::Closed(Cause::Silence)));
}

#[actix::test]
async fn while_others_watch_a_suspect_gets_no_media_after_a_second_and_an_away_one_is_no_subscriber() {
    let mut scene = Scene::new(false).await;
    for _ in 0..10 {
        scene.show("full", false).await;
    }
    let stream = &scene.root.streams[&"cam".into()].stream;
    let (link, _, got) = watcher();
    stream
        .send(lenscap_actors::stream::Subscribe { peer: "other".into(), link, ready: true, suspect: false })
        .await
        .unwrap();
    settle().await;
    let mut sent = vec![];
    for _ in 0..420 {
        scene.emit("full", false);
        scene.silence(10).await;
        sent.push((scene.status().state, scene.viewers("cam")));
    }
    assert!(!got.lock().unwrap().is_empty());
    assert!(sent.contains(&(PeerState::Suspect, 2)) && sent.last() == Some(&(PeerState::Away, 1)), "{sent:?}");
    assert_eq!(scene.camera("cam"), CameraState::Capturing, "the other's camera stays open");
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Away, false)]);
    scene.pass(1000).await;
    assert_eq!((scene.status().state, scene.viewers("cam")), (PeerState::Watching, 2));
    scene.seen();
    scene.show("full", true).await;
    assert_eq!(scene.seen().last().map(String::as_str), Some("full"));
}

#[actix::test]
async fn who_is_away_can_leave_and_can_ask_for_another_stream() {
    let scene = in_a_tunnel().await;
    scene.peer.send(Leave(Cause::Beacon)).await.unwrap();
    assert!(gone(&scene));
    assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Suspected, true)]);
    drop(scene);

    let mut scene = in_a_tunnel().await;
    scene.peer.send(Switch("other".into())).await.unwrap().unwrap();
    scene.silence(3000).await;
    assert_eq!(scene.other.log(), [""; 0], "for nobody");
    scene.pass(1500).await;
    assert_eq!((scene.viewers("other"), scene.viewers("cam")), (1, 0));
    assert_eq!(scene.other.log(), ["open"]);
}

#[actix::test]
async fn a_stream_that_dies_meanwhile_is_there_for_who_comes_back() {
    let mut scene = in_a_tunnel().await;
    let tree = scene.root.tree.clone();
    actix::spawn(async move { tree.kill("root/cameras/cam/stream-cam").await.unwrap() });
    scene.silence(2000).await;
    assert_eq!(scene.viewers("cam"), 0);
    scene.pass(1500).await;
    assert_eq!((scene.viewers("cam"), scene.state("cam")), (1, StreamState::Starting));
}

#[actix::test]
async fn the_end_of_a_signalling_connection_is_a_leaving_only_if_it_was_the_latest() {
    let mut scene = Scene::new(false).await;
    let (sender, mut signals) = mpsc::channel(64);
    assert_eq!(scene.peer.send(Attach(sender)).await.unwrap(), Line(1));
    assert_eq!(scene.told(), [Signal::Elsewhere]);
    assert_eq!(
        signals.try_recv().unwrap(),
        Signal::State("cam".into(), StreamState::Live),
        "so that nothing is missed"
    );
    assert!(matches!(signals.try_recv().unwrap(), Signal::Shows(shown) if shown.stream == "cam".into()));
    scene.peer.send(Hangup(Line(0))).await.unwrap();
    assert!(!gone(&scene));
    scene.peer.send(Hangup(Line(1))).await.unwrap();
    assert!(gone(&scene));
    assert_eq!(signals.try_recv().unwrap(), Signal::Closed(Cause::WsClosed));
}
