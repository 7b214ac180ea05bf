//! STUN messages as ICE uses them (RFC 8489; RFC 8445, section 7): read, verified, written. Pure.

use rtc_crypto::RTCCrypto;
use rtc_shared::error::Error;
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY,
    ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc_stun::error_code::CODE_ROLE_CONFLICT;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message as Raw, MessageType, Setter, TransactionId,
    is_stun_message,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;

/// Priority of a peer-reflexive candidate of the highest preference (RFC 8445, section 5.1.2.1), which
/// is what a request without a candidate of its own has to state.
const PRIORITY: u32 = (110 << 24) | (0xffff << 8) | 0xff;

/// Bytes of MESSAGE-INTEGRITY (RFC 8489, section 14.5).
const INTEGRITY_BYTES: usize = 20;

/// By which a request and its answer know each other.
pub type Id = [u8; 12];

/// The messages of the Binding method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A question.
    Request,
    /// Its answer.
    Success,
    /// Its answer, if it cannot be fulfilled.
    Error,
}

/// The agent's part in choosing the path, with its tie-breaker (RFC 8445, section 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It nominates.
    Controlling(u64),
    /// It takes what is nominated.
    Controlled(u64),
}

/// A message that anybody may have made up.
pub struct Message {
    raw: Raw,
    /// Attributes up to the signature: those after it are not signed (RFC 8489, section 14.5).
    signed: usize,
}

/// What a signed message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whether it is a request that nominates the path that it has taken.
    pub nominates: bool,
    /// What its sender takes itself for.
    pub role: Option<Role>,
    /// Its error code: 487 for a conflict of roles.
    pub error: Option<u16>,
}

impl Message {
    /// Takes a datagram apart. None if it is no STUN message of the Binding method, or an indication.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        // The first two bits tell it from DTLS, RTP and RTCP (RFC 7983).
        if datagram.first().is_none_or(|first| *first > 3) || !is_stun_message(datagram) {
            return None;
        }
        let mut raw = Raw::new();
        raw.unmarshal_binary(datagram).ok()?;
        let signed = raw.attributes.0.iter().position(|it| it.typ == ATTR_MESSAGE_INTEGRITY);
        let message = Self { signed: signed.unwrap_or(0), raw };
        message.kind().map(|_| message)
    }

    /// Which of the three it is.
    pub fn kind(&self) -> Option<MessageKind> {
        let is = |kind: MessageType| self.raw.typ == kind;
        [
            (BINDING_REQUEST, MessageKind::Request),
            (BINDING_SUCCESS, MessageKind::Success),
            (BINDING_ERROR, MessageKind::Error),
        ]
        .into_iter()
        .find_map(|(typ, kind)| is(typ).then_some(kind))
    }

    /// Its number.
    pub fn id(&self) -> Id {
        self.raw.transaction_id.0
    }

    /// Whose user name fragment a request is addressed to (RFC 8445, section 7.2.2).
    pub fn receiver(&self) -> Option<&str> {
        std::str::from_utf8(self.attribute(ATTR_USERNAME)?).ok()?.split(':').next()
    }

    fn attribute(&self, typ: AttrType) -> Option<&[u8]> {
        let signed = self.raw.attributes.0.get(..self.signed)?;
        signed.iter().find(|it| it.typ == typ).map(|it| &*it.value)
    }

    /// What it says, if it is signed with this password.
    pub fn verify(&mut self, password: &str, crypto: &dyn RTCCrypto) -> Option<Signed> {
        let signature = self.raw.attributes.0.get(self.signed)?;
        if signature.typ != ATTR_MESSAGE_INTEGRITY || signature.value.len() != INTEGRITY_BYTES {
            return None;
        }
        MessageIntegrity::check(&mut self.raw, password.as_bytes(), crypto).ok()?;
        let number = |typ| self.attribute(typ).and_then(|value| value.try_into().ok()).map(u64::from_be_bytes);
        let role = number(ATTR_ICE_CONTROLLING)
            .map(Role::Controlling)
            .or_else(|| number(ATTR_ICE_CONTROLLED).map(Role::Controlled));
        // Class and number (RFC 8489, section 14.8).
        let error = self.attribute(ATTR_ERROR_CODE).and_then(|value| match value {
            [_, _, class, number, ..] => Some(u16::from(class & 7) * 100 + u16::from(*number)),
            _ => None,
        });
        Some(Signed { nominates: self.attribute(ATTR_USE_CANDIDATE).is_some(), role, error })
    }
}

/// Whether a datagram is signed with this password.
pub fn is_signed(datagram: &[u8], password: &str, crypto: &dyn RTCCrypto) -> bool {
    Message::read(datagram).is_some_and(|mut message| message.verify(password, crypto).is_some())
}

