//! SRTP and SRTCP with the keys of a DTLS handshake (RFC 3711, 5764, 7714).
//!
//! Media is sealed in place, with the packet's whole index given: `rtc-srtp` would copy each packet, and guess. What is
//! small and seldom, our reports and the viewer's [`Feedback`], is left to it.

use super::identity::TransportError;
use super::srtcp::{Feedback, Keys};
use rtc_crypto::{
    AeadAlgorithm, AeadCipher, BlockCipherAlgorithm, CryptoError, HmacAlgorithm, Mac, RTCCrypto, RTCCryptoProvider,
    StreamCipher, StreamCipherAlgorithm,
};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_dtls::state::State;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP, SessionKeys};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use std::sync::Arc;

/// Labels of the keys that are derived (RFC 3711, section 4.3.2).
const LABEL_KEY: u8 = 0;
const LABEL_AUTHENTICATION: u8 = 1;
const LABEL_SALT: u8 = 2;

/// Bytes of the tags of AES-CM with HMAC-SHA1-80, and of AES-GCM.
const CM_TAG: usize = 10;
const GCM_TAG: usize = 16;

/// One connection's keys.
pub struct Srtp {
    cipher: Cipher,
    local: Context,
    feedback: Feedback,
}

enum Cipher {
    /// AEAD_AES_128_GCM.
    Gcm { cipher: Box<dyn AeadCipher>, salt: [u8; 12] },
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Cm { cipher: Box<dyn StreamCipher>, mac: Box<dyn Mac>, salt: [u8; 16] },
}

impl Srtp {
    /// The keys of a handshake that is complete.
    pub fn of_handshake(state: &State, crypto: &Arc<dyn RTCCryptoProvider>) -> Result<Self, TransportError> {
        let failed = |error: rtc_shared::error::Error| TransportError::Crypto(error.to_string());
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            _ => return Err(TransportError::Dtls("no SRTP profile that both sides have".into())),
        };
        let mut config = Config { profile, ..Default::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length).map_err(failed)?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).map_err(failed)?;
        Self::new(config.keys, profile, crypto)
    }

    fn new(
        keys: SessionKeys,
        profile: ProtectionProfile,
        crypto: &Arc<dyn RTCCryptoProvider>,
    ) -> Result<Self, TransportError> {
        let (key, salt) = (&keys.local_master_key, &keys.local_master_salt);
        let cipher = Cipher::new(key, salt, profile, crypto.crypto());
        let local = Context::new(key, salt, profile, None, None, crypto.crypto());
        let (key, salt) = (keys.remote_master_key, keys.remote_master_salt);
        Ok(Self {
            cipher: cipher.map_err(|error| TransportError::Crypto(error.to_string()))?,
            local: local.map_err(|error| TransportError::Crypto(error.to_string()))?,
            feedback: Feedback::new(Keys { key, salt, profile, crypto: crypto.clone() })?,
        })
    }

    /// Seals the packet that begins at `start` and goes to the end of the buffer, and appends its tag. `head` is the
    /// length of its header, `index` its number with the roll-over counter: never twice the same with another packet.
    pub fn seal(
        &mut self,
        ssrc: u32,
        index: u64,
        out: &mut Vec<u8>,
        start: usize,
        head: usize,
    ) -> Result<(), CryptoError> {
        match &mut self.cipher {
            Cipher::Gcm { cipher, salt } => {
                // RFC 7714, section 8.1.
                let mut nonce = *salt;
                xor(&mut nonce[2..6], &ssrc.to_be_bytes());
                xor(&mut nonce[6..12], &index.to_be_bytes()[2..]);
                let mut tag = [0; GCM_TAG];
                let (header, body) = out[start..].split_at_mut(head);
                cipher.seal_in_place(&nonce, header, body, &mut tag)?;
                out.extend_from_slice(&tag);
            }
            Cipher::Cm { cipher, mac, salt } => {
                // RFC 3711, sections 4.1.1 and 4.2.
                let mut counter = *salt;
                xor(&mut counter[4..8], &ssrc.to_be_bytes());
                xor(&mut counter[8..14], &index.to_be_bytes()[2..]);
                cipher.apply_keystream(&counter, &mut out[start + head..])?;
                let rollovers = ((index >> 16) as u32).to_be_bytes();
                let mut tag = [0; 20];
                mac.sign(&[&out[start..], &rollovers], &mut tag)?;
                out.extend_from_slice(&tag[..CM_TAG]);
            }
        }
        Ok(())
    }

    /// Protects a compound of reports.
    pub fn protect(&mut self, reports: &[u8]) -> Option<bytes::BytesMut> {
        self.local.encrypt_rtcp(reports).ok()
    }

    /// The feedback in a datagram. None if it is not the viewer's, or was there before.
    pub fn open(&mut self, datagram: &[u8]) -> Option<bytes::BytesMut> {
        self.feedback.open(datagram)
    }
}

