//! Retry policies follow their formulas, whatever is configured, on a virtual clock.

use crate::support::STRATEGIES;
use lenscap_actors::retry::{AT_ONCE, Delays, Exponential, LONGEST, Next, Policy, Retry};
use proptest::prelude::*;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// The middle: jitter neither shortens nor lengthens.
const EVEN: f64 = 0.5;

fn steady() -> Exponential {
    Exponential { jitter: 0.0, ..Exponential::default() }
}

fn policy(strategy: Delays, max_attempts: u32) -> Policy {
    Policy { strategy, backoff: steady(), max_attempts: NonZeroU32::new(max_attempts) }
}

/// A device on a virtual clock.
struct Device {
    retry: Retry,
    now: Instant,
}

impl Device {
    fn new(policy: Policy) -> Self {
        Self { retry: Retry::new(policy), now: Instant::now() }
    }

    /// Fails at once, again and again; the delays in ms, until it is given up.
    fn fails(&mut self, times: usize) -> Vec<u128> {
        let mut delays = vec![];
        for _ in 0..times {
            self.retry.tries(self.now);
            let Next::Delay(delay) = self.retry.failed(self.now, EVEN) else { break };
            delays.push(delay.as_millis());
            self.now += delay;
        }
        delays
    }

    /// Gives pictures for so long.
    fn works(&mut self, time: Duration) {
        self.retry.tries(self.now);
        self.retry.works(self.now);
        self.now += time;
    }

    /// Fails, and cannot recover before `outage` has passed: the moments of the attempts, in seconds
    /// since then. It works for `time` afterwards.
    fn recovers_after(&mut self, outage: f64, time: Duration) -> Vec<f64> {
        let start = self.now;
        let mut attempts: Vec<f64> = vec![];
        while attempts.last().is_none_or(|last| *last < outage) {
            let Next::Delay(delay) = self.retry.failed(self.now, EVEN) else { panic!("given up") };
            self.now += delay;
            self.retry.tries(self.now);
            attempts.push((self.now - start).as_secs_f64());
        }
        self.works(time);
        attempts
    }
}

#[test]
fn exponential_delays_grow_by_the_factor_up_to_the_ceiling() {
    let mut device = Device::new(policy(Delays::Exponential, 0));
    assert_eq!(device.fails(8), [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    let slow = Exponential { initial: Duration::from_secs(1), factor: 1.5, max: Duration::from_secs(5), ..steady() };
    assert_eq!(Device::new(slow.into()).fails(6), [1000, 1500, 2250, 3375, 5000, 5000]);
}

#[test]
fn immediate_tries_come_first_and_backoff_follows() {
    let mut device = Device::new(policy(Delays::Immediate { tries: 3 }, 0));
    assert_eq!(device.fails(7), [10, 10, 10, 250, 500, 1000, 2000]);
}

#[test]
fn health_starts_every_policy_anew_and_a_short_life_does_not() {
    for strategy in STRATEGIES {
        let (first, sixth) = match strategy {
            Delays::Exponential | Delays::Adaptive => (250, 8000),
            Delays::Immediate { .. } => (10, 1000),
        };
        let mut device = Device::new(policy(strategy, 0));
        device.fails(5);
        device.works(Duration::from_secs(9));
        assert_eq!(device.fails(1), [sixth], "{strategy:?}");
        device.works(Duration::from_secs(10));
        let next = device.fails(1)[0];
        match strategy {
            // It has learned that it takes long.
            Delays::Adaptive => assert!(next > 4000, "{next}"),
            _ => assert_eq!(next, first, "{strategy:?}"),
        }
    }
}

#[test]
fn adaptive_is_exponential_until_it_has_recovered_once_and_then_follows_its_formula() {
    let mut device = Device::new(policy(Delays::Adaptive, 0));
    let long = Duration::from_secs(3600);
    device.works(long);
    assert_eq!(device.recovers_after(3.0, long), [0.25, 0.75, 1.75, 3.75]);
    // One measurement: e^(ln 3.75 - 0.5), then by the difference to 3.75, doubling.
    let early = 3.75 * (-0.5f64).exp();
    let step = 3.75 - early;
    let attempts = device.recovers_after(100.0, long);
    let expected = [early, early + step, early + 3.0 * step, early + 7.0 * step];
    for (attempt, expected) in attempts.iter().zip(expected) {
        assert!((attempt - expected).abs() < 1e-3, "{attempts:?}, not {expected}");
    }
}

#[test]
fn adaptive_learns_when_a_camera_is_back_and_wastes_less_than_exponential() {
    let long = Duration::from_secs(600);
    for outage in [0.02, 0.4, 1.1, 3.0, 5.5] {
        let (mut tried, mut late) = ([0, 0], [0.0, 0.0]);
        for (at, strategy) in [Delays::Exponential, Delays::Adaptive].into_iter().enumerate() {
            let mut device = Device::new(policy(strategy, 0));
            device.works(long);
            for round in 0..40 {
                let attempts = device.recovers_after(outage, long);
                if round >= 20 {
                    tried[at] += attempts.len();
                    late[at] += (attempts.last().unwrap() - outage) / 20.0;
                }
            }
        }
        println!("{outage} s: attempts {tried:?} for 20 recoveries, {late:.3?} s late on average");
        assert!(tried[1] <= 40, "{outage}: {tried:?}");
        assert!(late[1] <= 0.25 * outage + 0.01, "{outage}: {late:?}");
        assert!(late[1] <= late[0] + 0.01, "{outage}: {late:?}");
    }
}

#[test]
fn adaptive_waits_longer_for_a_camera_that_fails_often() {
    // The same outages, once an hour and every eleven seconds.
    let first = |pause: Duration| {
        let mut device = Device::new(policy(Delays::Adaptive, 0));
        device.works(pause);
        (0..20).map(|_| device.recovers_after(0.5, pause)[0]).last().unwrap()
    };
    let (seldom, often) = (first(Duration::from_secs(3600)), first(Duration::from_secs(11)));
    assert!(often > 2.0 * seldom && often <= 4.0 * seldom, "{seldom} {often}");
}

#[test]
fn an_outage_of_hours_does_not_spoil_what_was_learned() {
    let mut device = Device::new(policy(Delays::Adaptive, 0));
    let long = Duration::from_secs(3600);
    device.works(long);
    for _ in 0..10 {
        device.recovers_after(1.0, long);
    }
    let before = device.recovers_after(1.0, long)[0];
    device.recovers_after(7200.0, long);
    let after = device.recovers_after(1.0, long)[0];
    assert!(before <= 1.2 && after < 2.0 * before, "{before} {after}");
}

#[test]
fn after_max_attempts_it_is_given_up_and_whoever_tries_then_starts_anew() {
    for strategy in STRATEGIES {
        let mut device = Device::new(policy(strategy, 4));
        let first = device.fails(100);
        assert_eq!(first.len(), 3, "the fourth is the last: {strategy:?}");
        assert_eq!(device.fails(100), first, "{strategy:?}");
        device.works(Duration::from_secs(10));
        let Next::Delay(_) = device.retry.failed(device.now, EVEN) else { panic!("the end of a healthy life counts") };
        assert_eq!(device.fails(100).len(), 3, "{strategy:?}");
        device.works(Duration::from_secs(1));
        assert_eq!(device.fails(100).len(), 3 - 1 + 1, "{strategy:?}");
    }
    let mut once = Device::new(policy(Delays::Exponential, 1));
    assert_eq!(once.retry.failed(once.now, EVEN), Next::GiveUp { attempts: 1 });
}

#[test]
fn absence_that_is_watched_is_not_counted() {
    let mut device = Device::new(policy(Delays::Exponential, 2));
    for _ in 0..100 {
        assert!(device.retry.absent(device.now, EVEN) >= Duration::from_millis(250));
    }
    assert!(matches!(device.retry.failed(device.now, EVEN), Next::Delay(_)));
    assert_eq!(device.retry.failed(device.now, EVEN), Next::GiveUp { attempts: 2 });
}

/// Numbers that a configuration would refuse, too.
fn number() -> BoxedStrategy<f64> {
    prop_oneof![
        Just(0.0),
        Just(-1.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e300),
        0.0..10.0f64,
    ]
    .boxed()
}

fn duration() -> BoxedStrategy<Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::MAX),
        (0..100_000u64).prop_map(Duration::from_millis),
    ]
    .boxed()
}

