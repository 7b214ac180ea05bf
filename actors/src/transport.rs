//! The WebRTC transport of one viewer that watches, without a socket, a thread or a clock: datagrams and time go in,
//! datagrams and [`News`] come out. It knows no actor and no camera.
//!
//! - [`sdp`] answers the offer; what that settles are [`Terms`].
//! - [`ice`] finds the path to the viewer, keeps its consent, and asks whether it is there; [`stun`] are its messages.
//! - `dtls` makes the keys, `srtp` seals with them, `srtcp` opens feedback; [`identity`] is what all viewers share of that.
//! - [`congestion`] knows what the link carries, `losses` of viewers that do not tell as much; `waiting` has the frames
//!   that wait for that, and `again` what is asked for again.
//! - `misses` knows whether somebody who wants a keyframe has a reason.
//! - `rtp` writes headers, [`rtcp`] reports and reads what is reported, `history` has what may be asked for again.
//! - [`track`] says which frames a viewer can decode, and when they were taken; [`journal`] when they were sent.
//! - [`Batch`] is what goes out: one buffer, in runs that are one system call each.
//!
//! Architecture invariant: nothing here waits, locks, reads a clock or draws the numbers that make a connection unique.

mod again;
mod batch;
pub mod congestion;
mod dtls;
mod history;
pub mod ice;
pub mod identity;
pub mod journal;
mod losses;
mod misses;
mod news;
mod packet;
mod rate;
pub mod rtcp;
mod rtp;
pub mod sdp;
mod sender;
mod srtcp;
mod srtp;
pub mod stun;
pub mod track;
mod waiting;

pub use batch::{Batch, Run};
pub use dtls::is_dtls;
pub use ice::IceTimeouts;
pub use identity::{Identity, TransportError};
pub use news::News;
pub use sdp::{OfferError, Secrets, Terms, answer};
pub use sender::Dropped;

use crate::departure::Cause;
use crate::departure::delay::Delay;
use crate::media::Frame;
use dtls::{Dtls, DtlsEvent};
use ice::{Credentials, Heard, Ice, IceState};
use journal::Journal;
use misses::Misses;
use rtcp::Timebase;
use sdp::{DtlsRole, Media};
use sender::{Out, Sender};
use srtp::Srtp;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use track::Admission;

/// So long after the last flight of a handshake that we have ended nothing is sent: Firefox takes its keys when that has
/// come, and drops what comes before, the first keyframe of all things, without asking for it again.
const HEAD_START: Duration = Duration::from_millis(20);

/// One viewer's connection.
pub struct Transport {
    identity: Arc<Identity>,
    secrets: Secrets,
    role: DtlsRole,
    media: Media,
    fingerprints: Vec<identity::Fingerprint>,
    /// Counts our descriptions of this session.
    version: u32,
    ice: Ice,
    dtls: Dtls,
    /// Where the viewer shakes hands, as long as no path is chosen.
    handshake_from: Option<SocketAddr>,
    srtp: Option<Box<Srtp>>,
    /// From when on frames may be sent.
    ready: Option<Instant>,
    connected: bool,
    ended: bool,
    /// The viewer has not consented lately: nothing of media is sent.
    mute: bool,
    sender: Sender,
    misses: Misses,
    /// When what has been sent was sent.
    journal: Journal,
    /// When both directions were last seen to work.
    proved: Instant,
    /// How long feedback is under way.
    delay: Delay,
    base: Timebase,
    news: News,
}

impl Transport {
    /// From what the answer has settled; `unix` is the time since the Unix epoch at `now`.
    pub fn new(terms: Terms, identity: Arc<Identity>, timeouts: IceTimeouts, now: Instant, unix: Duration) -> Self {
        let Terms { secrets, remote_ufrag, remote_password, fingerprints, role, lite, media } = terms;
        let credentials = Credentials {
            local_ufrag: secrets.ufrag.clone(),
            local_password: secrets.password.clone(),
            remote_ufrag,
            remote_password,
        };
        Self {
            ice: Ice::new(credentials, secrets.tie_breaker, &lite, timeouts, identity.crypto().clone(), now),
            dtls: Dtls::new(identity.clone(), fingerprints.clone(), role),
            sender: Sender::new(&secrets, &media, now),
            identity,
            secrets,
            role,
            media,
            fingerprints,
            version: 1,
            handshake_from: None,
            srtp: None,
            ready: None,
            connected: false,
            ended: false,
            mute: false,
            misses: Misses::default(),
            journal: Journal::default(),
            proved: now,
            delay: Delay::default(),
            base: Timebase { at: now, unix },
            news: News::default(),
        }
    }

