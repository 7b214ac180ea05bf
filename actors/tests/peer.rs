//! One viewer's connection and what it is made of, below the process: switching, suspicion, places, replay and the lanes of its
//! mailbox, with devices that do as they are told, a real connection over a simulated link, and a virtual clock.

use crate::support::connected::Scene;
use crate::support::*;
use crate::transport::link::{Chance, Way};
use bytes::{Bytes, BytesMut};
use lenscap_actors::board::{CameraState, PeerState, StreamState};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::Cause;
use lenscap_actors::departure::patience::Patience;
use lenscap_actors::media::{Cuts, Frame, Origin};
use lenscap_actors::peer::{Leave, Shown, Signal, Switch};
use lenscap_actors::peers::Refused;
use lenscap_actors::ports::*;
use lenscap_actors::shutdown::Budget;
use lenscap_actors::stream::Subscribe;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Half an hour would not be enough for what never comes.
const ENDLESS_MS: u64 = 60_000;

/// Frames come, 50 a second, until this holds; for how long that took, in ms.
async fn watch_until(scene: &mut Scene, what: &'static str, holds: impl Fn(&Scene) -> bool) -> u64 {
    for ms in (0..ENDLESS_MS).step_by(20) {
        if holds(scene) {
            return ms;
        }
        scene.show(what, false).await;
    }
    panic!("never: {:?}", scene.status());
}

async fn watch(scene: &mut Scene, what: &'static str, ms: u64) {
    for _ in 0..ms / 20 {
        scene.show(what, false).await;
    }
}

/// A link that takes so long each way and loses one in so many.
fn link(scene: &mut Scene, delay_ms: u64, loses_one_in: u64) {
    let way = Way { loses_one_in, ..Way::clean(delay_ms) };
    (scene.down.way, scene.up.way) = (way, way);
}

async fn switch(scene: &mut Scene, stream: &str) {
    scene.peer.send(Switch(stream.into())).await.unwrap().unwrap();
}

/// Numbers of packets that the viewer lacks between those that it has.
fn holes(scene: &Scene) -> Vec<u64> {
    let received = &scene.viewer.received;
    let (Some((first, _)), Some((last, _))) = (received.first_key_value(), received.last_key_value()) else {
        panic!("it has nothing");
    };
    (*first..*last).filter(|number| !received.contains_key(number)).collect()
}

/// From now on the viewer tells what arrives, as browsers do.
fn with_feedback(scene: &mut Scene) {
    scene.viewer.arrivals = Some(BTreeMap::new());
}

fn is_suspect(scene: &Scene) -> bool {
    scene.status().state == PeerState::Suspect
}

// Switching.

#[actix::test]
async fn the_old_picture_goes_on_until_the_other_begins_and_nothing_is_missing_between_them() {
    let mut scene = Scene::new(false).await;
    link(&mut scene, 40, 0);
    watch(&mut scene, "full", 200).await;
    switch(&mut scene, "other").await;
    for _ in 0..5 {
        scene.show("full", false).await;
        scene.show("other", false).await;
    }
    scene.show("other", true).await;
    for _ in 0..5 {
        scene.show("full", false).await;
        scene.show("other", false).await;
    }
    scene.pass(200).await;
    assert_eq!(holes(&scene), [0; 0]);
    let seen = scene.seen();
    let begins = seen.iter().position(|what| what == "other").expect("it begins");
    assert_eq!(begins, 15, "what came before the other's keyframe: {seen:?}");
    assert!(seen[begins..].iter().all(|what| what == "other") && seen.len() == begins + 6, "{seen:?}");
    assert!(scene.full.is_closing(), "nobody watches it any more");
    assert_eq!(scene.releases(), [], "and nobody has left");
}

/// What the page has been told it is sent: which stream, and whether something came before.
fn shown(scene: &mut Scene) -> Vec<(String, bool)> {
    let shows = |signal| match signal {
        Signal::Shows(Shown { stream, after }) => Some((stream.to_string(), after.is_some())),
        _ => None,
    };
    scene.told().into_iter().filter_map(shows).collect()
}

