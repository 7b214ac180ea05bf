//! `[limits]`: how much of the server visitors may take.

use super::file::Limits as Section;
use super::{Checked, Reader};
use crate::access::limits;
use std::time::Duration;

const TIME_RANGE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

/// How much of the server visitors may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// WebSockets.
    pub sockets: limits::Limits,
    /// Over which nothing is watched and nothing is said for so long is closed.
    pub silent_websocket: Duration,
    /// What has not come whole by then is answered with 408.
    pub request_timeout: Duration,
}

impl Reader<'_> {
    pub(super) fn limits(&self, section: &Section) -> Checked<Limits> {
        let sockets = section.websockets.as_ref().map_or(Ok(1000), |value| self.number(value, 1, 100_000))? as usize;
        let of_one = section.websockets_per_address.as_ref();
        let of_one = of_one.map_or(Ok(200), |value| self.number(value, 1, 100_000))? as usize;
        let time = |value: Option<&toml::Spanned<String>>, usual| {
            value.map_or(Ok(usual), |value| self.duration_between(value, TIME_RANGE))
        };
        Ok(Limits {
            sockets: limits::Limits { sockets, sockets_per_address: of_one },
            silent_websocket: time(section.silent_websocket.as_ref(), Duration::from_secs(30))?,
            request_timeout: time(section.request_timeout.as_ref(), Duration::from_secs(15))?,
        })
    }
}
