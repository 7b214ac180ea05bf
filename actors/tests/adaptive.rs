//! An encoder whose bit rate follows the slowest of its viewers' links, on a virtual clock.

use crate::support::*;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::departure::Cause;
use lenscap_actors::media::Origin;
use lenscap_actors::ports::{CaptureEventKind, CaptureInfo, Clock};
use lenscap_actors::stream::{Disconnected, LinkCarries, Suspect};
use std::time::Duration;

/// A stream that two viewers watch.
async fn watched() -> Stage {
    let stage = stage().await;
    stage.fake.can_be_held(200_000..=2_000_000);
    for peer in ["a", "b"] {
        // It stays until it is told to go.
        std::mem::forget(stage.subscription(peer).await);
    }
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    stage.fake.frame(1, true, Origin::Encoder);
    settle().await;
    stage
}

impl Stage {
    async fn carries(&self, peer: &str, bps: Option<f64>) {
        self.stream.send(LinkCarries { peer: peer.into(), bps }).await.unwrap();
    }

    fn limit(&self) -> Option<u32> {
        self.board.read(|board| board.streams[&"cam".into()].limited_to_bps)
    }
}

async fn pass(ms: u64) {
    for _ in 0..ms / 50 {
        tokio::time::advance(Duration::from_millis(50)).await;
        settle().await;
    }
}

#[actix::test]
async fn the_encoder_is_held_to_the_slowest_link_and_let_go_when_nobody_has_one() {
    let stage = watched().await;
    stage.carries("a", Some(1_000_000.0)).await;
    assert_eq!((stage.fake.held(), stage.limit()), (vec![850_000], Some(850_000)));
    stage.carries("b", Some(500_000.0)).await;
    assert_eq!(stage.fake.held(), [425_000]);
    stage.carries("a", Some(400_000.0)).await;
    assert_eq!(stage.fake.held(), [340_000]);
    stage.carries("b", None).await;
    pass(1000).await;
    assert_eq!(stage.fake.held(), [0; 0], "the other is as slow as before");
    stage.carries("a", None).await;
    pass(20_000).await;
    let held = stage.fake.held();
    assert!(held.windows(2).all(|pair| pair[0] < pair[1]), "{held:?}");
    assert_eq!((held.last(), stage.limit()), (Some(&2_000_000), None));
    pass(5000).await;
    assert_eq!(stage.fake.held(), [0; 0]);
}

#[actix::test]
async fn who_has_left_or_is_silent_holds_nobody_down() {
    for leaves in [true, false] {
        let stage = watched().await;
        stage.carries("a", Some(300_000.0)).await;
        assert_eq!(stage.fake.held(), [255_000]);
        let (at, silence) = (SystemClock.now(), Duration::ZERO);
        if leaves {
            let left = Disconnected { peer: "a".into(), cause: Some(Cause::Bye), at, silence };
            stage.stream.send(left).await.unwrap();
        } else {
            stage.stream.send(Suspect { peer: "a".into(), at, silence }).await.unwrap();
        }
        pass(20_000).await;
        assert_eq!(stage.fake.held().last(), Some(&2_000_000), "leaves: {leaves}");
        tokio::time::resume();
    }
}

#[actix::test]
async fn an_encoder_that_is_started_again_is_held_by_nothing_until_a_link_is_told_again() {
    for dies in [true, false] {
        let stage = watched().await;
        stage.carries("a", Some(300_000.0)).await;
        assert_eq!((stage.fake.held(), stage.limit()), (vec![255_000], Some(255_000)));
        if dies {
            stage.kill("root/cameras/cam/stream-cam").await;
        } else {
            stage.fake.ended("out of memory");
        }
        settle().await;
        assert_eq!((stage.fake.held(), stage.limit()), (vec![], None), "dies: {dies}");
        tokio::time::resume();
    }
}

#[actix::test]
async fn an_encoder_that_has_one_bit_rate_is_left_alone() {
    let stage = stage().await;
    std::mem::forget(stage.subscription("a").await);
    stage.fake.report(CaptureEventKind::Opened(CaptureInfo::default()));
    settle().await;
    stage.carries("a", Some(300_000.0)).await;
    pass(5000).await;
    assert_eq!((stage.fake.held(), stage.limit()), (vec![], None));
}