    /// Our user name fragment and password at present, by which the viewer's checks are known.
    pub fn credentials(&self) -> (String, String) {
        (self.secrets.ufrag.clone(), self.secrets.password.clone())
    }

    /// Whether a viewer's checks that are for this user name fragment are answered: ours, or one before a restart on whose
    /// path media still goes.
    pub fn answers_to(&self, ufrag: &str) -> bool {
        self.ice.answers_to(ufrag)
    }

    /// Where an ice-lite viewer is asked: its answers come from there. Empty for all others.
    pub fn lite(&self) -> &[SocketAddr] {
        self.ice.lite()
    }

    /// A datagram arrived. What it is, is told by its first byte (RFC 7983).
    pub fn read(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        match datagram.first() {
            Some(0..=3) => match self.ice.read(from, datagram, now) {
                Heard::Answer(round_trip) => {
                    self.sender.answered(round_trip);
                    self.news.alive = true;
                    self.news.prove(round_trip);
                    self.news.round_trips.push(round_trip);
                }
                Heard::Request => self.news.alive = true,
                Heard::Nothing => {}
            },
            Some(_) if is_dtls(datagram) && self.ice.knows(from) => {
                self.handshake_from = Some(from);
                let event = self.dtls.read(datagram, now);
                self.shake(event, now);
            }
            Some(128..=191) => self.feedback(datagram, now),
            _ => {}
        }
        if self.ice.remote().is_some() && self.role == DtlsRole::Client && self.srtp.is_none() {
            let started = self.dtls.start(now);
            self.shake(started.map(|()| None), now);
        }
    }

    fn shake(&mut self, event: Result<Option<DtlsEvent>, TransportError>, now: Instant) {
        match event {
            Ok(None) => {}
            Ok(Some(DtlsEvent::Keys(keys))) => {
                self.srtp = Some(keys);
                // Where the viewer has ended the handshake, it has its keys.
                let head_start = if self.role == DtlsRole::Server { HEAD_START } else { Duration::ZERO };
                self.ready = Some(now + head_start);
            }
            Ok(Some(DtlsEvent::Closed)) => {
                self.ended = true;
                self.news.leaving = Some(Cause::CloseNotify);
            }
            Err(TransportError::Dtls(words)) if self.dtls.is_open() => {
                log::debug!("a DTLS datagram was of no use: {words}")
            }
            Err(error) => {
                log::warn!("a viewer cannot be connected: {error}");
                self.ended = true;
                self.news.leaving.get_or_insert(Cause::IceFailed);
            }
        }
    }

    fn feedback(&mut self, datagram: &[u8], now: Instant) {
        let Some(plain) = self.srtp.as_mut().and_then(|srtp| srtp.open(datagram)) else { return };
        self.ice.alive(now);
        let feedback = rtcp::read(plain, self.secrets.ssrcs[0]);
        let news = &mut self.news;
        news.alive = true;
        self.misses.reported(&feedback);
        if feedback.keyframe_wanted {
            news.keyframe_wanted = true;
            news.missed |= self.misses.take(self.sender.dropped());
        }
        for arrivals in feedback.arrivals {
            if let Some(last) = arrivals.last() {
                news.prove(self.delay.held_up(arrivals.units, last, now));
            }
            self.sender.reported(&arrivals, now);
        }
        if let Some(reception) = feedback.reception {
            news.lost = Some(u64::try_from(reception.lost).unwrap_or_default());
            self.sender.lost(reception.lost, now);
            let round_trip = reception.round_trip(&self.base, now);
            round_trip.iter().for_each(|round_trip| self.sender.measured(*round_trip));
            news.round_trips.extend(round_trip);
            // What was sent before the last proof tells only that the viewer still sends.
            if let Some(sent) = self.journal.sent(reception.last).filter(|sent| *sent > self.proved) {
                news.prove(now.saturating_duration_since(sent));
            }
        }
        self.sender.want_again(&feedback.nacked);
    }

    /// What has become known.
    pub fn poll(&mut self, now: Instant) -> News {
        let mut news = std::mem::take(&mut self.news);
        let is_ready = self.ice.remote().is_some() && self.ready.is_some_and(|ready| ready <= now);
        if is_ready && !self.connected && !self.ended {
            self.connected = true;
            news.connected = true;
        }
        if news.proof.is_some() {
            self.proved = now;
        }
        news
    }

