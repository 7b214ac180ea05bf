//! The viewer's stream on its way out: numbered, paced, sealed, reported, and sent again.

use super::again::Again;
use super::batch::Batch;
use super::congestion::Congestion;
use super::history::{History, Sent};
use super::losses::Losses;
use super::packet::{OVERHEAD, bytes_from, fitting, head_of, seal};
use super::rate::{self, StreamRate};
use super::rtcp::{self, Arrivals, Timebase, Totals};
use super::sdp::{Media, Secrets};
use super::srtp::Srtp;
use super::track::{Admission, Track};
use super::waiting::{Backlog, LATE, Pace};
use crate::media::{Frame, Origin};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes that leave at once, whatever the pace: most routers' queues hold as much.
const BURST: usize = 48 << 10;

/// A larger frame leaves in parts of so many bytes, if they may.
const PART: usize = 12 << 10;

/// Large frames and replays leave so much faster than the stream, until the path has shown that it carries more.
const FASTER: f64 = 2.5;

/// And so much faster than what has just arrived, if nothing had to wait on the way.
const PROBING: f64 = 2.0;

/// Or at this part of the speed at which the last burst has arrived: others may be on that link,
const SHOWN_SHARE: f64 = 0.5;

/// but not more than so much faster than the stream: a token bucket lets a burst through at any speed.
const FASTER_SHOWN: f64 = 6.0;

/// What waits for room is looked after so often, should nothing else be heard.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A socket that was full is tried again after this.
const SOCKET_EVERY: Duration = Duration::from_millis(4);

/// Packets of a burst: enough to tell, and a tenth of a second of most streams.
const BURST_PACKETS: u64 = 12;

/// Sender reports are so far apart (RFC 3550, section 6.2, leaves less for video's rates).
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// When a picture was taken is said with keyframes, and so often.
const CAPTURE_TIME_EVERY: Duration = Duration::from_secs(1);

/// First numbers are below half of their space: a receiver that misses the first packets across a roll-over could not
/// know its counter (RFC 3711, section 3.3.1).
const FIRST_NUMBER_MASK: u16 = 0x7fff;

/// Where packets go.
pub struct Out<'a> {
    pub to: SocketAddr,
    pub srtp: &'a mut Srtp,
    pub base: &'a Timebase,
    pub batch: &'a mut Batch,
}

/// What a viewer was not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Frames that would have come late, or that a keyframe had made needless by then.
    pub late: u64,
    /// Packets that the full socket did not take in time.
    pub refused: u64,
}

/// The stream.
pub struct Sender {
    media: Media,
    ssrcs: [u32; 2],
    /// Its numbers and times.
    pub track: Track,
    first: u64,
    /// Numbers of the next packets, roll-overs included: of the media, and of what is sent again.
    next: u64,
    next_again: u64,
    /// And of the next packet of the connection.
    transport_wide: u64,
    history: History,
    /// None if the viewer gives no transport-wide feedback.
    congestion: Option<Congestion>,
    /// They have to do until it does.
    losses: Losses,
    backlog: Backlog,
    pace: Pace,
    rate: StreamRate,
    /// A frame of this stream has been sent to its end.
    began: bool,
    next_look: Option<Instant>,
    /// Packets that the socket had no room for, and when it is tried again.
    refused: (VecDeque<u64>, Instant),
    again: Again,
    dropped: Dropped,
    octets: u64,
    next_report: Instant,
    next_capture_time: Instant,
}

impl Sender {
    pub fn new(secrets: &Secrets, media: &Media, now: Instant) -> Self {
        let first = u64::from(secrets.sequence & FIRST_NUMBER_MASK);
        Self {
            media: media.clone(),
            ssrcs: secrets.ssrcs,
            track: Track::new(now, secrets.timestamp),
            first,
            next: first,
            next_again: u64::from(secrets.sequence.rotate_left(7) & FIRST_NUMBER_MASK),
            transport_wide: 0,
            history: History::default(),
            congestion: media.transport_wide.map(|_| Congestion::default()),
            losses: Losses::default(),
            backlog: Backlog::default(),
            pace: Pace::new(BURST, now),
            rate: StreamRate::default(),
            began: false,
            next_look: None,
            refused: (VecDeque::new(), now),
            again: Again::new(now),
            dropped: Dropped::default(),
            octets: 0,
            next_report: now,
            next_capture_time: now,
        }
    }

    /// The number of the last packet.
    pub fn last_number(&self) -> u16 {
        (self.next as u16).wrapping_sub(1)
    }

    /// Packets that were sent again.
    pub fn resent(&self) -> u64 {
        self.again.sent()
    }

