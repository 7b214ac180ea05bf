//! Reports to a viewer, and what it reports (RFC 3550, section 6; RFC 4585; RFC 5104). Pure.

use bytes::{Buf, Bytes, BytesMut};
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use std::time::{Duration, Instant};

/// Seconds from NTP's epoch to Unix's.
const NTP_EPOCH: u64 = 2_208_988_800;

/// No viewer speaks of more packets at a time: it reports a few times a second.
const PACKETS_MAX: usize = 4096;

/// A round trip that takes longer is a misunderstanding.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// A moment by both clocks, from which all others are derived: so a clock that is set does not disturb measurements.
#[derive(Clone, Copy, Debug)]
pub struct Timebase {
    /// The moment.
    pub at: Instant,
    /// Since the Unix epoch.
    pub unix: Duration,
}

impl Timebase {
    /// A moment in NTP's format: seconds since 1900, and 32 bits of their fractions.
    pub fn ntp(&self, moment: Instant) -> u64 {
        let unix = match moment.checked_duration_since(self.at) {
            Some(after) => self.unix + after,
            None => self.unix.saturating_sub(self.at.saturating_duration_since(moment)),
        };
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        (unix.as_secs().wrapping_add(NTP_EPOCH) << 32) | fraction
    }

    /// Round trip by a reception report (RFC 3550, section 6.4.1), in which the viewer says which of our reports it had
    /// last and how long it had it. None if it had none.
    fn round_trip(&self, last_report: u32, delay: u32, now: Instant) -> Option<Duration> {
        let arrived = (self.ntp(now) >> 16) as u32;
        let units = arrived.wrapping_sub(last_report).wrapping_sub(delay);
        let round_trip = Duration::from_secs_f64(f64::from(units) / 65_536.0);
        (last_report != 0 && round_trip <= ROUND_TRIP_MAX).then_some(round_trip)
    }
}

/// What is told of a stream.
pub struct Totals {
    /// Which stream.
    pub ssrc: u32,
    /// A moment by the clock that frames are dated by, in NTP's format.
    pub ntp: u64,
    /// The same moment by RTP's clock.
    pub rtp: u32,
    /// Packets sent, those not counted that were sent again.
    pub packets: u64,
    /// Bytes of payload in them.
    pub octets: u64,
}

/// A sender report with our name (RFC 3550, sections 6.4.1 and 6.5).
pub fn sender_report(totals: &Totals, name: &'static str) -> Option<BytesMut> {
    let report = SenderReport {
        ssrc: totals.ssrc,
        ntp_time: totals.ntp,
        rtp_time: totals.rtp,
        packet_count: totals.packets as u32,
        octet_count: totals.octets as u32,
        ..Default::default()
    };
    let text = Bytes::from_static(name.as_bytes());
    let items = vec![SourceDescriptionItem { sdes_type: SdesType::SdesCname, text }];
    let names = SourceDescription { chunks: vec![SourceDescriptionChunk { source: totals.ssrc, items }] };
    rtc_rtcp::packet::marshal(&[Box::new(report), Box::new(names)]).ok()
}

/// What a viewer has reported in one datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// It cannot decode what it has.
    pub keyframe_wanted: bool,
    /// Numbers of packets that it wants again.
    pub nacked: Vec<u16>,
    /// What it has of our stream.
    pub reception: Option<Reception>,
    /// What has arrived, of all that was sent.
    pub arrivals: Vec<Arrivals>,
}

/// Which packets have arrived and when, by the viewer's clock (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Number of the first packet that is spoken of, transport-wide.
    pub first: u16,
    /// What the viewer's clock showed at the beginning, in units of 64 ms.
    pub units: u32,
    /// Of each packet from the first on: microseconds from then to its arrival; none if it has not arrived.
    pub after: Vec<Option<i64>>,
}

impl Arrivals {
    fn of(report: &TransportLayerCc) -> Self {
        let count = usize::from(report.packet_status_count).min(PACKETS_MAX);
        let mut deltas = report.recv_deltas.iter();
        let mut at = 0i64;
        let mut take = |symbol: &SymbolTypeTcc| match symbol {
            SymbolTypeTcc::PacketReceivedSmallDelta | SymbolTypeTcc::PacketReceivedLargeDelta => {
                at = at.saturating_add(deltas.next()?.delta);
                Some(at)
            }
            SymbolTypeTcc::PacketNotReceived | SymbolTypeTcc::PacketReceivedWithoutDelta => None,
        };
        let mut after = Vec::with_capacity(count);
        for chunk in &report.packet_chunks {
            let left = count - after.len();
            match chunk {
                PacketStatusChunk::RunLengthChunk(run) => {
                    let length = usize::from(run.run_length).min(left);
                    after.extend((0..length).map(|_| take(&run.packet_status_symbol)));
                }
                PacketStatusChunk::StatusVectorChunk(vector) => {
                    after.extend(vector.symbol_list.iter().take(left).map(&mut take));
                }
            }
        }
        Self { first: report.base_sequence_number, units: report.reference_time, after }
    }

    /// The last arrival: microseconds after the beginning.
    pub fn last(&self) -> Option<Duration> {
        let last = self.after.iter().rev().find_map(|after| *after)?;
        Some(Duration::from_micros(u64::try_from(last).unwrap_or_default()))
    }
}

/// A reception report (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    /// Packets that it never got, all in all, less those that it got twice: a signed number of 24 bits.
    pub lost: i32,
    /// The number of the last packet that came.
    pub last: u16,
    last_report: u32,
    delay: u32,
}

