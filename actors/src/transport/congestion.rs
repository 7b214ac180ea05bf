//! How much of a stream a viewer's link carries, and how much may be under way to it. Pure.
//!
//! A viewer's transport-wide feedback says what has arrived and when, by its own clock. What takes longer than the
//! quickest packet waited in a queue (the base delay of RFC 6817); what arrives a second while a queue stands is what the
//! link carries. Until a queue has shown itself a path is trusted with a second of the stream, once it has carried a little.
//! Then no more is under way than it carries in a round trip and a bit: so the queue drains, whatever goes to this viewer is
//! not late, and nothing of it fills the buffers that others share. A window, and not a rate (as in RFC 8298): where nothing
//! arrives, nothing is sent.
//!
//! It is probed for more by what is sent: as long as no queue stands the window grows.

mod flight;

use super::rtcp::Arrivals;
use crate::departure::delay::{Least, ViewerClock};
use flight::Flight;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A path is trusted with so much until it has carried most of that: over half a Mbit/s it takes 0.8 s.
const FIRST: usize = 48 << 10;

/// And with no less than this while nothing speaks against it.
const TRUSTED: usize = 64 << 10;

/// Whatever is known of it.
const WINDOW_MIN: usize = 4 << 10;

/// Whoever waits for so long stands in a queue: more than Wi-Fi's usual pauses.
const QUEUE_LIMIT: Duration = Duration::from_millis(100);

/// And for no longer than so much, in none.
const QUEUE_NONE: Duration = Duration::from_millis(50);

/// No more is sent on trial than makes such a queue.
const QUEUE_MOST: Duration = Duration::from_millis(200);

/// The standing queue that is aimed at.
const QUEUE_AIM: Duration = Duration::from_millis(30);

/// A link that loses so much of what it gets, while something waits on it, gets too much; or that loses twice that:
/// radio loses less after its own repetitions, and what overtakes each other is reported as lost, too.
const LOSS_LIMIT: f64 = 0.2;
const LOSS_PACKETS: f64 = 30.0;

/// What was lost longer ago counts half.
const LOSS_MEMORY: Duration = Duration::from_millis(500);

/// The rate of arrivals is taken over so many seconds, and not over less than that.
const RATE_SPAN: f64 = 0.5;
const RATE_SPAN_MIN: f64 = 0.1;
/// Reports in that time, at most: the clock is the viewer's, and may stand still.
const RATE_REPORTS_MAX: usize = 128;

/// A link that has carried everything for so long is trusted again.
const QUIET: Duration = Duration::from_secs(3);

/// A queue that has stood for so long whatever was done about it is none: the path has become longer.
const REROUTED: Duration = Duration::from_secs(3);

/// A viewer that has reported nothing so long after the first packet will not.
const SILENT: Duration = Duration::from_millis(500);

/// A check has stood in no queue that is worth the name if its answer comes sooner.
const ANSWERED: Duration = Duration::from_millis(500);

/// Before it is measured.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// What is known of the link to one viewer.
#[derive(Debug)]
pub struct Congestion {
    flight: Flight,
    clock: ViewerClock,
    least: Least,
    /// The latest arrivals: when, by the viewer's clock, and how many bytes with that report.
    arrivals: VecDeque<(f64, usize)>,
    /// Bytes a second that arrive.
    rate: Option<f64>,
    queue: Duration,
    round_trip: Duration,
    /// Time between two reports.
    reports_every: Duration,
    /// From when the last packets were sent that were reported of to that report, without what they waited on the way.
    told_after: Duration,
    reported: Option<Instant>,
    /// Most of the first packets have arrived by the time that they were reported of.
    tried: bool,
    first_sent: Option<Instant>,
    lost: f64,
    judged: f64,
    shown: Option<(f64, Instant)>,
    narrow: Option<Narrow>,
    /// Packets were forgotten that nothing was heard of, and nothing has been heard since: they may stand in a queue, for minutes.
    unheard: bool,
}

