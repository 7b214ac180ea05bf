//! Offer in, answer out. No I/O: certificate, addresses and random numbers are given.
//!
//! It costs 4 to 10 ms with a browser's large offer, so it is not done on a thread that media
//! flows through; the connection it makes is handed to the peer's actor afterwards.

use super::feedback::Feedback;
use super::probe::{Credentials, Prober};
pub use crate::transport::IceTimeouts;
use rtc::crypto::RTCCryptoProvider;
use rtc::interceptor::{Registry, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_nack, configure_rtcp_reports, configure_twcc_sender_only,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_RTX, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{RTCDtlsRole, RTCIceCandidateInit};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpRtxParameters, RtpCodecKind,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Constrained baseline, level 3.1, which every browser offers; what is sent may be of another
/// profile, browsers decode by what they find in the stream.
const H264_FMTP: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
const H264_PAYLOAD_TYPE: u8 = 102;
const RTX_PAYLOAD_TYPE: u8 = 103;

/// Farther from the wire than every interceptor of `rtc`.
const FEEDBACK_SLOT: Slot = Slot::JitterBuffer;

/// ICE candidates that a viewer may name in its offer, and as many after it: each is an address that checks are sent to.
pub const CANDIDATES_MAX: usize = 64;

/// What all negotiations of a server share.
pub struct Negotiator {
    certificate: RTCCertificate,
    crypto: Arc<dyn RTCCryptoProvider>,
    timeouts: IceTimeouts,
}

/// What only this connection may have; all of it from a cryptographic source.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// ICE user name fragment, 4 to 256 characters of RFC 8445's alphabet. Also the key by which
    /// datagrams find their peer.
    pub ufrag: String,
    /// ICE password, 22 to 256 characters of that alphabet.
    pub password: String,
    /// SSRC of the video and of its retransmissions.
    pub ssrcs: [u32; 2],
    /// First RTP sequence number.
    pub sequence: u16,
    /// First RTP timestamp.
    pub timestamp: u32,
    /// ICE tie-breaker of our own checks (RFC 8445, section 16.1).
    pub tie_breaker: u64,
}

/// A connection whose answer is ready to be sent.
pub struct Negotiated {
    /// The connection.
    pub pc: RTCPeerConnection,
    /// What the video is sent through.
    pub sender: RTCRtpSenderId,
    /// Payload type of H.264 in this connection.
    pub payload_type: u8,
    /// What was chosen for it.
    pub secrets: Secrets,
    /// Asks the viewer whether it is there.
    pub prober: Prober,
    /// The answer.
    pub answer: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// The offer is not what it should be.
    #[error("the offer cannot be used: {0}")]
    BadOffer(String),
    /// The offer has no H.264 to receive.
    #[error("the offer has no video section that receives H.264 with packetization-mode=1")]
    NoH264,
    /// Our own side cannot.
    #[error("no connection can be made: {0}")]
    Internal(String),
}

fn h264() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: H264_FMTP.to_owned(),
        rtcp_feedback: vec![],
    }
}

impl Negotiator {
    /// Makes the certificate that all connections of this server share (generating one for each
    /// would cost more than all the rest).
    pub fn new(timeouts: IceTimeouts) -> Result<Self, NegotiationError> {
        let internal = |error: rtc::shared::error::Error| NegotiationError::Internal(error.to_string());
        let crypto = rtc::crypto::default_provider().map_err(|error| NegotiationError::Internal(error.to_string()))?;
        let certificate = RTCCertificate::generate(
            crypto.crypto(),
            rtc::crypto::SignatureScheme::EcdsaP256Sha256,
            CertificateParams::new(vec!["lenscap".to_owned()])
                .map_err(|error| NegotiationError::Internal(error.to_string()))?,
        )
        .map_err(internal)?;
        Ok(Self { certificate, crypto, timeouts })
    }