#[actix::test]
async fn the_page_is_told_from_which_picture_on_the_other_stream_is_shown_and_again_if_it_asks() {
    let mut scene = Scene::new(false).await;
    watch(&mut scene, "full", 100).await;
    switch(&mut scene, "other").await;
    watch(&mut scene, "full", 1000).await;
    assert_eq!(shown(&mut scene), [], "the old picture still shows");
    scene.show("other", true).await;
    assert_eq!(shown(&mut scene), [("other".to_owned(), true)]);
    watch(&mut scene, "other", 100).await;
    assert_eq!(shown(&mut scene), []);
    switch(&mut scene, "other").await;
    assert_eq!(shown(&mut scene), [("other".to_owned(), true)], "it may not have heard it");
    // Back before anything has come, and after nothing did.
    scene.full.finish_closing();
    switch(&mut scene, "cam").await;
    scene.pass(100).await;
    assert_eq!(shown(&mut scene), []);
    switch(&mut scene, "other").await;
    assert_eq!(shown(&mut scene), [("other".to_owned(), true)]);
}

#[actix::test]
async fn who_comes_back_from_a_stream_without_a_picture_is_told_that_its_own_is_shown_again() {
    let mut scene = Scene::new(false).await;
    switch(&mut scene, "other").await;
    watch(&mut scene, "full", 2100).await;
    assert_eq!(scene.viewers("cam"), 0, "nothing has come, and it is gone to all the same");
    scene.full.finish_closing();
    scene.pass(20).await;
    assert_eq!(shown(&mut scene), []);
    switch(&mut scene, "cam").await;
    scene.pass(100).await;
    scene.full.report(CaptureEventKind::Opened(CaptureInfo::default()));
    scene.show("full", true).await;
    assert_eq!(shown(&mut scene), [("cam".to_owned(), true)]);
}

#[actix::test]
async fn who_goes_back_in_time_is_told_how_it_is_there() {
    let mut scene = Scene::new(false).await;
    switch(&mut scene, "other").await;
    scene.pass(20).await;
    scene.told();
    switch(&mut scene, "cam").await;
    let told = scene.told();
    assert!(told.contains(&Signal::State("cam".into(), StreamState::Live)), "{told:?}");
}

#[actix::test]
async fn who_waits_for_a_camera_that_does_not_close_is_told_that_it_may_take_long() {
    let scene = Scene::new(true).await;
    let leaving = scene.peer.send(Leave(Cause::Bye));
    settle().await;
    assert!(scene.full.is_closing());
    let (link, _, got) = watcher();
    let waits = Subscribe { peer: "b".into(), link, ready: true, suspect: false };
    scene.root.streams[&"other".into()].stream.send(waits).await.unwrap();
    settle().await;
    assert_eq!(*got.lock().unwrap(), [""; 0], "it is a matter of a moment");
    tokio::time::advance(Budget::USUAL.waiting()).await;
    settle().await;
    assert_eq!(*got.lock().unwrap(), ["camera_busy"]);
    leaving.await.unwrap();
    scene.full.finish_closing();
    settle().await;
    assert_eq!(scene.other.log(), ["open"], "it is its turn");
}

#[actix::test]
async fn who_changes_its_mind_before_the_other_begins_never_loses_the_picture() {
    let mut scene = Scene::new(false).await;
    watch(&mut scene, "full", 100).await;
    scene.seen();
    switch(&mut scene, "other").await;
    scene.show("full", false).await;
    assert_eq!(scene.camera("other"), CameraState::Opening);
    switch(&mut scene, "cam").await;
    scene.pass(20).await;
    scene.other.finish_closing();
    watch(&mut scene, "full", 3000).await;
    assert_eq!(scene.seen(), vec!["full"; 151]);
    assert_eq!((scene.watches().0.as_str(), scene.viewers("other")), ("cam", 0));
    assert_eq!(scene.full.log().iter().filter(|what| **what == "close").count(), 0);
    assert_eq!(scene.other.log().iter().filter(|what| **what == "open").count(), 1);
}

#[actix::test]
async fn a_stream_that_shows_nothing_is_gone_to_all_the_same_after_two_seconds() {
    let mut scene = Scene::new(false).await;
    switch(&mut scene, "other").await;
    watch(&mut scene, "full", 1900).await;
    assert_eq!((scene.viewers("cam"), scene.full.is_closing()), (1, false), "not before");
    watch(&mut scene, "full", 200).await;
    assert_eq!((scene.viewers("cam"), scene.viewers("other")), (0, 1));
    assert!(scene.full.is_closing(), "no camera is kept open by who wants another");
    scene.seen();
    scene.show("other", true).await;
    assert_eq!(scene.seen(), ["other"], "when it comes at last");
}

