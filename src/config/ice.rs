//! `[webrtc.ice]`: ICE's own time-outs.

use super::file::Ice;
use super::reader::{Checked, Reader};
use lenscap_actors::transport::IceTimeouts;
use std::time::Duration;
use toml::Spanned;

/// ICE needs this much more than a keepalive interval, or healthy connections flap.
pub(super) const ICE_MARGIN: Duration = Duration::from_millis(200);

/// Their answers are the viewer's consent, which holds for 30 s (RFC 7675, section 5.1). They are up to a fifth farther apart than is
/// said: so there are two in that time, and one may be lost.
const KEEPALIVE_MAX: Duration = Duration::from_secs(10);

impl Reader<'_> {
    pub(super) fn ice(&self, ice: &Ice) -> Checked<IceTimeouts> {
        let times = |disconnected, failed, keepalive| IceTimeouts {
            disconnected: Duration::from_millis(disconnected),
            failed: Duration::from_millis(failed),
            keepalive: Duration::from_millis(keepalive),
        };
        let given = [&ice.disconnected_timeout, &ice.failed_timeout, &ice.keepalive_interval];
        let profile = ice.profile.as_ref().map_or("production", |profile| profile.get_ref());
        match profile {
            "production" | "development" => {
                if let Some(stray) = given.into_iter().flatten().next() {
                    return Err(self.error(
                        stray.span().start,
                        format!("has no effect with the profile {profile:?}: expected profile = \"custom\" beside it"),
                    ));
                }
                Ok(if profile == "production" { times(5000, 25_000, 2000) } else { times(1000, 20_000, 250) })
            }
            "custom" => self.custom_ice(ice, given),
            other => {
                let offset = ice.profile.as_ref().map_or(0, |profile| profile.span().start);
                let expected = "expected \"production\", \"development\" or \"custom\"";
                Err(self.error(offset, format!("{other:?} is no profile: {expected}")))
            }
        }
    }

    fn custom_ice(&self, ice: &Ice, given: [&Option<Spanned<String>>; 3]) -> Checked<IceTimeouts> {
        let [Some(disconnected), Some(failed), Some(keepalive)] = given else {
            let offset = ice.profile.as_ref().map_or(0, |profile| profile.span().start);
            let message = "\"custom\" needs disconnected_timeout, failed_timeout and keepalive_interval beside it";
            return Err(self.error(offset, message.to_owned()));
        };
        let timeouts = IceTimeouts {
            disconnected: self.duration(disconnected)?,
            failed: self.duration(failed)?,
            keepalive: self.duration(keepalive)?,
        };
        if timeouts.keepalive < Duration::from_millis(50) {
            let message = "is too short: expected 50ms or more, for each is a packet to every viewer";
            return Err(self.error(keepalive.span().start, message.to_owned()));
        }
        if timeouts.keepalive > KEEPALIVE_MAX {
            let message =
                "is too long: expected 10s or less, for a viewer that has not consented for 30 s is sent nothing";
            return Err(self.error(keepalive.span().start, message.to_owned()));
        }
        if timeouts.disconnected <= timeouts.keepalive + ICE_MARGIN {
            let message = format!(
                "{:?} would throw out healthy viewers: ICE hears from them once in keepalive_interval ({:?}) and a \
                 round trip later, so expected more than {:?}",
                timeouts.disconnected,
                timeouts.keepalive,
                timeouts.keepalive + ICE_MARGIN
            );
            return Err(self.error(disconnected.span().start, message));
        }
        if timeouts.failed < Duration::from_secs(10) {
            let message = "is too short: expected 10s or more, for it bounds connecting, too";
            return Err(self.error(failed.span().start, message.to_owned()));
        }
        Ok(timeouts)
    }
}
