//! ICE for a side that has been asked, is reachable, and has one socket (RFC 8445), with consent (RFC 7675). Pure.
//!
//! We ask nobody who has not asked us: a viewer's first signed request makes it known (a peer-reflexive candidate), and
//! is answered and asked back at once. So no datagram goes where only an offer has pointed, and nothing that the viewer
//! sends before its nomination is lost. A path is taken when the viewer has nominated it *and* has answered us there:
//! the latter is its consent, without which anybody with a session could aim our media at a stranger.

mod pairs;

use super::stun::{self, Id, Message, MessageKind, Role, Signed};
use pairs::Pairs;
use rtc_crypto::RTCCryptoProvider;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Questions whose answers are waited for; an answer to an older one is nobody's. Before somebody is away probes go out 12 ms
/// apart for 1.2 s, then a few dozen more, and a stall may hold up all the answers.
const PENDING_MAX: usize = 208;

/// A path on which nothing of ours was answered for so long carries no media (RFC 7675, section 5.1).
const CONSENT: Duration = Duration::from_secs(30);

/// And if nothing is answered for so much longer, it is over. Of a viewer that falls silent the last answer is up to an
/// interval of keepalives older than its last word; it is looked for until that is 30 s old.
const REGAIN: Duration = Duration::from_secs(5);

/// `rtc` and others take whatever comes from here for multicast DNS. No viewer asks from it.
const MULTICAST_DNS_PORT: u16 = 5353;

/// ICE time-outs (RFC 8445, RFC 7675 in spirit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IceTimeouts {
    /// Nothing heard for so long: disconnected.
    pub disconnected: Duration,
    /// No connection after so long: failed.
    pub failed: Duration,
    /// Own checks on the selected pair are so far apart.
    pub keepalive: Duration,
}

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

/// What a datagram turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer to one of our questions, after this round trip.
    Answer(Duration),
    /// A question of the viewer's own, authenticated.
    Request,
    /// Nothing of ours, or made up.
    Nothing,
}

/// How long nothing has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceState {
    /// It may come back.
    Disconnected,
    /// It is over.
    Failed,
}

/// A question that waits for its answer.
struct Pending {
    id: Id,
    to: SocketAddr,
    sent: Instant,
    generation: u32,
    nominates: bool,
}

/// The agent.
pub struct Ice {
    crypto: Arc<dyn RTCCryptoProvider>,
    tie_breaker: u64,
    /// Whether we choose the path: only if the viewer cannot (ice-lite), or insists that it does not.
    controlling: bool,
    /// Where an ice-lite viewer is to be found; of all others nothing is known but what they do.
    lite: Vec<SocketAddr>,
    timeouts: IceTimeouts,
    /// Counts restarts. What holds for the one before is kept until a path of this one is taken.
    generation: u32,
    current: Credentials,
    former: Option<Credentials>,
    pairs: Pairs,
    selected: Option<SocketAddr>,
    pending: VecDeque<Pending>,
    started: Instant,
    heard: Instant,
    consented: Instant,
    next_keepalive: Option<Instant>,
    disconnected: bool,
    failed: bool,
    out: Vec<(SocketAddr, Vec<u8>)>,
}

impl Ice {
    /// An agent that waits for questions; or, where the viewer is ice-lite and waits at `lite`, asks there.
    pub fn new(
        credentials: Credentials,
        tie_breaker: u64,
        lite: &[SocketAddr],
        timeouts: IceTimeouts,
        crypto: Arc<dyn RTCCryptoProvider>,
        now: Instant,
    ) -> Self {
        let mut ice = Self {
            crypto,
            tie_breaker,
            controlling: !lite.is_empty(),
            lite: lite.to_vec(),
            timeouts,
            generation: 0,
            current: credentials,
            former: None,
            pairs: Pairs::default(),
            selected: None,
            pending: VecDeque::new(),
            started: now,
            heard: now,
            consented: now,
            next_keepalive: None,
            disconnected: false,
            failed: false,
            out: vec![],
        };
        ice.ask_lite(now);
        ice
    }

    fn ask_lite(&mut self, now: Instant) {
        for address in self.lite.clone() {
            self.pairs.heard(address, self.generation, self.selected, now);
            self.ask(address, now);
        }
    }

    /// Where an ice-lite viewer is asked: what it answers comes from there, and nothing before. Empty for all others.
    pub fn lite(&self) -> &[SocketAddr] {
        &self.lite
    }

    /// Where media goes.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Whether a signed question has come from there, so that handshakes may.
    pub fn knows(&self, address: SocketAddr) -> bool {
        self.pairs.find(address).is_some()
    }

