//! One viewer: a connection of `str0m` with a socket of its own, and what it counts.

use crate::Failure;
use crate::playout::{Picture, Playout};
use crate::socket::{Buffers, Socket};
use crate::tally::Tally;
use crate::whep::Answer;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

/// What a viewer asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Sound, too.
    pub audio: bool,
    /// The section for sound comes first.
    pub audio_first: bool,
    /// It watches as a browser does: notes which frames can be decoded, and asks for a keyframe where none can.
    pub plays: bool,
    /// It asks for keyframes so often, from so long after counting began on, whether it needs them or not.
    pub flood: Option<Flood>,
}

/// Requests that nobody needs.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// After counting began.
    pub after: Duration,
    /// Between two.
    pub between: Duration,
}

/// When what happened, from the moment before the offer was sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Joined {
    /// The answer was read.
    pub answered: Option<Duration>,
    /// ICE and DTLS are done.
    pub connected: Option<Duration>,
    /// The first media packet was opened.
    pub packet: Option<Duration>,
    /// The last packet of the first keyframe was opened.
    pub picture: Option<Duration>,
    /// ICE gave the other side up, for the first time.
    pub disconnected: Option<Duration>,
}

/// What came since counting began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Media packets, each for the first time.
    pub packets: u64,
    /// Ends of frames. What the sender leaves out before it numbers its packets shows only here.
    pub frames: u64,
    /// Numbers that never came by themselves.
    pub missing: u64,
    /// Media packets that were handed on, with those that were sent again.
    pub delivered: u64,
    /// The longest time without a media packet, by the kernel's clock.
    pub gap: Duration,
    /// The longest time without a media packet since the first.
    pub gap_ever: Duration,
}

/// A viewer.
pub struct Viewer {
    rtc: Rtc,
    socket: Socket,
    pending: Option<SdpPendingOffer>,
    offered: Option<Instant>,
    /// When it wants to be woken.
    pub deadline: Instant,
    /// How it came to its picture.
    pub joined: Joined,
    /// Where to take leave.
    pub session: Option<String>,
    keyframe: Option<u32>,
    tally: Tally,
    counts: Counts,
    playout: Option<Playout>,
    flood: Option<Flood>,
    next_flood: Option<Instant>,
}

impl Viewer {
    /// A viewer at this address of ours, and its offer.
    pub fn new(address: IpAddr, wish: Wish) -> Result<(Self, String), Failure> {
        let now = Instant::now();
        let socket = Socket::new(address)?;
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(now);
        rtc.add_local_candidate(Candidate::host(socket.address(), "udp")?);
        let mut change = rtc.sdp_api();
        if wish.audio && wish.audio_first {
            change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        if wish.audio && !wish.audio_first {
            change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = change.apply().ok_or("nothing to offer")?;
        let viewer = Self {
            rtc,
            socket,
            pending: Some(pending),
            offered: None,
            deadline: now,
            joined: Joined::default(),
            session: None,
            keyframe: None,
            tally: Tally::default(),
            counts: Counts::default(),
            playout: wish.plays.then(Playout::default),
            flood: wish.flood,
            next_flood: None,
        };
        Ok((viewer, offer.to_sdp_string()))
    }

    /// Its socket.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The offer is on its way from now on.
    pub fn offer_sent(&mut self, now: Instant) {
        self.offered = Some(now);
    }

    /// Takes the answer.
    pub fn answered(&mut self, answer: Answer) -> Result<(), Failure> {
        if answer.status != 201 {
            return Err(format!("{}: {}", answer.status, answer.body.trim()).into());
        }
        self.session = answer.location;
        self.joined.answered = self.since_offer();
        // The first SSRC of the video section is that of the media.
        self.tally.ssrc =
            answer.body.split("\nm=").filter(|section| section.starts_with("video")).find_map(|section| {
                section.lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
            });
        let pending = self.pending.take().ok_or("there is an answer already")?;
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer.body)?)?;
        self.drain()
    }

    /// Reads a batch; false once there is nothing more.
    pub fn receive(&mut self, buffers: &mut Buffers) -> Result<bool, Failure> {
        let mut failure = None;
        let Self { socket, rtc, joined, offered, keyframe, tally, counts, playout, .. } = self;
        let mut deadline = None;
        let count = socket.receive(buffers, |datagram, from, arrived| {
            tally.count(counts, datagram, arrived);
            let arrived = arrived.unwrap_or_else(unix);
            if let Some(playout) = playout {
                playout.datagram(arrived, datagram.len());
            }
            let notes = Notes { joined, offered: *offered, keyframe, counts, playout, now: arrived };
            let Ok(receive) = Receive::new(Protocol::Udp, from, socket.address(), datagram) else { return };
            let taken = rtc
                .handle_input(Input::Receive(Instant::now(), receive))
                .map_err(Failure::from)
                .and_then(|()| drain(rtc, socket, notes));
            match taken {
                Ok(next) => deadline = Some(next),
                Err(error) => failure = Some(error),
            }
        })?;
        self.deadline = deadline.unwrap_or(self.deadline);
        failure.map_or(Ok(count > 0), Err)
    }

