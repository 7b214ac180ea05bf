//! A viewer and its transport, connected by a simulated link on a virtual clock.

mod flood;
mod foreign;
mod history;
pub mod link;
mod narrow;
pub mod pair;
pub mod reports;
pub mod viewer;

use lenscap_actors::departure::Cause;
use link::Way;
use pair::{Pair, viewer_at};
use std::time::Duration;
use viewer::Kindness;

const CHROMIUM: Kindness = Kindness { gcm: true, rtx: true, passive: false, polite: true };

/// All kinds of viewers.
fn kinds() -> impl Iterator<Item = Kindness> {
    (0..8).map(|bits| Kindness { gcm: bits & 1 == 0, rtx: bits & 2 == 0, passive: bits & 4 != 0, polite: true })
}

#[test]
fn it_connects_and_plays() {
    for kindness in kinds() {
        let mut pair = Pair::new(kindness, Way::clean(10), Way::clean(10), 5);
        pair.connect();
        pair.run(3000);
        assert!(pair.frames > 85 && pair.packets > 4 * 85, "{kindness:?}: {} frames", pair.frames);
        pair.pause();
        pair.run(1000);
        let viewer = &pair.viewer;
        assert_eq!((viewer.received.len() as u64, viewer.holes().len()), (pair.packets, 0), "{kindness:?}");
        assert!(viewer.reports >= 2, "{kindness:?}: {} sender reports", viewer.reports);
        assert_eq!(pair.transport.remote(), Some(viewer_at(1000)));
        assert_eq!(pair.leaving, None);
    }
}

#[test]
fn the_first_connection_takes_few_round_trips() {
    // A round trip of 100 ms: the check and its answer, ClientHello and HelloVerifyRequest, ClientHello with the cookie
    // and the server's flight, the viewer's flight: media comes with the answer to that, 20 ms later.
    let mut pair = Pair::new(CHROMIUM, Way::clean(50), Way::clean(50), 5);
    pair.connect();
    assert!(pair.until(1000, |pair| pair.viewer.first_packet_at.is_some()));
    let after = |at: Option<std::time::Instant>| at.unwrap().duration_since(pair.start).as_millis();
    assert_eq!(after(pair.viewer.connected_at), 400);
    assert_eq!(after(pair.viewer.first_packet_at), 420);
    // Where we say ClientHello, with our first question answered.
    let mut pair = Pair::new(Kindness { passive: true, ..CHROMIUM }, Way::clean(50), Way::clean(50), 5);
    pair.connect();
    assert!(pair.until(1000, |pair| pair.viewer.first_packet_at.is_some()));
    let after = |at: Option<std::time::Instant>| at.unwrap().duration_since(pair.start).as_millis();
    assert_eq!(after(pair.viewer.first_packet_at), 500);
}

#[test]
fn a_goodbye_is_heard_on_both_sides() {
    for kindness in kinds() {
        let mut pair = Pair::new(kindness, Way::clean(10), Way::clean(10), 5);
        pair.connect();
        pair.run(100);
        pair.viewer.close(pair.now);
        pair.run(30);
        assert_eq!(pair.leaving, Some(Cause::CloseNotify), "{kindness:?}");
        let mut pair = Pair::new(kindness, Way::clean(10), Way::clean(10), 5);
        pair.connect();
        pair.close();
        pair.run(30);
        assert!(pair.viewer.closed, "{kindness:?}");
    }
}

#[test]
fn an_impolite_leaving_is_noticed_by_the_time_outs() {
    let mut pair = Pair::new(CHROMIUM, Way::clean(10), Way::clean(10), 5);
    pair.connect();
    pair.run(500);
    pair.viewer.kindness.polite = false;
    pair.viewer.close(pair.now);
    pair.run(4500);
    assert_eq!(pair.leaving, None);
    pair.run(700);
    assert_eq!(pair.leaving, Some(Cause::IceDisconnected));
    pair.run(30_000);
    assert_eq!(pair.leaving, Some(Cause::IceFailed));
}

#[test]
fn every_packet_that_is_lost_and_asked_for_comes_again() {
    for kindness in kinds() {
        let down = Way { loses_one_in: 10, repeats_one_in: 20, jitter: Duration::from_millis(8), ..Way::clean(15) };
        let up = Way { loses_one_in: 20, jitter: Duration::from_millis(8), ..Way::clean(15) };
        let mut pair = Pair::new(kindness, down, up, 7);
        pair.connect();
        pair.run(4000);
        pair.pause();
        pair.run(1200);
        assert!(pair.transport.resent() > 20, "{kindness:?}");
        assert_eq!(pair.viewer.resent > 20, kindness.rtx, "{kindness:?}: as retransmissions, or as they were");
        assert_eq!(pair.viewer.holes(), Default::default(), "{kindness:?}");
    }
}

