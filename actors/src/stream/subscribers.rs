//! Who watches a stream, and what each of them may be sent. Pure.

use super::asks::Asks;
use crate::ids::PeerId;
use crate::media::{Frame, Origin, is_fresh};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most that is replayed of a group of pictures: more than that would overrun the buffers on the way. Who joins
/// beyond it waits for the next keyframe.
pub const GROUP_BYTES_MAX: usize = 500_000;
const GROUP_FRAMES_MAX: usize = 600;

/// Our own encoder makes a keyframe for whoever comes. Who comes so soon after one gets that, and what has followed it:
/// so a crowd that joins does not cost everybody a keyframe each.
const OWN_GROUP: Duration = Duration::from_secs(1);

/// The set of subscribers. `S` is how one is reached.
#[derive(Debug)]
pub struct Subscribers<S> {
    members: BTreeMap<PeerId, Member<S>>,
    version: u64,
}

#[derive(Debug)]
struct Member<S> {
    link: S,
    ready: bool,
    suspect: bool,
    /// It came while the group of pictures was old, and gets it when it goes on.
    waits: bool,
    /// What it was given because it could not decode what it had.
    asks: Asks,
    /// And what it was given though it had missed nothing.
    idle_asks: Asks,
    /// Bits a second that its link carries, if that has shown itself to be little.
    carries: Option<f64>,
}

/// A subscriber that cannot decode what it has is helped so often.
const ASKS: Asks = Asks::new(Duration::from_millis(250), Duration::from_secs(8));

/// One that has all there is may ask at intervals whatever it has. Or its decoder has broken down, which is rare: then it is helped in the
/// end.
const IDLE_ASKS: Asks = Asks::new(Duration::from_secs(4), Duration::from_secs(64));

/// What a subscriber is to be sent when a frame has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// This frame.
    Next,
    /// The whole group, which ends with this frame.
    Replay,
}

impl<S> Default for Subscribers<S> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), version: 0 }
    }
}

impl<S> Subscribers<S> {
    /// Adds a subscriber; one that is `ready` gets frames at once, another after
    /// [`Subscribers::ready`]. One that is `suspect` does not count as [present](Subscribers::anybody_present).
    /// Subscribing again replaces the link and never counts twice.
    pub fn add(&mut self, peer: PeerId, link: S, ready: bool, suspect: bool) {
        self.version += 1;
        let (asks, idle_asks) = (ASKS, IDLE_ASKS);
        self.members.insert(peer, Member { link, ready, suspect, waits: false, asks, idle_asks, carries: None });
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
        self.version += 1;
        self.members.remove(peer).is_some()
    }

    /// The connection of `peer` stands: it may be sent frames. Gives its link if it is one of us.
    pub fn ready(&mut self, peer: &PeerId) -> Option<&S> {
        let member = self.members.get_mut(peer)?;
        self.version += 1;
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

    /// `peer` is sent nothing before the group goes on.
    pub fn wait_for_gop(&mut self, peer: &PeerId) {
        if let Some(member) = self.members.get_mut(peer) {
            self.version += 1;
            member.waits = true;
        }
    }

    /// `peer` says that it cannot decode what it has, with a reason that is known or without: its link, if it is to be helped now.
    pub fn heed(&mut self, peer: &PeerId, has_reason: bool, now: Instant) -> Option<&S> {
        let member = self.members.get_mut(peer).filter(|member| member.ready)?;
        let asks = if has_reason { &mut member.asks } else { &mut member.idle_asks };
        asks.heed(now).then_some(&member.link)
    }

    /// The link of `peer` carries so many bits a second, if that has shown itself to be little.
    pub fn carries(&mut self, peer: &PeerId, carries: Option<f64>) {
        if let Some(member) = self.members.get_mut(peer) {
            member.carries = carries;
        }
    }

    /// What the slowest link carries of those who are there, if one has shown itself to be narrow.
    pub fn slowest(&self) -> Option<f64> {
        let present = self.members.values().filter(|member| member.ready && !member.suspect);
        present.filter_map(|member| member.carries).reduce(f64::min)
    }

    /// Counts the changes of who is to be sent frames.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Those that are sent every frame; none if somebody [waits](Subscribers::wait_for_gop).
    pub fn steady(&self) -> Option<impl Iterator<Item = &S> + Clone> {
        let ready = self.members.values().filter(|member| member.ready);
        let waits = ready.clone().any(|member| member.waits);
        (!waits).then(|| ready.map(|member| &member.link))
    }

    /// Those that are to be sent something now that a frame has come, with which the group is as it is.
    pub fn due(&mut self, group: &Replay<'_>) -> impl Iterator<Item = (&S, Due)> {
        self.version += 1;
        self.members.values_mut().filter(|member| member.ready).filter_map(move |member| {
            let due = match group {
                Replay::Old if member.waits => return None,
                Replay::Fresh(_) if member.waits => Due::Replay,
                _ => Due::Next,
            };
            member.waits = false;
            Some((&member.link, due))
        })
    }
}

/// What there is for a newcomer.
#[derive(Debug)]
pub enum Replay<'a> {
    /// Nothing: only a keyframe helps.
    None,
    /// The past, which nobody is to take for the present. If the source goes on with it, it is fresh again.
    Old,
    /// What brings it up to the latest picture.
    Fresh(&'a [Arc<Frame>]),
}

/// The frames since the last keyframe: all of a source that cannot be asked for one, the first of our own encoder's.
#[derive(Debug, Default)]
pub struct GroupOfPictures {
    frames: Vec<Arc<Frame>>,
    bytes: usize,
    /// Where the last frame came from.
    origin: Option<Origin>,
}

impl GroupOfPictures {
    /// Takes note of a frame.
    pub fn push(&mut self, frame: &Arc<Frame>) {
        if frame.keyframe {
            self.clear();
        }
        self.origin = Some(frame.origin);
        let follows = match self.frames.last() {
            Some(last) => frame.number == last.number + 1,
            None => frame.keyframe,
        };
        let fits = self.bytes + frame.len() <= GROUP_BYTES_MAX && self.frames.len() < GROUP_FRAMES_MAX;
        let begun = self.frames.first().map_or(frame.captured, |first| first.captured);
        let soon = frame.origin == Origin::Device || frame.captured.saturating_duration_since(begun) <= OWN_GROUP;
        if !follows || !fits || !soon {
            self.clear();
            return;
        }
        self.bytes += frame.len();
        self.frames.push(frame.clone());
    }

