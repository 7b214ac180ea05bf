use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn on_a_lan() -> Silence {
    let mut silence = Silence::new(Patience::production());
    (0..10).for_each(|_| silence.measured(Duration::from_micros(600)));
    silence
}

/// Lets time pass without a proof; gives what was done, and when.
fn wait(silence: &mut Silence, from: Instant, time: Duration) -> Vec<(u64, &'static str)> {
    let mut done = vec![];
    while let Some(due) = silence.due().filter(|due| *due <= from + time) {
        let acts = silence.tick(due, Duration::ZERO);
        let at = due.duration_since(from).as_millis() as u64;
        assert!(acts != Acts::default(), "woken at {at} ms for nothing");
        let acted = [
            (acts.probe, "probe"),
            (acts.suspect, "suspect"),
            (acts.withhold, "withhold"),
            (acts.away, "away"),
            (acts.gone, "gone"),
        ];
        for (act, name) in acted {
            if act {
                done.push((at, name));
            }
        }
        if acts.probe {
            silence.sent_probe(due);
        }
    }
    done
}

#[test]
fn a_viewer_that_vanishes_is_probed_then_suspect_then_away_and_at_last_gone() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    let done = wait(&mut silence, start, ms(60_000));
    assert_eq!(done[0].1, "probe");
    let of = |name: &str| done.iter().filter(|(_, done)| *done == name).map(|(at, _)| *at).collect::<Vec<_>>();
    assert_eq!((of("suspect"), of("withhold"), of("away")), (vec![355], vec![1000], vec![3199]));
    let last: Vec<u64> = of("probe").into_iter().filter(|at| *at >= 30_000).collect();
    assert_eq!(
        (last, of("gone")),
        (vec![30_000, 30_250, 30_500], vec![32_000]),
        "whoever is back by then is asked after that"
    );
    assert!(of("probe").iter().filter(|at| **at < 355).count() >= 1);
    let sparse: Vec<u64> = of("probe").into_iter().filter(|at| *at > 3199 && *at < 30_000).collect();
    assert!((30..40).contains(&sparse.len()), "{} probes: {sparse:?}", sparse.len());
    let within = |from, to| sparse.iter().filter(|at| (from..to).contains(*at)).count();
    assert!(within(5000, 16_000) < 10, "browsers ask by themselves: {sparse:?}");
    assert!(within(18_000, 28_000) >= 16, "and then no more: {sparse:?}");
    assert_eq!(silence.due(), None, "a verdict is given once");
}

#[test]
fn a_proof_takes_the_suspicion_back_and_a_sound_does_not() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    wait(&mut silence, start, ms(1000));
    assert!(silence.is_suspect());
    silence.heard(start + ms(1000));
    assert!(silence.is_suspect(), "it may hear nothing of us");
    assert!(silence.wants_probe(start + ms(1000)), "so it is asked");
    assert_eq!(silence.proven(start + ms(1001), Duration::ZERO), Some(start + ms(355)));
    assert!(!silence.is_suspect() && silence.proven(start + ms(1002), Duration::ZERO).is_none());
    assert_eq!(silence.due(), None, "nothing is expected while nothing is sent");
}

#[test]
fn who_is_away_and_is_heard_is_asked_at_once_and_not_for_each_word() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    wait(&mut silence, start, ms(20_000));
    assert!(silence.is_away() && silence.is_suspect());
    // One whose way from us is dark, and who calls every 48 ms.
    let (mut asked, end) = (vec![], start + ms(21_000));
    let mut now = start + ms(20_000);
    while now < end {
        silence.heard(now);
        let probe =
            silence.wants_probe(now) || silence.due().is_some_and(|due| due <= now) && silence.tick(now, ms(0)).probe;
        if probe {
            silence.sent_probe(now);
            asked.push(now.duration_since(start).as_millis());
        }
        now += ms(48);
    }
    assert!((4..=6).contains(&asked.len()) && asked[0] <= 20_250, "{asked:?}");
    assert_eq!(silence.proven(end, Duration::ZERO), Some(start + ms(355)));
    assert!(!silence.is_away() && !silence.is_suspect());
    silence.sent(end);
    let again = wait(&mut silence, end, ms(60_000));
    assert!(again.contains(&(3199, "away")) && again.contains(&(32_000, "gone")), "as before");
}

#[test]
fn whose_first_word_comes_at_the_last_moment_is_asked_before_it_is_gone_and_words_alone_keep_nobody() {
    for (words, gone) in [(vec![], 32_000), (vec![29_500], 33_500), (vec![27_000], 32_000)] {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        let mut from = start;
        for at in words {
            wait(&mut silence, from, ms(at));
            from = start + ms(at);
            silence.heard(from);
        }
        let done = wait(&mut silence, from, ms(60_000));
        let (after, what) = *done.last().unwrap();
        assert_eq!((what, after + from.duration_since(start).as_millis() as u64), ("gone", gone));
    }
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    wait(&mut silence, start, ms(20_000));
    let mut now = start + ms(20_000);
    while silence.due().is_some() {
        silence.heard(now);
        if silence.due().is_some_and(|due| due <= now) && silence.tick(now, ms(0)).probe || silence.wants_probe(now) {
            silence.sent_probe(now);
        }
        now += ms(50);
    }
    assert_eq!(now.duration_since(start).as_millis() / 100, 344, "it can be answered for some seconds more");
}

