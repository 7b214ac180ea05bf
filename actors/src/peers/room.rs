//! Who gives up its place for a viewer that comes when all are taken. Pure.
//!
//! A place is taken by whoever sends an offer, and an offer costs nothing. So first go offers that nothing has followed: those that
//! are old, and of a network that has more of them than the newcomer's own, also those that are not. A flood of offers so
//! displaces itself, and keeps nobody out who comes from elsewhere. Then go those who have been suspect for a while. Whoever
//! is there is never asked to go.

use crate::departure::Cause;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Nothing has followed an offer for so long: nothing will.
const SILENT_OFFER: Duration = Duration::from_secs(1);

/// Somebody has been suspect for so long.
const SUSPECT: Duration = Duration::from_secs(1);

/// Where a viewer's offers come from: an address, or with IPv6 a network 64 bits wide, which is the least that a subscriber of a
/// network provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

/// Up to 65,536 networks of IPv6, in 48 bits: the most that one subscriber is usually given (RFC 6177, section 2). There may be
/// others' networks in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block(u128);

impl Network {
    /// Of this address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }

    /// The block that it may be a part of; none with IPv4.
    pub fn block(self) -> Option<Block> {
        match self.0 {
            IpAddr::V6(ip) => Some(Block(ip.to_bits() >> 80)),
            IpAddr::V4(_) => None,
        }
    }
}

/// One who has a place.
#[derive(Clone, Copy, Debug)]
pub struct Seated {
    /// Counts those who came before it.
    pub nth: u64,
    /// When it came.
    pub since: Instant,
    /// From where.
    pub network: Network,
    /// Whether something authentic has come from it.
    pub heard: bool,
    /// Since when it has been suspect.
    pub suspect_since: Option<Instant>,
}

/// Whose place is given to one who comes from this network (its `nth`), and why.
pub fn who_makes_room(seated: &[Seated], from: Network, now: Instant) -> Option<(u64, Cause)> {
    let lasts = |since: Instant, at_least| now.saturating_duration_since(since) >= at_least;
    let silent = || seated.iter().filter(|it| !it.heard);
    if let Some(oldest) = silent().min_by_key(|it| it.nth).filter(|it| lasts(it.since, SILENT_OFFER)) {
        return Some((oldest.nth, Cause::IceFailed));
    }
    let mut offers: HashMap<Network, usize> = HashMap::new();
    silent().for_each(|it| *offers.entry(it.network).or_default() += 1);
    let own = offers.get(&from).copied().unwrap_or_default();
    let most =
        silent().filter(|it| offers[&it.network] > own + 1).max_by_key(|it| (offers[&it.network], u64::MAX - it.nth));
    if let Some(one_of_many) = most {
        return Some((one_of_many.nth, Cause::Displaced));
    }
    let suspects = seated.iter().filter_map(|it| Some((it.suspect_since?, it)));
    let (since, suspect) = suspects.min_by_key(|(since, it)| (*since, it.nth))?;
    lasts(since, SUSPECT).then_some((suspect.nth, Cause::Displaced))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    /// One that has been there for so long, silent.
    fn silent(nth: u64, from: &str, now: Instant, ms: u32) -> Seated {
        Seated { nth, since: now - MS * ms, network: network(from), heard: false, suspect_since: None }
    }

    fn present(nth: u64, from: &str, now: Instant) -> Seated {
        Seated { heard: true, ..silent(nth, from, now, 60_000) }
    }

    fn chosen(seated: &[Seated], from: &str, now: Instant) -> Option<(u64, Cause)> {
        who_makes_room(seated, network(from), now)
    }

    #[test]
    fn a_network_is_an_address_or_64_bits() {
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:0:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }

    #[test]
    fn a_block_is_48_bits_of_ipv6() {
        let block = |text| network(text).block();
        assert_eq!(block("2001:db8:7::1"), block("2001:db8:7:ffff::1"));
        assert_ne!(block("2001:db8:7::1"), block("2001:db8:8::1"));
        assert_eq!((block("192.0.2.1"), block("::ffff:192.0.2.1")), (None, None));
    }

    #[test]
    fn an_offer_that_nothing_follows_makes_room_after_a_second() {
        let now = Instant::now();
        let seated =
            [present(1, "192.0.2.1", now), silent(2, "192.0.2.2", now, 1000), silent(3, "192.0.2.2", now, 999)];
        assert_eq!(chosen(&seated, "192.0.2.2", now), Some((2, Cause::IceFailed)));
        assert_eq!(chosen(&seated[..1], "192.0.2.2", now), None, "who is there stays");
        assert_eq!(chosen(&seated[2..], "192.0.2.9", now), None, "it may be about to answer");
    }

    #[test]
    fn a_flood_from_one_network_keeps_nobody_out_who_comes_from_another() {
        let now = Instant::now();
        let mut seated: Vec<Seated> = (0..99).map(|nth| silent(nth, "192.0.2.1", now, 500)).collect();
        seated.push(silent(99, "192.0.2.2", now, 900));
        assert_eq!(chosen(&seated, "192.0.2.9", now), Some((0, Cause::Displaced)), "the oldest of the flood");
        assert_eq!(chosen(&seated, "192.0.2.2", now), Some((0, Cause::Displaced)));
        assert_eq!(chosen(&seated, "192.0.2.1", now), None, "not for one of its own");
    }

    #[test]
    fn a_crowd_from_everywhere_displaces_nobody() {
        let now = Instant::now();
        let seated: Vec<Seated> = (0..100).map(|nth| silent(nth, &format!("192.0.2.{nth}"), now, 100)).collect();
        assert_eq!(chosen(&seated, "198.51.100.1", now), None);
    }

    #[test]
    fn who_has_been_suspect_for_longest_makes_room_after_a_second() {
        let now = Instant::now();
        let suspect = |nth, ms| Seated { suspect_since: Some(now - MS * ms), ..present(nth, "192.0.2.1", now) };
        assert_eq!(chosen(&[suspect(1, 999)], "192.0.2.2", now), None);
        assert_eq!(chosen(&[suspect(1, 1500), suspect(2, 2500)], "192.0.2.1", now), Some((2, Cause::Displaced)));
    }
}