impl Cipher {
    fn new(key: &[u8], salt: &[u8], profile: ProtectionProfile, crypto: &dyn RTCCrypto) -> Result<Self, CryptoError> {
        let derive = |label| derive(label, key, salt, crypto);
        let (session_key, session_salt) = (derive(LABEL_KEY)?, derive(LABEL_SALT)?);
        Ok(if matches!(profile, ProtectionProfile::AeadAes128Gcm) {
            let mut salt = [0; 12];
            salt.copy_from_slice(&session_salt[..12]);
            Self::Gcm { cipher: crypto.new_aead(AeadAlgorithm::Aes128Gcm, &session_key[..16])?, salt }
        } else {
            let mut salt = [0; 16];
            salt[..14].copy_from_slice(&session_salt[..14]);
            let mac = crypto.new_hmac(HmacAlgorithm::Sha1, &derive(LABEL_AUTHENTICATION)?[..20])?;
            Self::Cm {
                cipher: crypto.new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &session_key[..16])?,
                mac,
                salt,
            }
        })
    }
}

/// As many bytes as any key has (RFC 3711, section 4.3.3, with a key derivation rate of 0; RFC 7714, section 11).
fn derive(label: u8, key: &[u8], salt: &[u8], crypto: &dyn RTCCrypto) -> Result<[u8; 32], CryptoError> {
    let mut derived = [0; 32];
    for (nth, block) in derived.chunks_exact_mut(16).enumerate() {
        block[..salt.len()].copy_from_slice(salt);
        block[7] ^= label;
        block[15] ^= nth as u8;
        crypto.block_encrypt(BlockCipherAlgorithm::Aes128, key, block)?;
    }
    Ok(derived)
}

fn xor(bytes: &mut [u8], with: &[u8]) {
    bytes.iter_mut().zip(with).for_each(|(byte, with)| *byte ^= with);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::rtp::Head;

    fn session(profile: ProtectionProfile) -> (Srtp, Context) {
        let provider = rtc_crypto::default_provider().unwrap();
        let (key, salt): (Vec<u8>, Vec<u8>) = ((1..=16).collect(), (101..).take(profile.salt_len()).collect());
        let keys = SessionKeys {
            local_master_key: key.clone(),
            local_master_salt: salt.clone(),
            remote_master_key: key.clone(),
            remote_master_salt: salt.clone(),
        };
        let srtp = Srtp::new(keys, profile, &provider).unwrap();
        (srtp, Context::new(&key, &salt, profile, None, None, provider.crypto()).unwrap())
    }

    /// The library's own receiver reads what is sealed here, roll-overs included.
    #[test]
    fn what_is_sealed_in_place_opens_elsewhere() {
        for profile in [ProtectionProfile::AeadAes128Gcm, ProtectionProfile::Aes128CmHmacSha1_80] {
            let (mut srtp, mut receiver) = session(profile);
            for index in (0xff00..0x10100u64).chain((0x10100..0x40000).step_by(0x1001)) {
                let head = Head {
                    payload_type: 96,
                    padded: false,
                    marker: true,
                    index,
                    timestamp: 1,
                    ssrc: 0xcafe,
                    transport_wide: Some((3, index as u16)),
                    capture_time: None,
                };
                let mut out = vec![0xee; 3];
                let length = head.write(&mut out);
                out.extend_from_slice(b"a picture");
                let plain = out[3..].to_vec();
                srtp.seal(0xcafe, index, &mut out, 3, length).unwrap();
                assert_eq!(out[..3], [0xee; 3]);
                assert_ne!(out[3 + length..3 + plain.len()], plain[length..]);
                assert_eq!(receiver.decrypt_rtp(&out[3..]).unwrap(), plain, "{profile:?} {index:x}");
            }
        }
    }
}
