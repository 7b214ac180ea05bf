//! What is going on: `/debug` for people and programs, the same live at `/debug/events`, and
//! `/healthz`.

use super::Site;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use lenscap_actors::board::{CameraState, PeerState, Snapshot, StreamState};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Changes that come faster than this are shown together.
const EVENT_SPACING: Duration = Duration::from_millis(100);

/// Without changes the counters are shown this often.
const EVENT_AT_LEAST: Duration = Duration::from_secs(1);

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.route("/debug", web::get().to(show))
        .route("/debug/events", web::get().to(events))
        .route("/healthz", web::get().to(|| async { HttpResponse::Ok().content_type("text/plain").body("ok\n") }));
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

async fn events(site: web::Data<Site>) -> HttpResponse {
    let changes = site.root.board.changes();
    let stream = futures_util::stream::unfold((site, changes, true), |(site, mut changes, first)| async move {
        if !first {
            tokio::time::sleep(EVENT_SPACING).await;
            // Whether there is a change or none: the counters are worth showing.
            let _ = tokio::time::timeout(EVENT_AT_LEAST, changes.changed()).await;
        }
        changes.mark_unchanged();
        let event = Bytes::from(format!("data: {}\n\n", report(&site)));
        Some((Ok::<_, actix_web::Error>(event), (site, changes, false)))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream)
}

/// Everything, as the HTTP reference describes it.
fn report(site: &Site) -> Value {
    let board = site.root.board.snapshot();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_ms": site.started.elapsed().as_millis() as u64,
        "tree": tree(&board),
        "cameras": board.cameras.iter().map(|(id, camera)| with_id(id.as_str(), camera)).collect::<Vec<_>>(),
        "streams": board.streams.iter().map(|(id, stream)| with_id(id.as_str(), stream)).collect::<Vec<_>>(),
        "peers": board.peers.iter().map(|(id, peer)| with_id(id.as_str(), peer)).collect::<Vec<_>>(),
        "releases": board.releases,
    })
}

fn with_id(id: &str, status: &impl Serialize) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), id.into());
    if let Ok(Value::Object(fields)) = serde_json::to_value(status) {
        object.extend(fields);
    }
    Value::Object(object)
}

fn tree(board: &Snapshot) -> Value {
    let node = |path: String, kind: &str, state: Value, children: Vec<Value>| json!({ "path": path, "kind": kind, "state": state, "restarts": 0, "children": children });
    let worker = |path: String, state: Value| node(path, "worker", state, vec![]);
    let cameras = board.cameras.iter().map(|(id, camera)| {
        let state: CameraState = camera.state;
        worker(format!("root/cameras/{id}"), json!(state))
    });
    let streams = board.streams.iter().map(|(id, stream)| {
        let state: StreamState = stream.state;
        worker(format!("root/streams/{id}"), json!(state))
    });
    let peers = board.peers.iter().map(|(id, peer)| {
        let state: PeerState = peer.state;
        worker(format!("root/peers/{id}"), json!(state))
    });
    let running = || json!("running");
    node(
        "root".to_owned(),
        "supervisor",
        running(),
        vec![
            node("root/cameras".to_owned(), "supervisor", running(), cameras.collect()),
            node("root/streams".to_owned(), "supervisor", running(), streams.collect()),
            node("root/peers".to_owned(), "supervisor", running(), peers.collect()),
        ],
    )
}
