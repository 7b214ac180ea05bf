//! Places that are given to others before they were taken.

use crate::support::connected::Scene;
use crate::transport::pair::{IDENTITY, TIMEOUTS, server, viewer_at};
use crate::transport::viewer::{Kindness, Viewer};
use lenscap_actors::clock::SystemClock;
use lenscap_actors::peers::{Join, Refused};
use lenscap_actors::ports::*;
use lenscap_actors::transport::{Secrets, Transport, answer};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a viewer of "cam" comes with.
fn join() -> (Join, mpsc::Receiver<lenscap_actors::peer::Signal>) {
    let kindness = Kindness { gcm: true, rtx: true, passive: false, polite: true };
    let secrets = Secrets {
        ufrag: "late0".into(),
        password: "a/password/of/the/server/0".into(),
        ssrcs: [3, 4],
        sequence: 1,
        timestamp: 1,
        tie_breaker: 1,
    };
    let offer = Viewer::new(kindness, viewer_at(2000), server(), 9).offer();
    let (_, terms) = answer(&offer, &IDENTITY, &[server()], secrets).unwrap();
    let connection =
        Transport::new(terms, IDENTITY.clone(), TIMEOUTS, SystemClock.now(), Duration::from_secs(1_700_000_000));
    let (signals, told) = mpsc::channel(64);
    (Join { transport: "ws", stream: "cam".into(), connection, signals }, told)
}

#[actix::test]
async fn a_place_that_was_given_to_another_before_it_was_taken_is_not_taken() {
    let mut scene = Scene::with(false, 2, 0).await;
    let reserve =
        |scene: &Scene, token: &str, last| scene.root.peers.reserve(token, Ipv4Addr::new(192, 0, 2, last).into());
    let slow = reserve(&scene, "slow", 77).unwrap();
    scene.pass(1000).await;
    let quick = reserve(&scene, "quick", 78).unwrap();
    let (first, _told) = join();
    assert_eq!(scene.root.peers.join(slow, first).await.err(), Some(Refused::TooManyViewers(2)));
    let (second, _told) = join();
    let joined = scene.root.peers.join(quick, second).await;
    assert!(joined.is_ok() && scene.root.peers.find("quick").is_some() && scene.root.peers.find("slow").is_none());
    scene.pass(20).await;
    assert_eq!(scene.root.board.read(|board| board.peers.len()), 2);
}
