//! DTLS for the keys of SRTP (RFC 5764), and to say goodbye.
//!
//! It is taken from every address at which the viewer has been heard, before a path is chosen, too: browsers begin with
//! it as soon as they have a valid pair (RFC 8445, section 12.2).

mod budget;
mod flight;
mod hello;
mod record;

use super::identity::{Fingerprint, Identity, TransportError};
use super::sdp::DtlsRole;
use super::srtp::Srtp;
use budget::Budget;
use bytes::BytesMut;
use flight::{Flight, is_plain_handshake};
use hello::{Hello, is_client_hello};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// An `Endpoint` tells its connections apart by their remote address. A viewer has one, by whatever path it comes.
const TUNNEL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 65535);

/// Whether a datagram is DTLS, by its first byte (RFC 7983).
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// What a datagram has brought about.
pub enum DtlsEvent {
    /// The handshake is complete, with the certificate that the offer named.
    Keys(Box<Srtp>),
    /// The viewer has closed the connection.
    Closed,
}

/// The state of one association.
pub struct Dtls {
    endpoint: Endpoint,
    identity: Arc<Identity>,
    fingerprints: Vec<Fingerprint>,
    role: DtlsRole,
    /// The first flight, until it is whole.
    hello: Hello,
    stage: Stage,
    /// What the viewer has not answered yet.
    flight: Flight,
    /// What it may still send of its handshake.
    budget: Budget,
    out: VecDeque<BytesMut>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Shaking,
    Established,
    Ended,
}

impl Dtls {
    /// Waits for the viewer's ClientHello, or for [`Dtls::start`].
    pub fn new(identity: Arc<Identity>, fingerprints: Vec<Fingerprint>, role: DtlsRole) -> Self {
        let endpoint = Endpoint::new(TUNNEL, TransportProtocol::UDP, Some(identity.dtls.any.clone()));
        Self {
            endpoint,
            identity,
            fingerprints,
            role,
            hello: Hello::default(),
            stage: Stage::Waiting,
            flight: Flight::default(),
            budget: Budget::default(),
            out: VecDeque::new(),
        }
    }

    /// A path to the viewer is known: where it is our part, we say ClientHello.
    pub fn start(&mut self, now: Instant) -> Result<(), TransportError> {
        if self.role != DtlsRole::Client || self.stage != Stage::Waiting {
            return Ok(());
        }
        self.stage = Stage::Shaking;
        let configuration = self.identity.dtls.client.clone();
        let connected = self.endpoint.connect(now, TUNNEL, configuration, None);
        self.collect(now);
        connected.map_err(|error| TransportError::Dtls(error.to_string()))
    }

    /// A datagram of the viewer's.
    pub fn read(&mut self, datagram: &[u8], now: Instant) -> Result<Option<DtlsEvent>, TransportError> {
        match self.stage {
            Stage::Ended => return Ok(None),
            Stage::Waiting if self.role == DtlsRole::Client => return Ok(None),
            Stage::Waiting => {
                // `rtc-dtls` takes the first of the *viewer's* SRTP profiles that is configured, and Chromium's first is
                // the dear one. So who has AES-GCM meets a configuration with nothing else.
                let Some((datagrams, has_gcm)) = self.hello.push(datagram) else { return Ok(None) };
                if has_gcm {
                    self.endpoint.set_server_config(Some(self.identity.dtls.gcm.clone()));
                }
                self.stage = Stage::Shaking;
                let mut event = None;
                for datagram in datagrams {
                    event = self.feed(&datagram, now)?.or(event);
                }
                return Ok(event);
            }
            // The viewer repeats what we have answered: our last flight is lost, or under way. The endpoint would take it
            // for progress, and give up the timer by which alone it makes that flight anew.
            Stage::Shaking
                if self.role == DtlsRole::Client && self.flight.changes_cipher() && is_plain_handshake(datagram) =>
            {
                return Ok(None);
            }
            Stage::Shaking | Stage::Established => {}
        }
        self.feed(datagram, now)
    }

