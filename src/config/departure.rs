//! `[departure]`: how long silent viewers, those who never come, and hidden pages are waited for.

use super::file::Departure as Section;
use super::reader::{Checked, Reader};
use lenscap_actors::departure::patience::{AWAY_FOR_MAX, CEILING, Patience};
use lenscap_actors::peer::PeerTimeouts;
use std::time::Duration;
use toml::Spanned;

/// The shortest silence after which a viewer may be away.
const AWAY_MIN: Duration = Duration::from_millis(500);

/// Timers of browsers count milliseconds in 31 bits; beyond those they ring at once.
const HIDDEN_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When a viewer counts as gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Departure {
    /// How long it is waited for.
    pub timeouts: PeerTimeouts,
    /// A page that has been hidden for so long leaves, and comes back when it is shown; 0 to 24 h.
    /// None: it stays.
    pub hidden_timeout: Option<Duration>,
}

/// Paths by which `lenscap check` explains what is configured.
const EXAMPLES: [(&str, Duration); 4] = [
    ("on a LAN (1 ms)", Duration::from_millis(1)),
    ("on Wi-Fi (20 ms)", Duration::from_millis(20)),
    ("on a 150 ms path", Duration::from_millis(150)),
    ("by satellite (600 ms)", Duration::from_millis(600)),
];

impl Reader<'_> {
    pub(super) fn departure(&self, section: &Section) -> Checked<Departure> {
        let hidden_timeout = match &section.hidden_timeout {
            Some(value) => self.hidden_timeout(value)?,
            None => None,
        };
        Ok(Departure { timeouts: self.timeouts(section)?, hidden_timeout })
    }

    fn timeouts(&self, section: &Section) -> Checked<PeerTimeouts> {
        let profile = self.patience(section)?;
        Ok(PeerTimeouts {
            patience: Patience { away_for: self.away_for(section, profile.away_for)?, ..profile },
            connect_timeout: self.within(section.connect_timeout.as_ref(), 10_000, [1000, 60_000])?,
            first_packet_timeout: self.within(section.first_packet_timeout.as_ref(), 3000, [100, 60_000])?,
            eager: section.eager.unwrap_or(true),
        })
    }

    fn patience(&self, section: &Section) -> Checked<Patience> {
        let profile = section.profile.as_ref().map_or("production", |profile| profile.get_ref());
        let patience = match profile {
            "production" => Patience::production(),
            "development" => Patience::development(),
            "custom" => return self.custom_patience(section),
            other => {
                let offset = section.profile.as_ref().map_or(0, |profile| profile.span().start);
                let expected = "expected \"production\", \"development\" or \"custom\"";
                return Err(self.error(offset, format!("{other:?} is no profile: {expected}")));
            }
        };
        let stray = [
            section.patience.as_ref().map(|value| value.span().start),
            section.away_after.as_ref().map(|value| value.span().start),
            section.probes.as_ref().map(|value| value.span().start),
        ];
        match stray.into_iter().flatten().next() {
            None => Ok(patience),
            Some(offset) => {
                let message =
                    format!("has no effect with the profile {profile:?}: expected profile = \"custom\" beside it");
                Err(self.error(offset, message))
            }
        }
    }

    fn custom_patience(&self, section: &Section) -> Checked<Patience> {
        let mut patience = Patience::production();
        if let Some(value) = &section.patience {
            let factor = *value.get_ref();
            let fits = (0.5..=4.0).contains(&factor);
            let message = format!("{factor} is out of range: expected 0.5 to 4.0");
            patience = patience.scaled(self.at(value, fits.then_some(factor).ok_or(message))?);
        }
        patience.away = self.within(section.away_after.as_ref(), 3200, [AWAY_MIN.as_millis(), CEILING.as_millis()])?;
        if let Some(probes) = &section.probes {
            patience.probes = self.number(probes, 2, 8)? as u32;
        }
        Ok(patience)
    }

    /// Whatever the profile: it costs nothing but a place that anybody else can have.
    fn away_for(&self, section: &Section, default: Duration) -> Checked<Duration> {
        self.within(section.away_for.as_ref(), default.as_millis() as u64, [0, AWAY_FOR_MAX.as_millis()])
    }

    fn hidden_timeout(&self, value: &Spanned<String>) -> Checked<Option<Duration>> {
        if value.get_ref() == "never" {
            return Ok(None);
        }
        let parsed = humantime::parse_duration(value.get_ref()).ok().filter(|time| *time <= HIDDEN_TIMEOUT_MAX);
        let expected = || {
            let text = value.get_ref();
            format!("{text:?} is neither \"never\" nor a duration up to 24h: expected one like \"0s\" or \"5m\"")
        };
        self.at(value, parsed.map(Some).ok_or_else(expected))
    }

    /// A duration between bounds, all in ms.
    fn within(&self, value: Option<&Spanned<String>>, default: u64, [min, max]: [u128; 2]) -> Checked<Duration> {
        let Some(value) = value else { return Ok(Duration::from_millis(default)) };
        let duration = self.duration(value)?;
        let fits = (min..=max).contains(&duration.as_millis());
        let message = format!("{duration:?} is out of range: expected {min}ms to {max}ms");
        self.at(value, fits.then_some(duration).ok_or(message))
    }
}