fn any_policy() -> BoxedStrategy<Policy> {
    let strategy = prop_oneof![
        proptest::sample::select(&STRATEGIES[..]),
        prop_oneof![Just(0), Just(u32::MAX), 0..20u32].prop_map(|tries| Delays::Immediate { tries }),
    ];
    let backoff = (duration(), number(), duration(), number(), duration()).prop_map(
        |(initial, factor, max, jitter, reset_after)| Exponential { initial, factor, max, jitter, reset_after },
    );
    let all = (strategy, backoff, 0..10u32);
    all.prop_map(|(strategy, backoff, max)| Policy { strategy, backoff, max_attempts: NonZeroU32::new(max) }).boxed()
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Tries,
    Works,
    Failed,
    Absent,
    Reset,
}

fn event() -> BoxedStrategy<Event> {
    prop_oneof![
        3 => Just(Event::Tries),
        2 => Just(Event::Works),
        5 => Just(Event::Failed),
        1 => Just(Event::Absent),
        1 => Just(Event::Reset),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_delay_is_near_zero_and_attempts_are_bounded_whatever_is_configured_and_whatever_happens(
        policy in any_policy(),
        events in proptest::collection::vec((event(), 0..100_000u64, 0.0..1.0f64), 1..100),
    ) {
        let mut now = Instant::now();
        let mut retry = Retry::new(policy.clone());
        let mut in_a_row = 0;
        for (event, pause, chance) in events {
            now += Duration::from_millis(pause);
            match event {
                Event::Tries => retry.tries(now),
                Event::Works => {
                    retry.works(now);
                    in_a_row = 0;
                }
                Event::Reset => {
                    retry.reset(now);
                    in_a_row = 0;
                }
                Event::Absent => {
                    let delay = retry.absent(now, chance);
                    prop_assert!((AT_ONCE..=LONGEST).contains(&delay), "{delay:?}");
                }
                Event::Failed => match retry.failed(now, chance) {
                    Next::Delay(delay) => {
                        prop_assert!((AT_ONCE..=LONGEST).contains(&delay), "{delay:?}");
                        prop_assert!(delay <= policy.backoff.max.max(AT_ONCE), "{delay:?}");
                        in_a_row += 1;
                        prop_assert!(policy.max_attempts.is_none_or(|max| in_a_row <= max.get()));
                    }
                    Next::GiveUp { attempts } => {
                        prop_assert_eq!(Some(attempts), policy.max_attempts.map(NonZeroU32::get));
                        in_a_row = 0;
                    }
                },
            }
        }
    }
}
