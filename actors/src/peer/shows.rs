//! Which stream the viewer is sent. Its page cannot tell the last pictures of one stream from the first of another, and would
//! show those under this one's name. Pure.

use crate::ids::StreamId;

/// What is sent since a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The stream, by the name that viewers know.
    pub stream: StreamId,
    /// What came before it has RTP timestamps up to this one; none if nothing did.
    pub after: Option<u32>,
}

/// What is sent, and whether the page knows.
#[derive(Clone, Debug, Default)]
pub struct Shows {
    shown: Option<Shown>,
    told: bool,
}

impl Shows {
    /// The first frame of a stream, or of another rendition of it, has been sent.
    pub fn begun(&mut self, stream: &StreamId, after: Option<u32>) {
        if self.shown.as_ref().is_none_or(|shown| shown.stream != *stream) {
            *self = Self { shown: Some(Shown { stream: stream.clone(), after }), told: false };
        }
    }

    /// The page has asked for this stream, and has it already, or does not know what it was told.
    pub fn again(&mut self, stream: &StreamId) {
        self.told &= self.shown.as_ref().is_none_or(|shown| shown.stream != *stream);
    }

    /// What the page does not know.
    pub fn news(&self) -> Option<&Shown> {
        self.shown.as_ref().filter(|_| !self.told)
    }

    /// Now it does.
    pub fn told(&mut self) {
        self.told = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_told_of_once_and_again_to_who_asks_for_it_and_has_it() {
        let [front, back] = ["front", "back"].map(StreamId::from);
        let mut shows = Shows::default();
        assert_eq!(shows.news(), None);
        shows.begun(&front, None);
        assert_eq!(shows.news(), Some(&Shown { stream: front.clone(), after: None }));
        shows.told();
        shows.begun(&front, Some(5)); // in another rendition
        assert_eq!(shows.news(), None);
        shows.again(&back);
        assert_eq!(shows.news(), None, "of another stream there is nothing to say yet");
        shows.begun(&back, Some(7));
        assert_eq!(shows.news(), Some(&Shown { stream: back.clone(), after: Some(7) }));
        shows.told();
        shows.again(&back);
        assert_eq!(shows.news(), Some(&Shown { stream: back, after: Some(7) }));
    }
}
