//! One viewer's WebRTC connection, without a socket and without a clock: datagrams and time go
//! in, datagrams and [`News`] come out.

use super::negotiation::Negotiated;
use super::probe::{Heard, Prober};
use crate::departure::Cause;
use crate::departure::delay::Delay;
use crate::media::Frame;
use crate::transport::journal::Journal;
use crate::transport::sources::Sources;
use crate::transport::track::{Admission, Track};
use bytes::BytesMut;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{RTCDtlsTransportState, RTCIceCandidateInit};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp::header::Header;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::time::SystemInstant;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What has become known since the last [`Connection::poll`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// ICE and DTLS are through: frames can be sent.
    pub connected: bool,
    /// Something arrived that only the viewer can have sent.
    pub alive: bool,
    /// And it says that something of ours has arrived there; how long ago the viewer surely still was there.
    pub proof: Option<Duration>,
    /// Round trips that were measured.
    pub round_trips: Vec<Duration>,
    /// The viewer cannot decode what it has (PLI or FIR).
    pub keyframe_wanted: bool,
    /// Packets that it never got, all in all, by its own report.
    pub lost: Option<u64>,
    /// Packets that it asked for again.
    pub asked_again: u64,
    /// A sign that it has left.
    pub leaving: Option<Cause>,
}

impl News {
    /// The freshest proof counts.
    fn prove(&mut self, age: Duration) {
        self.proof = Some(self.proof.map_or(age, |other| other.min(age)));
    }
}

/// The connection.
pub struct Connection {
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    payload_type: u8,
    ssrc: u32,
    local: SocketAddr,
    track: Track,
    prober: Prober,
    sources: Sources,
    /// Where media goes.
    remote: Option<SocketAddr>,
    /// When what has been sent was sent.
    journal: Journal,
    /// When both directions were last seen to work.
    proved: Instant,
    /// How long feedback is under way.
    delay: Delay,
    news: News,
}

/// A round trip that takes longer is a misunderstanding.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

impl Connection {
    /// From what was negotiated; `local` is the first address that the viewer was told.
    pub fn new(negotiated: Negotiated, local: SocketAddr, now: Instant) -> Self {
        let secrets = negotiated.secrets;
        Self {
            pc: negotiated.pc,
            sender: negotiated.sender,
            payload_type: negotiated.payload_type,
            ssrc: secrets.ssrcs[0],
            local,
            track: Track::new(now, secrets.sequence, secrets.timestamp),
            prober: negotiated.prober,
            sources: Sources::default(),
            remote: None,
            journal: Journal::default(),
            proved: now,
            delay: Delay::default(),
            news: News::default(),
        }
    }

    /// A datagram arrived.
    pub fn read(&mut self, from: SocketAddr, datagram: BytesMut, now: Instant) -> Result<(), Error> {
        match self.prober.hear(from, &datagram, now) {
            Heard::Answer(round_trip) => {
                self.news.alive = true;
                self.news.prove(round_trip);
                self.news.round_trips.push(round_trip);
                return Ok(());
            }
            Heard::Request => self.news.alive = true,
            Heard::Forged => return Ok(()),
            Heard::Other if !self.sources.pass(&datagram) => return Ok(()),
            Heard::Other => {}
        }
        self.pc.handle_read(TaggedBytesMut {
            now,
            transport: TransportContext {
                local_addr: self.local,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            },
            message: datagram,
        })
    }

    /// The viewer named another of its candidates.
    pub fn add_candidate(&mut self, candidate: RTCIceCandidateInit) -> Result<(), Error> {
        self.pc.add_remote_candidate(candidate)
    }

    /// A datagram to `to`, of which this is the beginning, came back as undeliverable: whether that concerns
    /// the path that media takes, and if so, whether it was a probe.
    pub fn undeliverable(&self, to: SocketAddr, quoted: &[u8]) -> Option<bool> {
        (self.remote == Some(to)).then(|| self.prober.is_probe(quoted))
    }

    /// A probe along the path that media takes, if there is one already.
    pub fn probe(&mut self, now: Instant) -> Option<(SocketAddr, BytesMut)> {
        let to = self.remote?;
        match self.prober.request(to, now) {
            Ok(request) => Some((to, request)),
            Err(error) => {
                log::warn!("a probe could not be made: {error}");
                None
            }
        }
    }

