//! A certificate in files, which are read again when they change: whoever renews it (certbot, acme.sh, a script) has nothing to tell.

use super::error::TlsError;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// The files are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where a certificate and its key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those that lead from it to a root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificate that is shown to new connections.
pub struct Certificate {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// There is a key in it.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(…)")
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// By which it is seen that a file has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Stamp {
    fn of(file: &Path) -> Self {
        let data = std::fs::metadata(file).ok();
        Self(data.and_then(|data| Some((data.modified().ok()?, data.len()))))
    }
}

impl Files {
    /// Reads them, and makes sure that they go together.
    ///
    /// # Errors
    ///
    /// If that cannot be done.
    pub fn read(&self) -> Result<CertifiedKey, TlsError> {
        self.read_by(&ring::default_provider(), |file| File::open(file))
    }

    /// The same, each file opened by `open`.
    fn read_by(
        &self,
        provider: &CryptoProvider,
        open: impl Fn(&Path) -> io::Result<File>,
    ) -> Result<CertifiedKey, TlsError> {
        let wrong = |file: &Path, what| {
            let file = file.to_owned();
            move |error| TlsError::File { file, what, error }
        };
        let open = |file: &Path| open(file).map(BufReader::new).map_err(pem::Error::Io);
        let chain = open(&self.certificate)
            .and_then(|file| CertificateDer::pem_reader_iter(file).collect::<Result<Vec<_>, _>>())
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(wrong(&self.certificate, "a certificate"))?;
        let key =
            open(&self.key).and_then(PrivateKeyDer::from_pem_reader).map_err(wrong(&self.key, "a private key"))?;
        CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| TlsError::Unusable { file: self.certificate.clone(), error })
    }

    fn stamps(&self) -> [Stamp; 2] {
        [Stamp::of(&self.certificate), Stamp::of(&self.key)]
    }
}

impl Certificate {
    /// The one in these files.
    ///
    /// # Errors
    ///
    /// If there is none that can be used.
    pub fn load(files: Files) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let current = RwLock::new(Arc::new(files.read_by(&provider, |file| File::open(file))?));
        Ok(Arc::new(Self { files, provider, current }))
    }

    /// How connections are accepted: TLS 1.2 and 1.3, without certificates of clients.
    ///
    /// # Errors
    ///
    /// If the cryptography that is built in knows neither.
    pub fn accept(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Cryptography)?;
        Ok(config.with_no_client_auth().with_cert_resolver(self.clone()))
    }

    /// Takes what stands in the files whenever they change. Goes on as long as the server does. They are opened by `open`, which may block: they may
    /// be replaced by others, anywhere.
    pub async fn follow(self: Arc<Self>, open: impl Fn(&Path) -> io::Result<File> + Clone + Send + 'static) {
        let mut shown = self.files.stamps();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (this, open) = (self.clone(), open.clone());
            let looked = tokio::task::spawn_blocking(move || {
                let stamps = this.files.stamps();
                // One after the other is written: what does not go together yet is looked at again when it changes.
                (stamps != shown).then(|| (stamps, this.files.read_by(&this.provider, open)))
            });
            let Ok(Some((stamps, read))) = looked.await else { continue };
            // If they could not be opened at all, that is tried again.
            if !matches!(read, Err(TlsError::File { error: pem::Error::Io(_), .. })) {
                shown = stamps;
            }
            match read {
                Ok(key) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    log::info!("the certificate was read again: new connections get it");
                }
                Err(error) => log::warn!("the certificate stays as it was: {error}"),
            }
        }
    }
}
