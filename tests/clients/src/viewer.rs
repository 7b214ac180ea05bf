//! One viewer: a connection of `str0m` with a socket of its own, and what it counts.

use crate::Failure;
use crate::socket::{Buffers, Socket};
use crate::whep::Answer;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc};

/// What a viewer asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish {
    /// Sound, too.
    pub audio: bool,
    /// The section for sound comes first.
    pub audio_first: bool,
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
    ssrc: Option<u32>,
    keyframe: Option<u32>,
    highest: Option<u64>,
    window_start: Option<u64>,
    last_arrival: Option<Duration>,
    counts: Counts,
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
            ssrc: None,
            keyframe: None,
            highest: None,
            window_start: None,
            last_arrival: None,
            counts: Counts::default(),
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
        self.ssrc = answer.body.split("\nm=").filter(|section| section.starts_with("video")).find_map(|section| {
            section.lines().find_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok())
        });
        let pending = self.pending.take().ok_or("there is an answer already")?;
        self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer.body)?)?;
        self.drain()
    }

    /// Reads a batch; false once there is nothing more.
    pub fn receive(&mut self, buffers: &mut Buffers) -> Result<bool, Failure> {
        let mut failure = None;
        let Self { socket, rtc, joined, offered, keyframe, counts, .. } = self;
        let tally = &mut Tally {
            ssrc: &mut self.ssrc,
            highest: &mut self.highest,
            window_start: &mut self.window_start,
            last_arrival: &mut self.last_arrival,
        };
        let mut deadline = None;
        let count = socket.receive(buffers, |datagram, from, arrived| {
            tally.count(counts, datagram, arrived);
            let Ok(receive) = Receive::new(Protocol::Udp, from, socket.address(), datagram) else { return };
            let taken = rtc
                .handle_input(Input::Receive(Instant::now(), receive))
                .map_err(Failure::from)
                .and_then(|()| drain(rtc, socket, joined, *offered, keyframe, counts));
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

    /// Starts to count anew.
    pub fn count_anew(&mut self) {
        self.window_start = self.highest;
        self.counts = Counts { gap_ever: self.counts.gap_ever, ..Counts::default() };
    }

    /// What was counted. A silence that still lasts counts, too.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        if let (Some(start), Some(highest)) = (self.window_start, self.highest) {
            counts.missing = (highest - start).saturating_sub(counts.packets);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let silence = self.last_arrival.map_or(Duration::ZERO, |last| now.saturating_sub(last));
        counts.gap = counts.gap.max(silence);
        counts.gap_ever = counts.gap_ever.max(silence);
        counts
    }

    fn since_offer(&self) -> Option<Duration> {
        self.offered.map(|offered| offered.elapsed())
    }

    fn drain(&mut self) -> Result<(), Failure> {
        let Self { rtc, socket, joined, offered, keyframe, counts, .. } = self;
        self.deadline = drain(rtc, socket, joined, *offered, keyframe, counts)?;
        Ok(())
    }
}

/// Sends and notes what the connection has to say; when it wants to be woken.
fn drain(
    rtc: &mut Rtc,
    socket: &Socket,
    joined: &mut Joined,
    offered: Option<Instant>,
    keyframe: &mut Option<u32>,
    counts: &mut Counts,
) -> Result<Instant, Failure> {
    let since_offer = || offered.map(|offered| offered.elapsed());
    loop {
        match rtc.poll_output()? {
            Output::Timeout(at) => return Ok(at),
            Output::Transmit(datagram) => socket.send(datagram.destination, &datagram.contents),
            Output::Event(Event::Connected) => joined.connected = joined.connected.or_else(since_offer),
            Output::Event(Event::RtpPacket(packet)) => {
                counts.delivered += 1;
                joined.packet = joined.packet.or_else(since_offer);
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

struct Tally<'a> {
    ssrc: &'a mut Option<u32>,
    highest: &'a mut Option<u64>,
    window_start: &'a mut Option<u64>,
    last_arrival: &'a mut Option<Duration>,
}

impl Tally<'_> {
    /// Counts a media packet by its header, which is in the clear (RFC 3550, section 5.1).
    fn count(&mut self, counts: &mut Counts, datagram: &[u8], arrived: Option<Duration>) {
        let Some((number, ssrc)) = media(datagram) else { return };
        if *self.ssrc.get_or_insert(ssrc) != ssrc {
            return;
        }
        let highest = self.highest.map_or(u64::from(number), |highest| extend(highest, number));
        *self.highest = Some(self.highest.map_or(highest, |before| before.max(highest)));
        self.window_start.get_or_insert(highest.saturating_sub(1));
        counts.packets += 1;
        counts.frames += u64::from(datagram[1] >> 7);
        let Some(arrived) = arrived else { return };
        if let Some(last) = self.last_arrival.replace(arrived) {
            let gap = arrived.saturating_sub(last);
            counts.gap = counts.gap.max(gap);
            counts.gap_ever = counts.gap_ever.max(gap);
        }
    }
}

/// Number and SSRC of an RTP packet; None for everything else (RFC 5761, section 4).
fn media(datagram: &[u8]) -> Option<(u16, u32)> {
    let &[first, kind, high, low, _, _, _, _, a, b, c, d, ..] = datagram else { return None };
    let rtp = first >> 6 == 2 && !(64..96).contains(&(kind & 0x7f));
    rtp.then(|| (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d])))
}

/// The number nearest to `highest` that ends in `number`.
fn extend(highest: u64, number: u16) -> u64 {
    let ahead = number.wrapping_sub(highest as u16) as i16;
    highest.saturating_add_signed(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::{extend, media};

    #[test]
    fn numbers_go_on_past_their_end() {
        assert_eq!(extend(65_535, 0), 65_536);
        assert_eq!(extend(65_536, 65_535), 65_535);
        assert_eq!(extend(70_000, 4_465), 70_001);
    }

    #[test]
    fn only_rtp_is_media() {
        assert_eq!(media(&[0x80, 0xe0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 9, 1]), Some((0x0102, 9)));
        assert_eq!(media(&[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 9]), None, "a sender report");
        assert_eq!(media(&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), None, "DTLS");
    }
}
