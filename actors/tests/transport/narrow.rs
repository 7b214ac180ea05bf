//! Links that carry less than the stream, on a virtual clock.

use super::CHROMIUM;
use super::link::Way;
use super::pair::Pair;
use std::time::Duration;

/// 240 kB a second over a link of its own, with feedback; keyframes of 60 kB every two seconds, or on demand.
fn watching(rate: u64) -> Pair {
    with_keyframes(rate, 8)
}

/// The same, with keyframes of so many times 6 kB.
fn with_keyframes(rate: u64, size: usize) -> Pair {
    let down = Way { rate, ..Way::clean(20) };
    let mut pair = Pair::new(CHROMIUM, down, Way::clean(20), 7);
    pair.viewer.arrivals = Some(Default::default());
    (pair.frame_bytes, pair.keyframes) = (6000, (size, 60));
    pair.connect();
    pair
}

/// How many frames came to their end in these milliseconds, and how old the oldest of them was then.
fn seen(pair: &mut Pair, ms: u64) -> (usize, Duration) {
    let before = pair.viewer.ends.len();
    pair.run(ms);
    let ends = &pair.viewer.ends[before..];
    let age = ends.iter().map(|&(number, at)| {
        // The latest with this number.
        let mut taken = pair.taken.iter().enumerate().filter(|(nth, at_)| (nth + 1) as u8 == number && **at_ <= at);
        at.duration_since(*taken.next_back().unwrap().1)
    });
    (ends.len(), age.max().unwrap_or_default())
}

#[test]
fn a_wide_link_carries_everything_at_once() {
    let mut pair = watching(0);
    // Of the first keyframe only 48 kB leave before there is a report.
    let (frames, age) = seen(&mut pair, 1000);
    assert!(frames >= 29 && age < Duration::from_millis(150), "{frames}, {age:?}");
    let (frames, age) = seen(&mut pair, 10_000);
    assert!(frames >= 300, "{frames}");
    // A keyframe is paced.
    assert!(age < Duration::from_millis(60), "{age:?}");
    assert_eq!(pair.transport.dropped(), Default::default());
    assert_eq!(pair.transport.congestion().unwrap().capacity(), None);
}

#[test]
fn a_large_keyframe_is_sooner_where_the_path_has_shown_that_it_carries_more() {
    let oldest = |rate| {
        let mut pair = with_keyframes(rate, 18);
        pair.run(5000);
        let (frames, age) = seen(&mut pair, 10_000);
        assert!(frames >= 300, "{frames} over {rate}");
        assert_eq!(pair.transport.congestion().unwrap().capacity(), None, "no queue over {rate}");
        age
    };
    // 48 kB of 108 at once, and the rest at 2.5 times the stream's rate, or at six times.
    let (wide, just) = (oldest(0), oldest(1_200_000));
    assert!(wide < Duration::from_millis(75), "{wide:?}");
    assert!(wide + Duration::from_millis(30) < just, "{wide:?}, {just:?}");
}

#[test]
fn a_link_that_is_just_wide_enough_carries_everything_but_for_moments() {
    let mut pair = watching(350_000);
    pair.run(5000);
    let (frames, age) = seen(&mut pair, 20_000);
    assert!(frames >= 590, "{frames} of 606");
    assert!(age < Duration::from_millis(450), "{age:?}");
}

#[test]
fn over_a_narrow_link_there_are_fewer_frames_and_none_is_old() {
    for rate in [30_000, 62_500, 125_000, 180_000] {
        let mut pair = watching(rate);
        pair.run(3000);
        let (frames, age) = seen(&mut pair, 30_000);
        assert!(frames >= 10, "{rate}: {frames} frames in 30 s");
        let largest = Duration::from_secs_f64(60_000.0 / rate as f64);
        assert!(age < largest + Duration::from_millis(800), "{rate}: {age:?}, {frames} frames");
        let link = pair.transport.congestion().unwrap();
        let capacity = link.capacity().expect("it has shown itself");
        assert!(capacity < rate as f64 * 1.3, "{rate}: {capacity}");
    }
}

