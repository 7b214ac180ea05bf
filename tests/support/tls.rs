//! TLS as a client speaks it.

use super::PATIENCE;
use rustls::client::WantsClientCert;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ConfigBuilder, RootCertStore, StreamOwned, WantsVerifier};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What every client begins with.
pub fn client() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap()
}

/// One that trusts these certificates, and what they have signed, only.
pub fn trusting<'a>(
    roots: impl IntoIterator<Item = &'a CertificateDer<'static>>,
) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut store = RootCertStore::empty();
    roots.into_iter().for_each(|root| store.add(root.clone()).unwrap());
    client().with_root_certificates(store)
}

/// Connects, asking for this name and these protocols.
pub fn connect(
    address: impl ToSocketAddrs,
    name: &str,
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    protocols: &[&str],
) -> std::io::Result<Tls> {
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}
