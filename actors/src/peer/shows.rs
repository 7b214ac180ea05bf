//! Which stream the viewer is sent. Its page cannot tell the last pictures of one stream from the first of another, and would
//! show those under this one's name. Pure.

use crate::ids::StreamId;
use std::time::{Duration, Instant};

/// What was sent before so long ago is in no viewer's buffer any more. (Numbers of 32 bits can be compared for six hours.)
const FORGOTTEN: Duration = Duration::from_secs(60);

/// What is sent since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The stream, by the name that viewers know.
    pub stream: StreamId,
    /// What came before it has RTP timestamps up to this one; none if nothing did, or long ago.
    pub after: Option<u32>,
}

/// What is sent, and whether the page knows.
#[derive(Clone, Debug, Default)]
pub struct Shows {
    shown: Option<(Shown, Instant)>,
    told: bool,
}

impl Shows {
    /// The first frame of a stream, or of another rendition of it, has been sent.
    pub fn begun(&mut self, stream: &StreamId, after: Option<u32>, now: Instant) {
        if !self.is(stream) {
            *self = Self { shown: Some((Shown { stream: stream.clone(), after }, now)), told: false };
        }
    }

    /// From now on this one is watched: if it is another than before, nothing of it has been sent yet.
    pub fn goes_to(&mut self, stream: &StreamId) {
        if !self.is(stream) {
            *self = Self::default();
        }
    }

    /// The page has asked for this stream, and has it already, or does not know what it was told.
    pub fn again(&mut self, stream: &StreamId, now: Instant) {
        if let Some((shown, since)) = self.shown.as_mut().filter(|(shown, _)| shown.stream == *stream) {
            shown.after = shown.after.filter(|_| now.saturating_duration_since(*since) < FORGOTTEN);
            self.told = false;
        }
    }

    /// What the page does not know.
    pub fn news(&self) -> Option<&Shown> {
        self.shown.as_ref().filter(|_| !self.told).map(|(shown, _)| shown)
    }

    /// Now it does.
    pub fn told(&mut self) {
        self.told = true;
    }

    fn is(&self, stream: &StreamId) -> bool {
        self.shown.as_ref().is_some_and(|(shown, _)| shown.stream == *stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_of_once_and_again_to_who_asks_for_it_and_has_it() {
        let [front, back] = ["front", "back"].map(StreamId::from);
        let (mut shows, now) = (Shows::default(), Instant::now());
        assert_eq!(shows.news(), None);
        shows.begun(&front, None, now);
        assert_eq!(shows.news(), Some(&Shown { stream: front.clone(), after: None }));
        shows.told();
        shows.begun(&front, Some(5), now); // in another rendition
        assert_eq!(shows.news(), None);
        shows.again(&back, now);
        assert_eq!(shows.news(), None, "of another stream there is nothing to say yet");
        shows.begun(&back, Some(7), now);
        assert_eq!(shows.news(), Some(&Shown { stream: back.clone(), after: Some(7) }));
        shows.told();
        shows.again(&back, now + FORGOTTEN / 2);
        assert_eq!(shows.news(), Some(&Shown { stream: back.clone(), after: Some(7) }));
        shows.again(&back, now + FORGOTTEN);
        assert_eq!(shows.news(), Some(&Shown { stream: back, after: None }), "what was before is long gone");
    }

    #[test]
    fn who_comes_back_from_a_stream_that_showed_nothing_is_told_anew() {
        let [front, back] = ["front", "back"].map(StreamId::from);
        let (mut shows, now) = (Shows::default(), Instant::now());
        shows.begun(&front, None, now);
        shows.told();
        shows.goes_to(&front); // in another rendition
        shows.again(&front, now);
        assert_eq!(shows.news(), Some(&Shown { stream: front.clone(), after: None }));
        shows.goes_to(&back);
        shows.again(&front, now);
        assert_eq!(shows.news(), None, "nothing is sent");
        shows.begun(&front, Some(9), now);
        assert_eq!(shows.news(), Some(&Shown { stream: front, after: Some(9) }));
    }
}
