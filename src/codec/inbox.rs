//! Where pictures wait for the thread that encodes them.
//!
//! Uncompressed pictures and JPEGs wait in a place for one: a newer one replaces an older one that
//! was not encoded in time. Access units wait in a short queue, for each depends on the one before
//! it; when the queue is full, all are dropped up to the next keyframe.

use super::annexb::is_keyframe;
use bytes::Bytes;
use lenscap_actors::media::{Content, Findings, Picture, PictureSink};
use lenscap_actors::ports::Encoding;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Access units that may wait; more than a newcomer is given of the past.
const UNITS_MAX: usize = 200;

/// Where they wait.
#[derive(Default)]
pub struct Inbox {
    state: Mutex<Contents>,
    changed: Condvar,
}

#[derive(Default)]
struct Contents {
    latest: Option<Arc<Picture>>,
    units: VecDeque<(Instant, Bytes)>,
    /// Dropping access units until the next keyframe.
    overrun: bool,
    lost: u64,
    /// What became of the pictures since the camera last asked.
    findings: Findings,
    force: bool,
    /// Bits a second that the encoder is held to, if that is new.
    hold: Option<u32>,
    /// The range within which it can be.
    bit_rates: Option<RangeInclusive<u32>>,
    closed: bool,
}

/// What there is to do.
pub enum Task {
    /// To encode a picture.
    Picture(Arc<Picture>),
    /// To send an access unit, or to encode it anew.
    Unit(Unit),
    /// To encode the latest picture once more, as a keyframe.
    Keyframe,
}

/// An access unit that a camera gave.
pub struct Unit {
    /// When its picture was taken.
    pub captured: Instant,
    /// The access unit.
    pub data: Bytes,
    /// So many before it were dropped; then it is a keyframe.
    pub lost: u64,
    /// Others wait behind it.
    pub more: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    /// Waits for something to do; none when no more frames are needed. `has_picture` says whether a keyframe could be
    /// made.
    pub fn next(&self, has_picture: bool) -> Option<Task> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            // Before access units: where these are encoded anew there may be always one, and where not, no picture.
            if waiting.force && has_picture {
                waiting.force = false;
                return Some(Task::Keyframe);
            }
            if let Some((captured, data)) = waiting.units.pop_front() {
                let (lost, more) = (std::mem::take(&mut waiting.lost), !waiting.units.is_empty());
                return Some(Task::Unit(Unit { captured, data, lost, more }));
            }
            if let Some(picture) = waiting.latest.take() {
                return Some(Task::Picture(picture));
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes note of what became of a picture.
    pub fn found(&self, shown: bool) {
        let findings = &mut self.lock().findings;
        *(if shown { &mut findings.shown } else { &mut findings.refused }) += 1;
    }

    /// The next frame is a keyframe anyway.
    pub fn keyframe_comes(&self) {
        self.lock().force = false;
    }

    /// The encoder can be held to these bit rates.
    pub fn can_be_held(&self, bit_rates: RangeInclusive<u32>) {
        self.lock().bit_rates = Some(bit_rates);
    }

    /// What the encoder is to be held to from now on, if that is new.
    pub fn take_hold(&self) -> Option<u32> {
        self.lock().hold.take()
    }
}

impl Contents {
    fn push_unit(&mut self, captured: Instant, unit: &Bytes) {
        if self.units.len() >= UNITS_MAX {
            self.lost += self.units.len() as u64;
            self.units.clear();
            self.overrun = true;
        }
        if self.overrun && !is_keyframe(unit) {
            self.lost += 1;
            return;
        }
        self.overrun = false;
        self.units.push_back((captured, unit.clone()));
    }
}

impl PictureSink for Inbox {
    fn lost(&self) {
        self.change(|waiting| {
            waiting.overrun = true;
            waiting.lost += 1;
        });
    }

    fn push(&self, picture: &Arc<Picture>) {
        self.change(|waiting| match &picture.content {
            Content::H264(unit) => waiting.push_unit(picture.captured, unit),
            Content::Jpeg(_) | Content::Raw(_) => waiting.latest = Some(picture.clone()),
        });
    }

    fn findings(&self) -> Findings {
        std::mem::take(&mut self.lock().findings)
    }
}

/// The inbox as a stream sees it. The thread ends when it is dropped.
pub struct EncoderHandle(pub Arc<Inbox>);

impl Encoding for EncoderHandle {
    fn sink(&self) -> Arc<dyn PictureSink> {
        self.0.clone()
    }

    fn force_keyframe(&self) {
        self.0.change(|waiting| waiting.force = true);
    }

    fn bit_rates(&self) -> Option<RangeInclusive<u32>> {
        self.0.lock().bit_rates.clone()
    }

    fn hold_to(&self, bps: u32) {
        // The next picture is soon enough.
        self.0.lock().hold = Some(bps);
    }
}

impl Drop for EncoderHandle {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting.closed = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overrun_drops_whole_groups_and_counts_them() {
        let p = Bytes::from_static(&[0, 0, 1, 0x41, 0x9a]);
        let idr = Bytes::from_static(&[0, 0, 1, 0x65, 0x88]);
        let mut waiting = Contents::default();
        let now = Instant::now();
        for _ in 0..UNITS_MAX + 5 {
            waiting.push_unit(now, &p);
        }
        assert!(waiting.units.is_empty());
        assert_eq!(waiting.lost, UNITS_MAX as u64 + 5);
        waiting.push_unit(now, &idr);
        waiting.push_unit(now, &p);
        assert_eq!(waiting.units.len(), 2);
    }
}
