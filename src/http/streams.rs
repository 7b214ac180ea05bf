//! What a visitor may know: `GET /streams`, and its changes at `/streams/events`. No address, no command, no viewer's name.

mod entries;
pub(super) mod feed;

pub use feed::Feed;

use super::authorize::Guest;
use super::events::{BEAT, answer};
use super::site::Site;
use crate::access::accounts::Visitor;
use crate::access::rights::{Right, Rights};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use entries::{Entries, changes};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Without changes there is a beat this often.
const EVENT_AT_LEAST: Duration = Duration::from_secs(5);

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/streams").get(list)).service(web::resource("/streams/events").get(events));
}

/// What the page has to know of the visitor.
fn visitor(site: &Site, guest: &Guest, rights: &Rights) -> Value {
    json!({
        "control": rights.include(Right::Control),
        "admin": rights.include(Right::Admin),
        "open": site.access.accounts().open,
        "name": match &guest.visitor {
            Visitor::User { name, .. } => Some(name),
            _ => None,
        },
    })
}

/// All that may be known, and what time it is here: the visitor's clock may be another.
fn whole(site: &Site, guest: &Guest, rights: &Rights, streams: Vec<Value>) -> Value {
    json!({ "streams": streams, "you": visitor(site, guest, rights), "now": site.root.clock.unix_ms() })
}

async fn list(guest: Guest, site: web::Data<Site>) -> HttpResponse {
    let streams = changes(&Entries::new(), &site.streams.now(&site.root.board), &guest.rights);
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(whole(
        &site,
        &guest,
        &guest.rights,
        streams,
    ))
}

async fn events(guest: Guest, site: web::Data<Site>) -> HttpResponse {
    let following = site.streams.follow(&site.root.board);
    let state = (site, guest, following, None::<(Rights, Arc<Entries>)>);
    let stream = futures_util::stream::unfold(state, |(site, guest, mut following, before)| async move {
        let _ = tokio::time::timeout(EVENT_AT_LEAST, following.changed()).await;
        let rights = site.access.rights(&guest.visitor);
        if !rights.include(Right::View) {
            return None;
        }
        let now = following.borrow_and_update().clone();
        let event = match &before {
            Some((had, before)) if *had == rights => match changes(before, &now, &rights) {
                nothing if nothing.is_empty() => BEAT,
                streams => format!("data: {}\n\n", json!({ "streams": streams })).into(),
            },
            // At first, and when other rights show other streams: all.
            _ => {
                let streams = changes(&Entries::new(), &now, &rights);
                format!("data: {}\n\n", whole(&site, &guest, &rights, streams)).into()
            }
        };
        Some((Ok::<Bytes, actix_web::Error>(event), (site, guest, following, Some((rights, now)))))
    });
    answer(stream)
}
