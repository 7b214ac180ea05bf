//! The last flight of ours that a handshake waits to be answered, and when it is sent again (RFC 6347, section 4.2.4). Pure.
//!
//! `rtc-dtls` has a timer for that, but gives it up for good with the first record that does not complete the viewer's
//! next flight: a repetition of the last one, or the first of two fragments. Then both sides wait for each other. So it
//! is repeated here, record by record as it was: whoever has a record knows it by its number, and drops it.

use super::record::{CHANGE_CIPHER_SPEC, HANDSHAKE, records};
use bytes::BytesMut;
use std::time::{Duration, Instant};

/// The first repetition, the longest time between two, and how many there are. That is 17 s; ICE ends it before, or whoever
/// waits for the connection.
const FIRST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_secs(2);
const REPETITIONS_MAX: u32 = 12;

/// Repetitions that are made anew: the library ends the handshake with the eighth.
const ANEW_MAX: u32 = 6;

/// A flight is not repeated more often than this.
const HURRY: Duration = Duration::from_millis(40);

/// The flight.
#[derive(Default)]
pub struct Flight {
    datagrams: Vec<BytesMut>,
    sent: Option<Instant>,
    repetitions: u32,
    anew: u32,
}

impl Flight {
    /// These were sent: if they are part of a handshake, the one before them was answered.
    pub fn sent(&mut self, datagrams: &[BytesMut], now: Instant) {
        // Alerts are not repeated.
        let is_flight = |it: &BytesMut| matches!(it.first(), Some(&(CHANGE_CIPHER_SPEC | HANDSHAKE)));
        if datagrams.iter().any(is_flight) {
            *self = Self { datagrams: datagrams.to_vec(), sent: Some(now), repetitions: 0, anew: 0 };
        }
    }

    /// Whether it is the client's last: what is to come is encrypted.
    pub fn changes_cipher(&self) -> bool {
        self.datagrams.iter().any(|it| records(it).any(|record| record.kind == CHANGE_CIPHER_SPEC))
    }

    /// When to send it again.
    pub fn due(&self) -> Option<Instant> {
        let wait = FIRST.saturating_mul(1 << self.repetitions.min(8)).min(LONGEST);
        self.sent.filter(|_| self.repetitions < REPETITIONS_MAX).map(|at| at + wait)
    }

    /// Whether it was not sent just now.
    pub fn may_hurry(&self, now: Instant) -> bool {
        self.sent.is_some_and(|at| now.saturating_duration_since(at) >= HURRY)
    }

    /// The flight, to be sent again.
    pub fn again(&mut self, now: Instant) -> impl Iterator<Item = BytesMut> {
        self.sent = Some(now);
        self.repetitions = self.repetitions.saturating_add(1);
        self.datagrams.iter().cloned()
    }

    /// Whether it may be made once more with new numbers; counts that.
    pub fn may_be_made_anew(&mut self) -> bool {
        self.anew += 1;
        self.anew <= ANEW_MAX
    }
}

/// Whether a datagram is of a flight before the ciphers are changed.
pub fn is_plain_handshake(datagram: &[u8]) -> bool {
    records(datagram).all(|record| (record.kind, record.epoch) == (HANDSHAKE, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_repeated_as_it_was_until_another_follows() {
        let (mut flight, start) = (Flight::default(), Instant::now());
        assert_eq!(flight.due(), None);
        let hello = [BytesMut::from(&[HANDSHAKE, 1][..]), BytesMut::from(&[HANDSHAKE, 2][..])];
        flight.sent(&hello, start);
        let mut after = vec![];
        while let Some(due) = flight.due() {
            assert!(flight.again(due).eq(hello.iter().cloned()));
            after.push(due.duration_since(start).as_millis());
        }
        assert_eq!(after[..6], [150, 450, 1050, 2250, 4250, 6250]);
        assert_eq!(after.len() as u32, REPETITIONS_MAX);
        flight.sent(&[BytesMut::from(&[21, 1][..])], start);
        assert_eq!(flight.due(), None, "an alert is no flight");
        flight.sent(&hello[..1], start);
        assert_eq!(flight.due(), Some(start + FIRST));
    }

    #[test]
    fn records_are_told_apart_within_a_datagram() {
        let record = |kind, epoch| [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, 2][..], &[9; 2]].concat();
        let last = [record(HANDSHAKE, 0), record(CHANGE_CIPHER_SPEC, 0), record(HANDSHAKE, 1)].concat();
        let mut flight = Flight::default();
        flight.sent(&[BytesMut::from(&record(HANDSHAKE, 0)[..])], Instant::now());
        assert!(!flight.changes_cipher());
        flight.sent(&[BytesMut::from(&last[..])], Instant::now());
        assert!(flight.changes_cipher());
        assert!(is_plain_handshake(&[record(HANDSHAKE, 0), record(HANDSHAKE, 0)].concat()));
        assert!(!is_plain_handshake(&last) && !is_plain_handshake(&last[15..]));
    }
}
