//! The configuration: read from TOML, checked as a whole, and complete with its defaults.
//!
//! [`file`] is what may be written, this module what it means. Nothing is started before all of
//! it is right.

mod access;
mod camera;
pub mod departure;
mod error;
mod file;
mod ice;
mod ice_servers;
mod limits;
mod listen;
mod reader;
mod retry;
mod source;
mod stream;
mod supervision;
mod tls;
mod values;

pub use camera::{Camera, STALL_TIMEOUT, of_one_device};
pub use departure::Departure;
pub use error::ConfigError;
pub use ice_servers::{IceServer, Login};
pub use limits::Limits;
pub use listen::Listen;
pub use source::Source;
pub use stream::Stream;
pub use values::check_id;

use crate::access::accounts::Accounts;
use crate::tls::Origin;
use file::{File, Retry};
use lenscap_actors::retry::Policy;
use lenscap_actors::root::Supervision;
use lenscap_actors::transport::IceTimeouts;
use reader::{Checked, Reader};
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use values::{check_origin, public_address};

/// The configuration that runs without a file; also the documentation of every key.
pub const DEFAULTS: &str = include_str!("../config.toml");

/// More threads than this serve nobody.
const MEDIA_THREADS_MAX: i64 = 64;

/// Everything lenscap can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is served.
    pub listen: Listen,
    /// Origins besides our own that may connect, like `https://house.example`.
    pub allowed_origins: Vec<String>,
    /// The most viewers at a time.
    pub max_viewers: usize,
    /// The most of them that come from one address.
    pub max_viewers_per_address: usize,
    /// Whether the server confines itself to what it needs.
    pub sandbox: bool,
    /// Who is believed when it says from where a request comes.
    pub trusted_proxies: Vec<IpAddr>,
    /// The UDP port for all viewers.
    pub webrtc_listen: SocketAddr,
    /// More addresses under which viewers reach it.
    pub public_addresses: Vec<SocketAddr>,
    /// STUN and TURN servers that players are told of.
    pub ice_servers: Vec<IceServer>,
    /// Threads that viewers are spread over.
    pub media_threads: usize,
    /// ICE's own time-outs.
    pub ice: IceTimeouts,
    /// When a viewer counts as gone.
    pub departure: Departure,
    /// Whether V4L2 cameras that are not configured are added.
    pub discover_v4l2: bool,
    /// What to do about actors that fail.
    pub supervision: Supervision,
    /// When a camera that says nothing else is tried again.
    pub retry: Policy,
    /// Who may come.
    pub access: Accounts,
    /// How much visitors may take.
    pub limits: Limits,
    /// The certificate, if HTTPS is spoken.
    pub tls: Option<Origin>,
    /// Whether actors may be killed by HTTP, for drills.
    pub allow_kill: bool,
    /// The cameras, in the order of the file.
    pub cameras: Vec<Camera>,
    /// The streams; each camera has at least one.
    pub streams: Vec<Stream>,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::read(path, std::fs::File::open(path))
    }

    /// The same from a file that somebody else has opened, if they could.
    pub fn read(path: &Path, opened: io::Result<impl Read>) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text = opened.and_then(io::read_to_string).map_err(|error| ConfigError {
            file: file.clone(),
            line: None,
            key: String::new(),
            message: format!("cannot be read: {error}"),
        })?;
        Self::parse(&file, &text)
    }

    /// The embedded defaults.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::parse("(defaults)", DEFAULTS)
    }

    /// Reads and checks a text; `file` is its name for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let reader = Reader { file, text };
        let raw: File = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let mistake = reader.error(offset, error.message().to_owned());
            match error.span().is_none() || may_hold_secrets(&mistake.key) {
                true => ConfigError { message: without_values(&mistake.message), ..mistake },
                false => mistake,
            }
        })?;
        reader.config(raw)
    }
}

