//! What an offer lacks, in words for who makes it.

use super::limits::{CANDIDATES_MAX, LINES_MAX, OFFER_BYTES_MAX, SECTIONS_MAX};

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
