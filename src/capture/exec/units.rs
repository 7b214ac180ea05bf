//! When an access unit is whole: its end is known when the next one begins, or when the program
//! has been silent for a moment.

use crate::codec::annexb::AccessUnits;
use lenscap_actors::media::{Content, Picture};
use std::time::{Duration, Instant};

/// How long standard output must be silent before what has arrived is taken for a whole access
/// unit. Otherwise its end would only be known when the next one begins, a frame interval later.
const IDLE_FIRST: Duration = Duration::from_millis(3);
const IDLE_MAX: Duration = Duration::from_millis(48);

/// Puts access units together from what arrives in pieces.
pub struct Units {
    parser: AccessUnits,
    idle: Duration,
    burst: usize,
    since: Instant,
}

impl Units {
    /// Nothing has come yet.
    pub fn new() -> Self {
        Self { parser: AccessUnits::default(), idle: IDLE_FIRST, burst: 0, since: Instant::now() }
    }

    /// How long to wait for more before the rest is taken for whole.
    pub fn idle(&self) -> Option<Duration> {
        // Writers stop in the middle of a unit where a page or a buffer of theirs is full; then
        // the rest is surely on its way.
        let cut_short = self.burst.is_multiple_of(4096);
        self.parser.has_slice().then_some(if cut_short { self.idle.max(IDLE_MAX) } else { self.idle })
    }

    /// Takes what was read, and gives every access unit that it completes.
    pub fn take(&mut self, bytes: &[u8], now: Instant) -> Vec<Picture> {
        if self.burst == 0 {
            self.since = now;
        }
        self.burst += bytes.len();
        let mut complete = vec![];
        let torn = self.parser.push(bytes, &mut complete);
        if torn && self.idle < IDLE_MAX {
            // The last unit was not whole after all: this writer needs more time.
            self.idle = (self.idle * 2).min(IDLE_MAX);
            log::debug!("access units arrive in pieces; waiting {:?} for their ends now", self.idle);
        }
        let captured = self.since;
        if !complete.is_empty() {
            self.since = now;
        }
        complete.into_iter().map(|unit| Picture { captured, content: Content::H264(unit) }).collect()
    }

    /// Nothing has come for [`Units::idle`]: what there is is whole.
    pub fn went_idle(&mut self) -> Option<Picture> {
        self.burst = 0;
        let unit = self.parser.flush()?;
        Some(Picture { captured: self.since, content: Content::H264(unit) })
    }
}
