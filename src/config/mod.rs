//! The configuration: read from TOML, checked as a whole, and complete with its defaults.
//!
//! [`file`] is what may be written, this module what it means. Nothing is started before all of
//! it is right.

mod access;
pub mod departure;
mod error;
mod file;
mod ice_servers;
mod limits;
mod listen;
mod retry;
mod setting;
mod source;
mod stream;
mod supervision;
mod tls;
mod values;

pub use departure::Departure;
pub use error::ConfigError;
pub use ice_servers::{IceServer, Login};
pub use limits::Limits;
pub use listen::Listen;
pub use setting::Setting;
pub use source::Source;
pub use stream::Stream;

use crate::access::accounts::Accounts;
use crate::capture::identity::Identity;
use crate::tls::Origin;
use file::{Camera as CameraEntry, File, Ice, Retry};
use lenscap_actors::retry::Policy;
use lenscap_actors::root::Supervision;
use lenscap_actors::transport::IceTimeouts;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;
pub use values::check_id;
use values::{check_origin, pixel_format, public_address};

/// The configuration that runs without a file; also the documentation of every key.
pub const DEFAULTS: &str = include_str!("../../config.toml");

/// ICE needs this much more than a keepalive interval, or healthy connections flap.
const ICE_MARGIN: Duration = Duration::from_millis(200);

/// More threads than this serve nobody.
const MEDIA_THREADS_MAX: i64 = 64;

/// Longer than any healthy camera takes for its first picture.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(5);

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

/// A camera to be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name.
    pub id: String,
    /// Where its pictures come from.
    pub source: Source,
    /// Width and height asked of the device, in pixels.
    pub size: Option<[u32; 2]>,
    /// Frames a second asked of the device.
    pub fps: Option<u32>,
    /// Pixel format asked of the device.
    pub format: PixelFormat,
    /// Of the cameras of one group only one is open at a time.
    pub exclusive_group: Option<String>,
    /// Whether it is closed when all its viewers are suspect.
    pub pause_on_suspicion: bool,
    /// An open device that gives no picture for so long has stalled.
    pub stall_timeout: Duration,
    /// What is set at every open.
    pub controls: BTreeMap<String, Setting>,
    /// When its device and its encoders are tried again.
    pub retry: Policy,
}

/// Pixel formats of V4L2 cameras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PixelFormat {
    /// The cheapest the device has.
    #[default]
    Auto,
    /// H.264, encoded by the camera.
    H264,
    /// Motion JPEG.
    Mjpeg,
    /// YUYV 4:2:2.
    Yuyv,
    /// NV12 4:2:0.
    Nv12,
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
            let holds_secrets = ["access", "webrtc.ice_servers"].iter().any(|section| mistake.key.starts_with(section));
            match holds_secrets {
                true => ConfigError { message: without_values(&mistake.message), ..mistake },
                false => mistake,
            }
        })?;
        reader.config(raw)
    }
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

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

type Checked<T> = Result<T, ConfigError>;

