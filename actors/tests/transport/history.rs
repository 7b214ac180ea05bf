//! One random history of a viewer: a bad link, and what viewers do. A seed is the whole story.

use super::link::{Chance, Way};
use super::pair::{Pair, viewer_at};
use super::viewer::Kindness;
use lenscap_actors::departure::Cause;
use std::time::Duration;

/// Packets that are sent again, if need be, in the second for which a viewer asks for one: 125 kB (`transport/again.rs`).
const BUDGET: u64 = 125_000 / 1200;

fn way(chance: &mut Chance) -> Way {
    let odds = [0, 0, 50, 20, 8];
    let pick = |chance: &mut Chance| odds[chance.below(odds.len() as u64) as usize];
    Way {
        delay: Duration::from_millis(chance.below(80)),
        jitter: Duration::from_millis([0, 2, 15][chance.below(3) as usize]),
        loses_one_in: pick(chance),
        repeats_one_in: pick(chance),
        rate: [0, 0, 500_000][chance.below(3) as usize],
    }
}

/// Plays it. Whatever happens: nothing panics, nothing hangs, no number is sealed twice (both are looked for on the
/// way), what was asked for in time comes, and in the end both sides agree.
pub fn play(seed: u64) {
    let mut chance = Chance(seed);
    let kindness = Kindness {
        gcm: !chance.one_in(3),
        rtx: !chance.one_in(3),
        passive: chance.one_in(4),
        polite: !chance.one_in(4),
    };
    let (down, up) = (way(&mut chance), way(&mut chance));
    let mut pair = Pair::new(kindness, down, up, seed);
    pair.frame_bytes = [300, 2000, 6000][chance.below(3) as usize];
    let story = format!("{seed}: {kindness:?} {down:?} {up:?}");
    // Seven flights are repeated: enough for one in eight.
    assert!(pair.until(15_000, |pair| pair.connected_at.is_some()), "{story}: it does not connect");
    let mut port = 1000;
    for _ in 0..chance.below(6) {
        pair.run(chance.below(300));
        match chance.below(4) {
            0 => pair.restart(chance.one_in(2)),
            1 => {
                port += 1;
                pair.viewer.move_to(viewer_at(port), pair.now);
            }
            2 => {
                pair.restart(chance.one_in(2));
                port += 1;
                pair.viewer.move_to(viewer_at(port), pair.now);
            }
            _ => {
                let down = way(&mut chance);
                pair.down.way = Way { delay: pair.down.way.delay, ..down };
            }
        }
    }
    pair.run(200);
    // The weather clears up: whoever still watches has everything that it could ask for since, where it is now, as far as
    // the budget for that goes. What it lacks from before it may have asked for too often.
    (pair.down.way, pair.up.way) = (Way::clean(5), Way::clean(5));
    pair.viewer.judged_since = Some(pair.now);
    let before = pair.transport.resent();
    pair.run(600);
    pair.pause();
    pair.run(1500);
    assert_eq!(pair.leaving, None, "{story}");
    assert_eq!(pair.transport.remote(), Some(viewer_at(port)), "{story}");
    let (resent, vain) = (pair.transport.resent() - before, &pair.viewer.unanswered);
    assert!(vain.is_empty() || resent >= BUDGET, "{story}: {vain:?} were asked for in vain, and {resent} sent again");
    let before = pair.proofs;
    assert!(
        pair.probe() && {
            pair.run(100);
            pair.proofs > before
        },
        "{story}: no answer to a probe"
    );
    if chance.one_in(2) {
        pair.close();
        pair.run(100);
        assert!(pair.viewer.closed, "{story}: it was not told");
    } else {
        pair.viewer.close(pair.now);
        pair.run(if kindness.polite { 100 } else { 36_000 });
        let why = if kindness.polite { Cause::CloseNotify } else { Cause::IceFailed };
        assert_eq!(pair.leaving, Some(why), "{story}");
    }
}
