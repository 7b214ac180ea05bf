//! Counts packets and frames. No I/O: the time is given.

use super::payload::nal_units;
use crate::codec::annexb::nal;
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::nal::{Nal, RefNal};
use rtc::rtp::Packet;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// So long a missing packet is waited for: several round trips, each of which may bring it again.
const GAP_PATIENCE: Duration = Duration::from_millis(500);

/// What came so far.
#[derive(Debug, Default)]
pub struct Counter {
    /// Packets, each counted once however often it came.
    pub packets: u64,
    /// Packets that did not come in time.
    pub lost: u64,
    /// Bytes of payload in these packets.
    pub bytes: u64,
    /// Frames that a decoder could show: nothing is missing from them, and from all before back to
    /// a keyframe.
    pub frames: u64,
    /// Frames among them that are keyframes.
    pub keyframes: u64,
    /// Frames that it could not.
    pub broken: u64,
    /// Width and height in pixels, as the last parameter set has them.
    pub size: Option<(u32, u32)>,
    /// When the first packet came.
    pub first_packet: Option<Instant>,
    /// When the last packet came.
    pub last_packet: Option<Instant>,
    /// When the first frame was whole.
    pub first_frame: Option<Instant>,
    /// When the last frame was whole.
    pub last_frame: Option<Instant>,
    /// The longest time in which no new frame could be shown, after the first.
    pub longest_pause: Duration,
    /// When frames could last be shown.
    shown: Option<Instant>,
    /// The sequence number that is next, counted on beyond 16 bits.
    next: Option<u64>,
    /// Packets that came before one that is missing.
    early: BTreeMap<u64, (Instant, Packet)>,
    frame: Option<Unfinished>,
    /// A decoder could go on with the next frame, even if that is no keyframe.
    intact: bool,
}

/// A frame whose last packet has not come.
#[derive(Debug)]
struct Unfinished {
    timestamp: u32,
    slice: bool,
    keyframe: bool,
    /// Something of it is missing, or may be.
    torn: bool,
}

impl Counter {
    /// Counts a packet.
    pub fn push(&mut self, packet: Packet, now: Instant) {
        let number = self.number(packet.header.sequence_number);
        let next = *self.next.get_or_insert(number);
        if number < next || self.early.contains_key(&number) {
            return; // twice, or given up already
        }
        self.packets += 1;
        self.bytes += packet.payload.len() as u64;
        self.first_packet.get_or_insert(now);
        self.last_packet = Some(now);
        self.early.insert(number, (now, packet));
        let frames = self.frames;
        self.take(now.checked_sub(GAP_PATIENCE));
        if self.frames > frames
            && let Some(last) = self.shown.replace(now)
        {
            self.longest_pause = self.longest_pause.max(now.saturating_duration_since(last));
        }
    }

    /// Whether frames come that cannot be shown without a new keyframe.
    pub fn needs_keyframe(&self) -> bool {
        self.broken > 0 && !self.intact
    }

    /// Nothing more comes: what is missing is lost.
    pub fn finish(&mut self) {
        self.take(self.last_packet);
    }

    /// Takes what is in order, and gives up what packets that came until `overdue` wait for.
    fn take(&mut self, overdue: Option<Instant>) {
        while let Some(entry) = self.early.first_entry() {
            let (number, came) = (*entry.key(), entry.get().0);
            let missing = number - self.next.unwrap_or(number);
            if missing > 0 && overdue.is_none_or(|overdue| came > overdue) {
                return;
            }
            let (came, packet) = entry.remove();
            self.lost += missing;
            self.next = Some(number + 1);
            self.look(&packet, missing > 0, came);
        }
    }

    /// A sequence number counted on beyond its 16 bits: the one nearest to what is expected.
    fn number(&self, sequence: u16) -> u64 {
        // One round ahead, so that what is older than the first has a number, too.
        let expected = self.next.unwrap_or(u64::from(sequence) + (1 << 16));
        let ahead = sequence.wrapping_sub(expected as u16) as i16;
        expected.saturating_add_signed(i64::from(ahead))
    }

    /// Looks into a packet; `gap` if those before it were lost.
    fn look(&mut self, packet: &Packet, gap: bool, now: Instant) {
        // What was lost may belong to the frame that was there, to that of this packet, or to both.
        self.frame.iter_mut().for_each(|frame| frame.torn |= gap);
        if packet.payload.is_empty() {
            return; // padding
        }
        let timestamp = packet.header.timestamp;
        if self.frame.as_ref().is_some_and(|frame| frame.timestamp != timestamp) {
            self.end_frame(now);
        }
        let frame = self.frame.get_or_insert(Unfinished { timestamp, slice: false, keyframe: false, torn: gap });
        match nal_units(&packet.payload) {
            Err(_) => frame.torn = true,
            Ok(units) => {
                for (kind, unit) in units {
                    frame.slice |= (nal::SLICE..=nal::IDR).contains(&kind);
                    frame.keyframe |= kind == nal::IDR;
                    if kind == nal::SPS {
                        self.size = size(unit).or(self.size);
                    }
                }
            }
        }
        if packet.header.marker {
            self.end_frame(now);
        }
    }

