//! HTTPS: where the certificate comes from, and what becomes of it when it changes.
//!
//! Connections keep the certificate that they began with; new ones get the present one. So nobody who watches notices that it is renewed.
//!
//! [`files`] is a certificate that somebody else sees to, [`acme`] one that the server gets by itself, [`own`] one that nobody has signed;
//! [`roots`] is the other side: whom we trust when we call.

pub mod acme;
pub mod files;
pub mod own;
pub mod roots;

use acme::{Issued, Order};
use files::{Certificate, Files};
use rustls::ServerConfig;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the certificate is to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From files.
    Files(Files),
    /// From an authority.
    Acme(Order),
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not to be had, or holds something else.
    #[error("{}: {what} in PEM is expected there: {error}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is expected in it.
        what: &'static str,
        /// What was found.
        error: rustls::pki_types::pem::Error,
    },
    /// The two do not go together, or are of a kind that is not known.
    #[error("certificate and key ({}) cannot be used: {error}", .file.display())]
    Unusable {
        /// The certificate's file.
        file: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
    /// What an authority gives cannot be kept.
    #[error("{} (tls.acme.folder) cannot be used: {error}; it has to belong to the user that lenscap runs as", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The library is not as it is built.
    #[error("this build of the cryptography knows no version of TLS: {0}")]
    Cryptography(rustls::Error),
}

/// The certificate that is shown.
pub enum Https {
    /// From files.
    Files(Arc<Certificate>),
    /// From an authority.
    Acme(Box<Issued>),
}

impl Https {
    /// Reads the files, or prepares to ask the authority.
    ///
    /// # Errors
    ///
    /// If that cannot be done.
    pub fn load(origin: &Origin) -> Result<Self, TlsError> {
        Ok(match origin {
            Origin::Files(files) => Https::Files(Certificate::load(files.clone())?),
            Origin::Acme(order) => Https::Acme(Box::new(order.place()?)),
        })
    }

    /// How connections are accepted: TLS 1.2 and 1.3, without certificates of clients.
    ///
    /// # Errors
    ///
    /// If the cryptography that is built in knows neither.
    pub fn accept(&self) -> Result<ServerConfig, TlsError> {
        match self {
            Https::Files(certificate) => certificate.accept(),
            Https::Acme(issued) => issued.accept(),
        }
    }

    /// Shows the next certificate when there is one. Goes on as long as the server does. Files are opened by `open`, which may block.
    pub async fn follow(self, open: impl Fn(&Path) -> io::Result<File> + Clone + Send + 'static) {
        match self {
            Https::Files(certificate) => certificate.follow(open).await,
            Https::Acme(issued) => issued.follow().await,
        }
    }
}
