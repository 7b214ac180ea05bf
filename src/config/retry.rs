//! `[retry]` and `[camera.retry]`: when what fails is tried again. A camera's own section says what is
//! different for it, key by key.

use super::file::Retry as Section;
use super::reader::{Checked, Reader};
use lenscap_actors::retry::{AT_ONCE, Delays, Exponential, LONGEST, Policy};
use std::num::NonZeroU32;
use std::time::Duration;
use toml::Spanned;

/// How many tries "immediate" has if nothing is said.
const TRIES: u32 = 3;

impl Reader<'_> {
    /// What `own` says, else what `general` says, else the default.
    pub(super) fn retry(&self, own: &Section, general: &Section) -> Checked<Policy> {
        let default = Exponential::default();
        let second = Duration::from_secs(1);
        let initial = own.initial.as_ref().or(general.initial.as_ref());
        let max = own.max.as_ref().or(general.max.as_ref());
        let reset_after = own.reset_after.as_ref().or(general.reset_after.as_ref());
        let factor = own.factor.as_ref().or(general.factor.as_ref());
        let jitter = own.jitter.as_ref().or(general.jitter.as_ref());
        let backoff = Exponential {
            initial: self.delay(initial, AT_ONCE, default.initial)?,
            factor: self.real(factor, 1.0, 100.0, default.factor)?,
            max: self.delay(max, AT_ONCE, default.max)?,
            jitter: self.real(jitter, 0.0, 1.0, default.jitter)?,
            reset_after: self.delay(reset_after, second, default.reset_after)?,
        };
        if backoff.initial > backoff.max {
            let message =
                format!("the first delay ({:?}) is longer than the longest ({:?})", backoff.initial, backoff.max);
            // Whichever was said last, and nearest.
            let said = own.max.as_ref().or(own.initial.as_ref()).or(max).or(initial);
            return Err(self.error(said.map_or(0, |said| said.span().start), message));
        }
        let tries = match own.tries.as_ref().or(general.tries.as_ref()) {
            Some(tries) => self.number(tries, 1, 100)? as u32,
            None => TRIES,
        };
        let strategy = match own.strategy.as_ref().or(general.strategy.as_ref()) {
            Some(strategy) => self.at(strategy, strategy_of(strategy.get_ref(), tries))?,
            None => Delays::Exponential,
        };
        let max_attempts = match own.max_attempts.as_ref().or(general.max_attempts.as_ref()) {
            Some(attempts) => NonZeroU32::new(self.number(attempts, 0, 1_000_000)? as u32),
            None => None,
        };
        Ok(Policy { strategy, backoff, max_attempts })
    }

    fn delay(&self, value: Option<&Spanned<String>>, least: Duration, default: Duration) -> Checked<Duration> {
        let Some(value) = value else { return Ok(default) };
        let delay = self.duration(value)?;
        let expected = || format!("{:?} is out of range: expected {least:?} to 24h", value.get_ref());
        self.at(value, (least..=LONGEST).contains(&delay).then_some(delay).ok_or_else(expected))
    }

    fn real(&self, value: Option<&Spanned<f64>>, min: f64, max: f64, default: f64) -> Checked<f64> {
        let Some(value) = value else { return Ok(default) };
        let real = *value.get_ref();
        let expected = || format!("{real} is out of range: expected {min} to {max}");
        self.at(value, (min..=max).contains(&real).then_some(real).ok_or_else(expected))
    }
}

fn strategy_of(name: &str, tries: u32) -> Result<Delays, String> {
    match name {
        "exponential" => Ok(Delays::Exponential),
        "adaptive" => Ok(Delays::Adaptive),
        "immediate" => Ok(Delays::Immediate { tries }),
        _ => Err(format!("{name:?} is no strategy: expected \"exponential\", \"adaptive\" or \"immediate\"")),
    }
}
