//! Offer in, answer out (RFC 3264, 8829, 9143, 8839, 8842). Pure: certificate, addresses and random numbers are given.
//!
//! Every line of an answer is one that the offer has asked for, and what cannot connect is refused in words.

mod codec;
mod offer;
mod write;

use super::identity::{Fingerprint, Identity};
use codec::{Audio, Video};
use offer::{Direction, Offer, Section};
use std::net::SocketAddr;

pub use offer::{CANDIDATES_MAX, LINES_MAX, OFFER_BYTES_MAX, SECTIONS_MAX};
pub(super) use write::NAME;

/// What only this connection may have; all of it from a cryptographic source.
#[derive(Clone)]
pub struct Secrets {
    /// ICE user name fragment, 4 to 256 characters of RFC 8445's alphabet. Also the key by which
    /// datagrams find their peer.
    pub ufrag: String,
    /// ICE password, 22 to 256 characters of that alphabet.
    pub password: String,
    /// SSRC of the video and of its retransmissions; they differ.
    pub ssrcs: [u32; 2],
    /// First RTP sequence number.
    pub sequence: u16,
    /// First RTP timestamp.
    pub timestamp: u32,
    /// ICE tie-breaker of our own checks (RFC 8445, section 16.1).
    pub tie_breaker: u64,
}

/// What an answer has settled: plain data, from which a transport is built on the thread that owns it.
#[derive(Clone)]
pub struct Terms {
    /// What was chosen for this connection.
    pub secrets: Secrets,
    pub(super) remote_ufrag: String,
    pub(super) remote_password: String,
    /// Any of which the viewer's certificate has to match.
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) role: DtlsRole,
    /// Where an ice-lite viewer, which asks nothing itself, is to be found. Empty for all others.
    pub(super) lite: Vec<SocketAddr>,
    pub(super) media: Media,
}

/// Our part in the DTLS handshake (RFC 8842, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DtlsRole {
    /// The viewer says ClientHello.
    Server,
    /// We do: its offer was `setup:passive`.
    Client,
}

/// How media is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// Whether the viewer wants any.
    pub sends: bool,
    pub payload_type: u8,
    /// Payload type of retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// Ids of header extensions (RFC 8285), 1 to 14.
    pub transport_wide: Option<u8>,
    pub capture_time: Option<u8>,
}

/// Why an offer is refused, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// It is too large.
    #[error("the offer has {0} bytes: {OFFER_BYTES_MAX} are the most that is read")]
    TooLarge(usize),
    /// It is no session description.
    #[error("the offer is no session description (RFC 8866): {0}")]
    Malformed(String),
    /// More lines than anybody needs.
    #[error("the offer has more than {LINES_MAX} lines")]
    TooManyLines,
    /// More sections than anybody needs.
    #[error("the offer has more than {SECTIONS_MAX} media sections")]
    TooManySections,
    /// More candidates than anybody needs.
    #[error("the offer has more than {CANDIDATES_MAX} candidates")]
    TooManyCandidates,
    /// Nothing to send to.
    #[error(
        "the offer has no video section: add one that receives, addTransceiver(\"video\", {{direction: \"recvonly\"}})"
    )]
    NoVideo,
    /// It wants to publish.
    #[error("the offer only sends video (as for WHIP), and this is where video is watched: offer recvonly")]
    Publishes,
    /// No H.264.
    #[error(
        "this browser offers no H.264, the only video that this server has: Firefox gets it by itself (its OpenH264 \
         plug-in) some minutes after its first start with a network; Chromium without it needs another build, or Chrome"
    )]
    NoH264,
    /// Only H.264 in packets of whole NAL units.
    #[error(
        "the offer has H.264 with packetization-mode=0 only, in which a picture's parts must fit into single packets: \
         offer packetization-mode=1"
    )]
    SingleUnitsOnly,
    /// RTP and RTCP on two ports.
    #[error("the offer has no a=rtcp-mux for its video: RTP and RTCP share one port here, offer it (RFC 5761)")]
    NoRtcpMux,
    /// The video is bundled onto a section that we cannot accept.
    #[error(
        "the offer bundles its video onto a section of {0:?}, which cannot be accepted: put audio or video first, or \
         use bundlePolicy \"balanced\""
    )]
    BundledOnto(String),
    /// No or bad `a=ice-ufrag` and `a=ice-pwd`.
    #[error(
        "the offer has no ICE credentials that can be used: a=ice-ufrag of 4 and a=ice-pwd of 22 characters or more"
    )]
    NoIceCredentials,
    /// `a=ice-lite` without an address.
    #[error("the offer is ice-lite and names no UDP candidate: somebody has to ask first, and nobody could")]
    NoLiteCandidate,
    /// No certificate to check.
    #[error("the offer has no a=fingerprint of sha-256, sha-384 or sha-512: its DTLS certificate cannot be checked")]
    NoFingerprint,
    /// `a=setup:holdconn`, or something unheard of.
    #[error("the offer has a=setup:{0}, with which no connection can be made: offer actpass")]
    BadSetup(String),
    /// A restart that is more than a restart.
    #[error("the new offer changes more than the ICE credentials of this connection ({0}): make a new connection")]
    Changed(&'static str),
    /// Our own side cannot.
    #[error("no connection can be made: {0}")]
    Internal(String),
}

/// Answers an offer. `addresses` are where viewers can reach us, the best first; there must be at least one.
///
/// # Errors
///
/// What the offer lacks, and what helps.
pub fn answer(
    offer: &str,
    identity: &Identity,
    addresses: &[SocketAddr],
    secrets: Secrets,
) -> Result<(String, Terms), OfferError> {
    answer_version(offer, identity, addresses, secrets, 1, None)
}