#[test]
fn whoever_is_away_is_suspect_whatever_the_patience() {
    for away in [500, 700, 1000, 3200] {
        for age in [0, 500, 1000, 2000, 3000] {
            let patience = Patience { away: ms(away), ..Patience::production() };
            let (mut silence, start) = (Silence::new(patience), Instant::now());
            (0..10).for_each(|_| silence.measured(Duration::from_micros(600)));
            silence.proven(start, ms(age));
            silence.sent(start);
            let done = wait(&mut silence, start, ms(10_000));
            let when = |name: &str| done.iter().find(|(_, done)| *done == name).unwrap().0;
            assert!(when("suspect") <= when("away"), "{away}, {age}: {done:?}");
            assert!(silence.proven(start + ms(10_000), Duration::ZERO).is_some());
        }
    }
}

#[test]
fn without_patience_for_the_away_they_are_gone_at_once() {
    let (mut silence, start) = (Silence::new(Patience { away_for: ms(0), ..Patience::production() }), Instant::now());
    (0..10).for_each(|_| silence.measured(Duration::from_micros(600)));
    silence.sent(start);
    let done = wait(&mut silence, start, ms(60_000));
    assert_eq!(done.last(), Some(&(3199, "gone")));
    assert!(!done.iter().any(|(_, what)| *what == "away"));
}

/// After how many ms of silence a viewer is away whose last proofs, each so many ms old, came in this order.
fn away_after_proofs(ages: &[u64]) -> u64 {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    wait(&mut silence, start, ms(2700));
    let now = start + ms(2700);
    for age in ages {
        silence.proven(now, ms(*age));
    }
    assert!(!silence.is_suspect());
    silence.sent(now);
    let done = wait(&mut silence, now, ms(10_000));
    assert_eq!(done.iter().find(|(_, done)| *done == "suspect").unwrap().0, 355, "none the sooner");
    assert!(done.windows(2).filter(|two| two[1].0 - two[0].0 == 12).count() >= 90, "{done:?}");
    done.iter().find(|(_, done)| *done == "away").unwrap().0
}

#[test]
fn a_proof_that_was_held_up_counts_from_when_it_was_sent() {
    assert_eq!(away_after_proofs(&[0]), 3199);
    assert_eq!(away_after_proofs(&[800]), 3199, "as long as that may be the path");
    assert!((2600..2610).contains(&away_after_proofs(&[1400])));
    assert_eq!(away_after_proofs(&[2700]), 1920, "so much is always left for probes");
    assert_eq!(away_after_proofs(&[2700, 50]), 3199, "whoever sends on was not lost when that was held up");
    assert_eq!(away_after_proofs(&[50, 2700]), 3199, "whatever comes first");
}

#[test]
fn while_nothing_is_sent_nothing_is_expected() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    assert_eq!(silence.tick(start + ms(60_000), Duration::ZERO), Acts::default());
    silence.sent(start + ms(60_000));
    assert_eq!(silence.lasts(start + ms(60_100)), ms(100));
}

#[test]
fn our_own_lateness_is_no_silence() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    let acts = silence.tick(start + ms(500), ms(400));
    assert!(!acts.suspect, "of 500 ms we slept 400");
    assert_eq!(silence.lasts(start + ms(500)), ms(100));
}

#[test]
fn a_hint_alone_changes_nothing_for_a_viewer_who_answers() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    silence.hinted();
    assert!(silence.wants_probe(start), "at once");
    silence.sent_probe(start);
    silence.hinted();
    assert!(!silence.wants_probe(start), "a flood of hints draws one probe");
    assert_eq!(silence.proven(start + ms(1), Duration::ZERO), None);
    assert_eq!(wait(&mut silence, start, ms(10_000)), []);
}

#[test]
fn a_hint_and_unanswered_probes_make_a_suspect_soon_and_convict_no_sooner() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    silence.hinted();
    silence.sent_probe(start);
    let done = wait(&mut silence, start, ms(10_000));
    let at = |name: &str| done.iter().find(|(_, done)| *done == name).unwrap().0;
    assert_eq!((at("suspect"), at("away")), (60, 3199), "{done:?}");
}

