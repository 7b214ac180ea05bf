//! WHEP (draft-ietf-wish-whep): watching with nothing but HTTP.
//!
//! POST an offer to `/whep/{stream}`, get the answer and a `Location`; PATCH candidates to that, or a restart of ICE,
//! and DELETE it to leave. Whoever knows a session's address may do so: it is a secret.

mod link;
pub mod patch;

use super::admission::{Joined, ice_session, join, restart};
use super::authorize::Guest;
use super::problem::Problem;
use super::site::Site;
use super::{beacon, client, cors};
use actix_web::http::Method;
use actix_web::http::header::{
    self, ACCESS_CONTROL_ALLOW_METHODS, ALLOW, ETag, EntityTag, HeaderMap, HeaderName, HeaderValue, LINK,
};
use actix_web::{HttpRequest, HttpResponse, web};
use lenscap_actors::departure::Cause;
use patch::{Condition, Step};

/// A session description.
pub const SDP: &str = "application/sdp";

/// A piece of one (RFC 8840, section 9).
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Where offers are posted.
const ENDPOINT: &str = "/whep/{stream}";

/// What comes of one.
const SESSION: &str = "/whep/{stream}/{token}";

const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    let options = web::method(Method::OPTIONS).to(options);
    app.service(web::resource(ENDPOINT).get(endpoint).post(watch).route(options))
        .service(web::resource(SESSION).get(session).patch(trickle).delete(leave));
}

/// What is said to whoever asks with OPTIONS, before it asks for anything; of preflights no route hears.
pub fn announce(pattern: &str, headers: &mut HeaderMap) {
    match pattern {
        ENDPOINT => headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP)),
        SESSION => headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT)),
        _ => return,
    };
}

/// Nothing, if what is sent is of this type.
///
/// # Errors
///
/// If it is of another, or nobody says of which.
pub fn is(expected: &str, request: &HttpRequest) -> Result<(), Problem> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let found = value.split(';').next().unwrap_or_default().trim();
    found.eq_ignore_ascii_case(expected).then_some(()).ok_or_else(|| Problem::wrong_type(expected))
}

/// There is nothing to be had here but sessions; by the type players see that this is an endpoint.
async fn endpoint(guest: Guest, site: web::Data<Site>, stream: web::Path<String>) -> Result<HttpResponse, Problem> {
    guest.stream(&site, &stream)?;
    Ok(HttpResponse::Ok().content_type(SDP).finish())
}

/// Some clients ask for this before anything else (MediaMTX), to learn of ICE servers while they can still use them, and
/// by the methods whether candidates can be sent later. They are programs, which no CORS answers.
async fn options(guest: Guest, site: web::Data<Site>, stream: web::Path<String>) -> Result<HttpResponse, Problem> {
    guest.stream(&site, &stream)?;
    let mut response = HttpResponse::NoContent();
    response.insert_header((ALLOW, "GET, HEAD, POST, OPTIONS"));
    response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, cors::METHODS.join(", ")));
    for link in link::all(&site.ice_servers) {
        response.append_header((LINK, link));
    }
    Ok(response.finish())
}

async fn watch(
    request: HttpRequest,
    guest: Guest,
    site: web::Data<Site>,
    stream: web::Path<String>,
    offer: String,
) -> Result<HttpResponse, Problem> {
    is(SDP, &request)?;
    let Joined { token, answer, ice_session, .. } =
        join(&site, "whep", &guest, &stream, &offer, client::address(&request)).await?;
    let mut response = HttpResponse::Created();
    response
        .insert_header((header::LOCATION, format!("/whep/{stream}/{token}")))
        .insert_header(ETag(EntityTag::new_strong(ice_session)))
        // Without it older versions of MediaMTX send no candidates.
        .insert_header((ACCEPT_PATCH, FRAGMENT));
    for link in link::all(&site.ice_servers) {
        response.append_header((LINK, link));
    }
    Ok(response.content_type(SDP).body(answer))
}

async fn session(site: web::Data<Site>, path: web::Path<(String, String)>) -> Result<HttpResponse, Problem> {
    site.root.peers.find(&path.1).ok_or_else(Problem::session_ended)?;
    Ok(HttpResponse::Ok().content_type(SDP).finish())
}

/// Takes a fragment with ICE candidates, or with new credentials: then ICE begins anew (RFC 8840). Candidates are not
/// used, and so none is wrong: a viewer is found by what comes from it.
async fn trickle(
    request: HttpRequest,
    site: web::Data<Site>,
    path: web::Path<(String, String)>,
    fragment: String,
) -> Result<HttpResponse, Problem> {
    is(FRAGMENT, &request)?;
    let peer = site.root.peers.find(&path.1).ok_or_else(Problem::session_ended)?;
    let present = ice_session(&peer).await?;
    let follows = match patch::decide(&Condition::of(request.headers()), &present, &fragment)? {
        Step::Nothing => return Ok(HttpResponse::NoContent().finish()),
        Step::Restart(follows) => follows,
    };
    let restarted = restart(&site, &peer, follows, fragment, client::address(&request)).await?;
    if !restarted.anew {
        return Ok(HttpResponse::NoContent().finish());
    }
    let tag = ETag(EntityTag::new_strong(restarted.session));
    Ok(HttpResponse::Ok().insert_header(tag).content_type(FRAGMENT).body(restarted.answer))
}

/// Whatever ICE session it is at: `If-Match` is not read.
async fn leave(site: web::Data<Site>, path: web::Path<(String, String)>) -> HttpResponse {
    let took = beacon::release(&site, &path.1, Cause::WhepDelete).await;
    HttpResponse::Ok().insert_header(("Server-Timing", beacon::timing(took))).finish()
}
