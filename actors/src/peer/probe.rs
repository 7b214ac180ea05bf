//! Our own questions to a viewer: STUN Binding requests (RFC 8489) on the path that media takes, as ICE
//! sends them to keep consent (RFC 7675), and the authentication of what comes back.
//!
//! `rtc` checks its pairs, too, but seldom and by its own clock; a suspicion wants an answer now.

use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::ice::attributes::control::AttrControlled;
use rtc::ice::attributes::priority::PriorityAttr;
use rtc::shared::error::Error;
use rtc::stun::attributes::ATTR_USERNAME;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    BINDING_REQUEST, CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, METHOD_BINDING, Message, TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Probes whose answers are waited for; an answer to an older one is nobody's. Before a verdict they go out 12 ms apart for
/// 1.2 s, and a stall may hold up all the answers.
const PENDING_MAX: usize = 160;

/// Priority of a peer-reflexive candidate of the highest preference (RFC 8445, section 5.1.2.1), which
/// is what a request without a candidate of its own has to state.
const PRIORITY: u32 = (110 << 24) | (0xffff << 8) | 0xff;

/// What both sides know each other by (RFC 8445, section 5.3).
#[derive(Clone)]
pub struct Credentials {
    /// Our user name fragment.
    pub local_ufrag: String,
    /// Our password.
    pub local_password: String,
    /// The viewer's user name fragment.
    pub remote_ufrag: String,
    /// The viewer's password.
    pub remote_password: String,
}

impl Credentials {
    /// The viewer's part, as its offer states it first; everything is on one transport (RFC 8839, section 5.4).
    pub fn of_offer(offer: &str) -> Option<(String, String)> {
        let value = |key: &str| offer.lines().find_map(|line| line.trim_end().strip_prefix(key)).map(str::to_owned);
        Some((value("a=ice-ufrag:")?, value("a=ice-pwd:")?))
    }
}

/// What a datagram turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer to a probe, after this round trip.
    Answer(Duration),
    /// A request of the viewer's own, authenticated.
    Request,
    /// A request that somebody else has made up. `rtc` must not see it: it looks for conflicts of roles before it
    /// looks at the signature, and so a stranger could turn the roles around.
    Forged,
    /// Nothing of ours, or not authentic.
    Other,
}

/// The questions.
pub struct Prober {
    credentials: Credentials,
    crypto: Arc<dyn RTCCryptoProvider>,
    tie_breaker: u64,
    pending: VecDeque<(TransactionId, SocketAddr, Instant)>,
}

impl Prober {
    /// `tie_breaker` is any number from a cryptographic source.
    pub fn new(credentials: Credentials, crypto: Arc<dyn RTCCryptoProvider>, tie_breaker: u64) -> Self {
        Self { credentials, crypto, tie_breaker, pending: VecDeque::new() }
    }

    /// A request to be sent to `to` now.
    pub fn request(&mut self, to: SocketAddr, now: Instant) -> Result<BytesMut, Error> {
        let Credentials { local_ufrag, remote_ufrag, remote_password, .. } = &self.credentials;
        let id = TransactionId::new();
        let username = TextAttribute::new(ATTR_USERNAME, format!("{remote_ufrag}:{local_ufrag}"));
        let integrity =
            MessageIntegrity::new_short_term_integrity_with_provider(remote_password.clone(), self.crypto.crypto());
        let mut message = Message::new();
        message.build(&[
            Box::new(BINDING_REQUEST),
            Box::new(id),
            Box::new(username),
            Box::new(AttrControlled(self.tie_breaker)),
            Box::new(PriorityAttr(PRIORITY)),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ])?;
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back((id, to, now));
        Ok(BytesMut::from(&message.raw[..]))
    }

