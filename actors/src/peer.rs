//! The actor that *is* one viewer's connection: it owns the sans-I/O state machine, and time and
//! datagrams are given to it.
//!
//! It says that its viewer is gone once, whatever number of signs arrive, and whoever brought the
//! sign is answered after the stream has answered, that is, after the camera is closed if nobody
//! else watches.

mod feedback;
pub mod negotiation;
pub mod track;

use crate::board::{Board, PeerState, PeerStatus, StreamState};
use crate::departure::{Cause, Presence, Verdict};
use crate::ids::{PeerId, StreamId};
use crate::media::Frame;
use crate::peers::{PeerStopped, Peers};
use crate::ports::{Clock, Datagrams, Inbound};
use crate::stream::{Deliver, Disconnected, KeyframeWanted, Link, Ready, Stream, StreamNotice, Subscribe};
use actix::prelude::*;
use bytes::BytesMut;
use negotiation::Negotiated;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::RTCPeerConnectionEvent;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{RTCDtlsTransportState, RTCIceCandidateInit};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp::header::Header;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use track::{Admission, Track};

/// Messages that may wait: some seconds of frames and datagrams. More are dropped, as on any
/// network, and the viewer goes on at the next keyframe.
const MAILBOX: usize = 256;

/// How often the counters on the board are brought up to date.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// How long a switch waits for the other stream's first picture while the old one still shows.
const SWITCH_PATIENCE: Duration = Duration::from_secs(2);

/// What a peer tells the page, by way of its signalling connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The state of a stream.
    State(StreamId, StreamState),
    /// An error code of the signalling protocol, and words.
    Error(&'static str, String),
    /// The server ends this connection.
    Closed(Cause),
}

/// The viewer is leaving. The answer comes after its stream is released.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Leave(pub Cause);

/// The viewer sent another of its ICE candidates.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), String>")]
pub struct RemoteCandidate {
    /// The candidate line.
    pub candidate: String,
    /// The media section it belongs to.
    pub mid: Option<String>,
    /// Its index.
    pub mline_index: Option<u16>,
}

/// The viewer wants to watch another stream over the same connection.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), UnknownStream>")]
pub struct Switch(pub StreamId);

/// There is no stream of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no stream {0:?}")]
pub struct UnknownStream(pub StreamId);

/// All streams by name. It does not change while the server runs.
pub type Directory = Arc<BTreeMap<StreamId, Addr<Stream>>>;

/// What a peer is made of.
pub struct PeerParts {
    /// Its name.
    pub id: PeerId,
    /// `ws` or `whep`.
    pub transport: &'static str,
    /// The stream it wants.
    pub stream: StreamId,
    /// All streams.
    pub directory: Directory,
    /// Its connection.
    pub negotiated: Negotiated,
    /// The address it was told to reach us at first.
    pub local: SocketAddr,
    /// Where news for the page goes; bounded, and dropped if it is full.
    pub signals: tokio::sync::mpsc::Sender<Signal>,
    /// Sends and receives.
    pub datagrams: Arc<dyn Datagrams>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where its state is shown.
    pub board: Board,
    /// Who keeps the list of peers.
    pub peers: Addr<Peers>,
}

/// A subscription that ends by itself if the peer dies.
struct Subscription {
    peer: PeerId,
    stream: StreamId,
    addr: Addr<Stream>,
    clock: Arc<dyn Clock>,
    ended: bool,
}

impl Subscription {
    fn end(&mut self, cause: Option<Cause>, at: Instant, silence: Duration) -> Option<Request<Stream, Disconnected>> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(self.addr.send(Disconnected { peer: self.peer.clone(), cause, at, silence }))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.ended {
            self.addr.do_send(Disconnected {
                peer: self.peer.clone(),
                cause: Some(Cause::Crashed),
                at: self.clock.now(),
                silence: Duration::ZERO,
            });
        }
    }
}

