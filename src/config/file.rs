//! The configuration as it is written: one struct a section, nothing checked but the types.

use super::ice_servers::Written as IceServer;
use crate::capture::setting::Setting;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub server: Server,
    #[serde(default)]
    pub webrtc: Webrtc,
    #[serde(default)]
    pub departure: Departure,
    #[serde(default)]
    pub discovery: Discovery,
    #[serde(default)]
    pub supervision: Supervision,
    #[serde(default)]
    pub retry: Retry,
    #[serde(default)]
    pub access: Access,
    #[serde(default)]
    pub tls: Tls,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub debug: Debug,
    #[serde(default)]
    pub camera: Vec<Spanned<Camera>>,
    #[serde(default)]
    pub stream: Vec<Spanned<Stream>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub listen: Option<Spanned<String>>,
    pub allowed_origins: Option<Vec<Spanned<String>>>,
    pub max_viewers: Option<Spanned<i64>>,
    pub max_viewers_per_address: Option<Spanned<i64>>,
    pub trusted_proxies: Option<Vec<Spanned<String>>>,
    pub sandbox: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webrtc {
    pub listen: Option<Spanned<String>>,
    pub public_addresses: Option<Vec<Spanned<String>>>,
    pub ice_servers: Option<Vec<Spanned<IceServer>>>,
    pub media_threads: Option<Spanned<i64>>,
    #[serde(default)]
    pub ice: Ice,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ice {
    pub profile: Option<Spanned<String>>,
    pub disconnected_timeout: Option<Spanned<String>>,
    pub failed_timeout: Option<Spanned<String>>,
    pub keepalive_interval: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Departure {
    pub profile: Option<Spanned<String>>,
    pub patience: Option<Spanned<f64>>,
    pub away_after: Option<Spanned<String>>,
    pub away_for: Option<Spanned<String>>,
    pub probes: Option<Spanned<i64>>,
    pub connect_timeout: Option<Spanned<String>>,
    pub first_packet_timeout: Option<Spanned<String>>,
    pub eager: Option<bool>,
    pub hidden_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Discovery {
    pub v4l2: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Supervision {
    pub restarts: Option<Spanned<i64>>,
    pub period: Option<Spanned<String>>,
    pub frozen_after: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    pub strategy: Option<Spanned<String>>,
    pub initial: Option<Spanned<String>>,
    pub factor: Option<Spanned<f64>>,
    pub max: Option<Spanned<String>>,
    pub jitter: Option<Spanned<f64>>,
    pub reset_after: Option<Spanned<String>>,
    pub tries: Option<Spanned<i64>>,
    pub max_attempts: Option<Spanned<i64>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    pub open: Option<bool>,
    pub hosts: Option<Vec<Spanned<String>>>,
    pub session_for: Option<Spanned<String>>,
    pub link_key: Option<Spanned<String>>,
    #[serde(default)]
    pub user: Vec<User>,
    #[serde(default)]
    pub token: Vec<Token>,
}

/// There are secrets in it.
impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(…)")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub name: Spanned<String>,
    pub password: Spanned<String>,
    pub view: Option<Vec<Spanned<String>>>,
    pub control: Option<bool>,
    pub admin: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub name: Spanned<String>,
    pub hash: Spanned<String>,
    pub view: Option<Vec<Spanned<String>>>,
    pub control: Option<bool>,
    pub admin: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub connections_per_address: Option<Spanned<i64>>,
    pub websockets: Option<Spanned<i64>>,
    pub websockets_per_address: Option<Spanned<i64>>,
    pub offers_per_second: Option<Spanned<i64>>,
    pub silent_websocket: Option<Spanned<String>>,
    pub request_timeout: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub certificate: Option<Spanned<String>>,
    pub key: Option<Spanned<String>>,
    pub acme: Option<Acme>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acme {
    pub names: Spanned<Vec<Spanned<String>>>,
    pub contact: Option<Spanned<String>>,
    pub folder: Spanned<String>,
    pub directory: Option<Spanned<String>>,
    pub roots: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Debug {
    pub allow_kill: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Camera {
    pub id: Spanned<String>,
    pub source: Spanned<String>,
    pub size: Option<Spanned<Vec<i64>>>,
    pub fps: Option<Spanned<i64>>,
    pub format: Option<Spanned<String>>,
    pub exclusive_group: Option<Spanned<String>>,
    pub pause_on_suspicion: Option<bool>,
    pub stall_timeout: Option<Spanned<String>>,
    pub controls: Option<Spanned<BTreeMap<String, Setting>>>,
    #[serde(default)]
    pub retry: Retry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stream {
    pub id: Spanned<String>,
    pub camera: Spanned<String>,
    pub size: Option<Spanned<Vec<i64>>>,
    pub fps: Option<Spanned<i64>>,
    pub bitrate: Option<Spanned<i64>>,
    pub adaptive_bitrate: Option<bool>,
    pub min_bitrate: Option<Spanned<i64>>,
    pub small_rendition: Option<bool>,
}
