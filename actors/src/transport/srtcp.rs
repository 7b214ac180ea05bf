//! A viewer's feedback, opened (RFC 3711, section 3.4; RFC 7714, section 9), by `rtc-srtp`.
//!
//! That keeps something for every source (SSRC) that it hears of, before it knows whether the packet is authentic. So what is of
//! a source that has never been authentic is first opened on trial, by keys of which nothing is kept: whoever makes up packets
//! from ever new sources fills no memory, and takes nobody's place.

use super::identity::TransportError;
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use std::sync::Arc;

/// Feedback that comes so late, in packets, is taken for a replay (RFC 3711, section 3.3.2: at least 64).
const REPLAY_WINDOW: usize = 64;

/// Sources of feedback that a viewer may have. Browsers have one.
const SOURCES_MAX: usize = 32;

/// As many are tried with the same keys, for it takes longer to derive them than to use them.
const TRIALS_MAX: usize = 32;

/// Whose feedback a datagram is; none if it is none: a viewer watches, and sends no media. The first byte tells it from STUN and DTLS (RFC 7983), the second from media (RFC 5761, section 4).
fn source(datagram: &[u8]) -> Option<u32> {
    match datagram {
        [128..=191, 192..=223, _, _, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

/// What opens it.
pub struct Feedback {
    keys: Keys,
    context: Context,
    /// Those who have been authentic.
    sources: Vec<u32>,
    trial: Option<Trial>,
}

struct Trial {
    context: Context,
    left: usize,
}

/// The viewer's master keys.
pub struct Keys {
    pub key: Vec<u8>,
    pub salt: Vec<u8>,
    pub profile: ProtectionProfile,
    pub crypto: Arc<dyn RTCCryptoProvider>,
}

impl Keys {
    fn context(&self, replays: bool) -> Result<Context, TransportError> {
        let replays = replays.then(|| rtc_srtp::option::srtcp_replay_protection(REPLAY_WINDOW));
        Context::new(&self.key, &self.salt, self.profile, None, replays, self.crypto.crypto())
            .map_err(|error| TransportError::Crypto(error.to_string()))
    }
}

impl Feedback {
    /// Of a viewer with these keys.
    pub fn new(keys: Keys) -> Result<Self, TransportError> {
        Ok(Self { context: keys.context(true)?, keys, sources: vec![], trial: None })
    }

    /// What a datagram says. None if it is not the viewer's, or was there before.
    pub fn open(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        let source = source(datagram)?;
        if !self.sources.contains(&source) {
            self.try_it(datagram)?;
            if self.sources.len() == SOURCES_MAX {
                return None;
            }
            self.sources.push(source);
            self.trial = None;
        }
        self.context.decrypt_rtcp(datagram).ok()
    }

    fn try_it(&mut self, datagram: &[u8]) -> Option<()> {
        let trial = match self.trial.take().filter(|trial| trial.left > 0) {
            Some(trial) => self.trial.insert(trial),
            None => self.trial.insert(Trial { context: self.keys.context(false).ok()?, left: TRIALS_MAX }),
        };
        trial.left -= 1;
        trial.context.decrypt_rtcp(datagram).ok().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session() -> (Feedback, Context) {
        let crypto = rtc_crypto::default_provider().unwrap();
        let (key, salt) = ((1..=16).collect(), (101..=112).collect());
        let keys = Keys { key, salt, profile: ProtectionProfile::AeadAes128Gcm, crypto };
        let viewer = keys.context(false).unwrap();
        (Feedback::new(keys).unwrap(), viewer)
    }

    fn report(source: u32) -> Vec<u8> {
        [&[0x80, 201, 0, 1][..], &source.to_be_bytes()].concat()
    }

    #[test]
    fn feedback_is_taken_once() {
        let (mut feedback, mut viewer) = session();
        let sealed = viewer.encrypt_rtcp(&report(9)).unwrap();
        assert_eq!(feedback.open(&sealed).as_deref(), Some(&report(9)[..]));
        assert_eq!(feedback.open(&sealed), None);
        let mut bent = viewer.encrypt_rtcp(&report(9)).unwrap();
        bent[9] ^= 1;
        assert_eq!(feedback.open(&bent), None);
    }

    #[test]
    fn made_up_sources_take_no_place_and_leave_nothing_behind() {
        let (mut feedback, mut viewer) = session();
        let rest = viewer.encrypt_rtcp(&report(9)).unwrap().split_off(8);
        for source in 1000..3000 {
            assert_eq!(feedback.open(&[&report(source), &rest[..]].concat()), None);
        }
        assert!(feedback.sources.is_empty() && feedback.trial.as_ref().is_some_and(|trial| trial.left < TRIALS_MAX));
        for source in 0..SOURCES_MAX as u32 {
            let sealed = viewer.encrypt_rtcp(&report(source)).unwrap();
            assert!(feedback.open(&sealed).is_some(), "{source}");
        }
        assert!(feedback.open(&viewer.encrypt_rtcp(&report(77)).unwrap()).is_none(), "nobody has so many");
        assert!(feedback.open(&viewer.encrypt_rtcp(&report(9)).unwrap()).is_some());
        assert_eq!(feedback.sources.len(), SOURCES_MAX);
    }

    #[test]
    fn media_stun_and_dtls_are_no_feedback() {
        assert_eq!(source(&report(7)), Some(7));
        for other in
            [&[0, 1, 0, 0][..], &[22, 254, 253], &[], &[0x80, 102, 0, 1, 0, 0, 0, 1], &[0x80, 230], &report(1)[..7]]
        {
            assert_eq!(source(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn rubbish_is_no_feedback(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let (mut feedback, _) = session();
            prop_assert_eq!(feedback.open(&bytes), None);
        }
    }
}