/// The actor.
pub struct Peer {
    id: PeerId,
    directory: Directory,
    pc: RTCPeerConnection,
    sender: RTCRtpSenderId,
    payload_type: u8,
    ssrc: u32,
    ufrag: String,
    local: SocketAddr,
    track: Track,
    watching: Subscription,
    next: Option<(Subscription, SpawnHandle)>,
    presence: Presence,
    connected: bool,
    signals: tokio::sync::mpsc::Sender<Signal>,
    datagrams: Arc<dyn Datagrams>,
    clock: Arc<dyn Clock>,
    board: Board,
    peers: Addr<Peers>,
    outgoing: Vec<(SocketAddr, BytesMut)>,
    timer: Option<(Instant, SpawnHandle)>,
    status: PeerStatus,
}

impl Peer {
    /// A peer that has its answer and waits for the viewer's packets.
    pub fn new(parts: PeerParts) -> Result<Self, UnknownStream> {
        let now = parts.clock.now();
        let addr = parts.directory.get(&parts.stream).cloned().ok_or_else(|| UnknownStream(parts.stream.clone()))?;
        let secrets = parts.negotiated.secrets;
        let watching = Subscription {
            peer: parts.id.clone(),
            stream: parts.stream.clone(),
            addr,
            clock: parts.clock.clone(),
            ended: true, // until `started` has subscribed
        };
        let status = PeerStatus {
            stream: Some(parts.stream),
            state: PeerState::Connecting,
            transport: parts.transport,
            ..PeerStatus::default()
        };
        parts.board.write(|board| board.peers.insert(parts.id.clone(), status.clone()));
        Ok(Self {
            id: parts.id,
            directory: parts.directory,
            pc: parts.negotiated.pc,
            sender: parts.negotiated.sender,
            payload_type: parts.negotiated.payload_type,
            ssrc: secrets.ssrcs[0],
            ufrag: secrets.ufrag,
            local: parts.local,
            track: Track::new(now, secrets.sequence, secrets.timestamp),
            watching,
            next: None,
            presence: Presence::new(now),
            connected: false,
            signals: parts.signals,
            datagrams: parts.datagrams,
            clock: parts.clock,
            board: parts.board,
            peers: parts.peers,
            outgoing: Vec::new(),
            timer: None,
            status,
        })
    }

    fn subscribe(&self, stream: StreamId, addr: Addr<Stream>, ctx: &mut Context<Self>) -> Subscription {
        let link = Link { frames: ctx.address().recipient(), notices: ctx.address().recipient() };
        addr.do_send(Subscribe { peer: self.id.clone(), link, ready: self.connected });
        Subscription { peer: self.id.clone(), stream, addr, clock: self.clock.clone(), ended: false }
    }

    fn show(&mut self) {
        let status = self.status.clone();
        self.board.peer(&self.id, |shown| *shown = status);
    }