#[test]
fn a_replay_is_paced_and_what_is_lost_of_it_comes_again() {
    // 48 kB at once and then two and a half times the stream's rate, which is not known, over a link that loses some.
    let down = Way { loses_one_in: 15, ..Way::clean(20) };
    let mut pair = Pair::new(CHROMIUM, down, Way::clean(20), 6);
    pair.viewer.arrivals = Some(Default::default());
    pair.connect();
    // The path has carried something.
    pair.run(500);
    pair.pause();
    pair.run(500);
    pair.frame_bytes = 12_000;
    let frames: Vec<_> = (1..=40).map(|number| pair.frame(number, number == 1)).collect();
    let packets: usize = frames.iter().map(|frame| frame.cuts.len()).sum();
    let (before, received) = (pair.packets, pair.viewer.received.len());
    pair.replay(&frames);
    let at_once = pair.packets - before;
    assert!((30..70).contains(&at_once), "{at_once} at once");
    pair.run(250);
    let rate = (pair.packets - before - at_once) * 1200 * 4;
    assert!((500_000..750_000).contains(&rate), "{rate} bytes a second");
    pair.run(2000);
    assert_eq!(pair.packets - before, packets as u64);
    assert_eq!((pair.viewer.received.len() - received, pair.viewer.holes().len()), (packets, 0));
}

#[test]
fn a_viewer_is_followed_to_another_address() {
    let mut pair = Pair::new(CHROMIUM, Way::clean(20), Way::clean(20), 5);
    pair.connect();
    pair.run(500);
    pair.viewer.move_to(viewer_at(2000), pair.now);
    let before = pair.viewer.received.len();
    pair.run(61);
    assert_eq!(pair.transport.remote(), Some(viewer_at(2000)), "its check, our question, its answer: 60 ms");
    pair.run(500);
    assert!(pair.viewer.received.len() > before + 40);
    assert_eq!(pair.viewer.holes().len(), 0, "what went to the old address was asked for again");
}

#[test]
fn a_restart_renews_the_credentials_and_interrupts_nothing() {
    for by_fragment in [false, true] {
        let mut pair = Pair::new(CHROMIUM, Way::clean(20), Way::clean(20), 5);
        pair.connect();
        pair.run(500);
        pair.restart(by_fragment);
        pair.viewer.move_to(viewer_at(2000), pair.now);
        pair.run(500);
        assert_eq!(pair.transport.remote(), Some(viewer_at(2000)));
        pair.restart(by_fragment);
        pair.run(2000);
        pair.pause();
        pair.run(500);
        assert_eq!((pair.viewer.holes().len(), pair.leaving), (0, None));
        assert!(pair.proofs > 0);
    }
}

#[test]
fn a_restart_that_changes_more_is_refused_in_words() {
    let mut pair = Pair::new(CHROMIUM, Way::clean(1), Way::clean(1), 5);
    pair.connect();
    let offer = pair.viewer.offer();
    let mut refused = |offer: &str| {
        let (ufrag, password) = ("lens9".to_owned(), "a/password/of/the/server/9".to_owned());
        pair.transport.restart(offer, &[pair::server()], ufrag, password, pair.now).unwrap_err().to_string()
    };
    assert!(refused(&offer.replace("102", "99")).contains("how its video is sent"));
    assert!(refused(&offer.replace("a=setup:actpass", "a=setup:passive")).contains("handshake"));
    let at = offer.find("sha-256 ").unwrap() + 8;
    let mut other = offer.clone();
    other.replace_range(at..at + 2, if &offer[at..at + 2] == "00" { "11" } else { "00" });
    assert!(refused(&other).contains("certificate"));
    assert!(refused("a=ice-ufrag:x\r\n").contains("ICE credentials"));
}

#[test]
fn whoever_has_another_certificate_than_the_offer_names_gets_nothing() {
    let mut pair = Pair::with_offer(CHROMIUM, Way::clean(5), Way::clean(5), 5, |offer| {
        let at = offer.find("sha-256 ").unwrap() + 8;
        let other = if &offer[at..at + 2] == "00" { "11" } else { "00" };
        offer.replace_range(at..at + 2, other);
    });
    pair.run(2000);
    assert_eq!((pair.connected_at, pair.leaving, pair.packets), (None, Some(Cause::IceFailed), 0));
}

#[test]
fn a_peer_connection_of_the_library_plays_with_and_without_sound_and_losses() {
    use rtc::rtp_transceiver::rtp_sender::RtpCodecKind::{Audio, Video};
    for (kinds, loses_one_in) in [(&[Video][..], 0), (&[Audio, Video], 0), (&[Video, Audio], 0), (&[Video], 12)] {
        let outcome = foreign::play(kinds, loses_one_in);
        let story = format!("{kinds:?}, one in {loses_one_in} lost: {outcome:?}");
        assert!(outcome.sent >= 3 * 85 && outcome.received as u64 == outcome.sent, "{story}");
        assert_eq!(outcome.resent > 0, loses_one_in > 0, "{story}");
        assert!(outcome.round_trips > 3 && outcome.proofs > 3 && outcome.lost.is_some(), "{story}");
        // The library's agent asks every 200 ms only, and so begins its handshake late.
        assert!(outcome.connected_ms < if loses_one_in == 0 { 1000 } else { 5000 }, "{story}");
    }
}

#[test]
fn ten_thousand_histories_end_well() {
    // The debug build is slow, and holds the same with fewer.
    let count = if cfg!(debug_assertions) { 300 } else { 10_000 };
    let threads: Vec<_> = (0..2u64)
        .map(|half| std::thread::spawn(move || (0..count / 2).for_each(|nth| history::play(nth * 2 + half))))
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