    /// What there is for a newcomer.
    pub fn replay(&self, now: Instant) -> Replay<'_> {
        match self.frames.last() {
            None => Replay::None,
            Some(last) if is_fresh(last.captured, now) => Replay::Fresh(&self.frames),
            // There is a better one to be had.
            Some(last) if last.origin == Origin::Encoder => Replay::None,
            Some(_) => Replay::Old,
        }
    }

    /// Whether its frames come from a device, which cannot be asked for a keyframe.
    pub fn is_of_device(&self) -> bool {
        self.origin == Some(Origin::Device)
    }

    /// Forgets the frames.
    fn clear(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Codec, Cuts, FRESH};
    use bytes::Bytes;
    use std::time::Duration;

    fn frame(number: u64, keyframe: bool, origin: Origin, bytes: usize) -> Arc<Frame> {
        taken(Instant::now(), number, keyframe, origin, bytes)
    }

    fn taken(captured: Instant, number: u64, keyframe: bool, origin: Origin, bytes: usize) -> Arc<Frame> {
        let (codec, unit) = (Codec::H264, Bytes::from(vec![0; bytes]));
        let cuts = Cuts::whole(&unit);
        Arc::new(Frame { number, captured, keyframe, origin, codec, unit, cuts })
    }

    /// How many frames a newcomer would get at once.
    fn length(gop: &GroupOfPictures) -> usize {
        match gop.replay(Instant::now()) {
            Replay::Fresh(frames) => frames.len(),
            Replay::None => 0,
            Replay::Old => panic!("it is old"),
        }
    }

    fn ready<S: Copy>(set: &mut Subscribers<S>) -> Vec<S> {
        set.due(&Replay::None).map(|(link, _)| *link).collect()
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
        assert_eq!(ready(&mut set), ["b"]);
        assert_eq!(set.ready(&"a".into()), Some(&"a"));
        assert_eq!(set.ready(&"nobody".into()), None);
        assert_eq!(ready(&mut set), ["a", "b"]);
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
        assert_eq!(ready(&mut set).len(), 2, "they are sent what there is");
        assert_eq!(set.suspect(&"b".into(), false), Some(&"b"));
        assert!(set.anybody_present());
        assert_eq!(set.suspect(&"nobody".into(), true), None);
    }

    #[test]
    fn the_slowest_link_is_one_of_those_who_are_there() {
        let mut set = Subscribers::default();
        for (name, carries) in [("a", None), ("b", Some(3e6)), ("c", Some(2e6)), ("d", Some(1e6))] {
            set.add(name.into(), name, true, false);
            set.carries(&name.into(), carries);
        }
        assert_eq!(set.slowest(), Some(1e6));
        set.suspect(&"d".into(), true);
        assert_eq!(set.slowest(), Some(2e6), "nothing is known of a link that is silent");
        set.remove(&"c".into());
        set.carries(&"b".into(), None);
        assert_eq!(set.slowest(), None);
    }