/// What a viewer's silence leads to on some path, and after how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Consequences {
    /// The path, in words, with its round trip.
    pub path: &'static str,
    /// Its camera is closed if nobody else watches.
    pub paused: Duration,
    /// Its place is free for others; none if it is let go before.
    pub away: Option<Duration>,
    /// It is let go.
    pub gone: Duration,
}

/// What the settings mean on some paths.
pub fn explain(timeouts: &PeerTimeouts) -> Vec<Consequences> {
    let consequences = |(path, round_trip): &(&'static str, Duration)| {
        let away = timeouts.patience.away_on(*round_trip);
        Consequences {
            path,
            paused: timeouts.patience.suspect_on(*round_trip),
            away: (timeouts.patience.away_for > away).then_some(away),
            gone: timeouts.patience.away_for.max(away),
        }
    };
    EXAMPLES.iter().map(consequences).collect()
}

/// A time as `lenscap check` says it.
pub fn in_seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// When cameras are opened for offers, and let go again if nothing comes of them.
pub fn explain_offers(timeouts: &PeerTimeouts) -> [String; 2] {
    let opened = if timeouts.eager { "cameras open with the offer" } else { "cameras open with the connection" };
    let let_go = format!(
        "one that leads to no connection lets its camera go after {}, and is let go after {}",
        in_seconds(timeouts.first_packet_timeout.min(timeouts.connect_timeout)),
        in_seconds(timeouts.connect_timeout)
    );
    [opened.to_owned(), let_go]
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn timeouts(section: &str) -> Result<PeerTimeouts, String> {
        let text = format!("[departure]\n{section}\n");
        Config::parse("c.toml", &text).map(|config| config.departure.timeouts).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_profile_leads_to_is_explained() {
        let said = |section: &str, nth: usize| {
            let Consequences { paused, away, gone, .. } = explain(&timeouts(section).unwrap())[nth];
            (in_seconds(paused), away.map(in_seconds), in_seconds(gone))
        };
        let expected = |paused: &str, away: &str, gone: &str| {
            (paused.to_owned(), (!away.is_empty()).then(|| away.to_owned()), gone.to_owned())
        };
        assert_eq!(said("", 0), expected("0.35 s", "3.20 s", "30.00 s"));
        assert_eq!(said("", 2).0, "0.90 s");
        let quick = said("profile = \"development\"", 0);
        assert_eq!((quick.0.as_str(), quick.2.as_str()), ("0.18 s", "5.00 s"));
        assert_eq!(said("away_for = \"0s\"", 0), expected("0.35 s", "", "3.20 s"));
    }

    #[test]
    fn a_custom_profile_has_bounds() {
        let custom = timeouts("profile = \"custom\"\npatience = 2.0\naway_after = \"5s\"\nprobes = 6").unwrap();
        assert_eq!((custom.patience.away, custom.patience.probes), (CEILING, 6));
        assert_eq!(custom.patience.suspect_unknown, Duration::from_secs(2));
        for (section, expected) in [
            ("profile = \"quick\"", "\"quick\" is no profile"),
            ("away_after = \"2s\"", "has no effect with the profile \"production\""),
            ("profile = \"custom\"\naway_after = \"6s\"", "6s is out of range: expected 500ms to 5000ms"),
            ("profile = \"custom\"\npatience = 0.1", "0.1 is out of range"),
            ("profile = \"custom\"\npatience = nan", "out of range"),
            ("profile = \"custom\"\nprobes = 1", "expected 2 to 8"),
            ("away_for = \"31s\"", "31s is out of range: expected 0ms to 30000ms"),
            ("first_packet_timeout = \"90s\"", "expected 100ms to 60000ms"),
            ("connect_timeout = \"soon\"", "is no duration"),
        ] {
            let error = timeouts(section).unwrap_err();
            assert!(error.contains(expected), "{section}: {error}");
        }
    }

    #[test]
    fn a_hidden_page_stays_unless_it_is_told_when_to_leave() {
        let parse = |value: &str| Config::parse("x.toml", &format!("[departure]\nhidden_timeout = {value}"));
        assert_eq!(Config::parse("x", "[departure]").unwrap().departure, Departure::default());
        for (value, expected) in [
            ("\"never\"", None),
            ("\"0s\"", Some(Duration::ZERO)),
            ("\"1500ms\"", Some(Duration::from_millis(1500))),
            ("\"24h\"", Some(HIDDEN_TIMEOUT_MAX)),
        ] {
            assert_eq!(parse(value).unwrap().departure.hidden_timeout, expected, "{value}");
        }
        for value in ["\"\"", "\"Never\"", "\"-1s\"", "\"25h\"", "\"5\""] {
            let error = parse(value).unwrap_err().to_string();
            assert!(
                error.starts_with("x.toml:2: departure.hidden_timeout: ") && error.contains("\"never\""),
                "{error}"
            );
        }
        assert!(parse("5").unwrap_err().to_string().starts_with("x.toml:2: departure.hidden_timeout: "));
    }
}
