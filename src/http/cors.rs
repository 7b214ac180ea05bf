//! What browsers are told about pages of other origins: the CORS protocol of the Fetch standard.
//!
//! It only tells. Who may do what, [`access`](crate::access) decides; a preflight, which browsers send without
//! credentials, changes nothing and shows nothing.

use super::site::Site;
use super::{authorize, client};
use crate::access::policy::PageOrigin;
use actix_cors::Cors;
use actix_web::web;

/// What scripts may send. Those of a path are in `Allow`.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// The headers that they may set beside those that are always theirs.
const HEADERS: [&str; 3] = ["Content-Type", "If-Match", "Authorization"];

/// Those of an answer that they may read.
const EXPOSED: [&str; 7] = ["Location", "ETag", "Link", "Server-Timing", "Accept-Post", "Accept-Patch", "Retry-After"];

/// Browsers ask again after so long, in seconds. No browser trusts an answer for more than a day, Chromium for two hours.
const MAX_AGE_SECONDS: usize = 7200;

/// The middleware, for our own origin and for configured ones.
pub fn answers(site: web::Data<Site>) -> Cors {
    Cors::default()
        .allowed_origin_fn(move |origin, request| {
            let host = authorize::host(request);
            let (method, origin) = (&request.method, origin.to_str().ok());
            // Whether a proxy may say so does not matter here: it can only make less of a page ours.
            let is_https = site.is_https || client::says_https(request.headers());
            let source = PageOrigin { method, is_socket: false, host, origin, fetch_site: None, is_https };
            origin.is_some() && !source.is_foreign(&site.allowed_origins)
        })
        .allowed_methods(METHODS)
        .allowed_headers(HEADERS)
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE_SECONDS)
}