    #[test]
    fn a_group_starts_at_a_keyframe_and_ends_at_a_gap() {
        let mut gop = GroupOfPictures::default();
        gop.push(&frame(1, false, Origin::Device, 1));
        assert_eq!(length(&gop), 0);
        for number in 2..6 {
            gop.push(&frame(number, number == 2, Origin::Device, 1));
        }
        assert_eq!(length(&gop), 4);
        gop.push(&frame(7, false, Origin::Device, 1));
        assert_eq!(length(&gop), 0, "a frame is missing: the rest cannot be decoded");
        gop.push(&frame(8, true, Origin::Device, 1));
        assert_eq!(length(&gop), 1);
    }

    #[test]
    fn a_huge_group_is_dropped() {
        let mut gop = GroupOfPictures::default();
        gop.push(&frame(2, true, Origin::Device, GROUP_BYTES_MAX));
        assert_eq!(length(&gop), 1);
        assert!(!GroupOfPictures::default().is_of_device());
        gop.push(&frame(3, false, Origin::Device, 1));
        assert_eq!(length(&gop), 0);
        assert!(gop.is_of_device(), "so who comes now has to wait");
    }

    #[test]
    fn of_our_own_encoder_only_a_keyframe_of_the_last_second_is_given_again() {
        for (origin, after, kept) in [
            (Origin::Encoder, OWN_GROUP, 2),
            (Origin::Encoder, OWN_GROUP + Duration::from_millis(1), 0),
            (Origin::Device, OWN_GROUP * 5, 2),
        ] {
            let (mut gop, start) = (GroupOfPictures::default(), Instant::now());
            gop.push(&taken(start, 1, true, origin, 1));
            gop.push(&taken(start + after, 2, false, origin, 1));
            assert_eq!(length(&gop), kept, "{origin:?} after {after:?}");
        }
    }

    /// A group of three, and what happens to it after a silence.
    #[test]
    fn a_newcomer_gets_the_past_only_if_it_is_the_present_or_becomes_it_again() {
        let ms = Duration::from_millis;
        // How old the group is when the newcomer comes, what it gets at once; the frame that comes then, how old that
        // is on its arrival, and what the newcomer and one who was there before get.
        for (age, at_once, (number, keyframe, late), newcomer, other) in [
            (ms(40), true, (4, false, ms(0)), Some(Due::Next), Due::Next),
            (FRESH, true, (4, false, ms(0)), Some(Due::Next), Due::Next),
            (FRESH + ms(1), false, (4, false, ms(0)), Some(Due::Replay), Due::Next),
            (ms(30_000), false, (4, false, ms(5)), Some(Due::Replay), Due::Next),
            (ms(30_000), false, (4, true, ms(0)), Some(Due::Replay), Due::Next), // a group of one
            (ms(30_000), false, (5, false, ms(0)), Some(Due::Next), Due::Next),  // a gap: both wait for a keyframe
            (ms(30_000), false, (4, false, ms(1500)), None, Due::Next),          // still the past
        ] {
            let start = Instant::now();
            let (mut set, mut gop) = (Subscribers::default(), GroupOfPictures::default());
            set.add("other".into(), "other", true, false);
            (1..4).for_each(|number| gop.push(&taken(start, number, number == 1, Origin::Device, 1)));
            let now = start + age;
            set.add("new".into(), "new", true, false);
            match gop.replay(now) {
                Replay::Fresh(frames) => assert!(at_once && frames.len() == 3, "{age:?}"),
                Replay::Old => {
                    assert!(!at_once, "{age:?}");
                    set.wait_for_gop(&"new".into());
                }
                Replay::None => panic!("there is one"),
            }
            gop.push(&taken(now, number, keyframe, Origin::Device, 1));
            let due: BTreeMap<_, _> = set.due(&gop.replay(now + late)).collect();
            assert_eq!(due.get(&"new").copied(), newcomer, "{age:?}, then {number}");
            assert_eq!(due.get(&"other").copied(), Some(other), "{age:?}, then {number}");
            if newcomer.is_some() {
                gop.push(&taken(now, number + 1, false, Origin::Device, 1));
                assert!(set.due(&gop.replay(now)).all(|(_, due)| due == Due::Next), "once is enough");
            }
        }
    }
}
