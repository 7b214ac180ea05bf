//! HTTPS: where the certificate comes from, and what becomes of it when it changes.
//!
//! Connections keep the certificate that they began with; new ones get the present one. So nobody who watches notices that it is renewed.
//!
//! [`files`] is a certificate that somebody else sees to, [`acme`] one that the server gets by itself, [`own`] one that nobody has signed;
//! [`roots`] is the other side: whom we trust when we call.

pub mod acme;
mod error;
pub mod files;
pub mod own;
pub mod roots;

pub use error::TlsError;

use acme::{Issued, Order};
use files::{Certificate, Files};
use rustls::ServerConfig;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Where the certificate is to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From files.
    Files(Files),
    /// From an authority.
    Acme(Order),
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
