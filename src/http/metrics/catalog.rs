//! Every metric there is, with what it means.

use super::family::Family;

pub const BUILD: Family = Family::gauge("lenscap_build_info", &["version"], "Always 1; the version is in the label.");
pub const UPTIME: Family = Family::gauge("lenscap_uptime_seconds", &[], "Time since the server was started.");
pub const CAMERA_STATE: Family =
    Family::gauge("lenscap_camera_state", &["camera", "state"], "1 for the state that the camera is in, else 0.");
pub const CAMERA_OPENS: Family =
    Family::counter("lenscap_camera_opens_total", &["camera"], "How often the camera was opened.");
pub const CAMERA_FAILURES: Family =
    Family::counter("lenscap_camera_failures_total", &["camera"], "How often the camera failed.");
pub const CAMERA_LEFT_OUT: Family = Family::counter(
    "lenscap_camera_pictures_left_out_total",
    &["camera"],
    "Pictures that arrived broken or cut off from the camera.",
);
pub const STREAM_STATE: Family = Family::gauge(
    "lenscap_stream_state",
    &["stream", "rendition", "state"],
    "1 for the state that the rendition is in, else 0.",
);
pub const STREAM_VIEWERS: Family =
    Family::gauge("lenscap_stream_viewers", &["stream"], "Who watches the stream, in whatever rendition.");
pub const STREAM_BYTES: Family = Family::counter(
    "lenscap_stream_bytes_total",
    &["stream", "rendition"],
    "Encoded video since the server was started.",
);
pub const STREAM_FRAMES: Family = Family::counter(
    "lenscap_stream_frames_total",
    &["stream", "rendition"],
    "Encoded frames since the stream last went live; begins anew then.",
);
pub const STREAM_LEFT_OUT: Family = Family::counter(
    "lenscap_stream_pictures_left_out_total",
    &["stream", "rendition"],
    "Pictures of the camera that could not be decoded for the stream.",
);
pub const PEERS: Family = Family::gauge("lenscap_peers", &["state"], "Viewers' connections by state.");
pub const SENT: Family = Family::counter("lenscap_packets_sent_total", &[], "RTP packets sent to viewers.");
pub const LOST: Family = Family::counter(
    "lenscap_packets_lost_total",
    &[],
    "RTP packets that viewers reported as lost; sums their reports.",
);
pub const RESENT: Family =
    Family::counter("lenscap_packets_resent_total", &[], "RTP packets that viewers asked for again.");
pub const SKIPPED: Family = Family::counter(
    "lenscap_frames_skipped_total",
    &[],
    "Frames withheld from viewers that had to wait for a keyframe.",
);
pub const LATE: Family = Family::counter(
    "lenscap_frames_late_total",
    &[],
    "Frames dropped because a viewer's link would have carried them late.",
);
pub const REFUSED: Family = Family::counter(
    "lenscap_packets_refused_total",
    &[],
    "RTP packets dropped because the socket or its interface had no room for them in time.",
);
pub const RESTARTS: Family =
    Family::counter("lenscap_actor_restarts_total", &["path"], "How often an actor was started again.");
pub const RELEASE: Family = Family::histogram(
    "lenscap_release_seconds",
    &["cause"],
    "From the verdict that a viewer is gone to the closed camera, of leavings that closed one.",
);
pub const SILENCE: Family = Family::histogram(
    "lenscap_silence_before_verdict_seconds",
    &["cause"],
    "Age of a viewer's last sign of life when the verdict fell that it is gone.",
);
pub const SUSPICIONS: Family =
    Family::counter("lenscap_suspicions_total", &[], "How often a silent viewer became suspect.");
pub const WITHDRAWN: Family =
    Family::counter("lenscap_suspicions_withdrawn_total", &[], "How often a suspect was there after all.");
pub const NO_PICTURE: Family = Family::histogram(
    "lenscap_picture_away_seconds",
    &[],
    "How long the picture was away because of a suspicion that was withdrawn.",
);
pub const AWAYS: Family = Family::counter("lenscap_aways_total", &[], "How often a viewer was away.");
pub const BACKS: Family = Family::counter(
    "lenscap_aways_back_total",
    &[],
    "How often a viewer that was away was back over the same connection.",
);
pub const PROBES: Family = Family::counter("lenscap_probes_total", &[], "Probes sent to silent viewers.");
pub const RETURNS: Family = Family::counter(
    "lenscap_returns_within_10s_total",
    &[],
    "Viewers back within 10 s of being let go for their silence: verdicts that were probably wrong.",
);

pub const CONNECTIONS: Family = Family::gauge(
    "lenscap_connections",
    &[],
    "Connections to the server's port for HTTP, without those of trusted proxies.",
);
pub const REFUSED_CONNECTIONS: Family = Family::counter(
    "lenscap_refused_connections_total",
    &[],
    "Connections that were ended at once because there were too many from one address.",
);
pub const SOCKETS: Family = Family::gauge("lenscap_websockets", &[], "WebSockets that are open.");
pub const REFUSED_SOCKETS: Family = Family::counter(
    "lenscap_refused_websockets_total",
    &[],
    "WebSockets that were refused because there were too many.",
);
pub const REFUSED_OFFERS: Family = Family::counter(
    "lenscap_refused_offers_total",
    &[],
    "Offers and switches that were refused because too many came from one address.",
);
pub const REFUSED_REQUESTS: Family =
    Family::counter("lenscap_refused_requests_total", &[], "HTTP requests of those who may not come in.");
pub const FAILED_LOGINS: Family =
    Family::counter("lenscap_failed_logins_total", &[], "How often a password, a token or a link was wrong.");

/// All of them.
pub const FAMILIES: [&Family; 35] = [
    &BUILD,
    &UPTIME,
    &CAMERA_STATE,
    &CAMERA_OPENS,
    &CAMERA_FAILURES,
    &CAMERA_LEFT_OUT,
    &STREAM_STATE,
    &STREAM_VIEWERS,
    &STREAM_BYTES,
    &STREAM_FRAMES,
    &STREAM_LEFT_OUT,
    &PEERS,
    &SENT,
    &LOST,
    &RESENT,
    &SKIPPED,
    &LATE,
    &REFUSED,
    &RESTARTS,
    &RELEASE,
    &SILENCE,
    &SUSPICIONS,
    &WITHDRAWN,
    &NO_PICTURE,
    &AWAYS,
    &BACKS,
    &PROBES,
    &RETURNS,
    &CONNECTIONS,
    &REFUSED_CONNECTIONS,
    &SOCKETS,
    &REFUSED_SOCKETS,
    &REFUSED_OFFERS,
    &REFUSED_REQUESTS,
    &FAILED_LOGINS,
];