    /// Looks at a datagram that was read at `now`.
    pub fn hear(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Heard {
        let Some(mut message) = stun(datagram) else { return Heard::Other };
        if message.typ == BINDING_REQUEST {
            let authentic = is_signed(&mut message, &self.credentials.local_password, &*self.crypto);
            return if authentic { Heard::Request } else { Heard::Forged };
        }
        // An error is an answer, too: somebody who knows the password is there.
        let answers = message.typ.method == METHOD_BINDING
            && [CLASS_SUCCESS_RESPONSE, CLASS_ERROR_RESPONSE].contains(&message.typ.class);
        let Some(nth) = self.position(message.transaction_id).filter(|_| answers) else { return Heard::Other };
        let (_, to, sent) = self.pending[nth];
        if to != from || !is_signed(&mut message, &self.credentials.remote_password, &*self.crypto) {
            return Heard::Other;
        }
        self.pending.remove(nth);
        Heard::Answer(now.saturating_duration_since(sent))
    }

    /// Whether an undeliverable datagram, or the beginning of it as ICMP quotes it, was a probe. The number by which
    /// it is known cannot be guessed from outside the path.
    pub fn is_probe(&self, quoted: &[u8]) -> bool {
        let id = quoted.get(8..20).and_then(|id| <[u8; 12]>::try_from(id).ok());
        id.is_some_and(|id| self.position(TransactionId(id)).is_some())
    }

    fn position(&self, id: TransactionId) -> Option<usize> {
        self.pending.iter().position(|(pending, _, _)| *pending == id)
    }
}

/// Whether a datagram is a STUN message signed with this password.
pub fn is_authentic(datagram: &[u8], password: &str, crypto: &dyn RTCCryptoProvider) -> bool {
    stun(datagram).is_some_and(|mut message| is_signed(&mut message, password, crypto))
}

fn is_signed(message: &mut Message, password: &str, crypto: &dyn RTCCryptoProvider) -> bool {
    MessageIntegrity::check(message, password.as_bytes(), crypto.crypto()).is_ok()
}

fn stun(datagram: &[u8]) -> Option<Message> {
    // The first two bits tell it from DTLS, RTP and RTCP (RFC 7983).
    if datagram.first().is_none_or(|first| *first > 3) || !rtc::stun::message::is_stun_message(datagram) {
        return None;
    }
    let mut message = Message::new();
    message.unmarshal_binary(datagram).ok()?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::departure::patience::Patience;
    use crate::departure::silence::Silence;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn prober() -> Prober {
        let credentials = Credentials {
            local_ufrag: "ours".into(),
            local_password: "our password of 22 chars".into(),
            remote_ufrag: "theirs".into(),
            remote_password: "their password of 22 chars".into(),
        };
        Prober::new(credentials, rtc::crypto::default_provider().unwrap(), 7)
    }

    /// What a browser answers, signed with `password`.
    fn answer(request: &[u8], password: &str) -> Vec<u8> {
        let crypto = rtc::crypto::default_provider().unwrap();
        let request = stun(request).unwrap();
        let mut message = Message::new();
        message
            .build(&[
                Box::new(rtc::stun::message::BINDING_SUCCESS),
                Box::new(request.transaction_id),
                Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password.into(), crypto.crypto())),
                Box::new(FINGERPRINT),
            ])
            .unwrap();
        message.raw
    }

    #[test]
    fn an_answer_from_where_it_was_asked_tells_the_round_trip_once() {
        let (mut prober, start) = (prober(), Instant::now());
        let request = prober.request(at(1), start).unwrap();
        let answer = answer(&request, "their password of 22 chars");
        let later = start + Duration::from_millis(40);
        assert_eq!(prober.hear(at(2), &answer, later), Heard::Other, "from another address");
        assert_eq!(prober.hear(at(1), &answer, later), Heard::Answer(Duration::from_millis(40)));
        assert_eq!(prober.hear(at(1), &answer, later), Heard::Other, "played back");
    }

    #[test]
    fn what_fails_authentication_is_nothing() {
        let (mut prober, start) = (prober(), Instant::now());
        let request = prober.request(at(1), start).unwrap();
        assert_eq!(prober.hear(at(1), &answer(&request, "a guess"), start), Heard::Other);
        let mut bent = answer(&request, "their password of 22 chars");
        bent[25] ^= 1;
        assert_eq!(prober.hear(at(1), &bent, start), Heard::Other);
        // Our own request, sent back to us, is signed with the viewer's password and not with ours.
        assert_eq!(prober.hear(at(1), &request, start), Heard::Forged);
        for length in 0..request.len() {
            assert_eq!(prober.hear(at(1), &request[..length], start), Heard::Other);
        }
    }

    #[test]
    fn a_request_of_the_viewers_is_known_by_our_password() {
        let mut ours = prober();
        let mut theirs = prober();
        theirs.credentials = Credentials {
            local_ufrag: "theirs".into(),
            local_password: String::new(),
            remote_ufrag: "ours".into(),
            remote_password: "our password of 22 chars".into(),
        };
        let now = Instant::now();
        let request = theirs.request(at(9), now).unwrap();
        assert_eq!(ours.hear(at(1), &request, now), Heard::Request);
        let crypto = rtc::crypto::default_provider().unwrap();
        assert!(is_authentic(&request, "our password of 22 chars", &*crypto));
        assert!(!is_authentic(&request, "their password of 22 chars", &*crypto));
        assert!(!is_authentic(&request[..30], "our password of 22 chars", &*crypto));
    }

    #[test]
    fn a_refusal_is_known_by_what_it_quotes() {
        let (mut prober, start) = (prober(), Instant::now());
        let request = prober.request(at(1), start).unwrap();
        assert!(prober.is_probe(&request) && prober.is_probe(&request[..20]));
        assert!(!prober.is_probe(&request[..19]) && !prober.is_probe(&[128; 100]));
        for _ in 0..PENDING_MAX {
            prober.request(at(1), start).unwrap();
        }
        assert!(!prober.is_probe(&request), "forgotten");
    }

    /// A stall may hold them all up, and any answer saves the viewer.
    #[test]
    fn all_probes_of_a_silence_are_remembered_until_the_verdict() {
        for round_trip in [1, 20, 70, 600].map(Duration::from_millis) {
            let (mut prober, start) = (prober(), Instant::now());
            let mut silence = Silence::new(Patience::production());
            (0..5).for_each(|_| silence.measured(round_trip));
            silence.sent(start);
            let mut requests = vec![];
            while let Some(due) = silence.due() {
                if silence.tick(due, Duration::ZERO).probe {
                    silence.sent_probe(due);
                    requests.push(prober.request(at(1), due).unwrap());
                }
            }
            assert!(requests.len() > 64 && requests.iter().all(|request| prober.is_probe(request)), "{round_trip:?}");
        }
    }

    #[test]
    fn an_offer_names_its_credentials() {
        let offer = "v=0\r\nm=video 9\r\na=ice-ufrag:ab\r\na=ice-pwd:secret\r\nm=audio\r\na=ice-ufrag:ab\r\n";
        assert_eq!(Credentials::of_offer(offer), Some(("ab".into(), "secret".into())));
        assert_eq!(Credentials::of_offer("a=ice-ufrag:ab"), None);
    }
}
