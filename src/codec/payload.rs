//! Access units into RTP payloads (RFC 6184, packetization-mode=1), once for all viewers.

use super::annexb::{is_keyframe, nal, nal_ranges, nal_units};
use bytes::{BufMut, Bytes, BytesMut};
use lenscap_actors::media::{Codec, Cuts, Frame, Origin, PAYLOAD_BYTES_MAX};
use std::ops::Range;
use std::time::Instant;

/// NAL unit types of RFC 6184, sections 5.7.1 and 5.8.
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Says what F and NRI are; the rest is the type (section 1.3).
const F: u8 = 0x80;
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

/// Bytes of a NAL unit in an FU-A, beside its two headers.
const FRAGMENT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX - 2;

/// What a packet costs beside its payload, and a run that ends, as bytes on the network: headers and tags, and a system
/// call that takes as long as the sealing of some packets.
const PACKET_COST: usize = 64;
const RUN_COST: usize = 96;

/// With more large NAL units than this a device has cut its pictures for packets already, and nothing is to be gained.
const UNITS_MAX: usize = 32;

/// The most that is spent on padding to spare a run.
const PADDING_MAX: usize = 96;

/// Makes frames out of the access units of one stream.
pub struct Packetizer {
    number: u64,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Packetizer {
    /// Counts frames from `first` on.
    pub fn new(first: u64) -> Self {
        Self { number: first, sps: vec![], pps: vec![] }
    }

    /// A frame was lost before it came here: its viewers must know.
    pub fn lost(&mut self) {
        self.number += 1;
    }

    /// The next frame. None if there is nothing in the access unit that can be sent.
    pub fn frame(&mut self, unit: Bytes, origin: Origin, captured: Instant) -> Option<Frame> {
        let keyframe = is_keyframe(&unit);
        let unit = self.with_parameter_sets(unit, keyframe);
        let cuts = cut(&unit)?;
        self.number += 1;
        Some(Frame { number: self.number, captured, keyframe, origin, codec: Codec::H264, unit, cuts })
    }

    /// Devices may send their parameter sets once at the start; a viewer that joins later needs
    /// them with every IDR.
    fn with_parameter_sets(&mut self, unit: Bytes, keyframe: bool) -> Bytes {
        let (mut has_sps, mut has_pps) = (false, false);
        for (kind, bytes) in nal_units(&unit) {
            match kind {
                nal::SPS => {
                    has_sps = true;
                    self.sps = bytes.to_vec();
                }
                nal::PPS => {
                    has_pps = true;
                    self.pps = bytes.to_vec();
                }
                _ => {}
            }
        }
        if !keyframe || (has_sps && has_pps) || self.sps.is_empty() || self.pps.is_empty() {
            return unit;
        }
        let mut whole = BytesMut::with_capacity(unit.len() + self.sps.len() + self.pps.len() + 8);
        for set in [&self.sps, &self.pps] {
            whole.put_slice(&[0, 0, 0, 1]);
            whole.put_slice(set);
        }
        whole.put_slice(&unit);
        whole.freeze()
    }
}

/// Cuts an access unit. None if no picture is in it.
fn cut(unit: &[u8]) -> Option<Cuts> {
    // Delimiters and filler tell a receiver of packets nothing.
    let tells = |kind, range: &Range<usize>| !range.is_empty() && !matches!(kind, nal::DELIMITER | nal::FILLER);
    let units: Vec<_> = nal_ranges(unit).filter(|(kind, range)| tells(*kind, range)).collect();
    if !units.iter().any(|(kind, _)| (nal::SLICE..=nal::IDR).contains(kind)) {
        return None;
    }
    let is_large = |range: &Range<usize>| range.len() > PAYLOAD_BYTES_MAX;
    let bodies: Vec<usize> =
        units.iter().filter(|(_, range)| is_large(range)).map(|(_, range)| range.len() - 1).collect();
    let size = fragment_bytes(&bodies);
    let (mut cuts, mut group) = (Cuts::default(), Aggregate::default());
    let mut units = units.into_iter().peekable();
    while let Some((_, range)) = units.next() {
        if !group.has_room_for(range.len()) {
            group.flush(&mut cuts);
        }
        if is_large(&range) {
            let goes_on = units.peek().is_some_and(|(_, next)| is_large(next));
            fragment(unit[range.start], range.start + 1..range.end, size, goes_on, &mut cuts);
        } else {
            group.push(&unit[range.clone()], range);
        }
    }
    group.flush(&mut cuts);
    Some(cuts)
}

/// Bytes of the fragments of an access unit's large NAL units, for all of them the same: where one begins the packets of
/// the other need not end their run then, which is a system call for every viewer. Given are their lengths; the result is
/// what costs least.
fn fragment_bytes(bodies: &[usize]) -> usize {
    let cost = |size: usize| {
        let padding = |&length: &usize| length.next_multiple_of(size) - length;
        let runs = bodies.split_last().map_or(0, |(_, others)| {
            others.iter().map(padding).map(|bytes| if bytes > PADDING_MAX { RUN_COST } else { bytes }).sum()
        });
        bodies.iter().map(|length| length.div_ceil(size) * PACKET_COST).sum::<usize>() + runs
    };
    if bodies.len() > UNITS_MAX {
        return FRAGMENT_BYTES_MAX;
    }
    let sizes = bodies.iter().flat_map(|&length| {
        let fewest = length.div_ceil(FRAGMENT_BYTES_MAX);
        (fewest..=fewest + 1).map(move |count| length.div_ceil(count))
    });
    sizes.min_by_key(|&size| cost(size)).unwrap_or(FRAGMENT_BYTES_MAX)
}

/// Small NAL units that travel in one packet: several as a STAP-A (section 5.7.1), a single one as it is.
#[derive(Default)]
struct Aggregate {
    stap: Vec<u8>,
    first: Range<usize>,
    units: usize,
}

impl Aggregate {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.units == 0 || self.stap.len() + 2 + bytes <= PAYLOAD_BYTES_MAX
    }