    /// Lets the state machine say all it has to say: events, packets for us, packets to send, and
    /// when it wants to be woken.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let mut sign = None;
        while let Some(event) = self.pc.poll_event() {
            match event {
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Connected) => {
                    self.on_connected();
                }
                RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => match state {
                    RTCIceConnectionState::Disconnected => sign = sign.or(Some(Cause::IceDisconnected)),
                    RTCIceConnectionState::Failed => sign = sign.or(Some(Cause::IceFailed)),
                    _ => {}
                },
                RTCPeerConnectionEvent::OnConnectionStateChangeEvent(RTCPeerConnectionState::Failed) => {
                    sign = sign.or(Some(Cause::IceFailed));
                }
                _ => {}
            }
        }
        while let Some(message) = self.pc.poll_read() {
            if let RTCMessage::RtcpPacket(_, packets) = message.message {
                self.presence.alive(now);
                self.feedback(&packets);
            }
        }
        self.transmit();
        // The viewer's close_notify raises no event (W3C has none): the transport's state tells.
        let closed = self.pc.rtp_sender(self.sender).and_then(|sender| sender.transport().map(|dtls| dtls.state()))
            == Some(RTCDtlsTransportState::Closed);
        if closed {
            sign = Some(Cause::CloseNotify);
        }
        if let Some(cause) = sign {
            self.leave_by_itself(cause, ctx);
        } else {
            self.arm(ctx);
        }
    }

    fn transmit(&mut self) {
        while let Some(packet) = self.pc.poll_write() {
            self.outgoing.push((packet.transport.peer_addr, packet.message));
        }
        if !self.outgoing.is_empty() {
            self.datagrams.send(&mut self.outgoing);
        }
    }

    /// Sees to it that the state machine is woken when it wants to be. An earlier alarm that is
    /// already set is kept: it finds nothing to do and sets the next.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(due) = self.pc.poll_timeout() else { return };
        if let Some((set, handle)) = self.timer {
            if set <= due {
                return;
            }
            ctx.cancel_future(handle);
        }
        // Not at once even if due: a state machine that wants the past must not spin.
        let wait = due.saturating_duration_since(self.clock.now()).max(Duration::from_millis(1));
        let handle = ctx.run_later(wait, |peer, ctx| {
            peer.timer = None;
            if let Err(error) = peer.pc.handle_timeout(peer.clock.now()) {
                log::debug!("root/peers/{}: {error}", peer.id);
            }
            peer.drain(ctx);
        });
        self.timer = Some((due, handle));
    }

    fn on_connected(&mut self) {
        if std::mem::replace(&mut self.connected, true) {
            return;
        }
        log::info!("root/peers/{}: watching {}", self.id, self.watching.stream);
        self.status.state = PeerState::Watching;
        self.show();
        for subscription in [Some(&self.watching), self.next.as_ref().map(|next| &next.0)].into_iter().flatten() {
            subscription.addr.do_send(Ready { peer: self.id.clone() });
        }
    }

    fn feedback(&mut self, packets: &[Box<dyn rtc::rtcp::Packet>]) {
        for packet in packets {
            let any = packet.as_any();
            if any.is::<PictureLossIndication>() || any.is::<FullIntraRequest>() {
                self.watching.addr.do_send(KeyframeWanted);
            } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
                for block in report.reports.iter().filter(|block| block.ssrc == self.ssrc) {
                    self.status.lost_packets = u64::from(block.total_lost);
                }
            } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
                let asked: u64 = nack.nacks.iter().map(|pair| 1 + u64::from(pair.lost_packets.count_ones())).sum();
                self.status.resent_packets += asked;
            }
        }
    }

    fn write(&mut self, frame: &Frame, admission: Admission, now: Instant) {
        let timestamp = match admission {
            Admission::Send(timestamp) => timestamp,
            Admission::Skip | Admission::SkipAndAsk => {
                self.status.skipped_frames += 1;
                if admission == Admission::SkipAndAsk {
                    self.watching.addr.do_send(KeyframeWanted);
                }
                return;
            }
        };
        let last = frame.payloads.len().saturating_sub(1);
        for (nth, payload) in frame.payloads.iter().enumerate() {
            let header = Header {
                version: 2,
                marker: nth == last,
                payload_type: self.payload_type,
                sequence_number: self.track.next_sequence(),
                timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            };
            let packet = rtc::rtp::Packet { header, payload: payload.clone() };
            let Some(mut sender) = self.pc.rtp_sender(self.sender) else { return };
            match sender.write_rtp(now, packet) {
                Ok(()) => self.status.sent_packets += 1,
                Err(error) => log::debug!("root/peers/{}: {error}", self.id),
            }
        }
    }

    /// The other stream has come, or never will: from now on it is the one.
    fn commit_switch(&mut self, ctx: &mut Context<Self>) {
        let Some((next, patience)) = self.next.take() else { return };
        ctx.cancel_future(patience);
        let mut old = std::mem::replace(&mut self.watching, next);
        self.track.switch();
        let now = self.clock.now();
        if let Some(release) = old.end(None, now, Duration::ZERO) {
            ctx.spawn(release.into_actor(self).map(|_, _, _| ()));
        }
    }

    /// Ends everything and gives a future that resolves when the streams are released.
    fn depart(&mut self, verdict: Verdict, ctx: &mut Context<Self>) -> ResponseActFuture<Self, ()> {
        if let Err(error) = self.pc.close() {
            log::debug!("root/peers/{}: {error}", self.id);
        }
        self.transmit();
        self.datagrams.forget(&self.ufrag);
        if let Some((_, timer)) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.status.state = PeerState::Gone;
        self.show();
        let next = self.next.take().and_then(|(mut next, patience)| {
            ctx.cancel_future(patience);
            next.end(None, verdict.at, verdict.silence)
        });
        let watching = self.watching.end(Some(verdict.cause), verdict.at, verdict.silence);
        let release = async move {
            // A stream that cannot answer has died, and its camera's descriptor with it.
            for request in [next, watching].into_iter().flatten() {
                let _ = request.await;
            }
        };
        Box::pin(release.into_actor(self).map(move |(), peer, ctx| {
            peer.board.write(|board| board.peers.remove(&peer.id));
            let _ = peer.signals.try_send(Signal::Closed(verdict.cause));
            ctx.stop();
        }))
    }

    fn leave_by_itself(&mut self, cause: Cause, ctx: &mut Context<Self>) {
        if let Some(verdict) = self.presence.leaving(cause, self.clock.now()) {
            let release = self.depart(verdict, ctx);
            ctx.wait(release);
        }
    }

    fn show_counters(&mut self) {
        let now = self.clock.now();
        self.status.suspicion = self.presence.silence(now).as_secs_f64() * 1e3;
        let report = self.pc.get_stats(now, rtc::statistics::StatsSelector::None);
        let rtt = report.candidate_pairs().map(|pair| pair.current_round_trip_time).fold(0.0, f64::max);
        self.status.rtt_ms = (rtt > 0.0).then_some(rtt * 1e3);
        let status = self.status.clone();
        self.board.count(|board| {
            if let Some(shown) = board.peers.get_mut(&self.id) {
                *shown = status;
            }
        });
    }
}