/// Answers an offer for a connection that there is already. `version` counts our descriptions of it (RFC 8866, section
/// 5.2), `role` is ours in its handshake and stays (RFC 8842, section 5.3).
pub(super) fn answer_again(
    offer: &str,
    identity: &Identity,
    addresses: &[SocketAddr],
    secrets: Secrets,
    version: u32,
    role: DtlsRole,
) -> Result<(String, Terms), OfferError> {
    answer_version(offer, identity, addresses, secrets, version, Some(role))
}

fn answer_version(
    offer: &str,
    identity: &Identity,
    addresses: &[SocketAddr],
    secrets: Secrets,
    version: u32,
    former: Option<DtlsRole>,
) -> Result<(String, Terms), OfferError> {
    if addresses.is_empty() {
        return Err(OfferError::Internal("no local address".into()));
    }
    let offer = Offer::read(offer)?;
    let plan = Plan::make(&offer)?;
    let section = plan.video.0;
    if !offer.has(section, "rtcp-mux") {
        return Err(OfferError::NoRtcpMux);
    }
    let (remote_ufrag, remote_password) = offer.credentials(section).ok_or(OfferError::NoIceCredentials)?;
    let fingerprints = Fingerprint::strongest(offer.values(section, "fingerprint"));
    if fingerprints.is_empty() {
        return Err(OfferError::NoFingerprint);
    }
    let role = match offer.value(section, "setup").map_or("active", str::trim) {
        "actpass" => former.unwrap_or(DtlsRole::Server),
        "active" => DtlsRole::Server,
        "passive" => DtlsRole::Client,
        other => return Err(OfferError::BadSetup(other.chars().take(20).collect())),
    };
    if former.is_some_and(|former| former != role) {
        return Err(OfferError::Changed("who begins its DTLS handshake"));
    }
    let lite = if offer.is_lite() { offer.candidates(section) } else { vec![] };
    if offer.is_lite() && lite.is_empty() {
        return Err(OfferError::NoLiteCandidate);
    }
    let media = Media {
        sends: plan.video.1.direction.receives(),
        payload_type: plan.video.1.payload_type,
        rtx: plan.video.1.rtx,
        transport_wide: plan.video.1.transport_wide.map(|extension| extension.id),
        capture_time: plan.video.1.capture_time.map(|extension| extension.id),
    };
    let terms = Terms {
        remote_ufrag: remote_ufrag.to_owned(),
        remote_password: remote_password.to_owned(),
        fingerprints,
        role,
        lite,
        media,
        secrets,
    };
    let answer = write::answer(&offer, &plan, &terms, identity.fingerprint(), addresses, version);
    Ok((answer, terms))
}

/// What becomes of each section.
struct Plan<'a> {
    /// In the order of the offer.
    fates: Vec<Fate<'a>>,
    video: (Section<'a>, Video<'a>),
}

enum Fate<'a> {
    Video,
    Audio(Audio<'a>),
    Refused,
}

impl<'a> Plan<'a> {
    fn make(offer: &'a Offer) -> Result<Self, OfferError> {
        let (section, video) = Self::video(offer)?;
        let tagged = offer.tagged(section).filter(|tagged| tagged.index != section.index);
        let fates = offer
            .sections()
            .map(|other| {
                if other.index == section.index {
                    return Fate::Video;
                }
                // There is one transport: what is not bundled with the video has none.
                if other.kind() != "audio" || !other.is_offered() || !offer.are_bundled(section, other) {
                    return Fate::Refused;
                }
                let carries_video =
                    tagged.is_some_and(|tagged| tagged.index == other.index) && section.is_bundle_only();
                Audio::choose(other, carries_video).map_or(Fate::Refused, Fate::Audio)
            })
            .collect::<Vec<_>>();
        if let Some(tagged) = tagged
            && section.is_bundle_only()
            && matches!(fates.get(tagged.index), Some(Fate::Refused))
        {
            return Err(OfferError::BundledOnto(tagged.kind().chars().take(20).collect()));
        }
        Ok(Self { fates, video: (section, video) })
    }

    /// The section that will have our video: the first that receives, else the first that is inactive.
    fn video(offer: &'a Offer) -> Result<(Section<'a>, Video<'a>), OfferError> {
        let mut why = OfferError::NoVideo;
        let mut inactive = None;
        for section in offer.sections().filter(|section| section.kind() == "video" && section.is_offered()) {
            let direction = offer.direction(section);
            if direction == Direction::SendOnly {
                why = OfferError::Publishes;
                continue;
            }
            match Video::choose(section, direction) {
                Ok(video) if direction.receives() => return Ok((section, video)),
                Ok(video) => _ = inactive.get_or_insert((section, video)),
                Err(error) => why = error,
            }
        }
        inactive.ok_or(why)
    }
}

/// The ICE credentials of a restart by fragment (RFC 8840, section 9): user name fragment and password.
pub(super) fn fragment_credentials(fragment: &str) -> Result<(&str, &str), OfferError> {
    if fragment.len() > OFFER_BYTES_MAX {
        return Err(OfferError::TooLarge(fragment.len()));
    }
    let value = |key: &str| fragment.lines().find_map(|line| line.trim_end().strip_prefix(key));
    let found = value("a=ice-ufrag:").zip(value("a=ice-pwd:"));
    found.filter(|(ufrag, password)| offer::are_credentials(ufrag, password)).ok_or(OfferError::NoIceCredentials)
}

/// The answer to such a fragment: our own credentials, and where we are.
pub(super) fn fragment(offer: &str, ufrag: &str, password: &str, addresses: &[SocketAddr]) -> String {
    write::fragment(offer, ufrag, password, addresses)
}