    /// Whether the viewer has consented lately to what it is sent.
    pub fn has_consent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.consented) < CONSENT
    }

    /// Our and the viewer's present credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.current
    }

    /// Whether requests for this name of ours are answered: it is of the present credentials, or of those before a restart that
    /// has led nowhere yet.
    pub fn answers_to(&self, ufrag: &str) -> bool {
        std::iter::once(&self.current).chain(&self.former).any(|it| it.local_ufrag == ufrag)
    }

    /// Takes what is to be sent.
    pub fn take(&mut self) -> impl Iterator<Item = (SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.out).into_iter()
    }

    fn of(&self, generation: u32) -> Option<&Credentials> {
        if generation == self.generation { Some(&self.current) } else { self.former.as_ref() }
    }

    fn role(&self) -> Role {
        if self.controlling { Role::Controlling(self.tie_breaker) } else { Role::Controlled(self.tie_breaker) }
    }

    /// Both sides have new credentials (RFC 8445, section 9). What they had before holds until a path of the new
    /// ones is taken. An ice-lite viewer is asked at `lite`, or where it was if that is empty.
    pub fn restart(&mut self, credentials: Credentials, lite: &[SocketAddr], now: Instant) {
        // A restart within a restart: who has a path keeps what that has.
        let established = self.selected.and_then(|address| self.pairs.find(address)).map(|path| path.generation);
        let former = std::mem::replace(&mut self.current, credentials);
        if self.former.is_none() || established == Some(self.generation) {
            self.former = Some(former);
        } else {
            // The generation between them led nowhere, and the one before takes its number.
            self.pending.retain(|pending| pending.generation != self.generation);
            self.pairs.rename(self.generation);
        }
        self.generation += 1;
        if !lite.is_empty() {
            self.lite = lite.to_vec();
        }
        self.ask_lite(now);
    }

    /// A datagram that begins as STUN does.
    pub fn read(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> Heard {
        if from.port() == MULTICAST_DNS_PORT {
            return Heard::Nothing;
        }
        let Some(message) = Message::read(datagram) else { return Heard::Nothing };
        let heard = match message.kind() {
            Some(MessageKind::Request) => self.asked(from, message, now),
            Some(MessageKind::Success | MessageKind::Error) => self.answered(from, message, now),
            None => Heard::Nothing,
        };
        if heard != Heard::Nothing {
            self.alive(now);
        }
        heard
    }

    /// Something authentic has come from the viewer.
    pub fn alive(&mut self, now: Instant) {
        self.heard = now;
        self.disconnected = false;
    }

    fn asked(&mut self, from: SocketAddr, mut message: Message, now: Instant) -> Heard {
        let receiver = message.receiver();
        let is = |credentials: &Credentials| receiver == Some(&*credentials.local_ufrag);
        let (generation, password) = match &self.former {
            _ if is(&self.current) => (self.generation, &self.current.local_password),
            Some(former) if is(former) => (self.generation - 1, &former.local_password),
            _ => return Heard::Nothing,
        };
        let Some(signed) = message.verify(password, self.crypto.crypto()) else { return Heard::Nothing };
        let password = password.clone();
        if self.contradicts(&signed) {
            match stun::role_conflict(message.id(), &password, self.crypto.crypto()) {
                Ok(answer) => self.out.push((from, answer)),
                Err(error) => log::warn!("a STUN answer could not be made: {error}"),
            }
            return Heard::Request;
        }
        match stun::success(message.id(), from, &password, self.crypto.crypto()) {
            Ok(answer) => self.out.push((from, answer)),
            Err(error) => log::warn!("a STUN answer could not be made: {error}"),
        }
        let nominates = signed.nominates && !self.controlling;
        let path = self.pairs.heard(from, generation, self.selected, now);
        path.nominated |= nominates;
        if path.is_proven(now) {
            if nominates {
                self.select(from, generation, now);
            }
        } else if path.may_be_asked(now) {
            // The triggered check of section 7.3.1.4.
            self.ask(from, now);
        }
        Heard::Request
    }

    /// Both sides take themselves for the same (section 7.3.1.1): true if the viewer has to give in, else we did.
    fn contradicts(&mut self, signed: &Signed) -> bool {
        match (signed.role, self.controlling) {
            (Some(Role::Controlling(theirs)), true) => {
                let win = self.tie_breaker >= theirs;
                self.controlling = win;
                win
            }
            (Some(Role::Controlled(theirs)), false) => {
                self.controlling = self.tie_breaker >= theirs;
                !self.controlling
            }
            _ => false,
        }
    }

    fn answered(&mut self, from: SocketAddr, mut message: Message, now: Instant) -> Heard {
        let id = message.id();
        let Some(nth) = self.pending.iter().position(|pending| pending.id == id && pending.to == from) else {
            return Heard::Nothing;
        };
        let pending = &self.pending[nth];
        let (generation, nominates) = (pending.generation, pending.nominates);
        let Some(password) = self.of(generation).map(|it| it.remote_password.clone()) else { return Heard::Nothing };
        let Some(signed) = message.verify(&password, self.crypto.crypto()) else { return Heard::Nothing };
        let Some(pending) = self.pending.remove(nth) else { return Heard::Nothing };
        let round_trip = now.saturating_duration_since(pending.sent);
        if message.kind() == Some(MessageKind::Error) {
            // Somebody who knows the password is there, but this is no consent.
            if signed.error == Some(487) {
                self.controlling = !self.controlling;
                self.ask(from, now);
            }
            return Heard::Answer(round_trip);
        }
        let Some(path) = self.pairs.find_mut(from) else { return Heard::Answer(round_trip) };
        path.proven = Some(now);
        path.retry = None;
        let nominated = path.nominated && path.generation == generation;
        if self.selected == Some(from) {
            self.consented = now;
        }
        if nominated && !self.controlling || nominates && self.selected.is_none_or(|it| self.is_former(it)) {
            self.select(from, generation, now);
        }
        Heard::Answer(round_trip)
    }

    fn is_former(&self, address: SocketAddr) -> bool {
        self.pairs.find(address).is_none_or(|path| path.generation != self.generation)
    }

    fn select(&mut self, address: SocketAddr, generation: u32, now: Instant) {
        // A nomination is for now: an older one, of a path that was left, must not take it back.
        self.pairs.nominated_is(address);
        if generation == self.generation && self.former.take().is_some() {
            self.pairs.forget_before(generation);
            self.pending.retain(|pending| pending.generation == generation);
        }
        if self.selected.replace(address) != Some(address) {
            self.consented = now;
        }
        if self.next_keepalive.is_none() {
            self.next_keepalive = self.keepalive_after(now);
        }
    }

    /// Asks the viewer at an address.
    fn ask(&mut self, to: SocketAddr, now: Instant) {
        let Some(path) = self.pairs.find_mut(to) else { return };
        path.asked(now);
        let generation = path.generation;
        let Some(credentials) = self.of(generation) else { return };
        let username = format!("{}:{}", credentials.remote_ufrag, credentials.local_ufrag);
        let mut id = Id::default();
        let nominates = self.controlling;
        let made = self.crypto.random().fill(&mut id).map_err(|error| error.to_string()).and_then(|()| {
            stun::request(id, &username, &credentials.remote_password, self.role(), nominates, self.crypto.crypto())
                .map_err(|error| error.to_string())
        });
        match made {
            Ok(request) => self.out.push((to, request)),
            Err(error) => return log::warn!("a STUN request could not be made: {error}"),
        }
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        self.pending.push_back(Pending { id, to, sent: now, generation, nominates });
    }

    /// Asks on the path that media takes; false if there is none yet.
    pub fn probe(&mut self, now: Instant) -> bool {
        let Some(to) = self.selected else { return false };
        self.ask(to, now);
        // Each is one of these, too.
        self.next_keepalive = self.keepalive_after(now);
        true
    }

    /// Whether a datagram that came back from `to`, or the beginning of it as ICMP quotes it, was a question of ours. The
    /// number by which it is known cannot be guessed from outside the path. None if media does not go there.
    pub fn undeliverable(&self, to: SocketAddr, quoted: &[u8]) -> Option<bool> {
        (self.selected == Some(to)).then(|| {
            let id = quoted.get(8..20);
            self.pending.iter().any(|pending| Some(&pending.id[..]) == id)
        })
    }

    /// Between 0.8 and 1.2 times the interval, so that not all viewers are asked at once (RFC 7675, section 5.1).
    fn keepalive_after(&self, now: Instant) -> Option<Instant> {
        let spread = f64::from((self.tie_breaker >> 16) as u16) / f64::from(u16::MAX);
        (!self.timeouts.keepalive.is_zero()).then(|| now + self.timeouts.keepalive.mul_f64(0.8 + 0.4 * spread))
    }

    /// When [`Ice::wake`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        if self.failed {
            return None;
        }
        let verdicts = [self.disconnects(), Some(self.fails())].into_iter().flatten();
        verdicts.chain(self.next_keepalive).chain(self.pairs.due()).min()
    }

    fn disconnects(&self) -> Option<Instant> {
        let after = self.timeouts.disconnected;
        (self.selected.is_some() && !self.disconnected && !after.is_zero()).then(|| self.heard + after)
    }

    fn fails(&self) -> Instant {
        match self.selected {
            None => self.started + self.timeouts.failed,
            Some(_) => self.consented + CONSENT + REGAIN,
        }
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Instant) -> Option<IceState> {
        if self.failed {
            return None;
        }
        if self.next_keepalive.is_some_and(|at| at <= now) {
            self.probe(now);
        }
        while let Some(address) = self.pairs.to_be_asked_again(now) {
            self.ask(address, now);
        }
        if self.fails() <= now {
            self.failed = true;
            return Some(IceState::Failed);
        }
        if self.disconnects().is_some_and(|at| at <= now) {
            self.disconnected = true;
            return Some(IceState::Disconnected);
        }
        None
    }
}

#[cfg(test)]
mod tests;