#[actix::test]
async fn a_camera_that_cannot_be_had_is_said_at_once_and_the_old_picture_is_not_waited_with() {
    let mut scene = Scene::new(false).await;
    switch(&mut scene, "other").await;
    scene.pass(20).await;
    scene.told();
    scene.other.report(CaptureEventKind::Ended(CaptureError::Absent { device: "/dev/video7".into() }));
    scene.pass(20).await;
    let told = scene.told();
    assert!(
        told.iter().any(|it| matches!(it, Signal::Error("camera_absent", words) if words.contains("video7"))),
        "{told:?}"
    );
    assert_eq!((scene.viewers("cam"), scene.viewers("other")), (0, 1));
    assert_eq!(scene.state("other"), StreamState::Backoff);
}

#[actix::test]
async fn whatever_is_asked_for_in_which_order_what_was_asked_for_last_is_watched() {
    let mut chance = Chance(11);
    let mut scene = Scene::new(false).await;
    let mut last = "cam";
    for _ in 0..60 {
        last = ["cam", "other"][chance.below(2) as usize];
        switch(&mut scene, last).await;
        if chance.one_in(3) {
            scene.pass(20 * chance.below(5)).await;
        }
        for fake in [&scene.full, &scene.other] {
            if fake.is_closing() {
                fake.finish_closing();
            }
        }
    }
    scene.pass(2500).await;
    let (stream, idle) = if last == "cam" { ("full", "other") } else { ("other", "cam") };
    scene.seen();
    scene.show(stream, true).await;
    assert_eq!((scene.seen(), scene.watches().0.as_str()), (vec![stream.to_owned()], last));
    assert_eq!((scene.viewers(last), scene.viewers(idle)), (1, 0), "one subscription is left, of many");
}

// Suspicion.

#[actix::test]
async fn a_viewer_is_suspect_when_its_path_says_so_and_not_long_after() {
    for delay_ms in [0, 20, 60, 120] {
        let mut scene = Scene::with(false, 10, delay_ms).await;
        with_feedback(&mut scene);
        watch(&mut scene, "full", 5000).await;
        assert_eq!(scene.status().state, PeerState::Watching);
        let round_trip = Duration::from_secs_f64(scene.status().rtt_ms.unwrap() / 1000.0);
        let expected = Patience::production().suspect_on(round_trip).as_millis() as u64;
        scene.up.way.loses_one_in = 1;
        let took = watch_until(&mut scene, "full", is_suspect).await;
        // The last proof is as old as feedback is apart, and what was under way still arrives; decisions are made on a grid.
        assert!(
            (expected - 80..=expected + delay_ms + 60).contains(&took),
            "{delay_ms} ms ({round_trip:?}): {took}, not {expected}"
        );
        scene.full.finish_closing();
        scene.pass(100).await;
        assert_eq!((scene.camera("cam"), scene.state("cam")), (CameraState::Closed, StreamState::Paused));
    }
}

#[actix::test]
async fn one_direction_alone_proves_nothing() {
    for up_is_cut in [true, false] {
        let mut scene = Scene::new(false).await;
        watch(&mut scene, "full", 1000).await;
        let cut = if up_is_cut { &mut scene.up } else { &mut scene.down };
        cut.way.loses_one_in = 1;
        let took = watch_until(&mut scene, "full", is_suspect).await;
        assert!(took < 700, "{took} ms, up: {up_is_cut}");
        assert_eq!(scene.releases(), [], "the device has not closed yet");
        scene.full.finish_closing();
        scene.pass(20).await;
        assert_eq!(scene.releases(), [("cam".to_owned(), Cause::Suspected, true)]);
        assert!(scene.told().contains(&Signal::Silent), "its page is told, which may be heard by another way");
    }
}

#[actix::test]
async fn a_link_that_loses_a_tenth_each_way_makes_no_suspect() {
    let mut scene = Scene::new(false).await;
    with_feedback(&mut scene);
    link(&mut scene, 20, 10);
    for _ in 0..1500 {
        scene.show("full", false).await;
        assert!(!is_suspect(&scene));
    }
    assert_eq!(scene.root.board.read(|board| board.counters.suspicions), 0);
    assert_eq!(scene.releases(), []);
}

#[actix::test]
async fn what_has_arrived_and_was_not_read_is_read_before_anybody_is_suspected() {
    let mut scene = Scene::new(false).await;
    watch(&mut scene, "full", 1000).await;
    scene.reads_late = true;
    for _ in 0..250 {
        scene.show("full", false).await;
        assert!(!is_suspect(&scene), "it has answered, and we were late");
    }
    // Now it is as silent as it seems.
    scene.up.way.loses_one_in = 1;
    let took = watch_until(&mut scene, "full", is_suspect).await;
    assert!(took < 1500, "{took} ms");
}