    /// Moves everything that waits to be sent to `batch`: checks and answers, handshakes, media for which there is room
    /// now, packets that were asked for again. Gives the number of media packets.
    pub fn transmit(&mut self, now: Instant, batch: &mut Batch) -> u64 {
        for (to, datagram) in self.ice.take() {
            batch.push(to, &datagram);
        }
        let path = self.ice.remote();
        self.mute = !self.ice.has_consent(now);
        while let Some(datagram) = self.dtls.take() {
            if let Some(to) = path.or(self.handshake_from) {
                batch.push(to, &datagram);
            }
        }
        let packets = if self.can_send(now) { self.catch_up(now, batch) } else { 0 };
        if let (false, Some(to), Some(srtp)) = (self.mute, path, &mut self.srtp) {
            self.sender.resend(&mut Out { to, srtp, base: &self.base, batch }, now);
        }
        packets
    }

    /// The socket has taken only the first `taken` datagrams of a batch: what of the rest is media is sent when it is
    /// writable, if that is soon enough.
    pub fn refused(&mut self, batch: &Batch, taken: usize, now: Instant) {
        self.sender.refused(batch, taken, now);
    }

    /// What the viewer was not sent.
    pub fn dropped(&self) -> Dropped {
        self.sender.dropped()
    }

    /// What is known of the link to the viewer, if it gives transport-wide feedback.
    pub fn congestion(&self) -> Option<&congestion::Congestion> {
        self.sender.congestion()
    }

    /// How long a newcomer will have waited for its first picture, and for the past that leads up to the present: as long as
    /// these are under way, if the link has shown how little it carries.
    pub fn catching_up_takes(&self, now: Instant) -> Option<Duration> {
        self.sender.catching_up_takes(now)
    }

    /// What is on its way to the viewer is not ended, and nothing is sent before the next keyframe.
    pub fn abandon(&mut self) {
        self.sender.abandon();
    }

    /// Bytes a second that the stream has.
    pub fn stream_rate(&self) -> f64 {
        self.sender.stream_rate()
    }