    /// What was not sent.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// What is known of the link, if the viewer tells.
    pub fn congestion(&self) -> Option<&Congestion> {
        self.congestion.as_ref()
    }

    /// Bytes a second that the stream has.
    pub fn stream_rate(&self) -> f64 {
        self.rate.value()
    }

    /// A round trip was measured.
    pub fn measured(&mut self, round_trip: Duration) {
        self.again.measured(round_trip);
        if let Some(congestion) = &mut self.congestion {
            congestion.measured(round_trip);
        }
    }

    /// The viewer has answered a check.
    pub fn answered(&mut self, round_trip: Duration) {
        self.measured(round_trip);
        self.congestion.iter_mut().for_each(|congestion| congestion.answered(round_trip));
    }

    /// The viewer reports what has arrived.
    pub fn reported(&mut self, arrivals: &Arrivals, now: Instant) {
        if let Some(congestion) = &mut self.congestion {
            congestion.reported(arrivals, now);
        }
    }

    /// The viewer reports how many packets it has lost, all in all, less those that came twice.
    pub fn lost(&mut self, lost: i32, now: Instant) {
        // It may have said that it would report more, and not do it.
        if self.congestion.as_ref().is_none_or(|link| !link.has_reports()) {
            self.losses.reported(self.next - self.first, lost, self.octets, self.rate.value(), now);
        }
    }

    /// A frame that has just been taken waits for [`Sender::catch_up`], if the viewer can decode it.
    pub fn admit(&mut self, frame: &Arc<Frame>, now: Instant) -> Admission {
        self.rate.add(frame.len(), now);
        if self.backlog.is_full() {
            self.lose();
        }
        let Self { track, congestion, rate, backlog, .. } = self;
        let may_ask =
            || congestion.as_mut().is_none_or(|link| is_of_use(link, frame.origin, rate.value(), backlog, now));
        let admission = track.admit(frame, now, may_ask);
        if let Admission::Send(timestamp) = admission {
            self.dropped.late += self.backlog.push(frame, timestamp, false, now);
        }
        admission
    }