    /// Answers an offer. `addresses` are where viewers can reach us, the best first; there must
    /// be at least one.
    pub fn answer(
        &self,
        offer: &str,
        addresses: &[SocketAddr],
        secrets: Secrets,
        now: Instant,
    ) -> Result<Negotiated, NegotiationError> {
        let internal = |error: rtc::shared::error::Error| NegotiationError::Internal(error.to_string());
        let bad = |error: rtc::shared::error::Error| NegotiationError::BadOffer(error.to_string());
        if !offers_h264(offer) {
            return Err(NegotiationError::NoH264);
        }
        if candidates(offer) > CANDIDATES_MAX {
            return Err(NegotiationError::BadOffer(format!("it has more than {CANDIDATES_MAX} candidates")));
        }
        let (remote_ufrag, remote_password) = Credentials::of_offer(offer)
            .ok_or_else(|| NegotiationError::BadOffer("it has no ICE credentials".to_owned()))?;
        let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(bad)?;
        let (media, registry) = media_engine().map_err(internal)?;
        let settings = SettingEngineBuilder::new()
            .with_ice_credentials(secrets.ufrag.clone(), secrets.password.clone())
            .with_ice_timeouts(
                Some(self.timeouts.disconnected),
                Some(self.timeouts.failed),
                Some(self.timeouts.keepalive),
            )
            .with_answering_dtls_role(RTCDtlsRole::Server)
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .build();
        let mut pc = RTCPeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new().with_certificates(vec![self.certificate.clone()]).build(),
            )
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .build(now)
            .map_err(internal)?;
        let base = addresses.first().ok_or_else(|| NegotiationError::Internal("no local address".into()))?;
        pc.add_local_candidate(RTCIceCandidateInit { candidate: candidate(0, *base), ..Default::default() })
            .map_err(internal)?;
        pc.set_remote_description(now, offer).map_err(bad)?;
        let sender = pc.add_track(track(&secrets)).map_err(bad)?;
        let answer = pc.create_answer(None).map_err(bad)?;
        pc.set_local_description(now, answer).map_err(bad)?;
        let answer =
            pc.local_description().ok_or_else(|| NegotiationError::Internal("no local description".into()))?.sdp;
        let payload_type = pc
            .rtp_sender(sender)
            .and_then(|mut sender| {
                let codecs = &sender.get_parameters().rtp_parameters.codecs;
                let h264 = codecs.iter().find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(MIME_TYPE_H264));
                h264.map(|codec| codec.payload_type)
            })
            .ok_or(NegotiationError::NoH264)?;
        let credentials = Credentials {
            local_ufrag: secrets.ufrag.clone(),
            local_password: secrets.password.clone(),
            remote_ufrag,
            remote_password,
        };
        let prober = Prober::new(credentials, self.crypto.clone(), secrets.tie_breaker);
        Ok(Negotiated { pc, sender, payload_type, secrets, prober, answer: with_candidates(&answer, addresses) })
    }
}

fn media_engine() -> rtc::shared::error::Result<(MediaEngine, Registry)> {
    let mut media = MediaEngine::default();
    media.register_codec(
        RTCRtpCodecParameters { rtp_codec: h264(), payload_type: H264_PAYLOAD_TYPE },
        RtpCodecKind::Video,
    )?;
    let rtx = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: format!("apt={H264_PAYLOAD_TYPE}"),
        rtcp_feedback: vec![],
    };
    media.register_codec(
        RTCRtpCodecParameters { rtp_codec: rtx, payload_type: RTX_PAYLOAD_TYPE },
        RtpCodecKind::Video,
    )?;
    let registry = configure_nack(Registry::new(), &mut media);
    let registry = configure_twcc_sender_only(registry, &mut media)?;
    let registry = configure_rtcp_reports(registry).with(FEEDBACK_SLOT, Feedback::default());
    media.register_feedback(RTCPFeedback { typ: "ccm".to_owned(), parameter: "fir".to_owned() }, RtpCodecKind::Video);
    Ok((media, registry))
}

fn track(secrets: &Secrets) -> MediaStreamTrack {
    let [ssrc, rtx] = secrets.ssrcs;
    MediaStreamTrack::new(
        "lenscap".to_owned(),
        "video".to_owned(),
        "camera".to_owned(),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: Some(RTCRtpRtxParameters { ssrc: rtx }),
                ..Default::default()
            },
            codec: h264(),
            ..Default::default()
        }],
    )
}

/// How many candidates a description names.
pub fn candidates(sdp: &str) -> usize {
    sdp.lines().filter(|line| line.starts_with("a=candidate:")).count()
}

