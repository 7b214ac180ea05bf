//! How much of a handshake a viewer may send. Pure.
//!
//! `rtc-dtls` keeps whatever comes: fragments of messages that are not whole, messages that nobody needs, records whose keys
//! are still to come. It looks through all fragments of a message with each one more, and puts them together by a call
//! within a call for each: some ten thousand, a byte each, and the stack overflows, which ends the process. Plain records are
//! nobody's in particular, and it takes those of a handshake even after the handshake. So it is given no more of them than a
//! handshake has.

use super::record::{HANDSHAKE, records};

/// Fragments (or records that are none) and bytes, with their headers, that one handshake may have, repetitions included.
/// Chromium's has a dozen fragments and 4 kB; with certificates and signatures that withstand quantum computers it
/// is 20 kB. Viewers repeat a flight some ten times before they give up. As many fragments in the worst order are put
/// together in milliseconds, and take 40 kB of stack.
const FRAGMENTS_MAX: usize = 512;
const BYTES_MAX: usize = 128 << 10;

/// The same, after the handshake: the viewer repeats its last flight if ours was lost (RFC 6347, section 4.2.4). That flight
/// has a dozen fragments by this count, and may come both as it was and with new numbers.
const LATE_FRAGMENTS_MAX: usize = 256;
const LATE_BYTES_MAX: usize = 64 << 10;

/// A fragment's header (RFC 6347, section 4.2.2).
const FRAGMENT_HEADER: usize = 12;

/// What is left.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    fragments: usize,
    bytes: usize,
    late: bool,
}

impl Default for Budget {
    /// Of a handshake that begins.
    fn default() -> Self {
        Self { fragments: FRAGMENTS_MAX, bytes: BYTES_MAX, late: false }
    }
}

impl Budget {
    /// The handshake is complete: only repetitions are to come, and what has nothing to do with it.
    pub fn established(&mut self) {
        self.late = true;
        self.fragments = self.fragments.min(LATE_FRAGMENTS_MAX);
        self.bytes = self.bytes.min(LATE_BYTES_MAX);
    }

    /// Whether there is room for a datagram; takes that room.
    pub fn admits(&mut self, datagram: &[u8]) -> bool {
        if self.late && records(datagram).all(|record| record.kind != HANDSHAKE) {
            return true;
        }
        let fragments = records(datagram).map(|record| fragments(record.kind, record.epoch, record.body)).sum();
        let left = self.fragments.checked_sub(fragments).zip(self.bytes.checked_sub(datagram.len()));
        if let Some(left) = left {
            (self.fragments, self.bytes) = left;
        }
        left.is_some()
    }
}

/// The most that `rtc-dtls` makes of a record: at least the record itself.
fn fragments(kind: u8, epoch: u16, mut body: &[u8]) -> usize {
    if kind != HANDSHAKE {
        return 1;
    }
    if epoch > 0 {
        // What is in it is not seen here.
        return 1 + body.len() / FRAGMENT_HEADER;
    }
    let mut count = 1;
    while let Some((header, rest)) = body.split_at_checked(FRAGMENT_HEADER) {
        count += 1;
        // It goes by the length of the message there, and not of the fragment.
        let length = header[1..4].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        body = rest.get(length..).unwrap_or_default();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16).to_be_bytes();
        [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0], &length[..], body].concat()
    }

    /// A fragment of a message of so many bytes, with so many in it.
    fn fragment(of: u32, bytes: usize) -> Vec<u8> {
        [&[11][..], &of.to_be_bytes()[1..], &[0, 1, 0, 0, 0, 0, 0, bytes as u8], &vec![0; bytes]].concat()
    }

    fn admitted(budget: &mut Budget, datagram: &[u8]) -> usize {
        (0..100_000).take_while(|_| budget.admits(datagram)).count()
    }

    #[test]
    fn a_flood_is_cut_off_whatever_it_is_made_of() {
        let empty = fragment(0, 0).repeat(80);
        for (what, datagram) in [
            ("fragments of a byte", record(HANDSHAKE, 0, &fragment(0xff_ffff, 1))),
            ("large fragments", record(HANDSHAKE, 0, &fragment(0xff_ffff, 250))),
            ("many in a record", record(HANDSHAKE, 0, &empty)),
            ("many in a record that cannot be read", record(HANDSHAKE, 1, &empty)),
            ("many records", record(HANDSHAKE, 0, &fragment(1, 1)).repeat(20)),
            ("records without anything", [record(HANDSHAKE, 0, &[]), record(HANDSHAKE, 1, &[])].concat()),
            ("data before its keys", record(23, 1, &[0; 1000])),
        ] {
            let count = admitted(&mut Budget::default(), &datagram);
            let records = records(&datagram).count();
            assert!(
                count > 0 && count * records <= FRAGMENTS_MAX && count * datagram.len() <= BYTES_MAX,
                "{what}: {count}"
            );
        }
        assert_eq!(admitted(&mut Budget::default(), &record(HANDSHAKE, 0, &empty)), FRAGMENTS_MAX / 81);
        assert_eq!(admitted(&mut Budget::default(), &record(23, 1, &[0; 1000])), BYTES_MAX / 1013);
    }

    #[test]
    fn a_large_handshake_that_is_repeated_ten_times_has_room() {
        // 12 kB of certificates and signatures in datagrams of 1200 bytes.
        let mut budget = Budget::default();
        let flight = record(HANDSHAKE, 0, &[&fragment(0x2fff, 250)[..], &[0; 900]].concat());
        assert!((0..100).all(|_| budget.admits(&flight)));
    }

    #[test]
    fn after_the_handshake_a_few_repetitions_are_taken_and_whatever_is_not_of_it() {
        let mut budget = Budget::default();
        budget.established();
        let finished = record(HANDSHAKE, 1, &[0; 40]);
        let last = [record(HANDSHAKE, 0, &fragment(200, 200)).repeat(4), record(20, 0, &[1]), finished].concat();
        let repetitions = admitted(&mut budget, &last);
        assert!((15..25).contains(&repetitions), "{repetitions}");
        assert!(!budget.admits(&last));
        let closing = record(21, 1, &[0; 26]);
        assert_eq!(admitted(&mut budget, &closing), 100_000);
        assert!(!budget.admits(&[closing, last].concat()), "not in its company either");
    }

    #[test]
    fn what_was_used_up_in_the_handshake_is_not_there_after_it() {
        let mut budget = Budget::default();
        admitted(&mut budget, &record(HANDSHAKE, 0, &fragment(0xff_ffff, 1)));
        budget.established();
        assert!(!budget.admits(&record(HANDSHAKE, 0, &fragment(200, 200))));
    }
}