    /// When [`Transport::wake`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let ready = self.ready.filter(|_| !self.connected && self.ice.remote().is_some());
        let media = self.sender.due().filter(|_| !self.mute);
        [self.ice.due(), self.dtls.due(), ready, media].into_iter().flatten().min()
    }

    /// The same, as far as media that waits to be sent is concerned.
    pub fn media_due(&self) -> Option<Instant> {
        self.sender.due()
    }

    /// Time has passed. Everything that waits goes to `batch`; gives the number of media packets among it.
    pub fn wake(&mut self, now: Instant, batch: &mut Batch) -> u64 {
        if self.ended {
            return self.transmit(now, batch);
        }
        match self.ice.wake(now) {
            Some(IceState::Disconnected) => _ = self.news.leaving.get_or_insert(Cause::IceDisconnected),
            Some(IceState::Failed) => _ = self.news.leaving.get_or_insert(Cause::IceFailed),
            None => {}
        }
        self.dtls.wake(now);
        self.sender.forget(now);
        self.transmit(now, batch)
    }

    /// Sends a frame that has just been taken, if the viewer can decode it. Gives the decision and the number of packets.
    pub fn write(&mut self, frame: &Arc<Frame>, now: Instant, batch: &mut Batch) -> (Admission, u64) {
        if !self.can_send(now) {
            return (Admission::Skip, 0);
        }
        let admission = self.sender.admit(frame, now);
        (admission, self.catch_up(now, batch))
    }

    /// Sends frames of the past that lead up to now, the first of them a keyframe: a little at once, the rest when
    /// [`Transport::wake`] is called. Gives the number of packets that go at once.
    pub fn replay<'a>(
        &mut self,
        frames: impl ExactSizeIterator<Item = &'a Arc<Frame>> + Clone,
        now: Instant,
        batch: &mut Batch,
    ) -> u64 {
        if !self.can_send(now) {
            return 0;
        }
        self.sender.admit_replayed(frames, now);
        self.catch_up(now, batch)
    }

    fn can_send(&self, now: Instant) -> bool {
        self.connected && !self.ended && self.media.sends && self.ice.has_consent(now)
    }

    fn catch_up(&mut self, now: Instant, batch: &mut Batch) -> u64 {
        let (Some(to), Some(srtp)) = (self.ice.remote(), &mut self.srtp) else { return 0 };
        let packets = self.sender.catch_up(&mut Out { to, srtp, base: &self.base, batch }, now);
        if packets > 0 {
            self.journal.note(self.sender.last_number(), now);
        }
        packets
    }

    /// Whether the viewer can be sent a burst: not where retransmissions have no numbers of their own.
    pub fn can_burst(&self) -> bool {
        self.media.rtx.is_some()
    }

    /// Sends the last packets once more, in one burst: how far apart they arrive tells what the link carries.
    pub fn burst(&mut self, now: Instant, batch: &mut Batch) {
        if self.can_send(now)
            && let (Some(to), Some(srtp)) = (self.ice.remote(), &mut self.srtp)
        {
            self.sender.burst(&mut Out { to, srtp, base: &self.base, batch }, now);
        }
    }

    /// What was sent last was held up, and what comes now is not: [`track::Track::leap`].
    pub fn leap(&mut self) {
        self.sender.track.leap();
    }

    /// From here on frames are another stream's.
    pub fn switch(&mut self) {
        self.sender.switch();
    }

    /// The RTP timestamp of the last frame that was let in. Those of all that follow are greater.
    pub fn last_timestamp(&self) -> Option<u32> {
        self.sender.track.last_timestamp()
    }

    /// Asks the viewer whether it is there, on the path that media takes; false if there is none yet.
    pub fn probe(&mut self, now: Instant, batch: &mut Batch) -> bool {
        let asked = !self.ended && self.ice.probe(now);
        self.transmit(now, batch);
        asked
    }

    /// A datagram to `to`, of which this is the beginning, came back as undeliverable: whether that concerns
    /// the path that media takes, and if so, whether it was a probe.
    pub fn undeliverable(&self, to: SocketAddr, quoted: &[u8]) -> Option<bool> {
        self.ice.undeliverable(to, quoted)
    }

    /// Packets that were sent again because the viewer asked for them.
    pub fn resent(&self) -> u64 {
        self.sender.resent()
    }

    /// Where media goes.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ice.remote()
    }

    /// Ends the connection and tells the viewer.
    pub fn close(&mut self, now: Instant, batch: &mut Batch) {
        self.dtls.close(now);
        self.transmit(now, batch);
        self.ended = true;
    }

    /// Answers a new offer for this connection: a whole one, or the fragment of a WHEP restart (RFC 8840, section 9), with
    /// the same kind of answer. If it has new ICE credentials, ours are these from now on, and requests for `ufrag` are for
    /// this connection, too. Media goes on where it went until the viewer has nominated a path with the new ones.
    ///
    /// # Errors
    ///
    /// What the offer lacks, or changes beside that.
    pub fn restart(
        &mut self,
        offer: &str,
        addresses: &[SocketAddr],
        ufrag: String,
        password: String,
        now: Instant,
    ) -> Result<String, OfferError> {
        if !offer.trim_start().starts_with("v=") {
            let (remote_ufrag, remote_password) = sdp::fragment_credentials(offer)?;
            if !self.is_current(remote_ufrag, remote_password) {
                self.renew(remote_ufrag, remote_password, ufrag, password, &[], now);
            }
            return Ok(sdp::fragment(offer, &self.secrets.ufrag, &self.secrets.password, addresses));
        }
        let version = self.version + 1;
        let next = Secrets { ufrag: ufrag.clone(), password: password.clone(), ..self.secrets.clone() };
        let answer = |secrets| sdp::answer_again(offer, &self.identity, addresses, secrets, version, self.role);
        let (text, terms) = answer(next)?;
        if terms.media != self.media {
            return Err(OfferError::Changed("how its video is sent"));
        }
        if terms.fingerprints != self.fingerprints {
            return Err(OfferError::Changed("its certificate"));
        }
        let text = if self.is_current(&terms.remote_ufrag, &terms.remote_password) {
            answer(self.secrets.clone())?.0
        } else {
            self.renew(&terms.remote_ufrag, &terms.remote_password, ufrag, password, &terms.lite, now);
            text
        };
        self.version = version;
        Ok(text)
    }

    /// Whether a fragment has the credentials that the viewer has now.
    ///
    /// # Errors
    ///
    /// If there are none in it.
    pub fn is_of_present_session(&self, fragment: &str) -> Result<bool, OfferError> {
        sdp::fragment_credentials(fragment).map(|(ufrag, password)| self.is_current(ufrag, password))
    }

    fn is_current(&self, remote_ufrag: &str, remote_password: &str) -> bool {
        let current = self.ice.credentials();
        current.remote_ufrag == remote_ufrag && current.remote_password == remote_password
    }

    fn renew(
        &mut self,
        remote_ufrag: &str,
        remote_password: &str,
        ufrag: String,
        password: String,
        lite: &[SocketAddr],
        now: Instant,
    ) {
        let credentials = Credentials {
            local_ufrag: ufrag.clone(),
            local_password: password.clone(),
            remote_ufrag: remote_ufrag.to_owned(),
            remote_password: remote_password.to_owned(),
        };
        self.ice.restart(credentials, lite, now);
        (self.secrets.ufrag, self.secrets.password) = (ufrag, password);
    }
}
