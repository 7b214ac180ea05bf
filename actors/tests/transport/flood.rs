//! Fragments of handshake messages that never end, from a viewer's address: DTLS takes them before it knows whose they are.

use super::CHROMIUM;
use super::link::Way;
use super::pair::{Pair, viewer_at};
use super::viewer::Kindness;
use lenscap_actors::departure::Cause;
use std::time::{Duration, Instant};

/// As on the threads that viewers live on.
const STACK: usize = 2 << 20;

const FRAGMENTS: u32 = 40_000;

/// Far more than they may take, and far less than they took.
const PATIENCE: Duration = Duration::from_secs(20);

/// A plain record with a fragment of one byte of a message that has 16 MB (RFC 6347, sections 4.1 and 4.2.2).
fn fragment(record: u32, message: u8, offset: u32) -> Vec<u8> {
    let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0];
    datagram.extend(record.to_be_bytes());
    datagram.extend([0, 13, 11, 0xff, 0xff, 0xff, 0, message]);
    datagram.extend(&offset.to_be_bytes()[1..]);
    datagram.extend([0, 0, 1, 7]);
    datagram
}

/// These offsets of each of a handshake's messages, one of which is the one that is waited for.
fn flood(pair: &mut Pair, offsets: impl Iterator<Item = u32> + Clone) {
    let (began, mut record) = (Instant::now(), 1000);
    for message in 0..10 {
        for offset in offsets.clone() {
            record += 1;
            pair.transport.read(viewer_at(1000), &fragment(record, message, offset), pair.now);
            assert!(began.elapsed() < PATIENCE, "fragment {offset} of message {message}");
        }
    }
}

/// Both kinds of flood, at a moment of the connection.
fn floods(moment: impl Fn(&mut Pair) + Copy + Send + 'static, then: impl Fn(&mut Pair) + Copy + Send + 'static) {
    for passive in [false, true] {
        let story = move || {
            for backward in [true, false] {
                let mut pair = Pair::new(Kindness { passive, ..CHROMIUM }, Way::clean(50), Way::clean(50), 5);
                moment(&mut pair);
                match backward {
                    // All of the chain is there when its beginning comes,
                    true => flood(&mut pair, (1..FRAGMENTS).chain([0])),
                    // or it grows, and has no end.
                    false => flood(&mut pair, 0..FRAGMENTS),
                }
                then(&mut pair);
            }
        };
        std::thread::Builder::new().stack_size(STACK).spawn(story).unwrap().join().unwrap();
    }
}

#[test]
fn a_flood_of_fragments_within_the_handshake_ends_that_handshake_and_nothing_else() {
    // ClientHello is there since 150 ms, or has been sent since 200.
    floods(
        |pair| pair.run(220),
        |pair| {
            pair.run(5000);
            assert_eq!((pair.connected_at, pair.leaving), (None, None));
            let before = pair.proofs;
            assert!(pair.probe());
            pair.run(200);
            assert!(pair.proofs > before, "it is reached");
        },
    );
}

#[test]
fn a_flood_of_fragments_after_the_handshake_disturbs_nothing() {
    floods(
        |pair| {
            pair.connect();
            pair.run(500);
        },
        |pair| {
            pair.run(1000);
            pair.pause();
            pair.run(500);
            assert_eq!((pair.viewer.received.len() as u64, pair.leaving), (pair.packets, None));
            pair.viewer.close(pair.now);
            pair.run(100);
            assert_eq!(pair.leaving, Some(Cause::CloseNotify));
        },
    );
}
