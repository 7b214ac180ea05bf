//! The paths that viewers are on, from a cable to a satellite.

#[derive(Clone, Copy)]
pub enum Loss {
    Even(f64),
    /// Gilbert–Elliott: loss in good and bad times, and how long these last on average, s.
    Bursts {
        good: f64,
        bad: f64,
        good_lasts: f64,
        bad_lasts: f64,
    },
}

#[derive(Clone, Copy)]
pub struct Model {
    pub name: &'static str,
    /// Round trip, s; each session has its own from this range.
    pub round_trip: [f64; 2],
    /// Spread, s.
    pub jitter: f64,
    pub loss: Loss,
    /// Stalls last between these, s, and come so far apart.
    pub stalls: Option<([f64; 2], f64)>,
    /// Times in which nothing arrives at all.
    pub outages: Option<Outages>,
    pub loaded: bool,
}

/// Outages with a heavy tail, as recorded on mobile networks while driving: so many an hour last longer than the shortest, and
/// those that last longer than x fall with a power of x. Half of them are of both directions, the rest of one.
#[derive(Clone, Copy)]
pub struct Outages {
    pub an_hour: f64,
    /// Seconds.
    pub shortest: f64,
    pub exponent: f64,
    /// Seconds.
    pub longest: f64,
}

pub const ON_THE_ROAD: Outages = Outages { an_hour: 215.0, shortest: 0.35, exponent: 1.4, longest: 60.0 };

pub const LAN: Model = Model {
    name: "LAN",
    round_trip: [0.0005; 2],
    jitter: 0.0002,
    loss: Loss::Even(0.0001),
    stalls: Some(([0.05, 0.2], 60.0)),
    outages: None,
    loaded: false,
};
pub const LTE: Model = Model {
    name: "LTE",
    round_trip: [0.06, 0.15],
    jitter: 0.05,
    loss: Loss::Even(0.005),
    stalls: Some(([0.5, 2.0], 300.0)),
    outages: None,
    loaded: false,
};
pub const WIFI: Model = Model {
    name: "Wi-Fi",
    round_trip: [0.005; 2],
    jitter: 0.005,
    loss: Loss::Bursts { good: 0.005, bad: 0.6, good_lasts: 2.0, bad_lasts: 0.08 },
    stalls: Some(([0.3, 0.8], 600.0)),
    outages: None,
    loaded: false,
};

/// The last three are such as nothing was tuned for.
pub const MODELS: [Model; 9] = [
    LAN,
    WIFI,
    Model {
        name: "poor Wi-Fi",
        round_trip: [0.015; 2],
        jitter: 0.02,
        loss: Loss::Bursts { good: 0.02, bad: 0.6, good_lasts: 2.0, bad_lasts: 0.25 },
        stalls: Some(([0.5, 1.5], 600.0)),
        ..WIFI
    },
    LTE,
    Model {
        name: "satellite",
        round_trip: [0.6; 2],
        jitter: 0.03,
        loss: Loss::Even(0.01),
        stalls: Some(([1.0, 1.0], 300.0)),
        outages: None,
        loaded: false,
    },
    Model { name: "loaded host", loaded: true, ..LAN },
    Model { name: "quiet Wi-Fi", round_trip: [0.0008; 2], jitter: 0.0002, stalls: Some(([0.3, 0.8], 600.0)), ..LAN },
    Model { name: "LAN, browser pauses", stalls: Some(([0.3, 1.0], 1200.0)), ..LAN },
    Model { name: "5G", round_trip: [0.02; 2], jitter: 0.008, ..LTE },
];

impl Model {
    /// The same on the road: with [outages](ON_THE_ROAD), and now and then another path.
    pub fn on_the_road(self) -> Self {
        Self { outages: Some(ON_THE_ROAD), ..self }
    }

    /// The same with every parameter moved by a third for the worse.
    pub fn worse(self) -> Self {
        let by = 4.0 / 3.0;
        Self {
            round_trip: self.round_trip.map(|time| time * by),
            jitter: self.jitter * by,
            loss: match self.loss {
                Loss::Even(loss) => Loss::Even(loss * by),
                Loss::Bursts { good, bad, good_lasts, bad_lasts } => Loss::Bursts {
                    good: good * by,
                    bad: (bad * by).min(0.95),
                    good_lasts: good_lasts / by,
                    bad_lasts: bad_lasts * by,
                },
            },
            stalls: self.stalls.map(|([min, max], every)| ([min * by, max * by], every / by)),
            ..self
        }
    }
}