#[test]
fn who_refuses_probes_is_gone_soon_and_not_away() {
    let (mut silence, start) = (on_a_lan(), Instant::now());
    silence.sent(start);
    silence.hinted();
    silence.sent_probe(start);
    silence.refused();
    let done = wait(&mut silence, start, ms(10_000));
    let at = |name: &str| done.iter().find(|(_, done)| *done == name).unwrap().0;
    assert!(at("suspect") == 60 && (60..=300).contains(&at("gone")), "{done:?}");
    assert!(done.iter().filter(|(_, done)| *done == "probe").count() >= 3, "{done:?}");
    assert!(!done.iter().any(|(_, done)| *done == "away"), "{done:?}");
}

#[test]
fn a_new_connection_is_measured_by_three_probes() {
    let (mut silence, start) = (Silence::new(Patience::production()), Instant::now());
    silence.connected(start);
    let mut sent = vec![];
    while let Some(due) = silence.due() {
        assert!(silence.tick(due, Duration::ZERO).probe);
        silence.sent_probe(due);
        silence.measured(Duration::from_micros(500));
        silence.proven(due + Duration::from_micros(500), Duration::ZERO);
        sent.push(due.duration_since(start).as_millis());
    }
    assert_eq!(sent, [0, 30, 60]);
    assert_eq!(silence.patience.suspect_after(silence.path()), ms(355));
}

#[test]
fn on_a_slow_path_nobody_is_away_before_the_probes_are() {
    let (mut silence, start) = (Silence::new(Patience::production()), Instant::now());
    [300, 1200, 400, 1100, 600, 900].into_iter().for_each(|round_trip| silence.measured(ms(round_trip)));
    silence.sent(start);
    let done = wait(&mut silence, start, ms(20_000));
    let away = done.iter().find(|(_, done)| *done == "away").unwrap();
    assert!(away.0 > 3200, "{done:?}");
}

#[test]
fn the_wait_for_somebody_who_is_away_has_an_end_on_every_path() {
    for round_trip in [1, 20, 200, 400, 600, 1200, 3000] {
        let (mut silence, start) = (Silence::new(Patience::production()), Instant::now());
        (0..10).for_each(|_| silence.measured(ms(round_trip)));
        silence.sent(start);
        let done = wait(&mut silence, start, ms(60_000));
        let (gone, _) = done.iter().find(|(_, done)| *done == "gone").expect("gone within a minute");
        let last = done.iter().filter(|(_, done)| *done == "probe").map(|(at, _)| *at).max().unwrap();
        assert!(
            (32_000..34_000).contains(gone) && last + round_trip.min(1500) <= *gone,
            "{round_trip} ms: {gone}, {last}"
        );
        assert_eq!(silence.due(), None);
    }
}

#[test]
fn what_was_held_up_is_told_by_old_answers_that_come_with_the_first_signs() {
    // After a silence: each answer's round trip, when it comes, whether it is the first sign; and whether that tells of it.
    for (answers, expected) in [
        (&[(1, 0, true)][..], false),
        (&[(3000, 0, true)], true),
        (&[(1, 0, true), (3000, 10, false)], true),
        (&[(3000, 0, false), (1, 10, true)], true),
        (&[(1, 0, true), (3000, 400, false)], false),
        (&[(300, 0, true)], false),
    ] {
        let (mut silence, start) = (on_a_lan(), Instant::now());
        silence.sent(start);
        wait(&mut silence, start, ms(3000));
        let mut told = 0;
        for (round_trip, at, is_first) in answers {
            let now = start + ms(3000 + at);
            silence.answered(ms(*round_trip), now);
            if *is_first {
                assert!(silence.proven(now, ms(0)).is_some(), "it was suspect");
            }
            told += u32::from(silence.take_held_up(now));
        }
        assert_eq!(told, u32::from(expected), "{answers:?}");
    }
    let (mut silence, now) = (on_a_lan(), Instant::now());
    silence.answered(ms(3000), now);
    silence.proven(now, ms(0));
    assert!(!silence.take_held_up(now), "nobody was silent");
}

#[test]
fn nobody_counts_as_a_viewer_beyond_the_ceiling_whatever_the_path() {
    for round_trips in [[300, 1200, 400, 1100], [2000, 3000, 100, 5000], [1, 1, 1, 1], [70, 80, 60, 70]] {
        for (factor, age) in [(0.5, 0), (1.0, 0), (4.0, 0), (1.0, 3000), (4.0, 3000)] {
            let patience = Patience { away: ms(5000), probes: 8, ..Patience::production().scaled(factor) };
            let (mut silence, start) = (Silence::new(patience), Instant::now());
            round_trips.into_iter().for_each(|round_trip| silence.measured(ms(round_trip)));
            silence.proven(start, ms(age));
            silence.sent(start);
            let done = wait(&mut silence, start, ms(40_000));
            let when = |name: &str| done.iter().find(|(_, done)| *done == name).unwrap().0;
            assert!(when("suspect") < when("away") && when("away") <= 5000, "{round_trips:?} {factor} {age}: {done:?}");
        }
    }
}
