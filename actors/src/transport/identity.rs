//! Who we are to viewers: one certificate and its DTLS configurations for all of them (a certificate for each would cost
//! more than all the rest of a connection), and whose certificate a viewer has to show.

use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The library's own timer (see `dtls::flight` for ours).
const FLIGHT_INTERVAL: Duration = Duration::from_millis(500);

/// Why there is no transport.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The cryptographic library cannot.
    #[error("cryptography failed: {0}")]
    Crypto(String),
    /// DTLS could not begin or end.
    #[error("DTLS failed: {0}")]
    Dtls(String),
    /// Whoever answers is not who has made the offer.
    #[error("the viewer's DTLS certificate is not the one that its offer named")]
    Fingerprint,
}

/// Our certificate, and what DTLS is done with.
pub struct Identity {
    crypto: Arc<dyn RTCCryptoProvider>,
    fingerprint: String,
    pub(super) dtls: Configurations,
}

/// DTLS configurations, shared by all connections.
pub(super) struct Configurations {
    /// For viewers that have AES-GCM: it costs a quarter of what AES-CM with HMAC-SHA1 does.
    pub gcm: Arc<HandshakeConfig>,
    /// For the others.
    pub any: Arc<HandshakeConfig>,
    /// Where we say ClientHello; the viewer then chooses.
    pub client: Arc<HandshakeConfig>,
}

impl Identity {
    /// Makes a new certificate (ECDSA, P-256, self-signed).
    ///
    /// # Errors
    ///
    /// If the system gives no random numbers.
    pub fn generate() -> Result<Self, TransportError> {
        let crypto = rtc_crypto::default_provider().map_err(|error| TransportError::Crypto(error.to_string()))?;
        let failed = |error: rtc_shared::error::Error| TransportError::Crypto(error.to_string());
        let certificate =
            Certificate::generate_self_signed(vec!["lenscap".to_owned()], crypto.crypto()).map_err(failed)?;
        let der = certificate.certificate.first().map(|der| der.to_vec()).unwrap_or_default();
        let (gcm, cm) =
            (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
        let configuration = |profiles: &[SrtpProtectionProfile], is_client| {
            ConfigBuilder::default()
                .with_crypto_provider(crypto.clone())
                .with_certificates(vec![certificate.clone()])
                .with_srtp_protection_profiles(profiles.to_vec())
                .with_client_auth(ClientAuthType::RequireAnyClientCert)
                // There is no authority: the certificate is compared with the offer's fingerprint after the handshake,
                // so that all connections can share this.
                .with_insecure_skip_verify(true)
                .with_extended_master_secret(ExtendedMasterSecretType::Require)
                .with_flight_interval(FLIGHT_INTERVAL)
                .with_server_name("lenscap".to_owned())
                .build(is_client, None)
                .map(Arc::new)
                .map_err(failed)
        };
        let dtls = Configurations {
            gcm: configuration(&[gcm], false)?,
            any: configuration(&[gcm, cm], false)?,
            client: configuration(&[gcm, cm], true)?,
        };
        Ok(Self { fingerprint: hexadecimal(&Sha256::digest(&der)), crypto, dtls })
    }

    /// The SHA-256 of our certificate as descriptions write it (RFC 8122, section 5).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What keys and signatures are made with.
    pub(super) fn crypto(&self) -> &Arc<dyn RTCCryptoProvider> {
        &self.crypto
    }
}

/// The hash of a viewer's certificate (RFC 8122).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

/// By strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn bytes(self) -> usize {
        match self {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }
}

impl Fingerprint {
    /// Those of the strongest hash: any of them has to match (RFC 8122, section 5.1). What is unknown or broken does not count.
    pub fn strongest<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut all: Vec<Self> = values.into_iter().filter_map(Self::parse).take(16).collect();
        let strongest = all.iter().map(|one| one.hash).max();
        all.retain(|one| Some(one.hash) == strongest);
        all
    }

    fn parse(value: &str) -> Option<Self> {
        let (name, digest) = value.trim().split_once(' ')?;
        let hash = match &*name.to_ascii_lowercase() {
            "sha-256" => Hash::Sha256,
            "sha-384" => Hash::Sha384,
            "sha-512" => Hash::Sha512,
            _ => return None,
        };
        let digits = |pair: &str| (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok()).flatten();
        let digest: Vec<u8> = digest.trim().split(':').map(digits).collect::<Option<_>>()?;
        (digest.len() == hash.bytes()).then_some(Self { hash, digest })
    }

    /// Whether a certificate is the one that was meant.
    pub fn is_of(&self, der: &[u8]) -> bool {
        match self.hash {
            Hash::Sha256 => Sha256::digest(der)[..] == self.digest[..],
            Hash::Sha384 => Sha384::digest(der)[..] == self.digest[..],
            Hash::Sha512 => Sha512::digest(der)[..] == self.digest[..],
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (nth, byte) in bytes.iter().enumerate() {
        let colon = if nth == 0 { "" } else { ":" };
        // Writing into a string cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_hash_decides_and_any_of_it_may_match() {
        let der = b"a certificate";
        let line = |name: &str, digest: &[u8]| format!("{name} {}", hexadecimal(digest));
        let right = line("sha-512", &Sha512::digest(der));
        let wrong = line("SHA-512", &[0; 64]);
        let weak = line("sha-256", &Sha256::digest(der));
        let all = Fingerprint::strongest([&*weak, &wrong, &right, "sha-1 00:11", "sha-512 zz", ""]);
        assert_eq!(all.len(), 2);
        assert!(all.iter().any(|one| one.is_of(der)) && !all.iter().any(|one| one.is_of(b"another")));
        let middle = line("sha-384", &Sha384::digest(der)).to_lowercase();
        assert!(Fingerprint::strongest([&*weak, &middle])[0].is_of(der));
        // A weak one that is right does not help a strong one that is wrong.
        assert!(!Fingerprint::strongest([&*weak, &wrong]).iter().any(|one| one.is_of(der)));
        assert!(Fingerprint::strongest(["sha-1 00:11", "sha-256 00:11"]).is_empty());
    }
}
