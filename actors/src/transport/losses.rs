//! What may be sent to a viewer that reports its losses and no arrivals. Pure.
//!
//! The loss-based half of draft-ietf-rmcat-gcc-02 (section 6): more than a tenth lost, and less is sent; less than a
//! fiftieth, and it may be more again. Radio loses packets without being full, and this cannot tell the two apart: so a part of the
//! stream is sent whatever is lost.

use std::time::{Duration, Instant};

/// So much is too much, and so much is nothing.
const TOO_MUCH: f64 = 0.1;
const NOTHING: f64 = 0.02;

/// By so much it rises with a report.
const RISE: f64 = 1.08;

/// No less than this part of the stream is sent,
const LEAST: f64 = 0.2;

/// and where it could be so much more than the stream has, there is no limit.
const ENOUGH: f64 = 1.5;

/// Reports about fewer packets than this wait for the next.
const PACKETS_MIN: u64 = 20;

/// Some viewers report several times a second: a limit takes a while to show.
const REPORTS_APART: Duration = Duration::from_millis(500);

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    /// Packets sent and lost, bytes sent, and when, at the last report that counted.
    last: Option<(u64, i32, u64, Instant)>,
    limit: Option<f64>,
}

impl Losses {
    /// Bytes a second that may be sent; none if there is no limit.
    pub fn limit(&self) -> Option<f64> {
        self.limit
    }

    /// The viewer reports how many packets it has lost, all in all, of those that were sent, less those that came twice
    /// (so it may be below 0); `bytes` were in them. The stream has so many bytes a second.
    pub fn reported(&mut self, sent: u64, lost: i32, bytes: u64, stream: f64, now: Instant) {
        let Some((sent_before, lost_before, bytes_before, at)) = self.last else {
            self.last = Some((sent, lost, bytes, now));
            return;
        };
        let (packets, since) = (sent.saturating_sub(sent_before), now.saturating_duration_since(at));
        if packets < PACKETS_MIN || since < REPORTS_APART {
            return;
        }
        self.last = Some((sent, lost, bytes, now));
        // A count can fall: what comes twice, or late, is taken off (RFC 3550, appendix A.3).
        let share = f64::from(lost.saturating_sub(lost_before).max(0)) / packets as f64;
        let rate = bytes.saturating_sub(bytes_before) as f64 / since.as_secs_f64();
        if share > TOO_MUCH {
            let limit = self.limit.map_or(rate, |limit| limit.min(rate)) * (1.0 - share.min(1.0) / 2.0);
            self.limit = Some(limit.max(stream * LEAST));
        } else if share < NOTHING {
            self.limit = self.limit.map(|limit| limit * RISE).filter(|limit| *limit < stream * ENOUGH);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit after so many seconds in which a link carried at most so much of a stream of 200 packets of 1250 bytes
    /// a second, and lost a part of what it carried.
    fn after(
        losses: &mut Losses,
        start: Instant,
        seconds: std::ops::Range<u32>,
        carries: f64,
        loses: f64,
    ) -> Option<f64> {
        let stream = 250e3;
        let (mut sent, mut lost, mut bytes) =
            losses.last.map_or((0, 0, 0), |(sent, lost, bytes, _)| (sent, lost, bytes));
        for second in seconds {
            let rate = losses.limit().unwrap_or(stream).min(stream);
            let arrives = rate.min(carries) * (1.0 - loses);
            sent += (rate / 1250.0) as u64;
            bytes += rate as u64;
            lost += ((rate - arrives) / 1250.0) as i32;
            losses.reported(sent, lost, bytes, stream, start + Duration::from_secs(1) * second);
        }
        losses.limit()
    }

    #[test]
    fn a_narrow_link_is_found_and_a_wide_one_found_again() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        assert_eq!(after(&mut losses, start, 0..10, 250e3, 0.0), None);
        let limit = after(&mut losses, start, 10..30, 125e3, 0.0).unwrap();
        assert!((100e3..160e3).contains(&limit), "{limit}");
        assert_eq!(after(&mut losses, start, 30..70, 250e3, 0.0), None);
    }

    #[test]
    fn radio_that_loses_a_little_is_sent_all_and_one_that_loses_much_a_part() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        assert_eq!(after(&mut losses, start, 0..60, 250e3, 0.09), None);
        assert_eq!(after(&mut losses, start, 60..300, 250e3, 0.3), Some(50e3));
    }

    #[test]
    fn packets_that_come_twice_are_no_losses() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        for (second, lost) in (1..).zip([0, -1, 0, -1, 0, -40, -40]) {
            let sent = u64::from(second) * 200;
            losses.reported(sent, lost, sent * 1250, 250e3, start + Duration::from_secs(1) * second);
            assert_eq!(losses.limit(), None, "{lost} lost, {sent} sent");
        }
        losses.reported(1600, 60, 2_000_000, 250e3, start + Duration::from_secs(8));
        assert!(losses.limit().is_some(), "half of the last 200 are");
    }

    #[test]
    fn reports_about_next_to_nothing_say_nothing() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        let ms = |ms| start + Duration::from_millis(ms);
        losses.reported(0, 0, 0, 250e3, ms(0));
        losses.reported(19, 19, 20_000, 250e3, ms(1000));
        losses.reported(100, 50, 100_000, 250e3, ms(499));
        assert_eq!(losses.limit(), None);
        losses.reported(100, 50, 100_000, 250e3, ms(2000));
        assert_eq!(losses.limit(), Some(50_000.0), "half of 50 kB a second, less a quarter, but a fifth of the stream");
    }
}
