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
use std::os::unix::fs::MetadataExt;
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
    /// What the files were like before they were read.
    stamps: [Stamp; 2],
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

/// By which it is seen that a file has changed, or is another: its time, its length and its number, for the clock of a file system is
/// coarse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64, u64)>);

impl Stamp {
    fn of(file: &Path) -> Self {
        let data = std::fs::metadata(file).ok();
        Self(data.and_then(|data| Some((data.modified().ok()?, data.len(), data.ino()))))
    }
}

/// What has been made of the files so far. Pure.
#[derive(Debug)]
struct Looked {
    /// As they were when they were read.
    read: [Stamp; 2],
    /// As they were when it was said that they cannot be used.
    told: Option<[Stamp; 2]>,
}

impl Looked {
    /// They are like this, and could be read or not: whether it is said that they cannot be used. What could not even be opened is tried
    /// again as long as it is so, and said once.
    fn has_tried(&mut self, stamps: [Stamp; 2], read: Result<(), &TlsError>) -> bool {
        if !matches!(read, Err(TlsError::File { error: pem::Error::Io(_), .. })) {
            self.read = stamps;
        }
        match read {
            Ok(()) => {
                self.told = None;
                false
            }
            Err(_) => self.told.replace(stamps) != Some(stamps),
        }
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
        // Before they are read: what is written meanwhile is seen to be new.
        let stamps = files.stamps();
        let current = RwLock::new(Arc::new(files.read_by(&provider, |file| File::open(file))?));
        Ok(Arc::new(Self { files, provider, current, stamps }))
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

    /// Takes what stands in the files whenever they have changed since they were read. Goes on as long as the server does. They are opened by `open`, which may block: they may
    /// be replaced by others, anywhere.
    pub async fn follow(self: Arc<Self>, open: impl Fn(&Path) -> io::Result<File> + Clone + Send + 'static) {
        let mut looked = Looked { read: self.stamps, told: None };
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (this, open) = (self.clone(), open.clone());
            let known = looked.read;
            let found = tokio::task::spawn_blocking(move || {
                let stamps = this.files.stamps();
                // One after the other is written: what does not go together yet is looked at again when it changes.
                (stamps != known).then(|| (stamps, this.files.read_by(&this.provider, open)))
            });
            let Ok(Some((stamps, read))) = found.await else { continue };
            let is_told = looked.has_tried(stamps, read.as_ref().map(|_| ()));
            match read {
                Ok(key) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    log::info!("the certificate was read again: new connections get it");
                }
                Err(error) if is_told => log::warn!("the certificate stays as it was: {error}"),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::own;

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.current.read().unwrap().cert[0].to_vec()
    }

    #[tokio::test]
    async fn a_certificate_that_is_renewed_while_the_server_starts_is_noticed() {
        let folder = std::env::temp_dir().join(format!("lenscap-renewed-{}", std::process::id()));
        let new = |name: &str| {
            let folder = folder.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            own::make(vec!["localhost".to_owned()], &folder).unwrap().0
        };
        let (first, second) = (new("first"), new("second"));
        let certificate = Certificate::load(first.clone()).unwrap();
        let expected = shown(&Certificate::load(second.clone()).unwrap());
        for (from, to) in [(&second.key, &first.key), (&second.certificate, &first.certificate)] {
            std::fs::rename(from, to).unwrap();
        }
        assert_ne!(shown(&certificate), expected);
        let noticed = async {
            while shown(&certificate) != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            () = certificate.clone().follow(|file| File::open(file)) => {}
            noticed = tokio::time::timeout(10 * LOOK_EVERY, noticed) => noticed.expect("it is shown"),
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_opened_is_tried_again_and_said_once_a_change() {
        let stamps = |length| [Stamp(Some((SystemTime::UNIX_EPOCH, length, 0))); 2];
        let file = |error| TlsError::File { file: PathBuf::new(), what: "a private key", error };
        let (unreadable, no_key) =
            (file(pem::Error::Io(io::ErrorKind::PermissionDenied.into())), file(pem::Error::NoItemsFound));
        let mut looked = Looked { read: stamps(1), told: None };
        let told = [2, 2, 2, 3, 3].map(|length| looked.has_tried(stamps(length), Err(&unreadable)));
        assert_eq!(told, [true, false, false, true, false]);
        assert_eq!(looked.read, stamps(1), "it is tried again");
        assert!(looked.has_tried(stamps(4), Err(&no_key)));
        assert_eq!(looked.read, stamps(4));
        assert!(!looked.has_tried(stamps(5), Ok(())));
        assert!(looked.has_tried(stamps(3), Err(&unreadable)), "it could be read meanwhile");
    }
}
