//! What is going on: `/debug` for people and programs, the same live at `/debug/events`, and
//! `/healthz`.

pub(super) mod feed;
pub(super) mod report;
mod table;

pub use feed::Feed;
pub use report::Reporter;

use super::authorize::Guest;
use super::events::{BEAT, answer};
use super::problem::Problem;
use super::site::Site;
use crate::access::rights::Right;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Something is sent this often, so that it is noticed when nobody reads any more, or may not.
const EVENT_AT_LEAST: Duration = Duration::from_secs(1);

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/debug").get(show))
        .service(web::resource("/debug/actors/{path:.+}/kill").post(kill))
        .service(web::resource("/debug/actors/{path:.+}/restart").post(restart))
        .service(web::resource("/debug/events").get(events))
        .service(
            web::resource("/healthz").get(|| async { HttpResponse::Ok().content_type("text/plain").body("ok\n") }),
        );
}

async fn show(request: HttpRequest, site: web::Data<Site>) -> Result<HttpResponse, Problem> {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let html = accept.find("text/html").unwrap_or(usize::MAX);
    let json = accept.find("application/json").unwrap_or(usize::MAX);
    if html < json {
        return Ok(super::files::file("debug.html"));
    }
    let feed = site.debug.clone();
    let report = web::block(move || feed.look().whole()).await;
    let report = report.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(report))
}

/// Ends an actor as a fault would; answered when its supervisor has noticed.
async fn kill(site: web::Data<Site>, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    if !site.allow_kill {
        let message = "killing actors is off: it needs `allow_kill = true` in [debug] of the configuration";
        return Err(Problem::unauthorised(message));
    }
    site.root.tree.kill(&path).await.map_err(Problem::operation)?;
    log::warn!("{path}: killed by request");
    Ok(HttpResponse::NoContent().finish())
}

/// Starts an actor again, in particular a camera that has failed.
async fn restart(site: web::Data<Site>, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    site.root.tree.restart(&path).await.map_err(Problem::operation)?;
    log::info!("{path}: started again by request");
    Ok(HttpResponse::NoContent().finish())
}

async fn events(guest: Guest, site: web::Data<Site>) -> HttpResponse {
    let state = (site, guest, None::<broadcast::Receiver<Bytes>>);
    let stream = futures_util::stream::unfold(state, |(site, guest, following)| async move {
        let (event, following) = match following {
            None => begin(&site).await?,
            Some(mut following) => match tokio::time::timeout(EVENT_AT_LEAST, following.recv()).await {
                Ok(Ok(event)) => (event, following),
                // It is told everything anew: it could not keep up.
                Ok(Err(RecvError::Lagged(_))) => begin(&site).await?,
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => (BEAT, following),
            },
        };
        if !site.access.rights(&guest.visitor).include(Right::Admin) {
            return None;
        }
        Some((Ok::<_, actix_web::Error>(event), (site, guest, Some(following))))
    });
    answer(stream)
}

async fn begin(site: &Site) -> Option<(Bytes, broadcast::Receiver<Bytes>)> {
    let feed = site.debug.clone();
    let begun = web::block(move || feed.follow()).await;
    begun.map_err(|error| log::error!("/debug/events cannot begin: {error}")).ok()
}
