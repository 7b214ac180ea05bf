//! Why there is nothing to report, in words that say where to look.

use crate::tls::TlsError;
use serde_json::json;
use std::time::Duration;

/// No frame came. The variants are in the order of the steps.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// This machine cannot even begin.
    #[error("this machine cannot open a connection: {0}")]
    Here(String),
    /// The certificates that are to be trusted are not to be had.
    #[error("--trust: {0}")]
    Trust(#[from] TlsError),
    /// No HTTP answer came.
    #[error(
        "HTTP: no answer from the server: {0}; is lenscap running there, does server.listen let this machine in, and is its certificate one that is trusted (--trust)?"
    )]
    Unreachable(String),
    /// The server refused, in its own words.
    #[error("HTTP: the server refuses ({status}): {message}")]
    Refused {
        /// The status code of HTTP.
        status: u16,
        /// What it says about it.
        message: String,
    },
    /// What answered does not speak WHEP.
    #[error("HTTP: this is not how a WHEP server answers: {0}")]
    NotWhep(String),
    /// No pair of addresses works.
    #[error(
        "ICE: UDP does not get through to {addresses} within {patience:?}: look for a firewall, and for the outer address in webrtc.public_addresses"
    )]
    Ice {
        /// Where the server says it can be reached.
        addresses: String,
        /// How long was waited.
        patience: Duration,
    },
    /// Addresses work, encryption does not come about.
    #[error(
        "DTLS: UDP gets through, but no encrypted connection came about within {patience:?}: the server's log at RUST_LOG=debug says more"
    )]
    Dtls {
        /// How long was waited.
        patience: Duration,
    },
    /// Connected, and silent.
    #[error("media: connected, but no video came within {patience:?}: /debug says what the camera does")]
    NoMedia {
        /// How long was waited.
        patience: Duration,
    },
    /// Packets, but nothing that can be shown.
    #[error(
        "media: {packets} packets came within {patience:?} ({lost} were lost), but no whole keyframe: the camera sends none, or the network is too narrow"
    )]
    NoFrame {
        /// Packets that came.
        packets: u64,
        /// Packets that did not.
        lost: u64,
        /// How long was waited.
        patience: Duration,
    },
    /// Ended by a signal before there was a frame.
    #[error("told to stop before the first frame came")]
    Told,
}

impl ProbeError {
    /// Something that only concerns this machine.
    pub(super) fn here(error: impl std::fmt::Display) -> Self {
        Self::Here(error.to_string())
    }

    /// The step that failed: `local`, `http`, `ice`, `dtls`, `media` or `told`.
    pub fn step(&self) -> &'static str {
        match self {
            Self::Here(_) | Self::Trust(_) => "local",
            Self::Unreachable(_) | Self::Refused { .. } | Self::NotWhep(_) => "http",
            Self::Ice { .. } => "ice",
            Self::Dtls { .. } => "dtls",
            Self::NoMedia { .. } | Self::NoFrame { .. } => "media",
            Self::Told => "told",
        }
    }

    /// For programs: `{"error":{"step":"…","message":"…"}}`.
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "error": { "step": self.step(), "message": self.to_string() } })
    }
}
