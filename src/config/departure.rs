//! `[departure]`: when a viewer counts as gone.

use super::file::Departure as Section;
use super::{Checked, Reader};
use std::time::Duration;
use toml::Spanned;

/// Timers of browsers count milliseconds in 31 bits; beyond those they ring at once.
const HIDDEN_TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When a viewer counts as gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Departure {
    /// A page that has been hidden for so long leaves, and comes back when it is shown; 0 to 24 h.
    /// None: it stays.
    pub hidden_timeout: Option<Duration>,
}

impl Reader<'_> {
    pub(super) fn departure(&self, section: &Section) -> Checked<Departure> {
        let hidden_timeout = match &section.hidden_timeout {
            Some(value) => self.hidden_timeout(value)?,
            None => None,
        };
        Ok(Departure { hidden_timeout })
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
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

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
