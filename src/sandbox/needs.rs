//! What the server needs of the system, by its configuration.

use crate::config::{Config, Listen, Source};
use crate::tls::Origin;
use std::path::PathBuf;

/// Names whose answers are long are asked for over TCP (RFC 7766).
const DNS: u16 = 53;

/// What the server needs of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// To open video devices, and to look for them.
    pub devices: bool,
    /// TCP ports to listen at; 0 is any.
    pub ports: Vec<u16>,
    /// TCP ports of others to call.
    pub calls: Vec<u16>,
    /// A folder to keep something in.
    pub folder: Option<PathBuf>,
}

impl Needs {
    /// Of a server with this configuration.
    pub fn of(config: &Config) -> Self {
        let has_device = config.cameras.iter().any(|camera| matches!(camera.source, Source::V4l2(_)));
        let ports = match config.listen {
            Listen::Tcp(address) => vec![address.port()],
            Listen::File(_) => vec![],
        };
        let order = match &config.tls {
            Some(Origin::Acme(order)) => Some(order),
            Some(Origin::Files(_)) | None => None,
        };
        Self {
            devices: config.discover_v4l2 || has_device,
            ports,
            calls: order.map(|order| order.ports().chain([DNS]).collect()).unwrap_or_default(),
            folder: order.map(|order| order.folder.clone()),
        }
    }
}
