//! The viewer's stream on its way out: numbered, paced, sealed, reported, and sent again.

use super::batch::Batch;
use super::history::{History, Sent};
use super::rtcp::{self, Timebase, Totals};
use super::rtp::Head;
use super::sdp::{Media, Secrets};
use super::srtp::Srtp;
use super::track::{Admission, Track};
use crate::media::Frame;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Payload that is sent in one go while a viewer catches up: half a megabyte at once overruns a socket of the usual size.
const BURST: usize = 64 * 1024;
const BURST_EVERY: Duration = Duration::from_millis(10);

/// Frames that may wait for that. Who is farther behind begins anew with a keyframe.
const BACKLOG_MAX: usize = 1024;

/// Sender reports are so far apart (RFC 3550, section 6.2, leaves less for video's rates).
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// When a picture was taken is said with keyframes, and so often.
const CAPTURE_TIME_EVERY: Duration = Duration::from_secs(1);

/// Packets that are sent again in so much time, at most, whatever is asked for: who asks for everything again and again
/// must not make us send any number of times what it would have got.
const RESENT_MAX: usize = 512;
const RESENT_IN: Duration = Duration::from_millis(100);

/// First numbers are below half of their space: a receiver that misses the first packets across a roll-over could not
/// know its counter (RFC 3711, section 3.3.1).
const FIRST_NUMBER_MASK: u16 = 0x7fff;

