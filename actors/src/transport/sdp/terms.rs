//! What offer and answer have settled.

use crate::transport::identity::Fingerprint;
use std::net::SocketAddr;

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
    pub(in crate::transport) remote_ufrag: String,
    pub(in crate::transport) remote_password: String,
    /// Any of which the viewer's certificate has to match.
    pub(in crate::transport) fingerprints: Vec<Fingerprint>,
    pub(in crate::transport) role: DtlsRole,
    /// Where an ice-lite viewer, which asks nothing itself, is to be found. Empty for all others.
    pub(in crate::transport) lite: Vec<SocketAddr>,
    pub(in crate::transport) media: Media,
}

/// Our part in the DTLS handshake (RFC 8842, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum DtlsRole {
    /// The viewer says ClientHello.
    Server,
    /// We do: its offer was `setup:passive`.
    Client,
}

/// How media is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::transport) struct Media {
    /// Whether the viewer wants any.
    pub sends: bool,
    pub payload_type: u8,
    /// Payload type of retransmissions (RFC 4588).
    pub rtx: Option<u8>,
    /// Ids of header extensions (RFC 8285), 1 to 14.
    pub transport_wide: Option<u8>,
    pub capture_time: Option<u8>,
}
