//! By what the servers are trusted that this program connects to.

use super::error::TlsError;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Trusts those whom browsers trust; or, if a file is named, what stands in it and nothing else.
///
/// # Errors
///
/// If the file has no certificate in it.
pub fn trusting(file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match file {
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(file) => read(file)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Cryptography)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn read(file: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |error| TlsError::File { file: file.to_owned(), what: "a certificate", error };
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(file).map_err(wrong)? {
        roots.add(root.map_err(wrong)?).map_err(|error| TlsError::Unusable { file: file.to_owned(), error })?;
    }
    if roots.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    Ok(roots)
}
