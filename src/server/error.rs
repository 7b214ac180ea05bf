//! Why the server cannot go on.

use crate::broker::process::NAME;
use crate::config::Listen;
use crate::tls::TlsError;
use lenscap_actors::supervisor::spec::ExitReason;
use lenscap_actors::transport::TransportError;
use std::io;
use std::net::SocketAddr;

/// Why the server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The HTTP address is not to be had.
    #[error("{address} (server.listen) cannot be used for HTTP: {error}")]
    Http {
        /// The address, or the socket file.
        address: Listen,
        /// What the system says.
        error: io::Error,
    },
    /// The UDP address is not to be had.
    #[error("{address} (webrtc.listen) cannot be used for video: {error}")]
    Udp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The UDP socket failed.
    #[error("the UDP socket failed: {0}")]
    UdpFailed(String),
    /// The actors fail again and again.
    #[error("the server gives up: {0}; what led to it is in the log")]
    GivenUp(ExitReason),
    /// There is no certificate for HTTPS.
    #[error("HTTPS ([tls]) is not possible: {0}")]
    Tls(#[from] TlsError),
    /// No certificate could be made.
    #[error(transparent)]
    Certificate(#[from] TransportError),
    /// The process that starts programs ended.
    #[error("the broker ({NAME}) has ended, without which no program can be started: lenscap has to be started again")]
    BrokerEnded,
    /// The system refused something else.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}