    fn push(&mut self, unit: &[u8], range: Range<usize>) {
        if self.units == 0 {
            self.first = range;
            self.stap.push(STAP_A);
        }
        self.units += 1;
        // The packet is as important as the most important of its units, and as broken as any.
        let (header, own) = (self.stap[0], unit[0]);
        self.stap[0] = (header | own) & F | (header & NRI).max(own & NRI) | STAP_A;
        self.stap.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        self.stap.extend_from_slice(unit);
    }

    fn flush(&mut self, cuts: &mut Cuts) {
        match self.units {
            0 => {}
            1 => cuts.push(&[], self.first.clone()),
            _ => cuts.push(&self.stap, 0..0),
        }
        self.stap.clear();
        self.units = 0;
    }
}

/// Cuts a NAL unit that is too large for a packet into FU-As (section 5.8) of one size, so that they leave together.
/// `header` is its first byte, `body` where the rest is; `goes_on` says that another follows.
fn fragment(header: u8, body: Range<usize>, size: usize, goes_on: bool, cuts: &mut Cuts) {
    for start in body.clone().step_by(size) {
        let end = body.end.min(start + size);
        let (first, last) = (start == body.start, end == body.end);
        let indicator = header & (F | NRI) | FU_A;
        let lacks = start + size - end;
        let padding = if goes_on && lacks <= PADDING_MAX { lacks as u8 } else { 0 };
        let header = u8::from(first) << 7 | u8::from(last) << 6 | header & TYPE;
        cuts.push_padded(&[indicator, header], start..end, padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenscap_actors::media::RUN_PACKETS_MAX;

    const SETS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];

    fn slice(header: u8, length: usize) -> Vec<u8> {
        let mut unit = vec![0, 0, 0, 1, header, 0x88];
        unit.extend(vec![0x55; length]);
        unit
    }

    #[test]
    fn an_idr_without_parameter_sets_gets_those_that_came_before() {
        let mut packetizer = Packetizer::new(0);
        let first = [SETS, &slice(0x65, 10)].concat();
        let first = packetizer.frame(first.into(), Origin::Device, Instant::now()).unwrap();
        let between = packetizer.frame(slice(0x41, 10).into(), Origin::Device, Instant::now()).unwrap();
        let second = packetizer.frame(slice(0x65, 10).into(), Origin::Device, Instant::now()).unwrap();
        assert!(first.keyframe && second.keyframe && !between.keyframe);
        let payloads = |frame: &Frame| frame.packets().collect::<Vec<_>>();
        assert_eq!(payloads(&first), payloads(&second));
        assert_eq!(payloads(&first)[0][0], 0x60 | STAP_A, "all of it travels as one packet");
        assert_eq!([first.number, between.number, second.number], [1, 2, 3]);
    }

    #[test]
    fn no_payload_is_larger_than_a_packet_and_nothing_is_lost() {
        let room = PAYLOAD_BYTES_MAX - 2;
        for length in [0, 1, room - 1, room, room + 1, 2 * room, 5000, 100_000, 1_000_000] {
            let mut packetizer = Packetizer::new(0);
            let unit = slice(0x41, length);
            let frame = packetizer.frame(unit.clone().into(), Origin::Device, Instant::now()).unwrap();
            assert!(frame.packets().all(|payload| payload.len() <= PAYLOAD_BYTES_MAX), "{length}");
            assert_eq!(put_together(&frame), [&unit[4..]], "{length}");
            assert_eq!(frame.len(), frame.packets().map(|payload| payload.len()).sum::<usize>());
            assert_eq!(frame.cuts.runs().count(), frame.cuts.len().div_ceil(RUN_PACKETS_MAX), "{length}: one size");
        }
    }

    /// The NAL units of a frame, as a receiver puts them together (RFC 6184, section 7.1).
    fn put_together(frame: &Frame) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = vec![];
        for payload in frame.packets() {
            match payload[0] & TYPE {
                STAP_A => {
                    let mut rest = &payload[1..];
                    while let Some((length, more)) = rest.split_first_chunk() {
                        let (unit, after) = more.split_at(usize::from(u16::from_be_bytes(*length)));
                        units.push(unit.to_vec());
                        rest = after;
                    }
                }
                FU_A => {
                    if payload[1] & 0x80 != 0 {
                        units.push(vec![payload[0] & (F | NRI) | payload[1] & TYPE]);
                    }
                    units.last_mut().unwrap().extend_from_slice(&payload[2..]);
                }
                _ => units.push(payload.to_vec()),
            }
        }
        units
    }

    #[test]
    fn a_receiver_gets_back_the_units_of_any_mixture() {
        let sizes = [3, 400, 400, 400, 2000, 5, 5, 1154, 1153, 7000, 1, 1];
        for rotation in 0..sizes.len() {
            let mut sizes = sizes;
            sizes.rotate_left(rotation);
            let units: Vec<Vec<u8>> =
                sizes.iter().enumerate().map(|(nth, &size)| slice([0x65, 0x41, 0x06, 0x01][nth % 4], size)).collect();
            let delimiter = vec![0, 0, 0, 1, 0x09, 0xf0];
            let unit = [std::slice::from_ref(&delimiter), &units].concat().concat();
            let frame = Packetizer::new(0).frame(unit.into(), Origin::Device, Instant::now()).unwrap();
            let bare: Vec<Vec<u8>> = units.iter().map(|unit| unit[4..].to_vec()).collect();
            assert_eq!(put_together(&frame), bare, "rotated by {rotation}");
            assert!(frame.packets().all(|payload| payload.len() <= PAYLOAD_BYTES_MAX));
        }
    }

    #[test]
    fn slices_of_about_one_size_leave_together_at_little_cost() {
        let (mut together, mut padding, mut bytes, mut packets, mut least) = (0, 0, 0, 0, 0);
        for nth in 0..500usize {
            let sizes = [3000 + nth * 7 % 1900, 3000 + nth * 13 % 2300];
            let unit = sizes.map(|size| slice(0x41, size)).concat();
            let frame = Packetizer::new(0).frame(unit.clone().into(), Origin::Device, Instant::now()).unwrap();
            let units = sizes.map(|size| slice(0x41, size)[4..].to_vec());
            assert_eq!(put_together(&frame), units);
            assert!((0..frame.cuts.len()).all(|nth| frame.cuts.packet_bytes(nth) <= PAYLOAD_BYTES_MAX));
            together += usize::from(frame.cuts.runs().count() == 1);
            padding += (0..frame.cuts.len()).map(|nth| usize::from(frame.cuts.padding(nth))).sum::<usize>();
            bytes += unit.len();
            packets += frame.cuts.len();
            least += units.iter().map(|unit| (unit.len() - 1).div_ceil(FRAGMENT_BYTES_MAX)).sum::<usize>();
        }
        assert!(together > 480, "{together} of 500");
        let cost = padding + (packets - least) * PACKET_COST;
        assert!(cost * 100 < bytes, "{cost} of {bytes}");
    }

    #[test]
    fn rubbish_makes_no_frame() {
        let mut packetizer = Packetizer::new(0);
        for rubbish in [&[][..], &[0, 0, 0, 1], &[0, 0, 0, 1, 9, 0xf0], SETS] {
            assert!(packetizer.frame(Bytes::copy_from_slice(rubbish), Origin::Device, Instant::now()).is_none());
        }
    }
}
