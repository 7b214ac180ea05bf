//! Streams as viewers know them, whichever rendition they watch.

use super::{Snapshot, StreamState, StreamStatus};
use crate::ids::{PeerId, StreamId};
use crate::media::Size;
use std::collections::BTreeSet;

impl Snapshot {
    /// The streams that are configured: small renditions are parts of these.
    pub fn known_streams(&self) -> impl Iterator<Item = (&StreamId, &StreamStatus)> {
        self.streams.iter().filter(|(_, status)| status.rendition == Size::Full)
    }

    /// Who watches a stream, in whatever rendition. One that goes from one to the other is a viewer of both for a while.
    pub fn viewers(&self, stream: &StreamId) -> BTreeSet<&PeerId> {
        self.renditions(stream).flat_map(|status| &status.subscribers).collect()
    }

    /// Whether a stream is live, in whatever rendition.
    pub fn is_live(&self, stream: &StreamId) -> bool {
        self.renditions(stream).any(|status| status.state == StreamState::Live)
    }

    fn renditions(&self, stream: &StreamId) -> impl Iterator<Item = &StreamStatus> {
        self.streams.values().filter(move |status| status.known_as == *stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_the_viewers_of_its_renditions_each_once() {
        let mut board = Snapshot::default();
        for (name, known_as, size, viewers) in [
            ("front", "front", Size::Full, &["a", "b"][..]),
            ("front~small", "front", Size::Small, &["b", "c"]),
            ("back", "back", Size::Full, &["d"]),
        ] {
            let mut status = StreamStatus::of("cam".into(), known_as.into(), size);
            status.subscribers = viewers.iter().map(|&peer| peer.into()).collect();
            board.streams.insert(name.into(), status);
        }
        let front = StreamId::from("front");
        assert_eq!(board.viewers(&front).into_iter().map(|peer| peer.as_str()).collect::<String>(), "abc");
        assert_eq!(board.known_streams().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["back", "front"]);
        assert!(!board.is_live(&front));
        let small = board.streams.get_mut(&front.small());
        small.unwrap().state = StreamState::Live;
        assert!(board.is_live(&front) && !board.is_live(&"back".into()));
    }
}