impl Reader<'_> {
    fn error(&self, offset: usize, message: String) -> ConfigError {
        let (line, key) = error::locate(self.text, offset);
        ConfigError { file: self.file.to_owned(), line: Some(line), key, message }
    }

    fn at<T, V>(&self, value: &Spanned<T>, result: Result<V, String>) -> Checked<V> {
        result.map_err(|message| self.error(value.span().start, message))
    }

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

    fn address(&self, value: Option<&Spanned<String>>, default: &str) -> Checked<SocketAddr> {
        let text = value.map_or(default, |value| value.get_ref());
        let parsed = text.parse().map_err(|_| {
            format!("{text:?} is no address: expected an IP address and a port, like {default:?} or \"[::]:8080\"")
        });
        match value {
            Some(value) => self.at(value, parsed),
            None => parsed.map_err(|message| self.error(0, message)),
        }
    }

    fn number(&self, value: &Spanned<i64>, min: i64, max: i64) -> Checked<i64> {
        let number = *value.get_ref();
        let fits = (min..=max).contains(&number);
        self.at(value, fits.then_some(number).ok_or(format!("{number} is out of range: expected {min} to {max}")))
    }

    fn duration(&self, value: &Spanned<String>) -> Checked<Duration> {
        let text = value.get_ref();
        let parsed = humantime::parse_duration(text)
            .map_err(|_| format!("{text:?} is no duration: expected one like \"250ms\" or \"2s\""));
        self.at(value, parsed)
    }

    fn duration_between(&self, value: &Spanned<String>, [min, max]: [Duration; 2]) -> Checked<Duration> {
        let duration = self.duration(value)?;
        let [least, most] = [min, max].map(humantime::format_duration);
        let message = format!("{} is out of range: expected {least} to {most}", value.get_ref());
        self.at(value, (min..=max).contains(&duration).then_some(duration).ok_or(message))
    }

    fn ice(&self, ice: &Ice) -> Checked<IceTimeouts> {
        let times = |disconnected, failed, keepalive| IceTimeouts {
            disconnected: Duration::from_millis(disconnected),
            failed: Duration::from_millis(failed),
            keepalive: Duration::from_millis(keepalive),
        };
        let given = [&ice.disconnected_timeout, &ice.failed_timeout, &ice.keepalive_interval];
        let profile = ice.profile.as_ref().map_or("production", |profile| profile.get_ref());
        match profile {
            "production" | "development" => {
                if let Some(stray) = given.into_iter().flatten().next() {
                    return Err(self.error(
                        stray.span().start,
                        format!("has no effect with the profile {profile:?}: expected profile = \"custom\" beside it"),
                    ));
                }
                Ok(if profile == "production" { times(5000, 25_000, 2000) } else { times(1000, 20_000, 250) })
            }
            "custom" => self.custom_ice(ice, given),
            other => {
                let offset = ice.profile.as_ref().map_or(0, |profile| profile.span().start);
                let expected = "expected \"production\", \"development\" or \"custom\"";
                Err(self.error(offset, format!("{other:?} is no profile: {expected}")))
            }
        }
    }

    fn custom_ice(&self, ice: &Ice, given: [&Option<Spanned<String>>; 3]) -> Checked<IceTimeouts> {
        let [Some(disconnected), Some(failed), Some(keepalive)] = given else {
            let offset = ice.profile.as_ref().map_or(0, |profile| profile.span().start);
            let message = "\"custom\" needs disconnected_timeout, failed_timeout and keepalive_interval beside it";
            return Err(self.error(offset, message.to_owned()));
        };
        let timeouts = IceTimeouts {
            disconnected: self.duration(disconnected)?,
            failed: self.duration(failed)?,
            keepalive: self.duration(keepalive)?,
        };
        if timeouts.keepalive < Duration::from_millis(50) {
            let message = "is too short: expected 50ms or more, for each is a packet to every viewer";
            return Err(self.error(keepalive.span().start, message.to_owned()));
        }
        if timeouts.disconnected <= timeouts.keepalive + ICE_MARGIN {
            let message = format!(
                "{:?} would throw out healthy viewers: ICE hears from them once in keepalive_interval ({:?}) and a \
                 round trip later, so expected more than {:?}",
                timeouts.disconnected,
                timeouts.keepalive,
                timeouts.keepalive + ICE_MARGIN
            );
            return Err(self.error(disconnected.span().start, message));
        }
        if timeouts.failed < Duration::from_secs(10) {
            let message = "is too short: expected 10s or more, for it bounds connecting, too";
            return Err(self.error(failed.span().start, message.to_owned()));
        }
        Ok(timeouts)
    }

    fn cameras(&self, raw: &[Spanned<CameraEntry>], retry: &Retry) -> Checked<Vec<Camera>> {
        let mut cameras: Vec<Camera> = vec![];
        let mut ids = BTreeMap::new();
        let mut devices: BTreeMap<PathBuf, String> = BTreeMap::new();
        for entry in raw {
            let entry = entry.get_ref();
            let id = self.at(&entry.id, check_id(entry.id.get_ref()))?;
            self.unique(&mut ids, &entry.id, "camera")?;
            let source: Source = self.at(&entry.source, entry.source.get_ref().parse())?;
            if let Source::V4l2(identity) = &source {
                let device = match identity {
                    Identity::Path(path) => std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
                    Identity::Usb(usb) => usb.to_string().into(),
                };
                if let Some(other) = devices.insert(device, id.clone()) {
                    let message = format!("is the device of camera {other:?} already: expected a camera to a device");
                    return Err(self.error(entry.source.span().start, message));
                }
            }
            let format = match &entry.format {
                None => PixelFormat::Auto,
                Some(format) => self.at(format, pixel_format(format.get_ref(), &source))?,
            };
            if let (Source::Exec(_), Some(size)) = (&source, &entry.size) {
                let message = "has no effect on \"exec\": the command decides".to_owned();
                return Err(self.error(size.span().start, message));
            }
            let is_v4l2 = matches!(source, Source::V4l2(_));
            for (offset, has_effect, kinds) in [
                (
                    entry.stall_timeout.as_ref().map(|value| value.span().start),
                    !matches!(source, Source::Test(_)),
                    "\"v4l2:\", \"usb:\" and \"exec:\"",
                ),
                (entry.controls.as_ref().map(|value| value.span().start), is_v4l2, "\"v4l2:\" and \"usb:\""),
            ] {
                if let (false, Some(offset)) = (has_effect, offset) {
                    return Err(self.error(offset, format!("has an effect on {kinds} cameras only")));
                }
            }
            let exclusive_group = match &entry.exclusive_group {
                None => None,
                Some(group) => Some(self.at(group, check_id(group.get_ref()))?),
            };
            cameras.push(Camera {
                id,
                source,
                size: self.size(entry.size.as_ref())?,
                fps: self.fps(entry.fps.as_ref())?,
                format,
                exclusive_group,
                pause_on_suspicion: entry.pause_on_suspicion.unwrap_or(true),
                stall_timeout: self.stall_timeout(entry.stall_timeout.as_ref())?,
                controls: entry.controls.as_ref().map(|controls| controls.get_ref().clone()).unwrap_or_default(),
                retry: self.retry(&entry.retry, retry)?,
            });
        }
        Ok(cameras)
    }

    fn stall_timeout(&self, value: Option<&Spanned<String>>) -> Checked<Duration> {
        let Some(value) = value else { return Ok(STALL_TIMEOUT) };
        let timeout = self.duration(value)?;
        let fits = timeout >= Duration::from_millis(500);
        let message = "is too short: expected 500ms or more, for cameras need time for a first picture".to_owned();
        self.at(value, fits.then_some(timeout).ok_or(message))
    }

    fn unique(&self, seen: &mut BTreeMap<String, usize>, id: &Spanned<String>, what: &str) -> Checked<()> {
        let (line, _) = error::locate(self.text, id.span().start);
        match seen.insert(id.get_ref().clone(), line) {
            None => Ok(()),
            Some(first) => {
                let message =
                    format!("there is a {what} {:?} in line {first} already: expected another name", id.get_ref());
                Err(self.error(id.span().start, message))
            }
        }
    }

    fn size(&self, value: Option<&Spanned<Vec<i64>>>) -> Checked<Option<[u32; 2]>> {
        let Some(value) = value else { return Ok(None) };
        let fits = |side: i64| (16..=8192).contains(&side) && side % 2 == 0;
        let size = match value.get_ref()[..] {
            [width, height] if fits(width) && fits(height) => Ok(Some([width as u32, height as u32])),
            _ => Err("is no size: expected [width, height], both even and 16 to 8192".to_owned()),
        };
        self.at(value, size)
    }

    fn fps(&self, value: Option<&Spanned<i64>>) -> Checked<Option<u32>> {
        value.map(|value| self.number(value, 1, 240).map(|fps| fps as u32)).transpose()
    }
}

impl Camera {
    /// A camera of which nothing else is said.
    pub fn of(id: &str, source: Source) -> Self {
        Self {
            id: id.to_owned(),
            source,
            size: None,
            fps: None,
            format: PixelFormat::Auto,
            exclusive_group: None,
            pause_on_suspicion: true,
            stall_timeout: STALL_TIMEOUT,
            controls: BTreeMap::new(),
            retry: Policy::default(),
        }
    }
}

#[cfg(test)]
mod tests;
