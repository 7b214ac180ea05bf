//! Whether somebody who comes had been let go wrongly: the only way to learn that a verdict was
//! wrong is that its viewer is back at once. Pure.

use super::status::VerdictRecord;
use std::time::Duration;

/// Whoever is back within this time of a verdict was probably there all along.
pub const SOON: Duration = Duration::from_secs(10);

/// The longest name of a peer that is looked for, bytes.
pub const NAME_MAX: usize = 64;

/// How long after this verdict its viewer is back, if that speaks against the verdict: the page was
/// the peer `former`, it comes [soon](SOON), it had not said goodbye, and it has not been counted.
/// `now_ms` is in ms since the Unix epoch. `former` is anything that the page says.
pub fn after(verdict: &VerdictRecord, former: &str, now_ms: u64) -> Option<Duration> {
    // The wall clock may have been set back meanwhile.
    let since = Duration::from_millis(now_ms.saturating_sub(verdict.at));
    let counts = former.len() <= NAME_MAX
        && verdict.peer.as_str() == former
        && verdict.cause.is_inferred()
        && verdict.returned_ms.is_none()
        && since <= SOON;
    counts.then_some(since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::departure::Cause;

    fn verdict(cause: Cause) -> VerdictRecord {
        VerdictRecord { at: 50_000, peer: "peer-7".into(), cause, silence_ms: 3200.0, returned_ms: None }
    }

    #[test]
    fn only_verdicts_of_the_server_can_be_wrong() {
        for cause in [Cause::Silence, Cause::PortUnreachable, Cause::IceDisconnected, Cause::IceFailed] {
            assert_eq!(after(&verdict(cause), "peer-7", 50_800), Some(Duration::from_millis(800)), "{cause}");
        }
        for cause in [
            Cause::Bye,
            Cause::Beacon,
            Cause::WsClosed,
            Cause::CloseNotify,
            Cause::WhepDelete,
            Cause::Revoked,
            Cause::Crashed,
            Cause::Shutdown,
        ] {
            assert_eq!(after(&verdict(cause), "peer-7", 50_800), None, "{cause}");
        }
    }

    #[test]
    fn a_return_is_soon_and_once_and_of_the_same_viewer() {
        let gone = verdict(Cause::Silence);
        assert_eq!(after(&gone, "peer-7", 60_000), Some(SOON));
        assert_eq!(after(&gone, "peer-7", 60_001), None);
        assert_eq!(after(&gone, "peer-7", 40_000), Some(Duration::ZERO), "the clock was set back");
        let (long, nobody) = ("peer-7".repeat(1000), String::new());
        for other in ["peer-70", "peer", "PEER-7", "peer-7 ", &long, &nobody] {
            assert_eq!(after(&gone, other, 50_800), None, "{other:.20}");
        }
        let counted = VerdictRecord { returned_ms: Some(1.0), ..gone };
        assert_eq!(after(&counted, "peer-7", 50_800), None);
    }
}
