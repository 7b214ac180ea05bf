//! The beacon: a page that is being closed can still send a POST (`navigator.sendBeacon`), and a
//! script can with curl.

use super::site::Site;
use actix_web::{HttpResponse, web};
use lenscap_actors::departure::Cause;
use lenscap_actors::peer::Leave;
use std::time::Instant;

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/peers/{token}/leave").post(leave));
}

/// Where the leaving of the peer with this token is reported.
pub fn path(token: &str) -> String {
    format!("/peers/{token}/leave")
}

/// Answered after the camera is closed, if nobody else watches. A token that is unknown, perhaps
/// because its peer has left already, gets the same answer.
async fn leave(site: web::Data<Site>, token: web::Path<String>) -> HttpResponse {
    let took = release(&site, &token, Cause::Beacon).await;
    HttpResponse::NoContent().insert_header(("Server-Timing", timing(took))).finish()
}

/// Lets the peer with this token go; returns how long that took, in seconds.
pub async fn release(site: &Site, token: &str, cause: Cause) -> f64 {
    let start = Instant::now();
    if let Some(peer) = site.root.peers.find(token) {
        // It fails if the peer has ended meanwhile, which it does after its release.
        let _ = peer.send(Leave(cause)).await;
    }
    start.elapsed().as_secs_f64()
}

/// A `Server-Timing` header (W3C Server Timing) for a release of so many seconds.
pub fn timing(took: f64) -> String {
    format!("release;dur={:.3}", took * 1e3)
}
