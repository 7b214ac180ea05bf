//! One viewer, from its connection until it has vanished and that is known: decided by what ships.

use crate::link::{DOWN, Link, UP};
use crate::models::Model;
use crate::random::Random;
use lenscap_actors::departure::delay::Delay;
use lenscap_actors::departure::patience::Patience;
use lenscap_actors::departure::silence::Silence;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often the browser sends what, s, as measured from Chromium.
pub const FEEDBACK: f64 = 0.062;
pub const REPORT: f64 = 1.0;
pub const STUN: f64 = 2.6;
/// And so often while it has no answer: at first, after so long, and after so long.
pub const STUN_WEAK: f64 = 0.25;
pub const STUN_UNWRITABLE: [f64; 2] = [5.0, 0.06];
pub const STUN_FAILED: [f64; 2] = [17.5, 0.9];
/// Media is sent this often, at least.
const MEDIA: f64 = 0.004;
/// From a suspicion withdrawn to the first packet of a camera that was closed meanwhile.
const REOPENING: f64 = 0.1;

/// Seconds of lateness in a burst, and between bursts, of a loaded host.
const LATE_MAX: f64 = 0.4;
const LATE_EVERY: f64 = 10.0;

#[derive(Clone, Copy)]
enum Packet {
    /// Feedback on media that has arrived by then.
    Feedback(f64),
    /// A receiver report, with the round trip that it tells, and if it acknowledges anything new, when that was sent.
    Report(f64, Option<f64>),
    /// The answer to a probe, after this round trip.
    Answer(f64),
    /// The browser's own STUN.
    Sound,
}

/// What many sessions have shown.
#[derive(Default)]
pub struct Totals {
    pub hours: f64,
    pub sessions: u64,
    /// Let go although they were back within half a minute.
    pub wrongly_gone: u64,
    /// Let go in an outage that was longer.
    pub left_behind: u64,
    pub pauses: u64,
    pub long_stalls: u64,
    pub probes: u64,
    pub paused: f64,
    /// Outages in which it became suspect and was back over the same connection: how much longer than the outage the picture was
    /// away, s.
    pub beyond: Vec<f64>,
    /// How often it was away.
    pub aways: u64,
    /// The most probes of one time away until something was heard.
    pub away_probes: u64,
    /// Media that was sent into outages, s of it.
    pub in_vain: f64,
    /// From the vanishing to the closed camera, and until it counted as a viewer no more, s.
    pub closed: Vec<f64>,
    pub away: Vec<f64>,
    /// The longest time from the last packet's arrival to that, s.
    pub longest_silence: f64,
}

/// Who can be heard again for a round trip and this, s, is there.
const NOTICED: f64 = 0.05;

/// When media flows: it stops with a suspicion, for this viewer is alone, and begins again after it.
struct Media {
    flows: bool,
    changed: f64,
}

impl Media {
    fn flowed(&self, at: f64) -> bool {
        self.flows == (at >= self.changed)
    }

    fn turn(&mut self, flows: bool, at: f64) {
        *self = Self { flows, changed: at };
    }
}