/// A request of ours: `username` is theirs first.
pub fn request(
    id: Id,
    username: &str,
    password: &str,
    role: Role,
    nominates: bool,
    crypto: &dyn RTCCrypto,
) -> Result<Vec<u8>, Error> {
    let mut message = begin(BINDING_REQUEST, id);
    message.add(ATTR_USERNAME, username.as_bytes());
    match role {
        Role::Controlling(tie_breaker) => message.add(ATTR_ICE_CONTROLLING, &tie_breaker.to_be_bytes()),
        Role::Controlled(tie_breaker) => message.add(ATTR_ICE_CONTROLLED, &tie_breaker.to_be_bytes()),
    }
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    if nominates {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    sign(message, password, crypto)
}

/// The answer to a request that came from `from`.
pub fn success(id: Id, from: SocketAddr, password: &str, crypto: &dyn RTCCrypto) -> Result<Vec<u8>, Error> {
    let mut message = begin(BINDING_SUCCESS, id);
    XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut message)?;
    sign(message, password, crypto)
}

/// The answer to a request whose sender takes itself for what we are, and has to give in (RFC 8445, section 7.3.1.1).
pub fn role_conflict(id: Id, password: &str, crypto: &dyn RTCCrypto) -> Result<Vec<u8>, Error> {
    let mut message = begin(BINDING_ERROR, id);
    CODE_ROLE_CONFLICT.add_to(&mut message)?;
    sign(message, password, crypto)
}

fn begin(typ: MessageType, id: Id) -> Raw {
    let mut message = Raw::new();
    message.typ = typ;
    message.transaction_id = TransactionId(id);
    message.write_header();
    message
}

fn sign(mut message: Raw, password: &str, crypto: &dyn RTCCrypto) -> Result<Vec<u8>, Error> {
    MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto).add_to(&mut message)?;
    FINGERPRINT.add_to(&mut message)?;
    Ok(message.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWORD: &str = "a password of 22 chars";

    fn a_request(nominates: bool) -> Vec<u8> {
        let provider = rtc_crypto::default_provider().unwrap();
        request([7; 12], "ours:theirs", PASSWORD, Role::Controlling(9), nominates, provider.crypto()).unwrap()
    }

    fn verified(datagram: &[u8]) -> Option<Signed> {
        let provider = rtc_crypto::default_provider().unwrap();
        Message::read(datagram)?.verify(PASSWORD, provider.crypto())
    }

    #[test]
    fn what_is_written_is_read() {
        let provider = rtc_crypto::default_provider().unwrap();
        let message = Message::read(&a_request(true)).unwrap();
        assert_eq!(
            (message.kind(), message.id(), message.receiver()),
            (Some(MessageKind::Request), [7; 12], Some("ours"))
        );
        let role = Some(Role::Controlling(9));
        assert_eq!(verified(&a_request(true)), Some(Signed { nominates: true, role, error: None }));
        assert_eq!(verified(&a_request(false)), Some(Signed { nominates: false, role, error: None }));
        let from = "[2001:db8::1]:9".parse().unwrap();
        let success = success([1; 12], from, PASSWORD, provider.crypto()).unwrap();
        assert_eq!(verified(&success), Some(Signed { nominates: false, role: None, error: None }));
        let conflict = role_conflict([1; 12], PASSWORD, provider.crypto()).unwrap();
        assert_eq!(verified(&conflict).and_then(|signed| signed.error), Some(487));
    }

    /// An attribute after the signature is not signed: anybody on the path can have put it there.
    #[test]
    fn a_nomination_that_is_appended_to_a_signed_request_is_none() {
        let mut raw = Raw::new();
        raw.unmarshal_binary(&a_request(false)).unwrap();
        raw.attributes.0.pop();
        let mut longer = begin(BINDING_REQUEST, [7; 12]);
        raw.attributes.0.iter().for_each(|it| longer.add(it.typ, &it.value));
        longer.add(ATTR_USE_CANDIDATE, &[]);
        FINGERPRINT.add_to(&mut longer).unwrap();
        assert_eq!(verified(&longer.raw).map(|signed| signed.nominates), Some(false));
    }

    #[test]
    fn an_unsigned_message_says_nothing() {
        assert_eq!(verified(&begin(BINDING_REQUEST, [0; 12]).raw), None);
        let mut short = begin(BINDING_REQUEST, [0; 12]);
        short.add(ATTR_MESSAGE_INTEGRITY, &[]);
        assert_eq!(verified(&short.raw), None);
        assert!(!is_signed(&a_request(true), "another", rtc_crypto::default_provider().unwrap().crypto()));
    }

    proptest! {
        #[test]
        fn no_bent_or_cut_message_is_taken_for_signed(at in 0usize..200, bit in 0u8..8, length in 0usize..200) {
            let whole = a_request(true);
            let integrity_ends = whole.len() - 8;
            let mut bent = whole.clone();
            if let Some(byte) = bent.get_mut(at) {
                *byte ^= 1 << bit;
            }
            // The length and what comes after the signature are not signed.
            let is_signed = at < integrity_ends && !(2..4).contains(&at);
            prop_assert!(!is_signed || verified(&bent).is_none());
            prop_assert!(length >= whole.len() || verified(&whole[..length]).is_none());
        }

        #[test]
        fn rubbish_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), typ in 0u8..4) {
            let mut message = vec![0, typ, 0, 0, 0x21, 0x12, 0xa4, 0x42];
            message.extend(&bytes);
            let length = message.len().saturating_sub(20) as u16;
            message[2..4].copy_from_slice(&length.to_be_bytes());
            verified(&message);
        }
    }
}
