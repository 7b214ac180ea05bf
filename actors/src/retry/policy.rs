//! What an operator may choose.

use super::Exponential;
use std::fmt;
use std::num::NonZeroU32;

/// How the delays are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delays {
    /// They grow by a factor.
    #[default]
    Exponential,
    /// They follow how long this camera has taken to recover, and grow with how often it fails. Like
    /// `Exponential` until it has recovered once.
    Adaptive,
    /// The first ones are as short as can be; then they grow by a factor.
    Immediate {
        /// How many.
        tries: u32,
    },
}

/// When a device or an encoder that fails is tried again, and when it is given up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// How the delays are found.
    pub strategy: Delays,
    /// How they grow, how long they are at most, and what counts as health.
    pub backoff: Exponential,
    /// After so many attempts in a row that failed it is given up; never if there is no number.
    pub max_attempts: Option<NonZeroU32>,
}

impl From<Exponential> for Policy {
    fn from(backoff: Exponential) -> Self {
        Self { backoff, ..Self::default() }
    }
}

/// As the end of a sentence: "… tried again after 0.25, 0.5, 1, … at most 10 s".
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.strategy {
            Delays::Exponential => write!(f, "tried again after ")?,
            Delays::Adaptive => write!(
                f,
                "tried again shortly before it is usually back, then more and more rarely; until that is known after "
            )?,
            Delays::Immediate { tries: 1 } => write!(f, "tried again once at once, then after ")?,
            Delays::Immediate { tries } => write!(f, "tried again {tries} times at once, then after ")?,
        }
        let steady = Exponential { jitter: 0.0, ..self.backoff.clone() };
        for before in 0..3 {
            write!(f, "{}, ", rounded(steady.delay(before, 0.5).as_secs_f64()))?;
        }
        write!(f, "… at most {} s", rounded(self.backoff.max.as_secs_f64()))?;
        match self.max_attempts.map(NonZeroU32::get) {
            None => Ok(()),
            Some(1) => write!(f, ", and given up after a failed attempt"),
            Some(attempts) => write!(f, ", and given up after {attempts} failed attempts in a row"),
        }
    }
}

/// To the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_said_in_words() {
        let said =
            |strategy, max| Policy { strategy, max_attempts: NonZeroU32::new(max), ..Policy::default() }.to_string();
        assert_eq!(said(Delays::Exponential, 0), "tried again after 0.25, 0.5, 1, … at most 10 s");
        assert_eq!(
            said(Delays::Immediate { tries: 3 }, 5),
            "tried again 3 times at once, then after 0.25, 0.5, 1, … at most 10 s, and given up after 5 failed \
             attempts in a row"
        );
        assert!(said(Delays::Adaptive, 1).ends_with("at most 10 s, and given up after a failed attempt"));
    }
}