/// The link carries less than it was given.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    window: f64,
    /// Bytes a second that it carries.
    capacity: f64,
    /// What was changed has to show first.
    hold: Instant,
    /// Something waited for the window since the last report.
    limited: bool,
    /// When something last did, or stood in a queue.
    strained: Instant,
    /// Since when there has been a queue, whatever was sent.
    queued: Option<Instant>,
}

impl Default for Congestion {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            flight: Flight::default(),
            clock: ViewerClock::default(),
            least: Least::default(),
            arrivals: VecDeque::new(),
            rate: None,
            queue: Duration::ZERO,
            round_trip: ROUND_TRIP,
            reports_every: ROUND_TRIP,
            told_after: Duration::ZERO,
            reported: None,
            tried: false,
            first_sent: None,
            lost: 0.0,
            judged: 0.0,
            shown: None,
            narrow: None,
            unheard: false,
        }
    }
}

impl Congestion {
    /// The next packets leave.
    pub fn sent(&mut self, packets: usize, bytes: usize, now: Instant) {
        self.first_sent.get_or_insert(now);
        self.flight.send(packets, bytes, now);
    }

    /// Bytes that may be sent now, as far as what is under way is concerned, where the stream has so many a second.
    /// Something may always be sent if nothing is under way.
    pub fn room(&mut self, stream: f64, now: Instant) -> usize {
        self.unheard |= self.flight.forget(now);
        let window = match &self.narrow {
            // There is nothing to judge by.
            None if self.is_silent(now) => return usize::MAX,
            // A little now and then shows whether it gets through again. All that the path is trusted with, each time that what
            // went before is forgotten, would fill the socket that others share.
            _ if self.unheard => WINDOW_MIN,
            Some(narrow) => narrow.window as usize,
            None if !self.tried => FIRST,
            None => TRUSTED.max(stream as usize),
        };
        let room = window.saturating_sub(self.flight.bytes());
        if self.flight.bytes() == 0 { room.max(1) } else { room }
    }

    fn is_silent(&self, now: Instant) -> bool {
        let long_ago = |first| now.saturating_duration_since(first) > SILENT;
        self.reported.is_none() && self.first_sent.is_some_and(long_ago)
    }

    /// Something waits because there is no [room](Congestion::room).
    pub fn limited(&mut self, now: Instant) {
        if let Some(narrow) = &mut self.narrow {
            narrow.limited = true;
            narrow.strained = now;
        }
    }

    /// A round trip was measured.
    pub fn measured(&mut self, round_trip: Duration) {
        // The least, which slowly gives way: a queue on the way is not the way.
        self.round_trip = round_trip.min(self.round_trip + self.round_trip / 16);
    }

    /// The viewer has answered a check, so long after it was sent. Unlike what reports tell, that is of now.
    pub fn answered(&mut self, round_trip: Duration) {
        self.unheard &= round_trip > ANSWERED;
    }

    /// What the link carries, in bytes a second, if it has shown that.
    pub fn capacity(&self) -> Option<f64> {
        self.narrow.map(|narrow| narrow.capacity)
    }

    /// How long it takes, then, until so many bytes have arrived behind those that are under way.
    pub fn takes(&self, bytes: usize) -> Option<Duration> {
        let capacity = self.narrow?.capacity;
        Duration::try_from_secs_f64((self.flight.bytes() + bytes) as f64 / capacity).ok()
    }

    /// Bytes a second that may leave, if it has.
    pub fn pace(&self) -> Option<f64> {
        let round = self.round_trip + self.reports_every;
        self.narrow.map(|narrow| narrow.window / round.as_secs_f64())
    }

    /// What arrives, in bytes a second.
    pub fn rate(&self) -> Option<f64> {
        self.rate
    }

    /// Bytes a second at which the last packets arrived that had left together, and when they left.
    pub fn shown(&self) -> Option<(f64, Instant)> {
        self.shown
    }

    /// Whether the viewer has ever reported: only then is anything known here.
    pub fn has_reports(&self) -> bool {
        self.reported.is_some()
    }

    /// Whether the viewer has just reported.
    pub fn is_reported(&self, now: Instant) -> bool {
        self.reported.is_some_and(|at| now.saturating_duration_since(at) < SILENT)
    }

    /// Whether packets wait on the way.
    pub fn queues(&self) -> bool {
        self.queue > QUEUE_NONE
    }