    fn feed(&mut self, datagram: &[u8], now: Instant) -> Result<Option<DtlsEvent>, TransportError> {
        if !self.budget.admits(datagram) {
            return Ok(None);
        }
        let events = self.endpoint.read(now, TUNNEL, None, BytesMut::from(datagram));
        let is_answered = self.collect(now);
        if !is_answered && self.stage == Stage::Shaking && is_client_hello(datagram) && self.flight.may_hurry(now) {
            // The viewer repeats its first flight: our answer to it was lost.
            self.out.extend(self.flight.again(now));
        }
        let events = match events {
            Ok(events) => events,
            // Only what is encrypted counts after the handshake, so this is the viewer's own word.
            Err(Error::ErrAlertFatalOrClose) if self.stage == Stage::Established => {
                self.stage = Stage::Ended;
                return Ok(Some(DtlsEvent::Closed));
            }
            // What is not understood may be anybody's: it must not end a handshake.
            Err(error) => return Err(TransportError::Dtls(error.to_string())),
        };
        let mut found = None;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => found = Some(DtlsEvent::Keys(Box::new(self.keys()?))),
                EndpointEvent::PeerClosed => {
                    self.stage = Stage::Ended;
                    return Ok(Some(DtlsEvent::Closed));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The handshake has proved that the viewer has its certificate's key; that it is the offer's certificate is found here.
    fn keys(&mut self) -> Result<Srtp, TransportError> {
        let state = self.endpoint.get_connection_state(TUNNEL);
        let state = state.ok_or_else(|| TransportError::Dtls("it has ended".into()))?;
        let is_expected =
            state.peer_certificates.first().is_some_and(|der| self.fingerprints.iter().any(|it| it.is_of(der)));
        if !is_expected {
            self.stage = Stage::Ended;
            return Err(TransportError::Fingerprint);
        }
        let keys = Srtp::of_handshake(state, self.identity.crypto());
        self.stage = if keys.is_ok() { Stage::Established } else { Stage::Ended };
        self.flight = Flight::default();
        self.budget.established();
        keys
    }

    /// Whether it may still come to something.
    pub fn is_open(&self) -> bool {
        self.stage != Stage::Ended
    }

    /// What is to be sent to the viewer.
    pub fn take(&mut self) -> Option<BytesMut> {
        self.out.pop_front()
    }

    /// Takes what the endpoint wants to send; whether there is something.
    fn collect(&mut self, now: Instant) -> bool {
        let sent: Vec<BytesMut> = std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|it| it.message).collect();
        self.flight.sent(&sent, now);
        let any = !sent.is_empty();
        self.out.extend(sent);
        any
    }

    /// When [`Dtls::wake`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        (self.stage == Stage::Shaking).then(|| self.flight.due()).flatten()
    }

    /// Time has passed: a flight that was not answered is sent again.
    pub fn wake(&mut self, now: Instant) {
        if self.due().is_none_or(|due| due > now) {
            return;
        }
        self.out.extend(self.flight.again(now));
        // A viewer that is done takes only records with new numbers for a sign that our last flight is repeated, and
        // repeats its own. Only the endpoint can make such, a few times.
        let is_due = self.endpoint.poll_timeout(&TUNNEL).is_some_and(|due| due <= now);
        if self.role == DtlsRole::Client && is_due && self.flight.may_be_made_anew() {
            if let Err(error) = self.endpoint.handle_timeout(TUNNEL, now) {
                log::debug!("a flight could not be made again: {error}");
            }
            self.out.extend(std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|it| it.message));
        }
    }

    /// Tells the viewer that it is over.
    pub fn close(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Shaking | Stage::Established) {
            self.endpoint.stop(now, TUNNEL);
            self.collect(now);
        }
        self.stage = Stage::Ended;
    }
}
