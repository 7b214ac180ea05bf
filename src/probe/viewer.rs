//! The WebRTC connection of a viewer that only counts.

use super::error::ProbeError;
use super::target::Target;
use async_trait::async_trait;
use rtc::interceptor::Registry;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_RTX, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::Packet;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler};

/// What browsers offer: constrained baseline, which says nothing about what is then sent.
const H264_FMTP: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const H264_PAYLOAD_TYPE: u8 = 102;
const RTX_PAYLOAD_TYPE: u8 = 103;

/// As browsers check; with the 200 ms of `rtc` the probe would measure its own waiting.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// Longer than anybody's patience: ours is the one that counts.
const CHECKS_MAX: u16 = u16::MAX;

/// What happens to the connection.
pub enum Event {
    /// All own addresses are known.
    Gathered,
    /// A pair of addresses works.
    Ice,
    /// Encrypted packets can flow.
    Connected,
    /// The connection has failed or was closed.
    Failed,
    /// The video is there.
    Track(Arc<dyn TrackRemote>),
    /// A packet of the video, and when it came.
    Packet(Instant, Packet),
}

/// A connection that offers to receive one video.
pub struct Viewer {
    pc: Box<dyn PeerConnection>,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Viewer {
    /// A connection from the addresses of this machine.
    pub async fn new(target: &Target) -> Result<Self, ProbeError> {
        let whep = target.whep().clone();
        let server = tokio::task::spawn_blocking(move || whep.socket_addrs(|| None))
            .await
            .map_err(ProbeError::here)?
            .map_err(|error| ProbeError::Unreachable(format!("its name cannot be resolved: {error}")))?;
        let mut media = media_engine().map_err(ProbeError::here)?;
        let registry = register_default_interceptors(Registry::new(), &mut media).map_err(ProbeError::here)?;
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .with_include_loopback_candidate(true)
            .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS_MAX))
            .build();
        let (sender, events) = mpsc::unbounded_channel();
        let pc = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(sender)))
            .with_udp_addrs(own_addresses(&server))
            .build()
            .await
            .map_err(ProbeError::here)?;
        Ok(Self { pc: Box::new(pc), events })
    }

    /// An offer with all candidates: WHEP needs no trickling then.
    pub async fn offer(&mut self, patience: Duration) -> Result<String, ProbeError> {
        let receive = RTCRtpTransceiverInit { direction: RTCRtpTransceiverDirection::Recvonly, ..Default::default() };
        self.pc.add_transceiver_from_kind(RtpCodecKind::Video, Some(receive)).await.map_err(ProbeError::here)?;
        let offer = self.pc.create_offer(None).await.map_err(ProbeError::here)?;
        self.pc.set_local_description(offer).await.map_err(ProbeError::here)?;
        let gathered = async { while !matches!(self.events.recv().await, Some(Event::Gathered) | None) {} };
        tokio::time::timeout(patience, gathered).await.map_err(|_| ProbeError::here("its addresses are not found"))?;
        let offer = self.pc.local_description().await.ok_or_else(|| ProbeError::here("no offer was made"))?;
        Ok(offer.sdp)
    }

    /// Takes the answer, and begins to connect.
    pub async fn accept(&self, answer: &str) -> Result<(), ProbeError> {
        let unusable =
            |error: rtc::shared::error::Error| ProbeError::NotWhep(format!("its SDP cannot be used: {error}"));
        let answer = RTCSessionDescription::answer(answer.to_owned()).map_err(unusable)?;
        self.pc.set_remote_description(answer).await.map_err(unusable)
    }

    /// What happens next; none when the connection has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Asks for a keyframe, as browsers do when they cannot show what comes.
    pub async fn ask_keyframe(track: &dyn TrackRemote) {
        for media_ssrc in track.ssrcs().await {
            let ask = PictureLossIndication { sender_ssrc: 0, media_ssrc };
            if let Err(error) = track.write_rtcp(vec![Box::new(ask)]).await {
                log::debug!("a keyframe cannot be asked for: {error}");
            }
        }
    }

    /// Ends the connection. Without it, the task that drives it would stay.
    pub async fn close(&self) {
        if let Err(error) = self.pc.close().await {
            log::warn!("the connection was not closed as it should: {error}");
        }
    }
}

/// Reports from the connection's task. The receiver may be gone: then nobody cares.
struct Handler(mpsc::UnboundedSender<Event>);

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(Event::Gathered);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            let _ = self.0.send(Event::Ice);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let _ = match state {
            RTCPeerConnectionState::Connected => self.0.send(Event::Connected),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => self.0.send(Event::Failed),
            _ => return,
        };
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let events = self.0.clone();
        let _ = events.send(Event::Track(track.clone()));
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    let _ = events.send(Event::Packet(Instant::now(), packet));
                }
            }
        });
    }
}

/// H.264, with retransmission.
fn media_engine() -> rtc::shared::error::Result<MediaEngine> {
    let codec = |mime_type: &str, sdp_fmtp_line: String, payload_type| RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line,
            rtcp_feedback: vec![],
        },
        payload_type,
    };
    let mut media = MediaEngine::default();
    let rtx = codec(MIME_TYPE_RTX, format!("apt={H264_PAYLOAD_TYPE}"), RTX_PAYLOAD_TYPE);
    media.register_codec(codec(MIME_TYPE_H264, H264_FMTP.to_owned(), H264_PAYLOAD_TYPE), RtpCodecKind::Video)?;
    media.register_codec(rtx, RtpCodecKind::Video)?;
    Ok(media)
}

/// Where to send from: the address that this machine uses towards the server, then those of its
/// networks, since video may take another way than HTTP.
fn own_addresses(server: &[SocketAddr]) -> Vec<SocketAddr> {
    let towards = server.iter().filter_map(|server| route(*server).ok());
    let networks = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    let networks = networks.filter(|ip| matches!(ip, IpAddr::V4(ip) if !ip.is_loopback() && !ip.is_link_local()));
    let mut all: Vec<IpAddr> = vec![];
    for ip in towards.chain(networks) {
        if !all.contains(&ip) {
            all.push(ip);
        }
    }
    all.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect()
}

/// The own address towards another: the kernel's choice. Sends nothing.
fn route(server: SocketAddr) -> std::io::Result<IpAddr> {
    let any =
        if server.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}
