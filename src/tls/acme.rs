//! A certificate from an authority that checks by itself whose name it is (ACME, RFC 8555), like Let's Encrypt.
//!
//! It checks by connecting to port 443 of the name and asking for `acme-tls/1` (TLS-ALPN-01, RFC 8737): that is this server's own port, and nothing
//! else has to be served. The certificate and the account are kept in a folder, and renewed when a third of the time is left.

use super::error::TlsError;
use super::roots::trusting;
use futures_util::StreamExt;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_acme::caches::DirCache;
use rustls_acme::{AcmeConfig, AcmeState, EventOk};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Let's Encrypt.
pub const USUAL_DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Only its owner may look into the folder: there are keys in it.
const FOLDER_MODE: u32 = 0o700;

/// By which an authority's check is known (RFC 8737, section 6.2).
const CHECK: &[u8] = b"acme-tls/1";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The names that the certificate is for.
    pub names: Vec<String>,
    /// Where the authority can write to, like `mailto:me@example.org`.
    pub contact: Option<String>,
    /// Where account and certificate are kept.
    pub folder: PathBuf,
    /// The authority's directory.
    pub directory: Url,
    /// Certificates that the authority's own server is trusted by; none: those that browsers trust.
    pub roots: Option<PathBuf>,
}

/// A certificate that is there, or about to be.
pub struct Issued {
    state: AcmeState<io::Error>,
    names: String,
}

impl Order {
    /// Prepares the folder, and the way to the authority; it is asked when what is returned is [followed](Issued::follow).
    ///
    /// # Errors
    ///
    /// If the folder cannot be had, or `roots` has no certificate in it.
    pub fn place(&self) -> Result<Issued, TlsError> {
        prepare(&self.folder).map_err(|error| TlsError::Folder { folder: self.folder.clone(), error })?;
        let config = AcmeConfig::new_with_client_config(&self.names, Arc::new(trusting(self.roots.as_deref())?));
        let config = config.contact(&self.contact).directory(&self.directory).cache(DirCache::new(self.folder.clone()));
        Ok(Issued { state: config.state(), names: self.names.join(", ") })
    }

    /// Nothing, if the folder is another than that of the configuration: the server may write into it, and whoever takes it over
    /// could write other commands.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn keeps_away_from(&self, configuration: &Path) -> Result<(), TlsError> {
        let folder = |path: &Path| fs::canonicalize(path).ok();
        // A bare name is in the folder where the server was started.
        let own = configuration.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match folder(&self.folder).is_some_and(|kept| Some(kept) == folder(own)) {
            false => Ok(()),
            true => {
                let error = io::Error::other("the configuration is in it, and the server may write there");
                Err(TlsError::Folder { folder: self.folder.clone(), error })
            }
        }
    }

    /// TCP ports at which the authority is called.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        // It may name other addresses of its own in its directory.
        self.directory.port_or_known_default().into_iter().chain([443])
    }
}

impl Issued {
    /// How connections are accepted.
    ///
    /// # Errors
    ///
    /// If the cryptography that is built in knows no version of TLS.
    pub fn accept(&self) -> Result<ServerConfig, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Cryptography)?;
        let mut config = config.with_no_client_auth().with_cert_resolver(self.state.resolver());
        config.alpn_protocols = vec![CHECK.to_vec()];
        Ok(config)
    }

    /// Gets the certificate, and a new one in time. Goes on as long as the server does.
    pub async fn follow(mut self) {
        while let Some(event) = self.state.next().await {
            match event {
                Ok(EventOk::DeployedCachedCert) => {
                    log::info!("the certificate for {} is the one that is kept", self.names)
                }
                Ok(EventOk::DeployedNewCert) => log::info!("there is a new certificate for {}", self.names),
                Ok(EventOk::CertCacheStore | EventOk::AccountCacheStore) => {}
                // It is tried again, ever more rarely.
                Err(error) => log::error!(
                    "no new certificate for {}: {error}; is this server reached under that name at port 443? If the network's name servers \
                     have changed, it has to be started again",
                    self.names
                ),
            }
        }
    }
}

/// One that is there stays as it is, but has to be its owner's alone.
fn prepare(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    match fs::metadata(folder)?.permissions().mode() & !FOLDER_MODE & 0o777 {
        0 => Ok(()),
        _ => Err(io::Error::other(
            "others may look into it, and keys are kept there: give it a folder of its own, with mode 700",
        )),
    }
}