    /// How long packets wait on the way.
    pub fn queue(&self) -> Duration {
        self.queue
    }

    /// The viewer reports what has arrived.
    pub fn reported(&mut self, report: &Arrivals, now: Instant) {
        let told = self.flight.reported(report);
        if told.arrived + told.lost == 0 {
            return;
        }
        self.unheard = false;
        if let Some(last) = self.reported.replace(now) {
            let between =
                now.saturating_duration_since(last).clamp(Duration::from_millis(10), Duration::from_millis(250));
            self.reports_every = (self.reports_every * 7 + between) / 8;
        }
        self.tried |= self.flight.bytes() <= FIRST / 2;
        let begins = self.clock.seconds(report.units, now);
        let micros = |micros: i64| begins + micros as f64 / 1e6;
        self.count(told.bytes, told.arrived, micros(told.last));
        self.judge(told.lost, told.arrived);
        let waited = told.ways.iter().map(|way| self.least.above(micros(way.first) - self.clock.here(way.sent), now));
        if let Some(least) = waited.reduce(f64::min) {
            self.queue = Duration::from_secs_f64(least.max(0.0));
        }
        if let Some(way) = told.ways.last() {
            self.told_after = now.saturating_duration_since(way.sent).saturating_sub(self.queue);
        }
        let shown = told.ways.iter().rev().find_map(|way| Some((way.rate()?, way.sent)));
        self.shown = shown.or(self.shown);
        self.decide(told.bytes, now);
    }

    /// Takes note of bytes that have arrived.
    fn count(&mut self, bytes: usize, packets: u32, at: f64) {
        if packets == 0 {
            return;
        }
        self.arrivals.push_back((at, bytes));
        let is_over = |arrivals: &VecDeque<(f64, usize)>| {
            arrivals.len() > RATE_REPORTS_MAX || arrivals.front().is_some_and(|(first, _)| at - first > RATE_SPAN)
        };
        while is_over(&self.arrivals) {
            self.arrivals.pop_front();
        }
        let span = self.arrivals.front().map_or(0.0, |(first, _)| at - first);
        if span >= RATE_SPAN_MIN {
            let bytes: usize = self.arrivals.iter().skip(1).map(|(_, bytes)| bytes).sum();
            self.rate = Some(bytes as f64 / span);
        }
    }

    fn judge(&mut self, lost: u32, arrived: u32) {
        let fades = 0.5f64.powf(self.reports_every.as_secs_f64() / LOSS_MEMORY.as_secs_f64());
        self.lost = self.lost * fades + f64::from(lost);
        self.judged = self.judged * fades + f64::from(lost + arrived);
    }

    fn decide(&mut self, bytes: usize, now: Instant) {
        let queues = self.queue > QUEUE_LIMIT;
        let share = if self.judged >= LOSS_PACKETS { self.lost / self.judged } else { 0.0 };
        let loses = share > LOSS_LIMIT * 2.0 || (share > LOSS_LIMIT && self.queue > QUEUE_AIM);
        let round = self.round_trip + self.reports_every;
        let Some(mut narrow) = self.narrow else {
            if let Some(capacity) = self.rate.filter(|_| queues || loses) {
                self.shown = None; // It has deceived, or the link is another by now.
                self.narrow = Some(Narrow {
                    window: window(capacity, round),
                    capacity,
                    hold: now + round * 2,
                    limited: false,
                    strained: now,
                    queued: None,
                });
            }
            return;
        };
        if queues {
            narrow.strained = now;
            let since = *narrow.queued.get_or_insert(now);
            if now.saturating_duration_since(since) >= REROUTED {
                self.least.forget();
                narrow.queued = None;
            }
        } else {
            narrow.queued = None;
        }
        if now >= narrow.hold {
            if queues || loses {
                narrow.capacity = self.rate.unwrap_or(narrow.capacity);
                narrow.window = window(narrow.capacity, round);
                narrow.hold = now + round * 2;
            } else if self.queue < QUEUE_NONE && std::mem::take(&mut narrow.limited) {
                narrow.capacity = narrow.capacity.max(self.rate.unwrap_or_default());
                // Of more it would be heard only when all of it stands in a queue.
                let most = narrow.capacity * (round.max(self.told_after) + QUEUE_MOST).as_secs_f64();
                narrow.window = (narrow.window + bytes as f64 / 2.0).min(most.max(narrow.window));
            }
        }
        let rested = now.saturating_duration_since(narrow.strained) >= QUIET;
        self.narrow = (!rested).then_some(narrow);
    }
}

