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
mod door;
pub mod errors;
mod events;
mod files;
mod flood;
mod login;
pub mod methods;
mod metrics;
mod pages;
pub mod picture;
pub mod problem;
mod site;
pub mod socket_file;
pub mod streams;
pub mod whep;
pub mod ws;

pub use site::Site;

use crate::config::Config;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpServer, web};
use door::Door;
use metrics::Metrics;
use rustls::ServerConfig;
use site::MESSAGE_BYTES_MAX;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// How long workers may go on when the server stops; every viewer has been let go by then. The server waits for less, but
/// this cannot be.
const SHUTDOWN_SECONDS: u64 = 1;

/// Threads that answer requests.
const WORKERS: usize = 2;

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
    let door = Door::of(&site);
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
            .wrap(cors::answers(site.clone()))
            .wrap(from_fn(methods::complete))
            .wrap(from_fn(errors::as_json))
            .wrap(
                DefaultHeaders::new()
                    .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
                    // Nobody else is told where a link leads. With "no-referrer" browsers would name no origin to ourselves, either.
                    .add((header::REFERRER_POLICY, "same-origin"))
                    .add((header::CONTENT_SECURITY_POLICY, policy.clone())),
            )
            .wrap_fn(flood::limit)
            .configure(routes)
    })
    .on_connect(move |connection, extensions| door.opens(connection, extensions))
    .workers(WORKERS)
    .max_connections(connections.div_ceil(WORKERS))
    // Of those that have not finished their handshake there may be as many: less, and a few that never do keep all others waiting.
    .max_connection_rate(connections.div_ceil(WORKERS))
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