    /// Frames of the past wait for [`Sender::catch_up`].
    pub fn admit_replayed<'a>(&mut self, frames: impl ExactSizeIterator<Item = &'a Arc<Frame>> + Clone, now: Instant) {
        self.rate.of_the_past(frames.clone());
        let count = frames.len();
        for (nth, frame) in frames.enumerate() {
            if let Admission::Send(timestamp) = self.track.admit_replayed(frame, nth, count, now) {
                self.backlog.push(frame, timestamp, true, now);
            }
        }
    }

    /// From here on frames are another stream's.
    pub fn switch(&mut self) {
        self.backlog.clear();
        self.track.switch();
        self.rate = StreamRate::default();
        self.began = false;
    }

    /// How long a newcomer will have waited when its first picture, and the past that leads up to the present, have
    /// arrived: as long as they have not, and if the link has shown how little it carries.
    pub fn catching_up_takes(&self, now: Instant) -> Option<Duration> {
        let first = self.backlog.begun().filter(|first| first.replayed || !self.began);
        let first = first.or_else(|| self.backlog.front().filter(|first| first.replayed))?;
        let of_the_past = self.backlog.of_the_past().map(|waiting| bytes_from(&waiting.frame, waiting.begun)).sum();
        let rest = bytes_from(&first.frame, first.begun).max(of_the_past);
        Some(now.saturating_duration_since(first.since) + self.congestion.as_ref()?.takes(rest)?)
    }

    /// What has been begun is not ended, and nothing is sent before the next keyframe.
    pub fn abandon(&mut self) {
        self.lose();
        self.dropped.late += u64::from(!self.backlog.is_empty());
        self.backlog = Backlog::default();
    }

    /// What waits is not sent.
    fn lose(&mut self) {
        self.dropped.late += self.backlog.clear();
        self.track.switch();
    }

    /// When [`Sender::catch_up`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        let (refused, at) = &self.refused;
        let socket = (!refused.is_empty()).then_some(*at);
        self.next_look.filter(|_| !self.backlog.is_empty()).into_iter().chain(socket).min()
    }

    /// Lets go what can be asked for no more.
    pub fn forget(&mut self, now: Instant) {
        self.history.forget(now);
    }

    /// Sends what waits, as much as may go now. Gives the number of packets.
    pub fn catch_up(&mut self, out: &mut Out<'_>, now: Instant) -> u64 {
        if self.backlog.is_empty() && self.refused.0.is_empty() {
            return 0;
        }
        let late = self.backlog.drop_late(now);
        if late > 0 {
            self.dropped.late += late;
            self.track.switch();
        }
        if !self.try_refused(out, now) {
            return 0;
        }
        let before = self.next;
        let (rate, burst) = self.pace_of_now();
        let mut room = self.pace.room(rate, burst, now);
        let stream = self.rate.value();
        let mut window = self.congestion.as_mut().map_or(usize::MAX, |congestion| congestion.room(stream, now));
        self.next_look = None;
        while let Some(waiting) = self.backlog.front_mut() {
            let (frame, begun) = (waiting.frame.clone(), waiting.begun);
            let left = frame.cuts.len().saturating_sub(begun);
            let size = bytes_from(&frame, begun);
            let part = size.min(PART).min(burst);
            if room < part {
                self.next_look = Some(now + self.pace.wait(part, rate).clamp(Duration::from_millis(1), LOOK_EVERY));
                break;
            }
            if window == 0 {
                self.next_look = Some(now + LOOK_EVERY);
                break;
            }
            let packets = if size <= room.min(window) { left } else { fitting(&frame, begun, room.min(window)) };
            let timestamp = waiting.timestamp;
            waiting.begun += packets;
            let bytes = self.send(&frame, timestamp, begun..begun + packets, out, now);
            (room, window) = (room.saturating_sub(bytes), window.saturating_sub(bytes));
            if begun + packets == frame.cuts.len() {
                self.backlog.pop();
                self.began = true;
            }
        }
        if !self.backlog.is_empty()
            && let Some(congestion) = &mut self.congestion
        {
            congestion.limited(now);
        }
        if self.next > before && self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            self.report(out, now);
        }
        self.next - before
    }

    /// Bytes a second that may leave, and bytes at once.
    fn pace_of_now(&self) -> (f64, usize) {
        let stream = self.rate.value();
        let limit = match &self.congestion {
            Some(congestion) if congestion.has_reports() => congestion.pace(),
            _ => self.losses.limit(),
        };
        if let Some(rate) = limit {
            let rate = rate.max(rate::USUAL / 100.0);
            return (rate, ((rate / 50.0) as usize).clamp(2400, BURST));
        }
        let known = self.congestion.as_ref();
        let arrives = known.and_then(Congestion::rate).map_or(0.0, |rate| rate * PROBING);
        // The past is not urgent: it is not to fill what others share, nor the viewer's own buffers.
        let shown = known.and_then(Congestion::shown).filter(|_| self.backlog.of_the_past().next().is_none());
        let shown = shown.map_or(0.0, |(rate, _)| rate * SHOWN_SHARE);
        ((stream * FASTER).max(arrives).max(shown.min(stream * FASTER_SHOWN)), BURST)
    }

    /// Sends some packets of a frame; the bytes of them.
    fn send(
        &mut self,
        frame: &Arc<Frame>,
        timestamp: u32,
        packets: std::ops::Range<usize>,
        out: &mut Out<'_>,
        now: Instant,
    ) -> usize {
        if packets.start == 0 {
            let timed = frame.keyframe || self.next_capture_time <= now;
            if timed {
                self.next_capture_time = now + CAPTURE_TIME_EVERY;
            }
            // All packets of a frame have the same extensions, so that they have the same size.
            let capture_time = (timed && self.media.capture_time.is_some()).then(|| out.base.ntp(frame.captured));
            self.octets += frame.len() as u64;
            let sent = Sent::new(self.next, frame.clone(), now, timestamp, self.transport_wide, capture_time);
            self.history.push(sent);
        }
        let Some(sent) = self.history.last_mut().filter(|sent| sent.first + packets.start as u64 == self.next) else {
            return 0; // it was begun so long ago that it is forgotten
        };
        sent.at = now;
        let sent = &*sent;
        let start = out.batch.len();
        for range in frame.cuts.runs() {
            let range = range.start.max(packets.start)..range.end.min(packets.end);
            if range.is_empty() {
                continue;
            }
            let mut run = out.batch.media_run(out.to, sent.first + range.start as u64);
            for nth in range {
                let head = head_of(&self.media, self.ssrcs[0], sent, nth);
                run.datagram(|bytes| seal(out.srtp, &head, None, frame, nth, bytes));
            }
        }
        self.next += packets.len() as u64;
        self.transport_wide += packets.len() as u64;
        let bytes = out.batch.len() - start;
        self.pace.spend(bytes);
        if let Some(congestion) = &mut self.congestion {
            congestion.sent(packets.len(), bytes, now);
        }
        bytes
    }

    fn report(&mut self, out: &mut Out<'_>, now: Instant) {
        // Frames are dated by the clock that `now` is of: it is mapped to RTP's, and to everybody's.
        let totals = Totals {
            ssrc: self.ssrcs[0],
            ntp: out.base.ntp(now),
            rtp: self.track.timestamp_at(now),
            packets: self.next - self.first,
            octets: self.octets,
        };
        let report = rtcp::sender_report(&totals, super::sdp::NAME);
        if let Some(report) = report.and_then(|plain| out.srtp.protect(&plain)) {
            out.batch.push(out.to, &report);
        }
    }

    /// The socket has taken only the first `taken` datagrams of a batch. Media of the rest is tried again.
    pub fn refused(&mut self, batch: &Batch, taken: usize, now: Instant) {
        self.refused.0.extend(batch.media().skip_while(|(nth, _)| *nth < taken).map(|(_, index)| index));
        self.refused.1 = now + SOCKET_EVERY;
    }

    /// Sends what the socket had no room for: the very same packets. False if that is still to come.
    fn try_refused(&mut self, out: &mut Out<'_>, now: Instant) -> bool {
        let (indices, at) = &mut self.refused;
        if indices.is_empty() {
            return true;
        }
        if *at > now {
            return false;
        }
        for index in std::mem::take(indices) {
            match self.history.at(index).filter(|(sent, _)| now.saturating_duration_since(sent.at) <= LATE) {
                Some((sent, nth)) => {
                    let head = head_of(&self.media, self.ssrcs[0], sent, nth);
                    let mut run = out.batch.media_run(out.to, index);
                    run.datagram(|bytes| seal(out.srtp, &head, None, &sent.frame, nth, bytes));
                }
                None => self.dropped.refused += 1,
            }
        }
        true
    }

    /// The viewer misses packets with these numbers.
    pub fn want_again(&mut self, numbers: &[u16]) {
        self.again.want(numbers);
    }

    /// Whether a frame is on its way: the numbers of its packets follow each other among all of the connection.
    fn is_amid_a_frame(&self) -> bool {
        self.backlog.begun().is_some()
    }

    /// Sends the last packets once more, in one burst that shows what the link carries. Nothing where retransmissions have
    /// no numbers of their own.
    pub fn burst(&mut self, out: &mut Out<'_>, now: Instant) {
        if self.media.rtx.is_some() && !self.is_amid_a_frame() {
            let last: Vec<u64> = (self.next.saturating_sub(BURST_PACKETS)..self.next).collect();
            self.send_again(&last, out, now);
        }
    }

    /// Sends again what was asked for, as far as the budget goes.
    pub fn resend(&mut self, out: &mut Out<'_>, now: Instant) {
        if self.again.is_idle() || self.is_amid_a_frame() {
            return;
        }
        let budget = self.rate.value() / 2.0;
        let mut granted = vec![];
        for number in self.again.take() {
            let Some((sent, nth)) = self.history.find(number, self.next) else { continue };
            let bytes = sent.frame.cuts.packet_bytes(nth) + OVERHEAD;
            if self.again.allows(sent.again(nth), bytes, budget, now) {
                granted.push(sent.first + nth as u64);
            }
        }
        self.send_again(&granted, out, now);
    }

    /// Sends packets again, made anew from the frames: as retransmissions of their own numbers (RFC 4588), or, where the
    /// viewer knows no such thing, as the very same packets.
    fn send_again(&mut self, indices: &[u64], out: &mut Out<'_>, now: Instant) {
        let (start, before) = (out.batch.len(), self.transport_wide);
        let mut run = out.batch.run(out.to);
        for &index in indices {
            let Some((sent, nth)) = self.history.at(index) else { continue };
            let mut head = head_of(&self.media, self.ssrcs[0], sent, nth);
            let mut original = None;
            if let Some(payload_type) = self.media.rtx {
                original = Some(index as u16);
                head.payload_type = payload_type;
                head.ssrc = self.ssrcs[1];
                head.capture_time = None;
                head.transport_wide = self.media.transport_wide.map(|id| (id, self.transport_wide as u16));
                head.index = self.next_again;
                self.next_again += 1;
                self.transport_wide += 1;
            }
            run.datagram(|bytes| seal(out.srtp, &head, original, &sent.frame, nth, bytes));
        }
        drop(run);
        let packets = (self.transport_wide - before) as usize;
        if packets > 0
            && let Some(congestion) = &mut self.congestion
        {
            congestion.sent(packets, out.batch.len() - start, now);
        }
    }
}

/// Whether a keyframe, or a replay, would be of use to the viewer now.
fn is_of_use(link: &mut Congestion, origin: Origin, stream: f64, backlog: &Backlog, now: Instant) -> bool {
    match (link.capacity(), origin) {
        // The next keyframe of a device comes by itself, and a narrow link has no room for the past.
        (Some(capacity), Origin::Device) if capacity < stream => false,
        (Some(_), _) => link.room(stream, now) > 0 && backlog.is_empty(),
        (None, _) => link.room(stream, now) > 0,
    }
}