#[actix::test]
async fn who_leaves_while_it_is_suspect_is_answered_and_is_released_once() {
    let mut scene = Scene::new(false).await;
    watch(&mut scene, "full", 1000).await;
    scene.up.way.loses_one_in = 1;
    watch_until(&mut scene, "full", is_suspect).await;
    with_closing(&scene.full, scene.peer.send(Leave(Cause::Beacon))).await.unwrap();
    assert!(scene.is_gone());
    assert_eq!(scene.releases().len(), 1, "{:?}", scene.releases());
    let verdicts: Vec<Cause> = scene.root.board.read(|board| board.verdicts.iter().map(|it| it.cause).collect());
    assert_eq!(verdicts, [Cause::Beacon]);
}

// Places.

fn reserve(scene: &Scene, token: &str) -> Result<lenscap_actors::peers::Reserved, Refused> {
    scene.root.peers.reserve(token, Ipv4Addr::new(192, 0, 2, 77).into())
}

#[actix::test]
async fn a_place_is_free_again_before_the_leaving_is_answered_and_not_before_the_device_is_closed() {
    let scene = Scene::with(false, 1, 0).await;
    assert_eq!(reserve(&scene, "new").err(), Some(Refused::TooManyViewers(1)));
    let mut leaving = Box::pin(scene.peer.send(Leave(Cause::Bye)));
    tokio::select! {
        biased;
        _ = &mut leaving => panic!("answered while the device is open"),
        () = settle() => {}
    }
    assert!(reserve(&scene, "new").is_err());
    scene.full.finish_closing();
    leaving.await.unwrap();
    assert!(reserve(&scene, "new").is_ok());
    assert!(scene.root.peers.find("token").is_none());
}

#[actix::test]
async fn the_place_of_a_suspect_is_given_to_another_after_a_second_and_it_is_told() {
    let mut scene = Scene::with(false, 1, 0).await;
    watch(&mut scene, "full", 1000).await;
    scene.up.way.loses_one_in = 1;
    watch_until(&mut scene, "full", is_suspect).await;
    scene.full.finish_closing();
    scene.pass(900).await;
    assert_eq!(reserve(&scene, "new").err(), Some(Refused::TooManyViewers(1)), "it may be there after all");
    scene.pass(200).await;
    let place = reserve(&scene, "new").unwrap();
    scene.pass(20).await;
    assert!(scene.is_gone());
    assert_eq!(scene.told().last(), Some(&Signal::Closed(Cause::Displaced)));
    assert_eq!(reserve(&scene, "third").err(), Some(Refused::TooManyViewers(1)), "there is one place, not two");
    drop(place);
    assert!(reserve(&scene, "third").is_ok(), "what is reserved and not taken is given back");
}

#[actix::test]
async fn who_is_heard_again_in_time_keeps_its_place() {
    let mut scene = Scene::with(false, 1, 0).await;
    watch(&mut scene, "full", 1000).await;
    scene.up.way.loses_one_in = 1;
    watch_until(&mut scene, "full", is_suspect).await;
    scene.full.finish_closing();
    scene.pass(500).await;
    scene.up.way.loses_one_in = 0;
    scene.pass(500).await;
    assert_eq!(scene.status().state, PeerState::Watching);
    scene.pass(5000).await;
    assert_eq!(reserve(&scene, "new").err(), Some(Refused::TooManyViewers(1)));
}

// Replay.

/// A frame of a device that encodes, which cannot be asked for a keyframe.
fn of_device(number: u64, keyframe: bool, what: &'static str) -> Frame {
    let unit = Bytes::from_static(what.as_bytes());
    let cuts = Cuts::whole(&unit);
    Frame { unit, cuts, ..frame(number, keyframe, Origin::Device) }
}

#[actix::test]
async fn who_comes_into_the_middle_of_a_group_of_pictures_is_sent_it_from_its_keyframe_on_and_nothing_twice() {
    let mut scene = Scene::new(false).await;
    let (link, _, got) = watcher();
    let first = Subscribe { peer: "first".into(), link, ready: true, suspect: false };
    scene.root.streams[&"other".into()].stream.send(first).await.unwrap();
    settle().await;
    scene.other.report(CaptureEventKind::Opened(CaptureInfo::default()));
    for (number, what) in [(1, "one"), (2, "two"), (3, "three")] {
        scene.other.encoded(of_device(number, number == 1, what));
        scene.pass(20).await;
    }
    assert_eq!(*got.lock().unwrap(), ["frame 1", "frame 2", "frame 3"]);
    let asked = scene.other.log().iter().filter(|what| **what == "keyframe").count();
    switch(&mut scene, "other").await;
    scene.pass(200).await;
    assert_eq!(scene.viewer.received.len(), 3, "at once");
    scene.other.encoded(of_device(4, false, "four"));
    scene.pass(20).await;
    assert_eq!(holes(&scene), [0; 0]);
    assert_eq!(scene.seen(), ["one", "two", "three", "four"]);
    let again = scene.other.log().iter().filter(|what| **what == "keyframe").count();
    assert_eq!(again, asked, "no keyframe was asked for, which all would have been sent");
    assert_eq!(got.lock().unwrap().len(), 4, "and the first has nothing of the replay");
}