impl Reception {
    /// One that tells nothing but losses.
    #[cfg(test)]
    pub fn of_losses(lost: i32) -> Self {
        Self { lost, last: 0, last_report: 0, delay: 0 }
    }

    /// The round trip that it tells.
    pub fn round_trip(&self, base: &Timebase, now: Instant) -> Option<Duration> {
        base.round_trip(self.last_report, self.delay, now)
    }
}

/// Reads what was in a datagram, decrypted. What is of another stream than `ssrc`, or not understood, does not count.
pub fn read(mut plain: impl Buf, ssrc: u32) -> Feedback {
    let mut feedback = Feedback::default();
    for packet in rtc_rtcp::packet::unmarshal(&mut plain).unwrap_or_default() {
        let any = packet.as_any();
        if any.is::<PictureLossIndication>() || any.is::<FullIntraRequest>() {
            feedback.keyframe_wanted = true;
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            if let Some(block) = report.reports.iter().find(|block| block.ssrc == ssrc) {
                feedback.reception = Some(Reception {
                    // The library reads it without its sign.
                    lost: (block.total_lost << 8) as i32 >> 8,
                    last: block.last_sequence_number as u16,
                    last_report: block.last_sender_report,
                    delay: block.delay,
                });
            }
        } else if let Some(arrived) = any.downcast_ref::<TransportLayerCc>() {
            feedback.arrivals.push(Arrivals::of(arrived));
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>()
            && nack.media_ssrc == ssrc
        {
            feedback.nacked.extend(nack.nacks.iter().flat_map(|pair| pair.packet_list()));
        }
    }
    feedback
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc_rtcp::reception_report::ReceptionReport;
    use rtc_rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;

    const SSRC: u32 = 77;

    fn base() -> Timebase {
        Timebase { at: Instant::now(), unix: Duration::from_millis(1_700_000_000_250) }
    }

    #[test]
    fn both_clocks_go_on_together() {
        let base = base();
        assert_eq!(base.ntp(base.at), ((1_700_000_000 + NTP_EPOCH) << 32) | (1 << 30));
        let half = Duration::from_millis(500);
        assert_eq!(base.ntp(base.at + half) - base.ntp(base.at), 1 << 31);
    }

    #[test]
    fn a_report_tells_losses_and_the_round_trip() {
        let base = base();
        let (sent, back) = (base.at + Duration::from_secs(5), base.at + Duration::from_millis(5740));
        let block = ReceptionReport {
            ssrc: SSRC,
            total_lost: 4,
            last_sequence_number: 0x2_fffe,
            last_sender_report: (base.ntp(sent) >> 16) as u32,
            delay: 65_536 * 7 / 10,
            ..Default::default()
        };
        let other = ReceptionReport { ssrc: 1, total_lost: 99, ..Default::default() };
        let report = ReceiverReport { ssrc: 1, reports: vec![other, block.clone()], ..Default::default() };
        let nacks = nack_pairs_from_sequence_numbers(&[65_535, 3, 4]);
        let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: SSRC, nacks: nacks.clone() };
        let foreign = TransportLayerNack { sender_ssrc: 1, media_ssrc: 5, nacks };
        let pli = PictureLossIndication { sender_ssrc: 1, media_ssrc: SSRC };
        let plain = rtc_rtcp::packet::marshal(&[Box::new(report), Box::new(nack), Box::new(foreign), Box::new(pli)]);
        let feedback = read(plain.unwrap(), SSRC);
        let reception = feedback.reception.unwrap();
        assert_eq!((reception.lost, reception.last), (4, 0xfffe));
        let round_trip = reception.round_trip(&base, back).unwrap();
        assert!(round_trip.abs_diff(Duration::from_millis(40)) < Duration::from_millis(1), "{round_trip:?}");
        assert_eq!(feedback.nacked, [65_535, 3, 4]);
        assert!(feedback.keyframe_wanted);
        let none = Reception { last_report: 0, ..reception };
        assert_eq!(none.round_trip(&base, back), None);
    }

    #[test]
    fn packets_that_came_twice_are_losses_below_zero() {
        for (told, lost) in [(0, 0), (5, 5), (0x7f_ffff, 8_388_607), (0xff_ffff, -1), (0x80_0000, -8_388_608)] {
            let block = ReceptionReport { ssrc: SSRC, total_lost: told, ..Default::default() };
            let report = ReceiverReport { ssrc: 1, reports: vec![block], ..Default::default() };
            let plain = rtc_rtcp::packet::marshal(&[Box::new(report)]).unwrap();
            assert_eq!(read(plain, SSRC).reception.unwrap().lost, lost);
        }
    }

    #[test]
    fn our_report_is_read_by_the_library() {
        let totals = Totals { ssrc: SSRC, ntp: 0x1122_3344_5566_7788, rtp: 90_000, packets: 1 << 33 | 5, octets: 7 };
        let mut plain = sender_report(&totals, "lenscap").unwrap();
        let packets = rtc_rtcp::packet::unmarshal(&mut plain).unwrap();
        let report = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
        assert_eq!((report.ntp_time, report.rtp_time, report.packet_count), (totals.ntp, 90_000, 5));
        assert_eq!(packets.len(), 2);
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 200u8..208, words in 0u8..60) {
            read(Bytes::from(bytes.clone()), SSRC);
            let mut framed = vec![0x8f & bytes.first().copied().unwrap_or(0x81) | 0x80, kind, 0, words];
            framed.extend(&bytes);
            framed.resize(4 + usize::from(words) * 4, 1);
            read(Bytes::from(framed), SSRC);
        }
    }
}