    fn end_frame(&mut self, now: Instant) {
        let Some(frame) = self.frame.take() else { return };
        if !frame.slice && !frame.torn {
            return; // parameter sets that travel alone
        }
        self.intact = !frame.torn && (self.intact || frame.keyframe);
        if !self.intact {
            self.broken += 1;
        } else {
            self.frames += 1;
            self.keyframes += u64::from(frame.keyframe);
            self.first_frame.get_or_insert(now);
            self.last_frame = Some(now);
        }
    }
}

/// Width and height in pixels from a sequence parameter set.
fn size(unit: &[u8]) -> Option<(u32, u32)> {
    let nal = RefNal::new(unit, &[], true);
    SeqParameterSet::from_bits(nal.rbsp_bits()).ok()?.pixel_dimensions().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::annexb;
    use bytes::Bytes;

    const IDR: &[u8] = &[0x65, 0x88, 1, 2];
    const P: &[u8] = &[0x41, 0x9a, 1, 2];

    fn packet(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Packet {
        let mut packet = Packet { payload: Bytes::copy_from_slice(payload), ..Default::default() };
        packet.header.sequence_number = sequence;
        packet.header.timestamp = timestamp;
        packet.header.marker = marker;
        packet
    }

    /// Frames of two packets each, the first a keyframe.
    fn stream(first: u16, frames: u32) -> Vec<Packet> {
        let sequence = |n: u32| first.wrapping_add(n as u16);
        (0..frames)
            .flat_map(|n| {
                let payload = if n == 0 { IDR } else { P };
                [packet(sequence(2 * n), n, false, payload), packet(sequence(2 * n + 1), n, true, payload)]
            })
            .collect()
    }

    fn count(packets: impl IntoIterator<Item = Packet>) -> Counter {
        let mut counter = Counter::default();
        let now = Instant::now();
        packets.into_iter().for_each(|packet| counter.push(packet, now));
        counter
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        for first in [0, 1, 1000, 65_530] {
            let mut packets = stream(first, 10);
            packets.swap(5, 6);
            packets.swap(9, 14);
            packets.extend(stream(first, 10));
            let counter = count(packets);
            assert_eq!((counter.packets, counter.lost, counter.bytes), (20, 0, 80), "from {first}");
            assert_eq!((counter.frames, counter.keyframes, counter.broken), (10, 1, 0), "from {first}");
        }
    }

    #[test]
    fn what_is_missing_is_waited_for_and_then_lost() {
        let mut packets = stream(7, 10);
        packets.remove(8);
        let (start, mut counter) = (Instant::now(), Counter::default());
        let last = packets.pop().unwrap();
        packets.into_iter().for_each(|packet| counter.push(packet, start));
        assert_eq!((counter.lost, counter.frames), (0, 4), "it may still come");
        assert!(!counter.needs_keyframe());
        counter.push(last, start + GAP_PATIENCE);
        assert_eq!((counter.packets, counter.lost, counter.frames, counter.broken), (19, 1, 4, 6));
        assert!(counter.needs_keyframe());
        counter.push(packet(27, 10, true, IDR), start + GAP_PATIENCE);
        counter.push(packet(28, 11, true, P), start + GAP_PATIENCE);
        assert_eq!((counter.frames, counter.keyframes, counter.broken), (6, 2, 6), "a keyframe mends it");
        assert!(!counter.needs_keyframe());
        assert_eq!(counter.first_frame, Some(start));
    }

    #[test]
    fn a_pause_lasts_until_a_frame_can_be_shown() {
        let (start, mut counter) = (Instant::now(), Counter::default());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let packets = stream(7, 4);
        [0, 1, 2, 3, 6, 7].iter().for_each(|nth| counter.push(packets[*nth].clone(), at(10 * *nth as u64)));
        assert_eq!(counter.longest_pause, Duration::from_millis(20));
        [4, 5].iter().for_each(|nth| counter.push(packets[*nth].clone(), at(400)));
        assert_eq!((counter.frames, counter.longest_pause), (4, Duration::from_millis(370)));
    }

    #[test]
    fn the_end_gives_up_what_is_missing() {
        let mut packets = stream(7, 3);
        packets.remove(3);
        let mut counter = count(packets);
        assert_eq!(counter.frames, 1);
        counter.finish();
        assert_eq!((counter.lost, counter.broken), (1, 2), "the marker of the second frame was lost");
    }

    #[test]
    fn nothing_counts_before_a_keyframe() {
        let counter = count(stream(1, 5).split_off(2));
        assert_eq!((counter.frames, counter.broken, counter.packets), (0, 4, 8));
        assert_eq!(counter.first_frame, None);
    }

    #[test]
    fn rubbish_breaks_its_frame_and_padding_none() {
        let mut packets = stream(1, 3);
        packets[5].payload = Bytes::from_static(&[0xff]);
        packets.push(packet(7, 2, false, &[]));
        let counter = count(packets);
        assert_eq!((counter.frames, counter.broken), (2, 1));
    }

    #[test]
    fn the_size_is_read_from_what_our_own_encoder_writes() {
        let mut encoder = crate::codec::H264Encoder::new((322, 178), 30.0, 200_000).unwrap();
        let mut image = crate::codec::I420::default();
        image.resize(322, 178);
        let unit = encoder.encode(&image).unwrap().unwrap();
        let (_, sps) = annexb::nal_units(&unit).find(|(kind, _)| *kind == nal::SPS).unwrap();
        assert_eq!(count([packet(1, 1, false, sps)]).size, Some((322, 178)));
        assert_eq!(count([packet(1, 1, false, &sps[..3])]).size, None);
    }
}
