//! Who watches a stream, and what each of them may be sent. Pure.

use crate::ids::PeerId;
use crate::media::{Frame, Origin};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most that is kept of a group of pictures, so that a source without keyframes cannot eat
/// the memory. A viewer that joins beyond it waits for the next keyframe.
const GOP_BYTES_MAX: usize = 16 << 20;
const GOP_FRAMES_MAX: usize = 600;

/// The set of subscribers. `S` is how one is reached.
#[derive(Debug)]
pub struct Subscribers<S> {
    members: BTreeMap<PeerId, Member<S>>,
}

#[derive(Debug)]
struct Member<S> {
    link: S,
    ready: bool,
    suspect: bool,
}

impl<S> Default for Subscribers<S> {
    fn default() -> Self {
        Self { members: BTreeMap::new() }
    }
}

impl<S> Subscribers<S> {
    /// Adds a subscriber; one that is `ready` gets frames at once, another after
    /// [`Subscribers::ready`]. One that is `suspect` does not count as [present](Subscribers::anybody_present).
    /// Subscribing again replaces the link and never counts twice.
    pub fn add(&mut self, peer: PeerId, link: S, ready: bool, suspect: bool) {
        self.members.insert(peer, Member { link, ready, suspect });
    }

    /// Makes a suspect of a subscriber, or takes that back. Gives its link if that is news.
    pub fn suspect(&mut self, peer: &PeerId, suspect: bool) -> Option<&S> {
        let member = self.members.get_mut(peer).filter(|member| member.suspect != suspect)?;
        member.suspect = suspect;
        Some(&member.link)
    }

    /// Whether somebody watches who is no suspect.
    pub fn anybody_present(&self) -> bool {
        self.members.values().any(|member| !member.suspect)
    }

    /// Removes a subscriber; whether it was one.
    pub fn remove(&mut self, peer: &PeerId) -> bool {
        self.members.remove(peer).is_some()
    }

    /// The connection of `peer` stands: it may be sent frames. Gives its link if it is one of us.
    pub fn ready(&mut self, peer: &PeerId) -> Option<&S> {
        let member = self.members.get_mut(peer)?;
        member.ready = true;
        Some(&member.link)
    }

    /// Whether it is one of us and can be sent frames.
    pub fn is_ready(&self, peer: &PeerId) -> bool {
        self.members.get(peer).is_some_and(|member| member.ready)
    }

    /// Whether nobody watches.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Everybody's name, in order.
    pub fn names(&self) -> Vec<PeerId> {
        self.members.keys().cloned().collect()
    }

    /// Everybody.
    pub fn all(&self) -> impl Iterator<Item = &S> {
        self.members.values().map(|member| &member.link)
    }

    /// Those that can be sent frames now.
    pub fn ready_ones(&self) -> impl Iterator<Item = &S> {
        self.members.values().filter(|member| member.ready).map(|member| &member.link)
    }
}

/// The frames since the last keyframe of a source that cannot be asked for one.
#[derive(Debug, Default)]
pub struct GroupOfPictures {
    frames: Vec<Arc<Frame>>,
    bytes: usize,
}

impl GroupOfPictures {
    /// Takes note of a frame.
    pub fn push(&mut self, frame: &Arc<Frame>) {
        if frame.keyframe {
            self.clear();
        }
        let follows = match self.frames.last() {
            Some(last) => frame.number == last.number + 1,
            None => frame.keyframe,
        };
        let fits = self.bytes + frame.len() <= GOP_BYTES_MAX && self.frames.len() < GOP_FRAMES_MAX;
        if frame.origin == Origin::Encoder || !follows || !fits {
            self.clear();
            return;
        }
        self.bytes += frame.len();
        self.frames.push(frame.clone());
    }

    /// What brings a newcomer up to the latest picture; empty if only a new keyframe can.
    pub fn replay(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::time::Instant;

    fn frame(number: u64, keyframe: bool, origin: Origin, bytes: usize) -> Arc<Frame> {
        Arc::new(Frame {
            number,
            captured: Instant::now(),
            keyframe,
            origin,
            payloads: vec![Bytes::from(vec![0; bytes])],
        })
    }

    #[test]
    fn subscribing_twice_counts_once() {
        let mut set = Subscribers::default();
        set.add("a".into(), 1, false, false);
        set.add("a".into(), 2, true, false);
        assert_eq!(set.names().len(), 1);
        assert!(set.remove(&"a".into()));
        assert!(!set.remove(&"a".into()));
        assert!(set.is_empty());
    }

    #[test]
    fn only_the_ready_get_frames() {
        let mut set = Subscribers::default();
        set.add("a".into(), "a", false, false);
        set.add("b".into(), "b", true, false);
        assert_eq!(set.ready_ones().collect::<Vec<_>>(), [&"b"]);
        assert_eq!(set.ready(&"a".into()), Some(&"a"));
        assert_eq!(set.ready(&"nobody".into()), None);
        assert_eq!(set.ready_ones().count(), 2);
    }

    #[test]
    fn suspects_are_subscribers_who_are_not_present() {
        let mut set = Subscribers::default();
        assert!(!set.anybody_present());
        set.add("a".into(), "a", true, false);
        set.add("b".into(), "b", true, true);
        assert!(set.anybody_present());
        assert_eq!(set.suspect(&"a".into(), true), Some(&"a"));
        assert_eq!(set.suspect(&"a".into(), true), None, "no news");
        assert!(!set.anybody_present() && !set.is_empty());
        assert_eq!(set.ready_ones().count(), 2, "they are sent what there is");
        assert_eq!(set.suspect(&"b".into(), false), Some(&"b"));
        assert!(set.anybody_present());
        assert_eq!(set.suspect(&"nobody".into(), true), None);
    }

    #[test]
    fn a_group_starts_at_a_keyframe_and_ends_at_a_gap() {
        let mut gop = GroupOfPictures::default();
        gop.push(&frame(1, false, Origin::Device, 1));
        assert!(gop.replay().is_empty());
        for number in 2..6 {
            gop.push(&frame(number, number == 2, Origin::Device, 1));
        }
        assert_eq!(gop.replay().len(), 4);
        gop.push(&frame(7, false, Origin::Device, 1));
        assert!(gop.replay().is_empty(), "a frame is missing: the rest cannot be decoded");
        gop.push(&frame(8, true, Origin::Device, 1));
        assert_eq!(gop.replay().len(), 1);
    }

    #[test]
    fn our_own_encoder_needs_no_cache_and_a_huge_group_is_dropped() {
        let mut gop = GroupOfPictures::default();
        gop.push(&frame(1, true, Origin::Encoder, 1));
        assert!(gop.replay().is_empty());
        gop.push(&frame(2, true, Origin::Device, GOP_BYTES_MAX));
        assert_eq!(gop.replay().len(), 1);
        gop.push(&frame(3, false, Origin::Device, 1));
        assert!(gop.replay().is_empty());
    }
}
