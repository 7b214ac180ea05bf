//! The server as a whole: starts the actors, the socket and HTTP, and ends them in order.

mod ending;
mod error;
mod outside;
mod sources;
pub mod welcome;

pub use error::ServerError;

use crate::access::limits::{Limits, Open};
use crate::access::throttle::Throttle;
use crate::access::{Access, revocation};
use crate::broker::Broker;
use crate::capture::controls::Controls;
use crate::capture::devices;
use crate::capture::exec::processes::Processes;
use crate::capture::hotplug::Hotplug;
use crate::capture::identity::Identity;
use crate::codec::{Encoder, LastPictures};
use crate::config::{Camera, Config, Listen, Source, Stream, of_one_device};
use crate::descriptors;
use crate::http::debug;
use crate::http::streams::Feed;
use crate::http::{self, Site};
use crate::memory;
use crate::net::{self, Udp};
use crate::screen::{self, Progress};
use crate::systemd::{Pulse, Systemd};
use crate::tls::Https;
use actix::prelude::*;
use ending::Ending;
use lenscap_actors::clock::SystemClock;
use lenscap_actors::ports::Encode;
use lenscap_actors::root::{CameraSpec, Root, RootSpec, StreamSpec, Threads};
use lenscap_actors::shutdown::Budget;
use lenscap_actors::supervisor::spec::ExitReason;
use lenscap_actors::transport;
use outside::Outside;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use welcome::Welcome;

/// Serves until told to stop. When it is told to, it reads who may come from the file again.
pub fn run(config: Config, file: Option<PathBuf>) -> Result<(), ServerError> {
    // Before there is another thread: the sandbox holds for those that are started later.
    let outside = Outside::leave(&config, file.as_deref())?;
    let system = System::new();
    let result = system.block_on(serve(config, file, outside));
    // Its end would wait for threads that hang in a driver. The process is about to end, and that ends them.
    std::mem::forget(system);
    result
}