/// Lets one session happen, and the viewer vanish at its end.
pub fn session(model: &Model, patience: &Patience, random: &mut Random, totals: &mut Totals) {
    let base = Instant::now();
    let instant = |at: f64| base + Duration::from_secs_f64(at);
    let seconds = |at: Instant| at.duration_since(base).as_secs_f64();
    let end = random.between([300.0, 3600.0]);
    let mut link = Link::new(model, random);
    let mut silence = Silence::new(patience.clone());
    let mut delay = Delay::default();
    silence.connected(instant(0.0));
    silence.sent(instant(0.0));
    let mut media = Media { flows: true, changed: 0.0 };
    let (mut feedback, mut report, mut stun) = (random.unit() * FEEDBACK, random.unit() * REPORT, random.unit() * STUN);
    let mut at_viewer: VecDeque<(f64, f64)> = VecDeque::new();
    let mut at_server: VecDeque<(f64, Packet)> = VecDeque::new();
    let mut busy = if model.loaded { random.exponential(LATE_EVERY) } else { f64::INFINITY };
    let mut busy_until = f64::NEG_INFINITY;
    let (mut closed, mut last_arrival) = (None, 0.0);
    // When the viewer's own STUN was last answered.
    let mut answered = 0.0;
    let (mut away_probes, mut counted) = (0, false);
    // Whether the viewer could not be heard when its time was over.
    let mut dark = None;
    loop {
        let due = silence.due().map_or(f64::INFINITY, seconds);
        let inbound = at_server.front().map_or(f64::INFINITY, |(at, _)| *at);
        let probed = at_viewer.front().map_or(f64::INFINITY, |(at, _)| *at);
        let sends = feedback.min(report).min(stun);
        let next = due.min(inbound).min(probed).min(sends);
        if next == sends && sends < due.min(inbound).min(probed) {
            // The viewer's own clocks, which stop when it vanishes.
            let watched = media.flowed(sends - link.one_way);
            let packet = if sends == feedback {
                feedback += FEEDBACK;
                watched.then_some(Packet::Feedback(sends))
            } else if sends == report {
                report += REPORT;
                let down = link.one_way + random.half_normal(link.jitter);
                Some(Packet::Report(down, watched.then_some(sends - down)))
            } else {
                stun += match sends - answered {
                    unanswered if unanswered > STUN_FAILED[0] => STUN_FAILED[1],
                    unanswered if unanswered > STUN_UNWRITABLE[0] => STUN_UNWRITABLE[1],
                    unanswered if unanswered > STUN => STUN_WEAK,
                    _ => STUN,
                };
                Some(Packet::Sound)
            };
            if let Some(packet) = packet
                && let Some(at) = link.send(UP, sends, random)
            {
                let packet = match packet {
                    Packet::Report(down, news) => Packet::Report(down + at - sends, news),
                    other => other,
                };
                at_server.push_back((at, packet));
            }
            if feedback.min(report).min(stun) >= end {
                (feedback, report, stun) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
            }
            continue;
        }
        if next == probed && probed < due.min(inbound) {
            let Some((at, sent)) = at_viewer.pop_front() else { continue };
            if at < end
                && let Some(back) = link.send(UP, at, random)
            {
                at_server.push_back((back, Packet::Answer(back - sent)));
            }
            continue;
        }
        // The server's turn, which may come late.
        while busy <= next {
            busy_until = busy_until.max(busy + random.between([0.0, LATE_MAX]));
            busy += random.exponential(LATE_EVERY);
        }
        let now = next.max(busy_until);
        let mut probe = false;
        // Everything that has arrived is read before anything is decided.
        while let Some((at, packet)) = at_server.front().copied().filter(|(at, _)| *at <= now) {
            at_server.pop_front();
            last_arrival = at;
            let (round_trip, proof) = match packet {
                // The viewer's clock is fast by 50 parts in a million.
                Packet::Feedback(sent) => {
                    let there = sent * 1.00005;
                    let bit = Duration::from_secs_f64(there % 0.064);
                    (None, Some(delay.held_up((there / 0.064) as u32, bit, instant(now))))
                }
                Packet::Report(round_trip, sent) => {
                    (Some(round_trip), sent.map(|sent| Duration::from_secs_f64((now - sent).max(0.0))))
                }
                Packet::Answer(round_trip) => (Some(round_trip), Some(Duration::from_secs_f64(round_trip))),
                Packet::Sound => {
                    answered = link.send(DOWN, now, random).unwrap_or(answered);
                    (None, None)
                }
            };
            if let Some(round_trip) = round_trip {
                silence.measured(Duration::from_secs_f64(round_trip));
            }
            let Some(age) = proof else {
                silence.heard(instant(now));
                // Who is heard draws some more.
                counted = false;
                probe |= silence.wants_probe(instant(now));
                continue;
            };
            if let Some(since) = silence.proven(instant(now), age) {
                (closed, dark) = (None, None);
                totals.pauses += 1;
                totals.paused += now - seconds(since);
                let outage =
                    link.last_outage.filter(|outage| outage.start < seconds(since) && outage.end > seconds(since));
                totals.beyond.extend(outage.map(|outage| now + REOPENING - outage.end));
                totals.away_probes = totals.away_probes.max(std::mem::take(&mut away_probes));
                media.turn(true, now + REOPENING);
            }
            if media.flows {
                silence.sent(instant((now.max(at) + MEDIA).max(media.changed)));
            }
        }
        if let Some(due) = silence.due().map(seconds).filter(|due| *due <= now) {
            let acts = silence.tick(instant(now), Duration::from_secs_f64((now - due).max(0.0)));
            if dark.is_none() && silence.is_away() && silence.lasts(instant(now)) >= patience.away_for {
                let heard_since = now - 2.0 * link.one_way - NOTICED;
                dark = Some(link.outage(heard_since).is_some() || link.outage(now).is_some());
            }
            if acts.suspect {
                closed = Some(now);
                media.turn(false, now);
                let vain = link.outage(now).filter(|outage| outage.ways[DOWN]);
                totals.in_vain += vain.map_or(0.0, |outage| now - outage.start);
            }
            if acts.away {
                totals.aways += u64::from(now < end);
                (away_probes, counted) = (0, true);
                if now >= end {
                    totals.closed.push(closed.unwrap_or(now) - end);
                    totals.away.push(now - end);
                    totals.longest_silence = totals.longest_silence.max(now - last_arrival);
                }
            }
            if acts.gone {
                totals.hours += now.min(end) / 3600.0;
                if now < end {
                    let dark = dark.unwrap_or(false);
                    totals.left_behind += u64::from(dark);
                    totals.wrongly_gone += u64::from(!dark);
                }
                totals.away_probes = totals.away_probes.max(away_probes);
                break;
            }
            probe |= acts.probe;
        }
        if probe {
            silence.sent_probe(instant(now));
            away_probes += u64::from(silence.is_away() && counted);
            // Those in a stall are no cost to a healthy viewer.
            totals.probes += u64::from(now < end && !link.stalled(now) && link.outage(now).is_none());
            if let Some(at) = link.send(DOWN, now, random) {
                at_viewer.push_back((at, now));
            }
        }
    }
    totals.sessions += 1;
    totals.long_stalls += link.long_stalls;
}
