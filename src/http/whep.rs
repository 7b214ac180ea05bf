//! WHEP (draft-ietf-wish-whep): watching with nothing but HTTP.
//!
//! POST an offer to `/whep/{stream}`, get the answer and a `Location`; PATCH candidates to that,
//! and DELETE it to leave.

use super::admission::{join, restart};
use super::problem::Problem;
use super::{Site, beacon, client};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use lenscap_actors::departure::Cause;

/// A piece of a description (RFC 8840, section 9).
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.route("/whep/{stream}", web::post().to(watch))
        .route("/whep/{stream}/{token}", web::patch().to(trickle))
        .route("/whep/{stream}/{token}", web::delete().to(leave));
}

fn content_type(request: &HttpRequest) -> &str {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

async fn watch(
    request: HttpRequest,
    site: web::Data<Site>,
    stream: web::Path<String>,
    offer: String,
) -> Result<HttpResponse, Problem> {
    if !content_type(&request).eq_ignore_ascii_case("application/sdp") {
        return Err(Problem::bad_message("expected an offer with Content-Type: application/sdp"));
    }
    let joined = join(&site, "whep", &stream, &offer, client::address(&request)).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/whep/{stream}/{}", joined.token)))
        .insert_header((header::ETAG, format!("\"{}\"", joined.peer.id)))
        .content_type("application/sdp")
        .body(joined.answer))
}

/// Takes a fragment with ICE candidates, or with new credentials: then ICE begins anew (RFC 8840). Candidates are not
/// used: a viewer is found by what comes from it.
async fn trickle(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
    fragment: String,
) -> Result<HttpResponse, Problem> {
    if !content_type(&request).eq_ignore_ascii_case(FRAGMENT) {
        return Err(Problem::bad_message(format!("expected candidates with Content-Type: {FRAGMENT}")));
    }
    let (_, token) = path.into_inner();
    let peer = site.root.peers.find(&token).ok_or_else(|| Problem::unknown_stream("this session has ended"))?;
    if !fragment.lines().any(|line| line.starts_with("a=ice-ufrag:")) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let restarted = restart(&site, &peer, None, fragment, client::address(&request)).await?;
    if !restarted.anew {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(HttpResponse::Ok().content_type(FRAGMENT).body(restarted.answer))
}

async fn leave(site: web::Data<Site>, path: web::Path<(String, String)>) -> HttpResponse {
    let (_, token) = path.into_inner();
    let took = beacon::release(&site, &token, Cause::WhepDelete).await;
    HttpResponse::Ok().insert_header(("Server-Timing", beacon::timing(took))).finish()
}
