//! What a leaving is recognized by.

use serde::Serialize;
use std::fmt;

/// What a leaving was recognized by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// `bye` on the signalling WebSocket.
    Bye,
    /// POST to the peer's leave address.
    Beacon,
    /// The signalling WebSocket ended (TCP FIN or RST).
    WsClosed,
    /// The viewer's DTLS close_notify (RFC 8446, section 6.1; RFC 6347).
    CloseNotify,
    /// It may not watch any more: a login has ended, a link has expired, a right was taken back.
    Revoked,
    /// DELETE on the WHEP session.
    WhepDelete,
    /// Silence made it a suspect: its camera is closed, its connection is kept. No leaving yet.
    Suspected,
    /// Long silence, and probes unanswered: it counts as a viewer no more, but its connection is kept. No leaving yet.
    Away,
    /// It was away for as long as its connection may be kept.
    Silence,
    /// Probes came back as undeliverable (ICMP port unreachable), and none was answered.
    PortUnreachable,
    /// It was suspect, and its place was wanted by another.
    Displaced,
    /// ICE heard nothing for the configured time.
    IceDisconnected,
    /// ICE gave up, or never connected.
    IceFailed,
    /// The peer's own actor died.
    Crashed,
    /// The server is going down.
    Shutdown,
}

impl Cause {
    /// Whether the server concluded it from silence, and so may be wrong: nobody had said that the
    /// viewer leaves.
    pub fn is_inferred(self) -> bool {
        match self {
            Cause::Suspected
            | Cause::Away
            | Cause::Silence
            | Cause::PortUnreachable
            | Cause::IceDisconnected
            | Cause::IceFailed => true,
            Cause::Bye
            | Cause::Beacon
            | Cause::WsClosed
            | Cause::CloseNotify
            | Cause::WhepDelete
            | Cause::Displaced
            | Cause::Revoked
            | Cause::Crashed
            | Cause::Shutdown => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Bye => "bye",
            Cause::Beacon => "beacon",
            Cause::WsClosed => "ws_closed",
            Cause::CloseNotify => "close_notify",
            Cause::WhepDelete => "whep_delete",
            Cause::Suspected => "suspected",
            Cause::Away => "away",
            Cause::Silence => "silence",
            Cause::PortUnreachable => "port_unreachable",
            Cause::Displaced => "displaced",
            Cause::Revoked => "revoked",
            Cause::IceDisconnected => "ice_disconnected",
            Cause::IceFailed => "ice_failed",
            Cause::Crashed => "crashed",
            Cause::Shutdown => "shutdown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_read_the_same_in_the_log_and_in_json() {
        for cause in [
            Cause::Bye,
            Cause::Beacon,
            Cause::WsClosed,
            Cause::CloseNotify,
            Cause::WhepDelete,
            Cause::Suspected,
            Cause::Away,
            Cause::Silence,
            Cause::PortUnreachable,
            Cause::Displaced,
            Cause::Revoked,
            Cause::IceDisconnected,
            Cause::IceFailed,
            Cause::Crashed,
            Cause::Shutdown,
        ] {
            assert_eq!(serde_json::to_value(cause).ok(), Some(cause.to_string().into()));
        }
    }
}
