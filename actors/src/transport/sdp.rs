//! Offer in, answer out (RFC 3264, 8829, 9143, 8839, 8842). Pure: certificate, addresses and random numbers are given.
//!
//! Every line of an answer is one that the offer has asked for, and what cannot connect is refused in words.

mod codec;
mod error;
mod limits;
mod offer;
mod selection;
mod terms;
mod write;

use super::identity::{Fingerprint, Identity};
use offer::Offer;
use selection::Selection;
use std::net::SocketAddr;

pub use error::OfferError;
pub use limits::{CANDIDATES_MAX, LINES_MAX, OFFER_BYTES_MAX, SECTIONS_MAX};
pub(super) use terms::{DtlsRole, Media};
pub use terms::{Secrets, Terms};
pub(super) use write::NAME;

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
    let selection = Selection::make(&offer)?;
    let (section, video) = &selection.video;
    let section = *section;
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
        sends: video.direction.receives(),
        payload_type: video.payload_type,
        rtx: video.rtx,
        transport_wide: video.transport_wide.map(|extension| extension.id),
        capture_time: video.capture_time.map(|extension| extension.id),
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
    let answer = write::answer(&offer, &selection, &terms, identity.fingerprint(), addresses, version);
    Ok((answer, terms))
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
