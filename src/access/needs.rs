//! What each route needs.
//!
//! Routes are told apart by the router's own patterns, not by looking at paths: so there is no second reading of `%2f`, `..`
//! or a prefix. What nobody has thought of needs most.

use super::rights::Right;

/// What a request needs besides a host that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it shows nothing of cameras, or carries the secret that names its one viewer.
    Nothing,
    /// A right.
    Right(Right),
}

/// Where the files of the pages are served: everybody can have them, for they are in the source, too.
pub const FILES: [&str; 52] = [
    "/camera-controls.js",
    "/capture-time.js",
    "/card.js",
    "/connection.js",
    "/controls.js",
    "/debug.css",
    "/debug/cameras.js",
    "/debug/consequences.js",
    "/debug/detail.js",
    "/debug/feed.js",
    "/debug/filter.js",
    "/debug/history.js",
    "/debug/ledger.js",
    "/debug/marks.js",
    "/debug/orders.js",
    "/debug/page.js",
    "/debug/rates.js",
    "/debug/report.js",
    "/debug/scale.js",
    "/debug/summary.js",
    "/debug/threads.js",
    "/debug/timeline.js",
    "/debug/tree.js",
    "/debug/viewers.js",
    "/debug/words.js",
    "/dom.js",
    "/figures.js",
    "/gallery.css",
    "/gallery.js",
    "/icons.js",
    "/last-picture.js",
    "/lenscap.js",
    "/link-words.js",
    "/neighbor.js",
    "/overlay.js",
    "/playable.js",
    "/player.css",
    "/player.js",
    "/presence.js",
    "/refusal.js",
    "/rescue.js",
    "/sentence.js",
    "/server-events.js",
    "/session.js",
    "/shortcuts.js",
    "/stage.js",
    "/steering.js",
    "/streams.js",
    "/style.css",
    "/view.js",
    "/wall.js",
    "/words.js",
];

/// What a request to the route of this pattern needs, whatever its method.
pub fn needs(pattern: Option<&str>) -> Need {
    // Where no route seems to be there is nothing to protect, but nothing to have, either.
    match pattern.unwrap_or_default() {
        "/healthz" | "/login" | "/logout" | "/peers/{token}/leave" => Need::Nothing,
        // The address of a session is its secret.
        "/whep/{stream}/{token}" => Need::Nothing,
        file if FILES.contains(&file) => Need::Nothing,
        "/" | "/view/{stream}" | "/ws" | "/whep/{stream}" => Need::Right(Right::View),
        "/streams" | "/streams/events" | "/streams/{stream}/picture.jpg" => Need::Right(Right::View),
        "/cameras/{id}/controls" => Need::Right(Right::Control),
        _ => Need::Right(Right::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_known_needs_most() {
        for (pattern, expected) in [
            (Some("/"), Need::Right(Right::View)),
            (Some("/ws"), Need::Right(Right::View)),
            (Some("/streams/{stream}/picture.jpg"), Need::Right(Right::View)),
            (Some("/whep/{stream}"), Need::Right(Right::View)),
            (Some("/whep/{stream}/{token}"), Need::Nothing),
            (Some("/cameras/{id}/controls"), Need::Right(Right::Control)),
            (Some("/debug"), Need::Right(Right::Admin)),
            (Some("/metrics"), Need::Right(Right::Admin)),
            (Some("/debug/actors/{path:.+}/kill"), Need::Right(Right::Admin)),
            (Some("/of/tomorrow"), Need::Right(Right::Admin)),
            (None, Need::Right(Right::Admin)),
        ] {
            assert_eq!(needs(pattern), expected, "{pattern:?}");
        }
    }
}
