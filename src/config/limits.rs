//! `[limits]`: how much of the server visitors may take.

use super::file::Limits as Section;
use super::reader::{Checked, Reader};
use crate::access::limits;
use std::num::NonZeroU32;
use std::time::Duration;

const TIME_RANGE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

/// Offers a second from one network, if nothing is said.
const OFFERS: i64 = 50;

/// Connections from one network, if nothing is said: a company's, behind one address.
const CONNECTIONS: i64 = 1000;

/// How much of the server visitors may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections from one network, whatever comes over them.
    pub connections_per_address: usize,
    /// WebSockets.
    pub sockets: limits::Limits,
    /// Offers a second from one network.
    pub offers_per_second: NonZeroU32,
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
        let connections = section.connections_per_address.as_ref();
        let connections = connections.map_or(Ok(CONNECTIONS), |value| self.number(value, 1, 100_000))? as usize;
        let offers = section.offers_per_second.as_ref();
        let offers = offers.map_or(Ok(OFFERS), |value| self.number(value, 1, 100_000))?;
        let time = |value: Option<&toml::Spanned<String>>, usual| {
            value.map_or(Ok(usual), |value| self.duration_between(value, TIME_RANGE))
        };
        Ok(Limits {
            connections_per_address: connections,
            sockets: limits::Limits { all: sockets, of_one },
            offers_per_second: u32::try_from(offers).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
            silent_websocket: time(section.silent_websocket.as_ref(), Duration::from_secs(30))?,
            request_timeout: time(section.request_timeout.as_ref(), Duration::from_secs(15))?,
        })
    }
}