/// A cheap look before the expensive one.
fn offers_h264(offer: &str) -> bool {
    let mut in_video = false;
    let mut found = false;
    for line in offer.lines() {
        if let Some(section) = line.strip_prefix("m=") {
            in_video = section.starts_with("video ") && !section.starts_with("video 0 ");
        }
        found |= in_video && line.starts_with("a=rtpmap:") && line.to_ascii_uppercase().contains(" H264/90000");
    }
    found
}

/// One host candidate (RFC 8839, section 5.1); earlier ones are preferred.
fn candidate(nth: usize, address: SocketAddr) -> String {
    let local_preference = 65_535 - nth.min(65_535) as u32;
    let priority = (126u32 << 24) | (local_preference << 8) | 255;
    format!("candidate:{} 1 udp {priority} {} {} typ host", nth + 1, address.ip(), address.port())
}

/// Puts exactly our candidates into an answer. All of them are one socket, so the connection
/// itself knows only the first; from which address an answer leaves, the socket decides by where
/// the question arrived.
fn with_candidates(sdp: &str, addresses: &[SocketAddr]) -> String {
    let mut lines: Vec<String> = sdp
        .lines()
        .filter(|line| !line.starts_with("a=candidate:") && *line != "a=end-of-candidates")
        .map(str::to_owned)
        .collect();
    // Everything is bundled: the candidates belong to the first section.
    let sections: Vec<usize> = (0..lines.len()).filter(|&n| lines[n].starts_with("m=")).collect();
    let end = sections.get(1).copied().unwrap_or(lines.len());
    let ours = addresses.iter().enumerate().map(|(nth, &address)| format!("a={}", candidate(nth, address)));
    lines.splice(end..end, ours.chain(["a=end-of-candidates".to_owned()]));
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const TIMEOUTS: IceTimeouts = IceTimeouts {
        disconnected: Duration::from_secs(5),
        failed: Duration::from_secs(25),
        keepalive: Duration::from_secs(2),
    };

    fn secrets() -> Secrets {
        Secrets {
            ufrag: "lenscap1".into(),
            password: "0123456789abcdef01234567".into(),
            ssrcs: [1, 2],
            sequence: 1,
            timestamp: 1,
            tie_breaker: 1,
        }
    }

    #[test]
    fn rubbish_is_refused_in_words() {
        let negotiator = Negotiator::new(TIMEOUTS).unwrap();
        let here = ["127.0.0.1:1".parse().unwrap()];
        for offer in ["", "hello", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"] {
            let error = negotiator.answer(offer, &here, secrets(), Instant::now()).err();
            assert_eq!(error, Some(NegotiationError::NoH264), "{offer:?}");
        }
        let crowd = "m=video 9 x\r\na=rtpmap:96 H264/90000\r\n".to_owned()
            + &"a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n".repeat(CANDIDATES_MAX + 1);
        let error = negotiator.answer(&crowd, &here, secrets(), Instant::now()).err();
        assert!(
            matches!(&error, Some(NegotiationError::BadOffer(words)) if words.contains("64 candidates")),
            "{error:?}"
        );
        let offer = "m=video 9 x\r\na=rtpmap:96 H264/90000\r\n";
        let error = negotiator.answer(offer, &here, secrets(), Instant::now()).err();
        assert!(matches!(error, Some(NegotiationError::BadOffer(_))), "{error:?}");
    }

    #[test]
    fn the_answer_names_our_candidates_in_order_and_once() {
        let sdp = "v=0\r\nm=video 9 x\r\na=mid:0\r\na=candidate:9 1 udp 1 10.0.0.1 1 typ host\r\na=end-of-candidates\r\nm=audio 0 x\r\na=mid:1\r\n";
        let addresses = ["192.0.2.1:8555".parse().unwrap(), "[2001:db8::1]:8555".parse().unwrap()];
        assert_eq!(
            with_candidates(sdp, &addresses),
            "v=0\r\nm=video 9 x\r\na=mid:0\r\n\
             a=candidate:1 1 udp 2130706431 192.0.2.1 8555 typ host\r\n\
             a=candidate:2 1 udp 2130706175 2001:db8::1 8555 typ host\r\n\
             a=end-of-candidates\r\nm=audio 0 x\r\na=mid:1\r\n"
        );
    }
}