/// Whether a secret can stand at this key, or in what is within it.
fn may_hold_secrets(key: &str) -> bool {
    const SECRETS: [&str; 2] = ["access", "webrtc.ice_servers"];
    let is_in = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| matches!(rest.chars().next(), None | Some('.')))
    };
    SECRETS.iter().any(|secret| is_in(secret, key) || is_in(key, secret))
}

/// The words of a TOML error without what they repeat of the file, except for the names of keys.
fn without_values(message: &str) -> String {
    if ["unknown field", "missing field", "duplicate"].iter().any(|start| message.starts_with(start)) {
        return message.to_owned();
    }
    match message.split_once(", expected ") {
        Some((_, expected)) => format!("is of another kind: expected {expected}"),
        None => "cannot be read: expected a value in TOML".to_owned(),
    }
}

impl Reader<'_> {
    fn config(&self, raw: File) -> Checked<Config> {
        let server = &raw.server;
        let listen = match &server.listen {
            Some(value) => self.at(value, value.get_ref().parse())?,
            None => listen::USUAL.parse().map_err(|message| self.error(0, message))?,
        };
        let mut allowed_origins = vec![];
        for origin in server.allowed_origins.iter().flatten() {
            allowed_origins.push(self.at(origin, check_origin(origin.get_ref()))?);
        }
        let max_viewers = match &server.max_viewers {
            Some(value) => self.number(value, 1, 10_000)? as usize,
            None => 100,
        };
        let max_viewers_per_address = match &server.max_viewers_per_address {
            Some(value) => self.number(value, 1, 10_000)? as usize,
            None => max_viewers,
        };
        let mut trusted_proxies = vec![];
        for proxy in server.trusted_proxies.iter().flatten() {
            let address = proxy.get_ref().parse::<IpAddr>();
            let address = address.map_err(|_| "is no address: expected one like \"127.0.0.1\"".to_owned());
            trusted_proxies.push(self.at(proxy, address)?.to_canonical());
        }
        let tls = self.tls(&raw.tls, &listen)?;
        let certified = match &tls {
            Some(Origin::Acme(order)) => &order.names[..],
            Some(Origin::Files(_)) | None => &[],
        };
        let access = self.access(&raw.access, certified)?;
        self.is_meant(&access, &listen, server.listen.as_ref())?;
        let webrtc_listen = self.address(raw.webrtc.listen.as_ref(), "0.0.0.0:8555")?;
        let mut public_addresses = vec![];
        for address in raw.webrtc.public_addresses.iter().flatten() {
            public_addresses.push(self.at(address, public_address(address.get_ref(), webrtc_listen.port()))?);
        }
        let ice_servers = self.ice_servers(raw.webrtc.ice_servers.as_deref().unwrap_or_default())?;
        let media_threads = match &raw.webrtc.media_threads {
            Some(value) => self.number(value, 1, MEDIA_THREADS_MAX)? as usize,
            None => std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MEDIA_THREADS_MAX as usize)),
        };
        let ice = self.ice(&raw.webrtc.ice)?;
        let retry = self.retry(&Retry::default(), &raw.retry)?;
        let cameras = self.cameras(&raw.camera, &raw.retry)?;
        let streams = self.streams(&raw.stream, &cameras)?;
        Ok(Config {
            listen,
            allowed_origins,
            max_viewers,
            max_viewers_per_address,
            trusted_proxies,
            webrtc_listen,
            public_addresses,
            ice_servers,
            media_threads,
            departure: self.departure(&raw.departure)?,
            ice,
            discover_v4l2: raw.discovery.v4l2.unwrap_or(true),
            supervision: self.supervision(&raw.supervision)?,
            retry,
            access,
            limits: self.limits(&raw.limits)?,
            tls,
            sandbox: server.sandbox.unwrap_or(true),
            allow_kill: raw.debug.allow_kill.unwrap_or(false),
            cameras,
            streams,
        })
    }
}

#[cfg(test)]
mod tests;