impl Actor for Peer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.datagrams.register(&self.ufrag, ctx.address().recipient());
        self.watching = self.subscribe(self.watching.stream.clone(), self.watching.addr.clone(), ctx);
        ctx.run_interval(STATUS_EVERY, |peer, _| peer.show_counters());
        log::info!("root/peers/{}: connecting to {}", self.id, self.watching.stream);
        self.drain(ctx);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Runs after a panic, too.
        self.datagrams.forget(&self.ufrag);
        self.board.write(|board| board.peers.remove(&self.id));
        self.peers.do_send(PeerStopped(self.id.clone()));
    }
}

impl Handler<Inbound> for Peer {
    type Result = ();

    fn handle(&mut self, message: Inbound, ctx: &mut Self::Context) {
        for (from, datagram) in message.datagrams {
            if self.status.remote.is_none() {
                self.status.remote = Some(from.to_string());
            }
            let read = self.pc.handle_read(TaggedBytesMut {
                now: message.at,
                transport: TransportContext {
                    local_addr: self.local,
                    peer_addr: from,
                    ecn: None,
                    transport_protocol: TransportProtocol::UDP,
                },
                message: datagram,
            });
            if let Err(error) = read {
                log::debug!("root/peers/{}: {error}", self.id);
            }
        }
        self.drain(ctx);
    }
}

impl Handler<Deliver> for Peer {
    type Result = ();

