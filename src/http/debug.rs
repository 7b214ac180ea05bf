//! What is going on: `/debug` for people and programs, the same live at `/debug/events`, and
//! `/healthz`.

use super::Site;
use super::authorize::Guest;
use super::problem::Problem;
use crate::access::rights::Right;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use lenscap_actors::board::{CameraStatus, Snapshot, StreamStatus};
use lenscap_actors::ids::{CameraId, StreamId};
use lenscap_actors::media::Size;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Changes that come faster than this are shown together.
const EVENT_SPACING: Duration = Duration::from_millis(100);

/// Without changes the counters are shown this often.
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

async fn show(request: HttpRequest, site: web::Data<Site>) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("*/*");
    let html = accept.find("text/html").unwrap_or(usize::MAX);
    let json = accept.find("application/json").unwrap_or(usize::MAX);
    if html < json {
        super::pages::file("debug.html")
    } else {
        HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(report(&site))
    }
}

/// Ends an actor as a fault would; answered when its supervisor has noticed.
async fn kill(site: web::Data<Site>, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    if !site.allow_kill {
        let message = "killing actors is off: it needs `allow_kill = true` in [debug] of the configuration";
        return Err(Problem::unauthorised(message));
    }
    site.root.tree.kill(&path).await.map_err(Problem::order)?;
    log::warn!("{path}: killed by request");
    Ok(HttpResponse::NoContent().finish())
}

/// Starts an actor again, in particular a camera that has failed.
async fn restart(site: web::Data<Site>, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    site.root.tree.restart(&path).await.map_err(Problem::order)?;
    log::info!("{path}: started again by request");
    Ok(HttpResponse::NoContent().finish())
}

async fn events(guest: Guest, site: web::Data<Site>) -> HttpResponse {
    let changes = (site.root.board.changes(), site.root.tree.changes());
    let state = (site, guest, changes, true);
    let stream = futures_util::stream::unfold(state, |(site, guest, mut changes, first)| async move {
        if !first {
            tokio::time::sleep(EVENT_SPACING).await;
            // Whether there is a change or none: the counters are worth showing.
            let changed = async {
                tokio::select! {
                    _ = changes.0.changed() => {}
                    _ = changes.1.changed() => {}
                }
            };
            let _ = tokio::time::timeout(EVENT_AT_LEAST, changed).await;
        }
        if !site.access.rights(&guest.visitor).include(Right::Admin) {
            return None;
        }
        changes.0.mark_unchanged();
        changes.1.mark_unchanged();
        let event = Bytes::from(format!("data: {}\n\n", report(&site)));
        Some((Ok::<_, actix_web::Error>(event), (site, guest, changes, false)))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream)
}

/// Everything, as the HTTP reference describes it.
fn report(site: &Site) -> Value {
    let (now, unix_ms) = (site.root.clock.now(), site.root.clock.unix_ms());
    let board = site.root.board.snapshot(now);
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": site.started.elapsed().as_millis() as u64,
        "tree": site.root.tree.report(now, unix_ms),
        "exits": site.root.tree.exits(now, unix_ms),
        "cameras": board.cameras.iter().map(|(id, camera)| with_processes(site, id, camera)).collect::<Vec<_>>(),
        "streams": board.streams.iter().map(|(id, stream)| with_viewers(&board, id, stream)).collect::<Vec<_>>(),
        "peers": board.peers.iter().map(|(id, peer)| with_id(id.as_str(), peer)).collect::<Vec<_>>(),
        "releases": board.releases,
        "verdicts": board.verdicts,
        "departures": board.tally.departures(),
    })
}

/// A camera, with the processes that it has started.
fn with_processes(site: &Site, id: &CameraId, camera: &CameraStatus) -> Value {
    let mut object = with_id(id.as_str(), camera);
    object["processes"] = json!(site.processes.of(id.as_str()));
    object
}

/// A stream, with the number of its viewers: of a full rendition those of the small one included.
fn with_viewers(board: &Snapshot, id: &StreamId, stream: &StreamStatus) -> Value {
    let mut object = with_id(id.as_str(), stream);
    let viewers = match stream.rendition {
        Size::Full => board.viewers(id).len(),
        Size::Small => stream.subscribers.len(),
    };
    object["viewers"] = json!(viewers);
    object
}

/// A status as an object, with its name.
pub fn with_id(id: &str, status: &impl Serialize) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), id.into());
    if let Ok(Value::Object(fields)) = serde_json::to_value(status) {
        object.extend(fields);
    }
    Value::Object(object)
}
