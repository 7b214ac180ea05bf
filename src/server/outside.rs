//! What has to be had before the sandbox closes, and its closing.

use super::error::ServerError;
use crate::broker::{Broker, Lifeline};
use crate::config::{Camera, Config, Listen, Source};
use crate::http::{Listener, socket_file};
use crate::sandbox::{self, Confinement, Needs};
use crate::tls::files::Files;
use crate::tls::{Https, Origin};
use std::path::{Path, PathBuf};

/// What comes from outside of the sandbox.
pub struct Outside {
    /// What is shown to those who speak HTTPS, if that is spoken.
    pub https: Option<Https>,
    /// Where HTTP is served.
    pub listener: Listener,
    /// Does what the server cannot do itself from now on.
    pub broker: Broker,
    /// By which its end is seen.
    pub lifeline: Lifeline,
    /// How far the sandbox holds, if it was closed.
    pub confinement: Option<Confinement>,
}

impl Outside {
    /// Gets all that this configuration, and the file that it came from, will need; then closes the sandbox, for good. Only for a process
    /// with one thread.
    ///
    /// # Errors
    ///
    /// If something of it is not to be had.
    pub fn leave(config: &Config, file: Option<&Path>) -> Result<Self, ServerError> {
        if let (Some(Origin::Acme(order)), Some(file)) = (&config.tls, file) {
            order.keeps_away_from(file)?;
        }
        let https = config.tls.as_ref().map(Https::load).transpose()?;
        let listener = match &config.listen {
            Listen::Tcp(address) => Listener::Tcp(*address),
            Listen::File(path) => Listener::File(
                socket_file::bind(path).map_err(|error| ServerError::Http { address: config.listen.clone(), error })?,
            ),
        };
        let (broker, lifeline) = Broker::start(commands(config), files(config, file))?;
        let confinement = confine(config);
        Ok(Self { https, listener, broker, lifeline, confinement })
    }
}

/// The programs that will be started, by camera.
fn commands(config: &Config) -> Vec<(String, String)> {
    let of_camera = |camera: &Camera| match &camera.source {
        Source::Exec(command) => Some((camera.id.clone(), command.clone())),
        Source::V4l2(_) | Source::Test(_) => None,
    };
    config.cameras.iter().filter_map(of_camera).collect()
}

/// The files that will be read again.
fn files(config: &Config, file: Option<&Path>) -> Vec<PathBuf> {
    let tls = match &config.tls {
        Some(Origin::Files(Files { certificate, key })) => vec![certificate.clone(), key.clone()],
        Some(Origin::Acme(_)) | None => vec![],
    };
    file.map(Path::to_owned).into_iter().chain(tls).collect()
}

fn confine(config: &Config) -> Option<Confinement> {
    if !config.sandbox {
        log::warn!("no sandbox: `sandbox = false` in [server] says so");
        return None;
    }
    let confinement = sandbox::enter(&Needs::of(config));
    let level = if confinement.is_there() { log::Level::Info } else { log::Level::Warn };
    log::log!(level, "sandbox: {confinement}");
    Some(confinement)
}
