//! WHEP (draft-ietf-wish-whep): watching with nothing but HTTP.
//!
//! POST an offer to `/whep/{stream}`, get the answer and a `Location`; PATCH candidates to that,
//! and DELETE it to leave.

use super::admission::join;
use super::problem::Problem;
use super::{Site, beacon};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use lenscap_actors::departure::Cause;
use lenscap_actors::peer::RemoteCandidate;
use std::net::{IpAddr, Ipv4Addr};

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
    let viewer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
    let joined = join(&site, "whep", &stream, offer, viewer).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/whep/{stream}/{}", joined.token)))
        .insert_header((header::ETAG, format!("\"{}\"", joined.peer.id)))
        .content_type("application/sdp")
        .body(joined.answer))
}

/// Takes a fragment with ICE candidates (RFC 8840).
async fn trickle(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
    fragment: String,
) -> Result<HttpResponse, Problem> {
    if !content_type(&request).eq_ignore_ascii_case("application/trickle-ice-sdpfrag") {
        return Err(Problem::bad_message("expected candidates with Content-Type: application/trickle-ice-sdpfrag"));
    }
    let (_, token) = path.into_inner();
    let ended = || Problem::unknown_stream("this session has ended");
    let peer = site.root.peers.find(&token).ok_or_else(ended)?;
    let mut mid = None;
    for line in fragment.lines() {
        if let Some(value) = line.strip_prefix("a=mid:") {
            mid = Some(value.trim().to_owned());
        }
        let Some(candidate) = line.strip_prefix("a=candidate:") else { continue };
        let candidate =
            RemoteCandidate { candidate: format!("candidate:{candidate}"), mid: mid.clone(), mline_index: Some(0) };
        // It may have left, and its place not be free yet.
        peer.send(candidate).await.map_err(|_| ended())?.map_err(Problem::bad_message)?;
    }
    Ok(HttpResponse::NoContent().finish())
}

async fn leave(site: web::Data<Site>, path: web::Path<(String, String)>) -> HttpResponse {
    let (_, token) = path.into_inner();
    let took = beacon::release(&site, &token, Cause::WhepDelete).await;
    HttpResponse::Ok().insert_header(("Server-Timing", beacon::timing(took))).finish()
}
