//! Why there is no HTTPS, and what its operator can do about it.

use std::io;
use std::path::PathBuf;

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