#[actix::test]
async fn what_was_lost_on_the_way_is_sent_again_and_shown_once() {
    let mut scene = Scene::new(false).await;
    link(&mut scene, 20, 0);
    watch(&mut scene, "full", 200).await;
    scene.down.way.loses_one_in = 4;
    watch(&mut scene, "full", 2000).await;
    scene.down.way.loses_one_in = 0;
    watch(&mut scene, "full", 500).await;
    assert!(scene.viewer.resent > 10, "{} were", scene.viewer.resent);
    assert_eq!(holes(&scene), [0; 0]);
}

// Lanes.

/// Datagrams that are nobody's.
fn noise() -> Inbound {
    let from = "203.0.113.9:9".parse().unwrap();
    Inbound { at: SystemClock.now(), datagrams: vec![(from, BytesMut::from(&[0x80; 100][..]))], undeliverable: vec![] }
}

#[actix::test]
async fn who_leaves_is_not_kept_waiting_by_datagrams_and_the_sign_that_was_heard_first_is_the_cause() {
    let mut scene = Scene::new(false).await;
    // It says goodbye by its connection, behind more than the mailbox takes of what is nobody's.
    for _ in 0..200 {
        scene.arrive(noise());
    }
    scene.viewer.close(SystemClock.now());
    let goodbye = std::mem::take(&mut scene.viewer.out);
    assert!(!goodbye.is_empty(), "a close_notify");
    let datagrams = goodbye.iter().map(|(_, it)| (scene.viewer.address, BytesMut::from(&it[..]))).collect();
    scene.arrive(Inbound { at: SystemClock.now(), datagrams, undeliverable: vec![] });
    for _ in 0..500 {
        scene.arrive(noise());
    }
    with_closing(&scene.full, scene.peer.send(Leave(Cause::Beacon))).await.unwrap();
    let verdicts: Vec<Cause> = scene.root.board.read(|board| board.verdicts.iter().map(|it| it.cause).collect());
    assert_eq!(verdicts, [Cause::Beacon], "what has to be done goes first");
}

#[actix::test]
async fn a_flood_of_datagrams_has_bounded_room_and_those_of_the_viewer_get_through_after_it() {
    let mut scene = Scene::new(false).await;
    for _ in 0..10_000 {
        scene.arrive(noise());
    }
    let peers = scene.root.tree.report(SystemClock.now(), 0).children.pop().unwrap();
    let lanes = peers.children[0].lanes;
    assert!(lanes.traffic > 0 && lanes.traffic <= lenscap_actors::supervisor::mailbox::MAILBOX + 1, "{lanes:?}");
    watch(&mut scene, "full", 2000).await;
    assert_eq!(scene.status().state, PeerState::Watching);
    assert_eq!(scene.seen().len(), 100);
}

#[actix::test]
async fn frames_go_before_a_step_of_a_handshake() {
    let mut scene = Scene::new(false).await;
    tokio::time::advance(Duration::from_millis(300)).await;
    settle().await;
    scene.viewer.wake(SystemClock.now());
    let asked = std::mem::take(&mut scene.viewer.out);
    assert!(!asked.is_empty(), "it checks the path now and then");
    // The stream has its turn first, then this peer, and then the fan-out.
    let before = scene.sent().len();
    scene.emit("full", false);
    let handshake = [[22, 254, 253].to_vec()];
    let datagrams = handshake.iter().chain(asked.iter().map(|(_, it)| it));
    let datagrams = datagrams.map(|it| (scene.viewer.address, BytesMut::from(&it[..]))).collect();
    scene.arrive(Inbound { at: SystemClock.now(), datagrams, undeliverable: vec![] });
    settle().await;
    let sent = scene.sent().split_off(before);
    let is_media = |datagram: &Vec<u8>| matches!(datagram[..], [128..=191, 0..=191 | 224.., ..]);
    let frame = sent.iter().position(is_media).expect("the frame");
    let answer = sent.iter().position(|it| it.starts_with(&[1, 1])).expect("the answer to its check");
    assert!(frame < answer, "this peer had its turn before the fan-out, and sent the frame first");
}
