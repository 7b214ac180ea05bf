//! HTTP: one file a family of routes. Everything here only asks the actors.

mod admission;
pub mod authorize;
mod beacon;
pub mod client;
mod controls;
mod cookie;
mod cors;
mod deadline;
pub mod debug;
pub mod errors;
mod files;
mod login;
pub mod methods;
mod metrics;
mod pages;
pub mod picture;
pub mod problem;
pub mod socket_file;
pub mod streams;
pub mod whep;
pub mod ws;

use crate::access::Access;
use crate::access::limits::Open;
use crate::access::throttle::Throttle;
use crate::capture::controls::Controls;
use crate::codec::LastPictures;
use crate::config::{Config, IceServer, Limits};
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use lenscap_actors::ids::StreamId;
use lenscap_actors::root::Root;
use lenscap_actors::transport::{IceTimeouts, Identity};
use metrics::Metrics;
use problem::Problem;
use rustls::ServerConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The largest offer or message that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// How long workers may go on when the server stops; every viewer has been let go by then. The server waits for less, but
/// this cannot be.
const SHUTDOWN_SECONDS: u64 = 1;

/// Threads that answer requests.
const WORKERS: usize = 2;

/// What the routes work with.
pub struct Site {
    /// The actors.
    pub root: Root,
    /// Who we are to viewers.
    pub identity: Arc<Identity>,
    /// When a connection counts as dead.
    pub ice: IceTimeouts,
    /// The address of the UDP socket.
    pub udp: SocketAddr,
    /// More addresses of it.
    pub public_addresses: Vec<SocketAddr>,
    /// Who may come.
    pub access: Arc<Access>,
    /// The WebSockets that are open.
    pub sockets: Open,
    /// How often they may ask to watch.
    pub offers: Arc<Throttle>,
    /// How much visitors may take.
    pub limits: Limits,
    /// What visitors may know of streams.
    pub streams: streams::Feed,
    /// What each of them showed last.
    pub pictures: LastPictures,
    /// What is going on, for those who may know everything.
    pub debug: debug::Feed,
    /// Origins besides our own.
    pub allowed_origins: Vec<String>,
    /// STUN and TURN servers that players are told of.
    pub ice_servers: Vec<IceServer>,
    /// Who is believed when it says from where a request comes.
    pub trusted_proxies: Vec<IpAddr>,
    /// The names of all cameras.
    pub cameras: BTreeSet<String>,
    /// The controls of those that have any.
    pub controls: BTreeMap<String, Controls>,
    /// When hidden pages shall leave, if they do not say so themselves; none: they stay.
    pub hidden_timeout: Option<Duration>,
    /// Whether actors may be killed for drills.
    pub allow_kill: bool,
    /// Whether HTTPS is spoken.
    pub is_https: bool,
    /// When the server was started.
    pub started: Instant,
}

impl Site {
    /// The stream of this name.
    fn stream(&self, name: &str) -> Result<StreamId, Problem> {
        let id = StreamId::from(name);
        match self.root.streams.contains_key(&id) {
            true => Ok(id),
            false => Err(Problem::unknown_stream(format!("there is no stream {id:?}"))),
        }
    }
}

/// All routes that there are.
pub fn routes(app: &mut web::ServiceConfig) {
    app.configure(login::routes)
        .configure(streams::routes)
        .configure(picture::routes)
        .configure(ws::routes)
        .configure(whep::routes)
        .configure(beacon::routes)
        .configure(controls::routes)
        .configure(debug::routes)
        .configure(metrics::routes)
        .configure(pages::routes);
}

/// Where requests come from.
pub enum Listener {
    /// An address and TCP port, bound when the server is.
    Tcp(SocketAddr),
    /// A [socket file](socket_file).
    File(UnixListener),
}

/// Binds the server; it runs when what is returned is awaited. `worker` is called on each thread that answers requests,
/// when it begins. There are at most so many `connections` at a time; more wait.
pub fn serve(
    config: &Config,
    site: Site,
    listener: Listener,
    tls: Option<ServerConfig>,
    connections: usize,
    worker: impl Fn() + Clone + Send + 'static,
) -> io::Result<(actix_web::dev::Server, Vec<SocketAddr>)> {
    let origins = site.allowed_origins.clone();
    let site = web::Data::new(site);
    let metrics = web::Data::new(Metrics::of(&site).map_err(io::Error::other)?);
    let policy = pages::content_security_policy(&config.allowed_origins);
    let policy = HeaderValue::from_str(&policy).map_err(io::Error::other)?;
    let server = HttpServer::new(move || {
        worker();
        App::new()
            .app_data(site.clone())
            .app_data(metrics.clone())
            .app_data(web::PayloadConfig::new(MESSAGE_BYTES_MAX))
            // The last is the first that a request meets.
            .wrap(from_fn(deadline::limit))
            .wrap(from_fn(authorize::authorize))
            .wrap(cors::answers(&origins))
            .wrap(from_fn(methods::complete))
            .wrap(from_fn(errors::as_json))
            .wrap(
                DefaultHeaders::new()
                    .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                    // Nobody else is told where a link leads. With "no-referrer" browsers would name no origin to ourselves, either.
                    .add((header::REFERRER_POLICY, "same-origin"))
                    .add((header::CONTENT_SECURITY_POLICY, policy.clone())),
            )
            .configure(routes)
    })
    .on_connect(client::on_connect)
    .workers(WORKERS)
    .max_connections(connections.div_ceil(WORKERS))
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .client_disconnect_timeout(Duration::from_secs(1))
    .disable_signals();
    let server = match (listener, tls) {
        (Listener::Tcp(address), Some(tls)) => server.bind_rustls_0_23(address, tls)?,
        (Listener::Tcp(address), None) => server.bind(address)?,
        (Listener::File(file), _) => server.listen_uds(file)?,
    };
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}
