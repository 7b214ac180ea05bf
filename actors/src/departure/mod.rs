//! How a leaving is recognized. Pure: signs in, time in, verdict out.
//!
//! Many signs can tell of one leaving: the page says `bye`, closes its connection, sends the
//! beacon, and its WebSocket ends. The first one decides, the others find the verdict given.
//!
//! [`silence`] decides where no sign comes at all, by what [`path`] and [`delay`] know. [`returning`] tells when a verdict was
//! probably wrong.

pub mod delay;
pub mod path;
pub mod patience;
pub mod returning;
pub mod silence;

use serde::Serialize;
use std::fmt;
use std::time::{Duration, Instant};

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

/// That a viewer is gone: final, and given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The sign that came first.
    pub cause: Cause,
    /// When it fell.
    pub at: Instant,
    /// Age of the last sign of life at that moment.
    pub silence: Duration,
}

/// What is known of one viewer's presence.
#[derive(Clone, Debug)]
pub struct Presence {
    last_life: Instant,
    verdict: Option<Verdict>,
}

impl Presence {
    /// A viewer that has just made its offer.
    pub fn new(now: Instant) -> Self {
        Self { last_life: now, verdict: None }
    }

    /// An authenticated packet arrived.
    pub fn alive(&mut self, now: Instant) {
        self.last_life = self.last_life.max(now);
    }

    /// How long nothing was heard.
    pub fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_life)
    }

    /// A sign of leaving was seen. Gives the verdict the first time, and never again.
    pub fn leaving(&mut self, cause: Cause, now: Instant) -> Option<Verdict> {
        if self.verdict.is_some() {
            return None;
        }
        let verdict = Verdict { cause, at: now, silence: self.silence(now) };
        self.verdict = Some(verdict);
        self.verdict
    }

    /// The verdict, if it has fallen.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sign_decides_and_later_ones_are_silent() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.alive(start + Duration::from_millis(40));
        let verdict = presence.leaving(Cause::Beacon, start + Duration::from_millis(100));
        assert_eq!(
            verdict,
            Some(Verdict {
                cause: Cause::Beacon,
                at: start + Duration::from_millis(100),
                silence: Duration::from_millis(60),
            })
        );
        for cause in [Cause::CloseNotify, Cause::WsClosed, Cause::Beacon, Cause::IceFailed] {
            assert_eq!(presence.leaving(cause, start + Duration::from_millis(200)), None);
        }
        assert_eq!(presence.verdict(), verdict);
    }

    #[test]
    fn life_reported_late_does_not_go_back_in_time() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.alive(start + Duration::from_millis(50));
        presence.alive(start + Duration::from_millis(20));
        assert_eq!(presence.silence(start + Duration::from_millis(60)), Duration::from_millis(10));
    }

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