#[test]
fn a_first_picture_that_would_be_old_can_be_left_for_a_smaller_one() {
    let old = |pair: &Pair| pair.transport.catching_up_takes(pair.now).is_some_and(|takes| takes.as_millis() > 900);
    let mut pair = with_keyframes(62_500, 18);
    assert!(pair.until(500, old), "108 kB take 1.7 s");
    pair.transport.abandon();
    assert_eq!(pair.transport.catching_up_takes(pair.now), None);
    assert_eq!(pair.transport.dropped().late, 1 + pair.frames - 1, "that one, and what came after it");
    (pair.frame_bytes, pair.keyframes) = (800, (15, 60));
    let (frames, age) = seen(&mut pair, 3000);
    assert!(frames >= 45 && age < Duration::from_millis(500), "{frames}, {age:?}");
    for (rate, why) in [(150_000, "0.75 s are waited for"), (0, "and what is quick is not looked at")] {
        let mut pair = with_keyframes(rate, 18);
        assert!(!pair.until(3000, old), "{rate}: {why}");
    }
}

#[test]
fn after_a_dip_everything_comes_again() {
    for (dip, ms) in [(60_000, 1000), (30_000, 3000), (1000, 2000)] {
        let mut pair = watching(500_000);
        pair.run(5000);
        pair.down.way.rate = dip;
        pair.run(ms);
        pair.down.way.rate = 500_000;
        pair.run(1500);
        let (frames, age) = seen(&mut pair, 5000);
        assert!(frames >= 148, "{dip} for {ms} ms: {frames} of 151");
        assert!(age < Duration::from_millis(300), "{dip} for {ms} ms: {age:?}");
    }
}

#[test]
fn a_link_that_widens_is_found_out() {
    let mut pair = watching(62_500);
    pair.run(20_000);
    pair.down.way.rate = 0;
    pair.run(3000);
    let (frames, age) = seen(&mut pair, 3000);
    assert!(frames >= 88, "{frames} of 91");
    assert!(age < Duration::from_millis(300), "{age:?}");
    let capacity = pair.transport.congestion().unwrap().capacity();
    assert!(capacity.is_none_or(|capacity| capacity > 240_000.0), "{capacity:?}");
}

#[test]
fn a_path_that_has_become_longer_is_no_queue() {
    let mut pair = watching(0);
    pair.run(5000);
    pair.down.way.delay = Duration::from_millis(320);
    pair.run(8000);
    let (frames, _) = seen(&mut pair, 5000);
    assert!(frames >= 148, "{frames} of 151");
}

#[test]
fn chance_losses_of_ten_in_a_hundred_take_nothing_away() {
    let mut pair = watching(0);
    pair.down.way.loses_one_in = 10;
    pair.down.way.jitter = Duration::from_millis(60);
    let skipped = pair.transport.dropped();
    pair.run(20_000);
    assert_eq!(pair.transport.dropped(), skipped);
}

#[test]
fn a_flood_of_requests_is_answered_within_half_of_the_streams_rate() {
    let mut pair = watching(0);
    pair.run(3000);
    let before = pair.transport.resent();
    // All of the last second, 100 times a second, for ten seconds.
    for _ in 0..1000 {
        pair.viewer.want_all_again(120);
        pair.run(10);
    }
    let bytes = (pair.transport.resent() - before) * 1200;
    assert!((1_000_000..1_700_000).contains(&bytes), "{bytes} in ten seconds of 240 kB each");
}

#[test]
fn who_reports_losses_only_is_sent_what_its_link_carries_whatever_it_has_offered() {
    // With numbers that nothing is reported of: since it says so, and though it says otherwise.
    for kept in ["a=rtcp-fb:102 nack\r\n", "a=rtcp-fb:102 transport-cc\r\n"] {
        let bend = |offer: &mut String| {
            *offer = offer.replace("a=rtcp-fb:102 transport-cc\r\n", "") + "a=rtcp-fb:102 nack\r\n" + kept;
        };
        let down = Way { rate: 120_000, ..Way::clean(20) };
        let mut pair = Pair::with_offer(CHROMIUM, down, Way::clean(20), 7, bend);
        (pair.frame_bytes, pair.keyframes) = (6000, (8, 60));
        pair.connect();
        let told = kept.contains("transport-cc");
        assert_eq!(pair.transport.congestion().is_some(), told, "{kept}");
        for _ in 0..20 {
            pair.run(1000);
            pair.viewer.report_losses();
        }
        let before = (pair.packets, pair.transport.dropped().late);
        pair.run(5000);
        let (rate, late) = ((pair.packets - before.0) * 1200 / 5, pair.transport.dropped().late - before.1);
        assert!((40_000..150_000).contains(&rate), "{kept}: {rate} bytes a second of 240 kB, over a link for 120");
        assert!(late > 50, "{kept}: {late} of 151 frames");
    }
}