    /// Its time has come.
    pub fn wake(&mut self, now: Instant) -> Result<(), Failure> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    /// Asks for a keyframe if it is time; when to look again at the latest.
    pub fn tend(&mut self, now: Instant) -> Result<Option<Instant>, Failure> {
        let mut ask = self.playout.as_mut().is_some_and(|playout| playout.asks(unix()));
        if let (Some(flood), Some(next)) = (self.flood, &mut self.next_flood)
            && *next <= now
        {
            ask = true;
            *next = (*next + flood.between).max(now);
        }
        if ask {
            let stream = self.tally.ssrc.map(Into::into);
            if let Some(ssrc) = stream
                && let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc)
            {
                stream.request_keyframe(KeyframeRequestKind::Pli);
                self.wake(now)?;
            }
        }
        Ok(self.next_flood)
    }

    /// Starts to count anew.
    pub fn count_anew(&mut self) {
        self.tally.window_start = self.tally.highest;
        self.counts = Counts { gap_ever: self.counts.gap_ever, ..Counts::default() };
        self.next_flood = self.flood.map(|flood| Instant::now() + flood.after);
        if let Some(playout) = &mut self.playout {
            playout.count_anew(unix());
        }
    }

    /// What could be decoded since counting began, up to now.
    pub fn picture(&self) -> Option<Picture> {
        self.playout.as_ref().map(|playout| playout.picture(unix()))
    }

    /// What was counted. A silence that still lasts counts, too.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        if let (Some(start), Some(highest)) = (self.tally.window_start, self.tally.highest) {
            counts.missing = (highest - start).saturating_sub(counts.packets);
        }
        let now = unix();
        let silence = self.tally.last_arrival.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        counts.gap = counts.gap.max(silence);
        counts.gap_ever = counts.gap_ever.max(silence);
        counts
    }

    fn since_offer(&self) -> Option<Duration> {
        self.offered.map(|offered| offered.elapsed())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        let Self { rtc, socket, joined, offered, keyframe, counts, playout, .. } = self;
        let notes = Notes { joined, offered: *offered, keyframe, counts, playout, now: unix() };
        self.deadline = drain(rtc, socket, notes)?;
        Ok(())
    }
}

/// Since 1970.
fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Where is noted what a connection has to say.
struct Notes<'a> {
    joined: &'a mut Joined,
    offered: Option<Instant>,
    keyframe: &'a mut Option<u32>,
    counts: &'a mut Counts,
    playout: &'a mut Option<Playout>,
    /// When what it has to say came, since 1970.
    now: Duration,
}

/// Sends and notes what the connection has to say; when it wants to be woken.
fn drain(rtc: &mut Rtc, socket: &Socket, notes: Notes<'_>) -> Result<Instant, Failure> {
    let Notes { joined, offered, keyframe, counts, playout, now } = notes;
    let since_offer = || offered.map(|offered| offered.elapsed());
    loop {
        match rtc.poll_output()? {
            Output::Timeout(at) => return Ok(at),
            Output::Transmit(datagram) => socket.send(datagram.destination, &datagram.contents),
            Output::Event(Event::Connected) => joined.connected = joined.connected.or_else(since_offer),
            Output::Event(Event::IceConnectionStateChange(IceConnectionState::Disconnected)) => {
                joined.disconnected = joined.disconnected.or_else(since_offer);
            }
            Output::Event(Event::SenderFeedback(feedback)) => {
                if let Some(playout) = playout {
                    let report = feedback.sender_info;
                    playout.clock(now, report.rtp_time.numer() as u32, report.ntp_time);
                }
            }
            Output::Event(Event::RtpPacket(packet)) => {
                counts.delivered += 1;
                joined.packet = joined.packet.or_else(since_offer);
                if let Some(playout) = playout {
                    playout.packet(now, *packet.seq_no, &packet.header, &packet.payload);
                }
                if joined.picture.is_none() && completes_picture(&packet, keyframe) {
                    joined.picture = since_offer();
                }
            }
            Output::Event(_) => {}
        }
    }
}

/// Whether this is the end of the keyframe whose beginning was seen (RFC 6184, section 5.2).
fn completes_picture(packet: &RtpPacket, keyframe: &mut Option<u32>) -> bool {
    let unit = |byte: Option<&u8>| byte.map_or(0, |byte| byte & 0x1f);
    let payload = &packet.payload;
    let begins = match unit(payload.first()) {
        24 => matches!(unit(payload.get(3)), 5 | 7),
        28 => payload.get(1).is_some_and(|byte| byte & 0x80 != 0) && unit(payload.get(1)) == 5,
        kind => matches!(kind, 5 | 7),
    };
    let time = packet.header.timestamp;
    if begins {
        *keyframe = Some(time);
    }
    packet.header.marker && *keyframe == Some(time)
}