/// The stream.
pub struct Sender {
    media: Media,
    ssrcs: [u32; 2],
    track: Track,
    first: u64,
    /// Numbers of the next packets, roll-overs included: of the media, and of what is sent again.
    next: u64,
    next_again: u64,
    transport_wide: u16,
    history: History,
    /// Admitted with these timestamps, and not sent yet.
    backlog: VecDeque<(Arc<Frame>, u32)>,
    next_burst: Option<Instant>,
    wanted: Vec<u16>,
    resent: u64,
    /// In the time that began at `resent_since`.
    resent_lately: usize,
    resent_since: Instant,
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
            backlog: VecDeque::new(),
            next_burst: None,
            wanted: vec![],
            resent: 0,
            resent_lately: 0,
            resent_since: now,
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
        self.resent
    }

    /// A frame that has just been taken waits for [`Sender::catch_up`], if the viewer can decode it.
    pub fn admit(&mut self, frame: &Arc<Frame>, now: Instant) -> Admission {
        if self.backlog.len() >= BACKLOG_MAX {
            self.switch();
        }
        let admission = self.track.admit(frame, now);
        if let Admission::Send(timestamp) = admission {
            self.backlog.push_back((frame.clone(), timestamp));
        }
        admission
    }

    /// Frames of the past wait for [`Sender::catch_up`].
    pub fn admit_replayed<'a>(&mut self, frames: impl ExactSizeIterator<Item = &'a Arc<Frame>>, now: Instant) {
        let count = frames.len();
        for (nth, frame) in frames.enumerate() {
            if let Admission::Send(timestamp) = self.track.admit_replayed(frame, nth, count, now) {
                self.backlog.push_back((frame.clone(), timestamp));
            }
        }
    }

    /// From here on frames are another stream's.
    pub fn switch(&mut self) {
        self.backlog.clear();
        self.track.switch();
    }

    /// When [`Sender::catch_up`] wants to be called.
    pub fn due(&self) -> Option<Instant> {
        self.next_burst.filter(|_| !self.backlog.is_empty())
    }

    /// Lets go what can be asked for no more.
    pub fn forget(&mut self, now: Instant) {
        self.history.forget(now);
    }

    /// Sends what waits, as much as may go at once. Gives the number of packets.
    pub fn catch_up(
        &mut self,
        to: SocketAddr,
        srtp: &mut Srtp,
        base: &Timebase,
        now: Instant,
        batch: &mut Batch,
    ) -> u64 {
        if self.next_burst.is_some_and(|at| at > now) {
            return 0;
        }
        let (before, mut left) = (self.next, BURST);
        while self.backlog.front().is_some_and(|(frame, _)| left == BURST || frame.len() <= left) {
            let Some((frame, timestamp)) = self.backlog.pop_front() else { break };
            left = left.saturating_sub(frame.len());
            self.send(&frame, timestamp, to, srtp, base, now, batch);
        }
        if self.backlog.is_empty() {
            // Its memory is seldom needed again.
            self.backlog = VecDeque::new();
            self.next_burst = None;
        } else {
            self.next_burst = Some(now + BURST_EVERY);
        }
        if self.next > before && self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            self.report(to, srtp, base, now, batch);
        }
        self.next - before
    }

    #[expect(clippy::too_many_arguments, reason = "all of it belongs to one connection, and is borrowed apart")]
    fn send(
        &mut self,
        frame: &Arc<Frame>,
        timestamp: u32,
        to: SocketAddr,
        srtp: &mut Srtp,
        base: &Timebase,
        now: Instant,
        batch: &mut Batch,
    ) {
        let timed = frame.keyframe || self.next_capture_time <= now;
        if timed {
            self.next_capture_time = now + CAPTURE_TIME_EVERY;
        }
        // All packets of a frame have the same extensions, so that they have the same size.
        let capture_time = self.media.capture_time.filter(|_| timed).map(|id| (id, base.ntp(frame.captured)));
        let (first, transport_wide) = (self.next, self.transport_wide);
        let last = frame.cuts.len().saturating_sub(1);
        for range in frame.cuts.runs() {
            let mut run = batch.run(to);
            for nth in range {
                let head = Head {
                    payload_type: self.media.payload_type,
                    marker: nth == last,
                    padded: frame.cuts.padding(nth) > 0,
                    index: self.next,
                    timestamp,
                    ssrc: self.ssrcs[0],
                    transport_wide: self.media.transport_wide.map(|id| (id, self.transport_wide)),
                    capture_time,
                };
                run.datagram(|out| seal(srtp, &head, None, frame, nth, out));
                self.next += 1;
                self.transport_wide = self.transport_wide.wrapping_add(1);
            }
        }
        self.octets += frame.len() as u64;
        let capture_time = capture_time.map(|(_, time)| time);
        self.history.push(Sent { first, frame: frame.clone(), at: now, timestamp, transport_wide, capture_time });
    }

    fn report(&mut self, to: SocketAddr, srtp: &mut Srtp, base: &Timebase, now: Instant, batch: &mut Batch) {
        // Frames are dated by the clock that `now` is of: it is mapped to RTP's, and to everybody's.
        let totals = Totals {
            ssrc: self.ssrcs[0],
            ntp: base.ntp(now),
            rtp: self.track.timestamp_at(now),
            packets: self.next - self.first,
            octets: self.octets,
        };
        let report = rtcp::sender_report(&totals, super::sdp::NAME);
        if let Some(report) = report.and_then(|plain| srtp.protect(&plain)) {
            batch.push(to, &report);
        }
    }

    /// The viewer misses packets with these numbers.
    pub fn want_again(&mut self, numbers: &[u16]) {
        self.wanted.extend(numbers.iter().take(RESENT_MAX.saturating_sub(self.wanted.len())));
    }

    /// Sends again what was asked for, made anew from the frames: as a retransmission of its own number (RFC 4588), or,
    /// where the viewer knows no such thing, as the very same packet.
    pub fn resend(&mut self, to: SocketAddr, srtp: &mut Srtp, now: Instant, batch: &mut Batch) {
        if self.wanted.is_empty() {
            return;
        }
        if now.saturating_duration_since(self.resent_since) >= RESENT_IN {
            (self.resent_lately, self.resent_since) = (0, now);
        }
        let mut run = batch.run(to);
        for number in std::mem::take(&mut self.wanted) {
            let Some((sent, nth)) = self.history.find(number, self.next).filter(|_| self.resent_lately < RESENT_MAX)
            else {
                continue;
            };
            self.resent += 1;
            self.resent_lately += 1;
            let mut head = Head {
                payload_type: self.media.payload_type,
                marker: nth + 1 == sent.frame.cuts.len(),
                padded: sent.frame.cuts.padding(nth) > 0,
                index: sent.first + nth as u64,
                timestamp: sent.timestamp,
                ssrc: self.ssrcs[0],
                transport_wide: self.media.transport_wide.map(|id| (id, sent.transport_wide.wrapping_add(nth as u16))),
                capture_time: self.media.capture_time.zip(sent.capture_time),
            };
            let mut original = None;
            if let Some(payload_type) = self.media.rtx {
                original = Some(number);
                head.payload_type = payload_type;
                head.ssrc = self.ssrcs[1];
                head.index = self.next_again;
                head.capture_time = None;
                head.transport_wide = self.media.transport_wide.map(|id| (id, self.transport_wide));
                self.next_again += 1;
                self.transport_wide = self.transport_wide.wrapping_add(1);
            }
            run.datagram(|out| seal(srtp, &head, original, &sent.frame, nth, out));
        }
    }
}

/// Appends one packet, sealed: the only copy of its payload.
fn seal(srtp: &mut Srtp, head: &Head, original: Option<u16>, frame: &Frame, nth: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let length = head.write(out);
    if let Some(number) = original {
        out.extend_from_slice(&number.to_be_bytes());
    }
    let (prefix, rest) = frame.packet(nth);
    out.extend_from_slice(prefix);
    out.extend_from_slice(rest);
    if head.padded {
        let padding = frame.cuts.padding(nth);
        out.resize(out.len() + usize::from(padding), 0);
        out.pop();
        out.push(padding);
    }
    if let Err(error) = srtp.seal(head.ssrc, head.index, out, start, length) {
        log::warn!("a packet could not be sealed: {error}");
        out.truncate(start);
    }
}
