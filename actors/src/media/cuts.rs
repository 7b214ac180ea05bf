//! Where an access unit is cut into the payloads of its RTP packets.
//!
//! A payload is a few bytes that the packetization makes up (fragment headers, or parameter sets joined into one
//! packet) and a range of the access unit, which so needs no second copy, whatever the number of viewers.

use std::ops::Range;

/// Bytes of payload a packet. A datagram with the RTP header (12), the extensions (4, transport-wide number 3,
/// absolute capture time 9), the original number of a retransmission (2) and the longest tag (16) is of 1200
/// bytes at most, which pass every network that WebRTC does.
pub const PAYLOAD_BYTES_MAX: usize = 1200 - 12 - 4 - 3 - 9 - 2 - 16;

/// Packets that can leave in one segmented send: the kernel takes 64 segments, and a datagram of 65,507 bytes.
pub const RUN_PACKETS_MAX: usize = 54;

/// The cuts of one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    prefixes: Vec<u8>,
    packets: Vec<Cut>,
    /// Where each run ends.
    runs: Vec<u32>,
    payload_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cut {
    /// Where its prefix ends; it begins where the one before ends.
    prefix_end: u32,
    start: u32,
    end: u32,
    /// Bytes of padding after it (RFC 3550, section 5.1), so that it is as long as its neighbors.
    padding: u8,
}

impl Cuts {
    /// One packet that is the access unit as it is.
    pub fn whole(unit: &[u8]) -> Self {
        let mut cuts = Self::default();
        cuts.push(&[], 0..unit.len());
        cuts
    }

    /// The next packet: `prefix`, then this range of the access unit. An access unit has less than 4 GiB.
    pub fn push(&mut self, prefix: &[u8], range: Range<usize>) {
        self.push_padded(prefix, range, 0);
    }

    /// The next packet, with so many bytes of padding.
    pub fn push_padded(&mut self, prefix: &[u8], range: Range<usize>, padding: u8) {
        let payload = prefix.len() + range.len();
        let length = payload + usize::from(padding);
        let joins = self.runs.last().is_some_and(|&end| {
            let start = self.runs.len().checked_sub(2).map_or(0, |before| self.runs[before] as usize);
            let (first, last) = (self.packet_bytes(start), self.packet_bytes(end as usize - 1));
            end as usize - start < RUN_PACKETS_MAX && last == first && length <= first
        });
        if joins {
            self.runs.pop();
        }
        self.prefixes.extend_from_slice(prefix);
        let prefix_end = self.prefixes.len() as u32;
        self.packets.push(Cut { prefix_end, start: range.start as u32, end: range.end as u32, padding });
        self.runs.push(self.packets.len() as u32);
        self.payload_bytes += payload;
    }

    /// The number of packets.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of all payloads, without padding.
    pub fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Bytes of one payload and its padding; none if there is no such packet.
    pub fn packet_bytes(&self, nth: usize) -> usize {
        let (prefix, range) = self.packet(nth);
        prefix.len() + range.len() + usize::from(self.padding(nth))
    }

    /// Bytes of padding that follow one payload.
    pub fn padding(&self, nth: usize) -> u8 {
        self.packets.get(nth).map_or(0, |cut| cut.padding)
    }

    /// A packet's prefix, and its range of the access unit.
    pub fn packet(&self, nth: usize) -> (&[u8], Range<usize>) {
        let Some(cut) = self.packets.get(nth) else { return (&[], 0..0) };
        let prefix_start = nth.checked_sub(1).map_or(0, |before| self.packets[before].prefix_end);
        let prefix = &self.prefixes[prefix_start as usize..cut.prefix_end as usize];
        (prefix, cut.start as usize..cut.end as usize)
    }

    /// Stretches of packets of one size, of which only the last may be shorter: what one segmented send carries.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut start = 0;
        self.runs.iter().map(move |&end| std::mem::replace(&mut start, end as usize)..end as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(lengths: &[usize]) -> Vec<(usize, usize)> {
        let mut cuts = Cuts::default();
        lengths.iter().for_each(|length| cuts.push(&[0; 2], 0..length - 2));
        cuts.runs().map(|run| (run.start, run.end)).collect()
    }

    #[test]
    fn a_run_is_of_one_size_and_only_its_last_packet_is_shorter() {
        assert_eq!(runs(&[100, 100, 100, 40]), [(0, 4)]);
        assert_eq!(runs(&[30, 100, 100, 40]), [(0, 1), (1, 4)], "parameter sets first");
        assert_eq!(runs(&[100, 40, 40, 100, 20]), [(0, 2), (2, 3), (3, 5)], "two slices");
        assert_eq!(runs(&[100; 120]), [(0, 54), (54, 108), (108, 120)]);
        assert_eq!(runs(&[]), []);
    }

    #[test]
    fn padding_makes_one_run_of_two_slices() {
        let mut cuts = Cuts::default();
        for (length, padding) in [(100, 0), (95, 5), (100, 0), (30, 0)] {
            cuts.push_padded(&[0; 2], 0..length - 2, padding);
        }
        assert!(cuts.runs().eq(std::iter::once(0..4)));
        assert_eq!((cuts.packet_bytes(1), cuts.padding(1), cuts.padding(2)), (100, 5, 0));
        assert_eq!(cuts.payload_bytes(), 325);
    }

    #[test]
    fn packets_are_found_again() {
        let mut cuts = Cuts::default();
        cuts.push(&[1, 2, 3], 0..0);
        cuts.push(&[], 10..20);
        cuts.push(&[4, 5], 20..25);
        assert_eq!(cuts.packet(0), (&[1, 2, 3][..], 0..0));
        assert_eq!(cuts.packet(1), (&[][..], 10..20));
        assert_eq!(cuts.packet(2), (&[4, 5][..], 20..25));
        assert_eq!(cuts.packet(3), (&[][..], 0..0));
        assert_eq!((cuts.len(), cuts.payload_bytes()), (3, 20));
    }
}
