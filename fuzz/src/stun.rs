//! STUN as it comes from anybody: what is not signed is nothing, and what is made up harms nobody.

use crate::Target;
use lenscap_actors::transport::stun::{self, Message, Role};
use rtc_crypto::RTCCryptoProvider;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

/// The target.
pub const TARGET: Target = Target { name: "stun", run, seeds };

static CRYPTO: LazyLock<Arc<dyn RTCCryptoProvider>> = LazyLock::new(|| rtc_crypto::default_provider().unwrap());

/// Another one than that with which it is looked at: no change of a seed makes it authentic.
const THEIRS: &str = "their-password-of-22-chars";
const OURS: &str = "our-password-of-22-characters";

fn seeds() -> Vec<Vec<u8>> {
    let crypto = CRYPTO.crypto();
    let from: SocketAddr = ([192, 0, 2, 1], 4000).into();
    let six: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    vec![
        stun::request([7; 12], "ours:theirs", THEIRS, Role::Controlling(9), true, crypto).unwrap(),
        stun::request([7; 12], "ours:theirs", THEIRS, Role::Controlled(9), false, crypto).unwrap(),
        stun::success([7; 12], from, THEIRS, crypto).unwrap(),
        stun::success([7; 12], six, THEIRS, crypto).unwrap(),
        stun::role_conflict([7; 12], THEIRS, crypto).unwrap(),
    ]
}

fn run(data: &[u8]) {
    let Some(mut message) = Message::read(data) else { return };
    assert!(data[0] <= 3 && message.kind().is_some());
    let _ = message.receiver();
    assert!(message.verify(OURS, CRYPTO.crypto()).is_none(), "nobody knows this password");
    assert!(!stun::is_signed(data, OURS, CRYPTO.crypto()));
}
