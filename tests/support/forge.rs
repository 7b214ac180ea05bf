//! What an attacker can make: packets that look like a viewer's.

use rtc::stun::attributes::{ATTR_USERNAME, AttrType};
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, MessageType, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;

/// Attributes of ICE (RFC 8445, section 16.1).
const PRIORITY: AttrType = AttrType(0x24);
const USE_CANDIDATE: AttrType = AttrType(0x25);
pub const ICE_CONTROLLED: AttrType = AttrType(0x8029);
pub const ICE_CONTROLLING: AttrType = AttrType(0x802a);

/// A STUN attribute as it is on the wire.
struct Raw(AttrType, Vec<u8>);

impl Setter for Raw {
    fn add_to(&self, message: &mut Message) -> rtc::shared::error::Result<()> {
        message.add(self.0, &self.1);
        Ok(())
    }
}

fn message(kind: MessageType, attributes: Vec<Box<dyn Setter>>, password: &str) -> Vec<u8> {
    let crypto = rtc::crypto::default_provider().unwrap();
    let mut setters: Vec<Box<dyn Setter>> = vec![Box::new(kind), Box::new(TransactionId::new())];
    setters.extend(attributes);
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password.into(), crypto.crypto())));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).unwrap();
    message.raw
}

/// A check that asks for its path to be taken, signed with `password`, in one of the two roles.
pub fn request(username: &str, password: &str, role: AttrType, tie_breaker: u64) -> Vec<u8> {
    message(
        BINDING_REQUEST,
        vec![
            Box::new(TextAttribute::new(ATTR_USERNAME, username.to_owned())),
            Box::new(Raw(PRIORITY, vec![0x7e, 0xff, 0xff, 0xff])),
            Box::new(Raw(USE_CANDIDATE, vec![])),
            Box::new(Raw(role, tie_breaker.to_be_bytes().to_vec())),
        ],
        password,
    )
}

/// An answer to a question that nobody has asked.
pub fn success(password: &str) -> Vec<u8> {
    message(BINDING_SUCCESS, vec![], password)
}

/// For whom and from whom a request is.
pub fn username(request: &[u8]) -> Option<String> {
    let mut message = Message::new();
    message.unmarshal_binary(request).ok()?;
    let mut name = TextAttribute::new(ATTR_USERNAME, String::new());
    name.get_from(&message).ok()?;
    Some(name.to_string())
}

/// Noise that looks like media, its feedback or the encryption's own messages.
pub fn noise(seed: u32) -> Vec<(&'static str, Vec<u8>)> {
    let rubbish =
        |length: u32| (0..length).map(move |n| (seed.wrapping_mul(2_654_435_761).wrapping_add(n * 97) >> 8) as u8);
    let ssrc = seed.to_be_bytes();
    let with = |head: &[u8], length| head.iter().copied().chain(ssrc).chain(rubbish(length)).collect::<Vec<u8>>();
    vec![
        ("RTP", with(&[0x80, 102, seed as u8, 7, 0, 0, 0, 9], 200)),
        ("receiver reports", with(&[0x81, 201, 0, 7], 50)),
        ("transport feedback", with(&[0x8f, 205, 0, 9], 60)),
        ("BYE of RTCP", with(&[0x81, 203, 0, 1], 14)),
        ("close_notify in the clear", vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 1, seed as u8, 0, 2, 1, 0]),
        (
            "close_notify of the present epoch",
            [&[21, 254, 253, 0, 1, 0, 0, 0, 0, 1, seed as u8, 0, 26][..], &with(&[], 22)].concat(),
        ),
        ("a fatal alert in the clear", vec![21, 254, 253, 0, 0, 0, 0, 0, 0, 2, seed as u8, 0, 2, 2, 40]),
        (
            "rubbish of a handshake",
            [&[22, 254, 253, 0, 0, 0, 0, 0, 0, 3, seed as u8, 0, 64][..], &with(&[], 60)].concat(),
        ),
    ]
}