async fn serve(mut config: Config, file: Option<PathBuf>, outside: Outside) -> Result<(), ServerError> {
    let Outside { https, listener, broker, lifeline, confinement } = outside;
    let started = Instant::now();
    let tls = https.as_ref().map(Https::accept).transpose()?;
    let connections = descriptors::for_connections();
    if config.discover_v4l2 {
        discover(&mut config);
    }
    of_one_device(&config.cameras).iter().for_each(|words| log::warn!("cameras {words}"));
    let cameras = Arbiter::new();
    let media: Vec<Arbiter> = (0..config.media_threads).map(|_| Arbiter::new()).collect();
    for thread in &media {
        thread.spawn_fn(|| name_thread(c"media"));
    }
    cameras.spawn_fn(|| name_thread(c"cameras"));
    let (udp, _reading, udp_failed) = start_udp(config.webrtc_listen)?;
    let local = udp.local_addr()?;
    let identity = Arc::new(transport::Identity::generate()?);
    let threads = Threads {
        supervisors: Arbiter::current(),
        cameras: cameras.handle(),
        media: media.iter().map(Arbiter::handle).collect(),
    };
    let processes = Processes::new(broker.pid());
    let pictures = LastPictures::start()?;
    let (spec, controls) = root_spec(&config, &processes, &broker, &pictures);
    let (root, given_up) = Root::start(spec, threads, udp, Arc::new(SystemClock));
    actix_web::rt::spawn(memory::tidy(root.board.clone()));
    // Whoever comes with the first packet finds everything there.
    root.tree.until_started().await;
    let access = Arc::new(Access::new(config.access.clone()));
    let streams = Feed::new(pictures.clone());
    let looking = streams.clone().watch(root.board.clone());
    let debug = debug::Feed::new(debug::Reporter {
        root: root.clone(),
        processes: processes.clone(),
        allow_kill: config.allow_kill,
        started,
    });
    let observing = debug.clone().watch();
    let revocations = revocation::follow(access.clone(), root.peers.clone());
    let site = Site {
        access: access.clone(),
        connections: Open::new(Limits::of_connections(connections, config.limits.connections_per_address)),
        sockets: Open::new(config.limits.sockets.within(connections)),
        offers: Arc::new(Throttle::of_offers(config.limits.offers_per_second)),
        limits: config.limits,
        unknown_proxy: Mutex::default(),
        streams: streams.clone(),
        pictures,
        debug,
        root: root.clone(),
        identity,
        ice: config.ice,
        udp: local,
        public_addresses: config.public_addresses.clone(),
        allowed_origins: config.allowed_origins.clone(),
        ice_servers: config.ice_servers.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        hidden_timeout: config.departure.hidden_timeout,
        allow_kill: config.allow_kill,
        is_https: https.is_some(),
        cameras: config.cameras.iter().map(|camera| camera.id.clone()).collect(),
        controls,
        started,
    };
    let systemd = Systemd::start();
    let pulse = systemd.as_ref().map(|systemd| systemd.pulse().clone());
    if let Some(pulse) = &pulse {
        watch(pulse, &root, &cameras, &media);
    }
    let worker = move || {
        name_thread(c"http");
        if let Some(pulse) = &pulse {
            actix_web::rt::spawn(pulse.member("http", || async {}));
        }
    };
    let (server, addresses) = http::serve(&config, site, listener, tls, connections, worker)
        .map_err(|error| ServerError::Http { address: config.listen.clone(), error })?;
    let served = config.streams.len();
    if let Listen::File(_) = &config.listen {
        log::info!("{served} streams at {} (video by UDP {local})", config.listen);
    }
    for address in &addresses {
        let scheme = if https.is_some() { "https" } else { "http" };
        log::info!("{served} streams at {scheme}://{address}/ (video by UDP {local})");
    }
    let handle = server.handle();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let renewals = async {
        match https {
            Some(https) => {
                let broker = broker.clone();
                https.follow(move |file| broker.open(file)).await;
            }
            None => std::future::pending().await,
        }
    };
    let reloads = reload(file, broker.clone(), access.clone(), signal(SignalKind::hangup())?);
    if access.accounts().open {
        log::warn!(
            "everybody who can reach this server may watch, and set its cameras: `open = true` in [access] says so"
        );
    }
    if io::stdout().is_terminal() {
        screen::out(Welcome::new(&config, &addresses, local, confinement.as_ref()))?;
    }
    if let Some(systemd) = &systemd {
        systemd.ready();
        actix_web::rt::spawn(systemd.status(root.board.clone()));
    }
    let mut server = std::pin::pin!(server);
    let result = tokio::select! {
        result = &mut server => return Ok(result?),
        () = reloads => Ok(()),
        () = lifeline.ended() => Err(ServerError::BrokerEnded),
        // These never end.
        () = revocations => Ok(()),
        () = renewals => Ok(()),
        () = looking => Ok(()),
        () = observing => Ok(()),
        error = udp_failed => Err(ServerError::UdpFailed(error.unwrap_or_else(|_| "its thread ended".into()))),
        reason = given_up => Err(ServerError::GivenUp(reason.unwrap_or(ExitReason::Killed))),
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    log::info!("stopping: every viewer is let go and every camera closed");
    let ending = Ending { root, processes, budget: Budget::USUAL, begun: Instant::now() };
    if let Some(systemd) = &systemd {
        systemd.stopping(ending.budget.whole());
    }
    let again = tokio::select! {
        () = ending.in_order(handle, server) => false,
        _ = interrupt.recv() => true,
        _ = terminate.recv() => true,
    };
    if again {
        log::warn!("told twice: ending at once");
        ending.say_what_is_open();
    }
    if let Some(systemd) = systemd {
        systemd.over().await;
    }
    result
}

/// At each SIGHUP: who may come is what the file says now, if it is right. All else needs a new start. Ends at the first one if there
/// is no file, or a terminal that has been closed: then it means what it always did.
async fn reload(file: Option<PathBuf>, broker: Broker, access: Arc<Access>, mut hangup: Signal) {
    let file = file.filter(|_| !std::io::stderr().is_terminal());
    while hangup.recv().await.is_some() {
        let (Some(file), broker) = (file.clone(), broker.clone()) else { return };
        let read = tokio::task::spawn_blocking(move || Config::read(&file, broker.open(&file))).await;
        match read {
            Ok(Ok(config)) => {
                access.replace(config.access);
                log::info!("[access] was read again; all else holds from the next start on");
            }
            Ok(Err(error)) => log::error!("[access] stays as it was: {error}"),
            Err(error) => log::error!("[access] stays as it was: {error}"),
        }
    }
    // The system sends no more of them.
    std::future::pending().await
}

/// Names the thread that calls this, for whoever looks at the threads of the process: at most 15 bytes.
fn name_thread(name: &std::ffi::CStr) {
    // It is for people: if it fails, all works.
    let _ = rustix::thread::set_name(name);
}

/// Has all threads on which actors live answer whether they are alive.
fn watch(pulse: &Pulse, root: &Root, cameras: &Arbiter, media: &[Arbiter]) {
    cameras.spawn(pulse.member("cameras", || async {}));
    for thread in media {
        thread.spawn(pulse.member("media", || async {}));
    }
    let tree = root.tree.clone();
    let supervisors = move || {
        let all = ["root", "root/cameras", "root/peers"].map(|path| tree.supervisor(path));
        async move {
            // One that is just being started again is its supervisor's business.
            for supervisor in all.into_iter().flatten() {
                let _ = supervisor.ping().await;
            }
        }
    };
    actix_web::rt::spawn(pulse.member("supervisors", supervisors));
}

/// Binds the socket and has it read. The receiver tells of its failure.
fn start_udp(address: SocketAddr) -> Result<(Arc<Udp>, net::Reading, oneshot::Receiver<String>), ServerError> {
    let (failed, failure) = oneshot::channel();
    let start = || {
        let udp = Arc::new(Udp::bind(address)?);
        let reading = udp.read(failed)?;
        Ok((udp, reading, failure))
    };
    start().map_err(|error| ServerError::Udp { address, error })
}

/// Adds the cameras of this machine that are not configured.
fn discover(config: &mut Config) {
    let canonical = |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
    let known: BTreeSet<PathBuf> = config
        .cameras
        .iter()
        .filter_map(|camera| match &camera.source {
            Source::V4l2(identity) => identity.resolve().map(|path| canonical(&path)),
            _ => None,
        })
        .collect();
    let progress = Progress::new("looking for cameras");
    for device in devices::list(|node| progress.says(|| format!("looking at {}", node.display()))) {
        let id = device.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let taken = config.streams.iter().any(|stream| stream.id == id);
        if known.contains(&canonical(&device.path)) || taken || id.is_empty() {
            continue;
        }
        log::info!("found {} ({}), served as {id:?}", device.path.display(), device.name);
        config.streams.push(Stream::of(&id));
        let source = Source::V4l2(Identity::Path(device.by_id.unwrap_or(device.path)));
        config.cameras.push(Camera { retry: config.retry.clone(), ..Camera::of(&id, source) });
    }
}

/// What the actors are told, and the controls of those cameras that have any.
fn root_spec(
    config: &Config,
    processes: &Processes,
    broker: &Broker,
    pictures: &LastPictures,
) -> (RootSpec, BTreeMap<String, Controls>) {
    let is_v4l2 = |camera: &Camera| matches!(camera.source, Source::V4l2(_));
    let hotplug = if config.cameras.iter().any(is_v4l2) {
        let started = Hotplug::start();
        started.map_err(|error| log::warn!("cameras that are plugged in are found by trying only: {error}")).ok()
    } else {
        None
    };
    let mut controls = BTreeMap::new();
    let mut cameras = vec![];
    for camera in &config.cameras {
        let (capture, own) = sources::source(camera, hotplug.as_ref(), processes, broker);
        controls.extend(own.map(|own| (camera.id.clone(), own)));
        cameras.push(CameraSpec {
            id: camera.id.as_str().into(),
            source: camera.source.to_string(),
            capture,
            group: camera.exclusive_group.clone(),
            pause_on_suspicion: camera.pause_on_suspicion,
            retry: camera.retry.clone(),
        });
    }
    let fps_of = |id: &str| config.cameras.iter().find(|camera| camera.id == id).and_then(|camera| camera.fps);
    let encoder = |rendering, stream: &Stream| -> Arc<dyn Encode> {
        Arc::new(Encoder::new(rendering, stream.id.as_str().into(), pictures.clone()))
    };
    let spec = RootSpec {
        cameras,
        streams: config
            .streams
            .iter()
            .map(|stream| StreamSpec {
                id: stream.id.as_str().into(),
                camera: stream.camera.as_str().into(),
                encode: encoder(stream.full(fps_of(&stream.camera)), stream),
                small: stream.small_rendition.then(|| encoder(stream.small(fps_of(&stream.camera)), stream)),
            })
            .collect(),
        max_viewers: config.max_viewers,
        max_viewers_per_address: config.max_viewers_per_address,
        timeouts: config.departure.timeouts.clone(),
        supervision: config.supervision.clone(),
        chance,
    };
    (spec, controls)
}

/// Uniform in 0..1; the middle if the system has no random numbers.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / (f64::from(u32::MAX) + 1.0))
}
