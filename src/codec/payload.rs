//! Access units into RTP payloads (RFC 6184), once for all viewers.

use super::annexb::{is_keyframe, nal, nal_units};
use bytes::{BufMut, Bytes, BytesMut};
use lenscap_actors::media::{Frame, Origin};
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::packetizer::Payloader;
use std::time::Instant;

/// Bytes of payload a packet. With the RTP header, its extension, RTX and SRTP this stays below
/// 1200, which passes every network that WebRTC does.
const PAYLOAD_BYTES_MAX: usize = 1148;

/// Makes frames out of the access units of one stream.
pub struct Packetizer {
    payloader: H264Payloader,
    number: u64,
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl Packetizer {
    /// Counts frames from `first` on.
    pub fn new(first: u64) -> Self {
        Self { payloader: H264Payloader::default(), number: first, sps: vec![], pps: vec![] }
    }

    /// A frame was lost before it came here: its viewers must know.
    pub fn lost(&mut self) {
        self.number += 1;
    }

    /// The next frame. None if there is nothing in the access unit that can be sent.
    pub fn frame(&mut self, unit: Bytes, origin: Origin, captured: Instant) -> Option<Frame> {
        let keyframe = is_keyframe(&unit);
        let unit = self.with_parameter_sets(unit, keyframe);
        let payloads = match self.payloader.payload(PAYLOAD_BYTES_MAX, &unit) {
            Ok(payloads) if !payloads.is_empty() => payloads,
            Ok(_) => return None,
            Err(error) => {
                log::debug!("an access unit cannot be packetized: {error}");
                return None;
            }
        };
        self.number += 1;
        Some(Frame { number: self.number, captured, keyframe, origin, payloads })
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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(first.payloads, second.payloads);
        assert_eq!(first.payloads[0][0] & 0x1f, 24, "the parameter sets travel as one STAP-A");
        assert_eq!([first.number, between.number, second.number], [1, 2, 3]);
    }

    #[test]
    fn no_payload_is_larger_than_a_packet_and_nothing_is_lost() {
        for length in [0, 1, 1146, 1147, 1148, 5000, 100_000] {
            let mut packetizer = Packetizer::new(0);
            let frame = packetizer.frame(slice(0x41, length).into(), Origin::Device, Instant::now()).unwrap();
            assert!(frame.payloads.iter().all(|payload| payload.len() <= PAYLOAD_BYTES_MAX), "{length}");
            let fragmented = frame.payloads.len() > 1;
            let sent: usize = frame.payloads.iter().map(|p| p.len() - if fragmented { 2 } else { 0 }).sum();
            assert_eq!(sent, length + if fragmented { 1 } else { 2 }, "{length}");
        }
    }

    #[test]
    fn rubbish_makes_no_frame() {
        let mut packetizer = Packetizer::new(0);
        for rubbish in [&[][..], &[0, 0, 0, 1], &[0, 0, 0, 1, 9, 0xf0], SETS] {
            assert!(packetizer.frame(Bytes::copy_from_slice(rubbish), Origin::Device, Instant::now()).is_none());
        }
    }
}