/// So much may be under way where so many bytes a second are carried, and what is sent is heard of after `round`.
fn window(capacity: f64, round: Duration) -> f64 {
    (capacity * (round + QUEUE_AIM).as_secs_f64()).max(WINDOW_MIN as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: f64 = 250_000.0;
    const FRAME: Duration = Duration::from_millis(33);

    /// Sends as much as there is room for with each frame, in packets of 1 kB: how many in so many seconds.
    fn send_all_that_may(link: &mut Congestion, now: &mut Instant, seconds: u32) -> usize {
        let until = *now + Duration::from_secs(1) * seconds;
        let mut sent = 0;
        while *now < until {
            let packets = link.room(STREAM, *now).min(8 << 10).div_ceil(1000);
            if packets > 0 {
                link.sent(packets, packets * 1000, *now);
            }
            sent += packets;
            *now += FRAME;
        }
        sent
    }

    /// All that has been sent arrives 20 ms after `now`, and that is reported.
    fn report(link: &mut Congestion, packets: &mut u64, sent: usize, start: Instant, now: Instant) {
        let at = now.duration_since(start) + Duration::from_millis(20);
        let units = (at.as_millis() / 64) as u32;
        let rest = (at.as_micros() - u128::from(units) * 64_000) as i64;
        link.reported(&Arrivals { first: *packets as u16, units, after: vec![Some(rest); sent] }, start + at);
        *packets += sent as u64;
    }

    #[test]
    fn a_viewer_whose_clock_stands_still_or_goes_back_is_remembered_no_longer_than_others() {
        for backwards in [0, 1] {
            let (mut link, start) = (Congestion::default(), Instant::now());
            for nth in 0..10_000u32 {
                let now = start + FRAME * nth;
                link.sent(1, 1000, now);
                let units = 20_000 - nth * backwards;
                link.reported(&Arrivals { first: nth as u16, units, after: vec![Some(0)] }, now);
            }
            assert!(link.arrivals.len() <= RATE_REPORTS_MAX, "{}", link.arrivals.len());
        }
    }

    #[test]
    fn a_path_of_which_nothing_is_heard_is_not_trusted_anew_time_and_again() {
        let (mut link, start, mut packets) = (Congestion::default(), Instant::now(), 0);
        let mut now = start;
        for _ in 0..100 {
            link.sent(8, 8000, now);
            report(&mut link, &mut packets, 8, start, now);
            now += FRAME;
        }
        assert!(link.room(STREAM, now) >= STREAM as usize, "a second of the stream");
        // All of it stands in a queue that moves no more.
        let first = send_all_that_may(&mut link, &mut now, 2);
        let then = send_all_that_may(&mut link, &mut now, 60);
        assert!((250..260).contains(&first) && (30..200).contains(&then), "{first} kB, then {then} kB in a minute");
        // A check is answered at once, by what is told of long ago it is not known, and what arrives tells the same.
        link.measured(Duration::from_millis(30));
        assert!(link.room(STREAM, now) <= WINDOW_MIN);
        let mut other = send_all_that_may(&mut link, &mut now, 3);
        link.answered(Duration::from_secs(4));
        assert!(link.room(STREAM, now) <= WINDOW_MIN);
        link.answered(Duration::from_millis(30));
        assert!(link.room(STREAM, now) > STREAM as usize / 2);
        other += send_all_that_may(&mut link, &mut now, 3);
        assert!(link.room(STREAM, now) <= WINDOW_MIN);
        packets += (first + then + other) as u64;
        link.sent(1, 1000, now);
        report(&mut link, &mut packets, 1, start, now);
        assert!(link.room(STREAM, now) > STREAM as usize / 2);
    }
}