    /// What has become known.
    pub fn poll(&mut self, now: Instant) -> News {
        let mut news = std::mem::take(&mut self.news);
        while let Some(event) = self.pc.poll_event() {
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => {
                    news.connected = true;
                }
                RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(RTCIceConnectionState::Disconnected) => {
                    news.leaving.get_or_insert(Cause::IceDisconnected);
                }
                RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(RTCIceConnectionState::Failed)
                | RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Failed) => {
                    news.leaving.get_or_insert(Cause::IceFailed);
                }
                _ => {}
            }
        }
        while let Some(message) = self.pc.poll_read() {
            if let RTCMessage::RtcpPacket(_, packets) = message.message {
                news.alive = true;
                packets.iter().for_each(|packet| self.feedback(packet.as_ref(), now, &mut news));
            }
        }
        if news.proof.is_some() {
            self.proved = now;
        }
        // The viewer's close_notify raises no event (W3C has none): the transport's state tells.
        let transport = self.pc.rtp_sender(self.sender).and_then(|sender| sender.transport().map(|dtls| dtls.state()));
        if transport == Some(RTCDtlsTransportState::Closed) {
            news.leaving = Some(Cause::CloseNotify);
        }
        news
    }

    fn feedback(&mut self, packet: &dyn rtc::rtcp::Packet, now: Instant, news: &mut News) {
        let any = packet.as_any();
        if any.is::<PictureLossIndication>() || any.is::<FullIntraRequest>() {
            news.keyframe_wanted = true;
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            if let Some(block) = report.reports.iter().find(|block| block.ssrc == self.ssrc) {
                news.lost = Some(u64::from(block.total_lost));
                news.round_trips.extend(round_trip(block, now));
                // What was sent before the last proof tells only that the viewer still sends.
                let sent = self.journal.sent(block.last_sequence_number as u16);
                if let Some(sent) = sent.filter(|sent| *sent > self.proved) {
                    news.prove(now.saturating_duration_since(sent));
                }
            }
        } else if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
            // There is a delta for every packet that arrived, and the last of them shows the viewer's clock.
            let deltas = feedback.recv_deltas.iter().map(|arrived| arrived.delta);
            if let Some(last) = deltas.reduce(|sum, delta| sum.saturating_add(delta)) {
                let last = Duration::from_micros(u64::try_from(last).unwrap_or_default());
                news.prove(self.delay.held_up(feedback.reference_time, last, now));
            }
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            news.asked_again +=
                nack.nacks.iter().map(|pair| 1 + u64::from(pair.lost_packets.count_ones())).sum::<u64>();
        }
    }

    /// Moves everything that is to be sent to `batch`.
    pub fn transmit(&mut self, batch: &mut Vec<(SocketAddr, BytesMut)>) {
        while let Some(packet) = self.pc.poll_write() {
            // DTLS, RTP and RTCP take the pair that ICE has chosen, STUN tries them all (RFC 7983).
            if packet.message.first().is_some_and(|first| *first >= 20) {
                self.remote = Some(packet.transport.peer_addr);
            }
            batch.push((packet.transport.peer_addr, packet.message));
        }
    }

    /// When [`Connection::wake`] wants to be called.
    pub fn due(&mut self) -> Option<Instant> {
        self.pc.poll_timeout()
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Instant) -> Result<(), Error> {
        self.pc.handle_timeout(now)
    }

    /// From here on frames are another stream's.
    pub fn switch(&mut self) {
        self.track.switch();
    }

    /// Sends a frame that has just been taken, if the viewer can decode it. Gives the decision and
    /// the number of packets.
    pub fn write(&mut self, frame: &Frame, now: Instant) -> (Admission, u64) {
        let admission = self.track.admit(frame);
        (admission, self.packets(frame, admission, now))
    }

    /// Sends frames of the past that lead up to now. Gives the number of packets.
    pub fn replay<'a>(&mut self, frames: impl ExactSizeIterator<Item = &'a Frame>, now: Instant) -> u64 {
        let count = frames.len();
        let mut packets = 0;
        for (nth, frame) in frames.enumerate() {
            let admission = self.track.admit_replayed(frame, nth, count, now);
            packets += self.packets(frame, admission, now);
        }
        packets
    }

    fn packets(&mut self, frame: &Frame, admission: Admission, now: Instant) -> u64 {
        let Admission::Send(timestamp) = admission else { return 0 };
        let last = frame.cuts.len().saturating_sub(1);
        let mut sent = 0;
        for (nth, payload) in frame.packets().enumerate() {
            let header = Header {
                version: 2,
                marker: nth == last,
                payload_type: self.payload_type,
                sequence_number: self.track.next_sequence(),
                timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            };
            let packet = rtc::rtp::Packet { header, payload };
            let Some(mut sender) = self.pc.rtp_sender(self.sender) else { break };
            match sender.write_rtp(now, packet) {
                Ok(()) => sent += 1,
                Err(error) => log::debug!("a packet was not sent: {error}"),
            }
        }
        self.journal.note(self.track.last_sequence(), now);
        sent
    }

    /// Ends the connection; what [`Connection::transmit`] gives next tells the viewer.
    pub fn close(&mut self) -> Result<(), Error> {
        self.pc.close()
    }
}

/// Round trip by a reception report (RFC 3550, section 6.4.1), in which the viewer says which of our reports
/// it had last and how long it had it. None if it had none.
fn round_trip(report: &ReceptionReport, now: Instant) -> Option<Duration> {
    if report.last_sender_report == 0 {
        return None;
    }
    // `rtc` dates its reports by the system's clock in just this way.
    let arrived = (SystemInstant::now(now).ntp(now) >> 16) as u32;
    let units = arrived.wrapping_sub(report.last_sender_report).wrapping_sub(report.delay);
    let round_trip = Duration::from_secs_f64(f64::from(units) / 65_536.0);
    (round_trip <= ROUND_TRIP_MAX).then_some(round_trip)
}