    fn handle(&mut self, message: Deliver, ctx: &mut Self::Context) {
        if self.presence.verdict().is_some() || !self.connected {
            return;
        }
        let now = self.clock.now();
        let (stream, starts) = match &message {
            Deliver::Next { stream, frame } => (stream, frame.keyframe),
            Deliver::Replay { stream, .. } => (stream, true),
        };
        if *stream != self.watching.stream {
            let next = self.next.as_ref().is_some_and(|(next, _)| next.stream == *stream);
            if !next || !starts {
                return;
            }
            self.commit_switch(ctx);
        }
        match message {
            Deliver::Next { frame, .. } => {
                let admission = self.track.admit(&frame);
                self.write(&frame, admission, now);
            }
            Deliver::Replay { frames, .. } => {
                for (nth, frame) in frames.iter().enumerate() {
                    let admission = self.track.admit_replayed(frame, nth, frames.len(), now);
                    self.write(frame, admission, now);
                }
            }
        }
        self.drain(ctx);
    }
}

impl Handler<StreamNotice> for Peer {
    type Result = ();

    fn handle(&mut self, notice: StreamNotice, ctx: &mut Self::Context) {
        let (stream, signal, trouble) = match notice {
            StreamNotice::State(stream, state) => (stream.clone(), Signal::State(stream, state), false),
            StreamNotice::Trouble { stream, code, message } => (stream, Signal::Error(code, message), true),
        };
        let is_next = self.next.as_ref().is_some_and(|(next, _)| next.stream == stream);
        if stream != self.watching.stream && !is_next {
            return; // of a stream that was left meanwhile
        }
        if is_next && trouble {
            self.commit_switch(ctx);
        }
        let _ = self.signals.try_send(signal);
    }
}

impl Handler<RemoteCandidate> for Peer {
    type Result = Result<(), String>;

    fn handle(&mut self, message: RemoteCandidate, ctx: &mut Self::Context) -> Self::Result {
        // An empty candidate says that there are no more; an mDNS name is for the viewer's own
        // network, and its checks reach us all the same.
        if message.candidate.is_empty() || message.candidate.contains(".local ") {
            return Ok(());
        }
        let added = self.pc.add_remote_candidate(RTCIceCandidateInit {
            candidate: message.candidate,
            sdp_mid: message.mid,
            sdp_mline_index: message.mline_index,
            ..Default::default()
        });
        self.drain(ctx);
        added.map_err(|error| error.to_string())
    }
}

impl Handler<Switch> for Peer {
    type Result = Result<(), UnknownStream>;

    fn handle(&mut self, Switch(stream): Switch, ctx: &mut Self::Context) -> Self::Result {
        let addr = self.directory.get(&stream).cloned().ok_or_else(|| UnknownStream(stream.clone()))?;
        if self.presence.verdict().is_some() || self.next.as_ref().is_some_and(|(next, _)| next.stream == stream) {
            return Ok(());
        }
        if let Some((mut abandoned, patience)) = self.next.take() {
            ctx.cancel_future(patience);
            if let Some(release) = abandoned.end(None, self.clock.now(), Duration::ZERO) {
                ctx.spawn(release.into_actor(self).map(|_, _, _| ()));
            }
        }
        if stream == self.watching.stream {
            return Ok(());
        }
        log::info!("root/peers/{}: switching from {} to {stream}", self.id, self.watching.stream);
        let next = self.subscribe(stream.clone(), addr, ctx);
        let patience = ctx.run_later(SWITCH_PATIENCE, |peer, ctx| peer.commit_switch(ctx));
        self.next = Some((next, patience));
        self.status.stream = Some(stream);
        self.show();
        Ok(())
    }
}

impl Handler<Leave> for Peer {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Leave(cause): Leave, ctx: &mut Self::Context) -> Self::Result {
        match self.presence.leaving(cause, self.clock.now()) {
            Some(verdict) => AtomicResponse::new(self.depart(verdict, ctx)),
            // It has left, and this message was only served after the release was complete.
            None => AtomicResponse::new(Box::pin(actix::fut::ready(()))),
        }
    }
}
