//! What a visitor may know: `GET /streams`, and its changes at `/streams/events`. No address, no command, no viewer's name.

use super::Site;
use super::authorize::Guest;
use super::debug::with_id;
use super::problem::general;
use crate::access::accounts::Visitor;
use crate::access::rights::{Right, Rights};
use crate::codec::LastPictures;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use lenscap_actors::board::{Board, CameraState, Snapshot, StreamState};
use lenscap_actors::ids::StreamId;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Changes that come faster than this are shown together.
const EVENT_SPACING: Duration = Duration::from_millis(100);

/// Without changes something is sent this often, so that it is noticed when nobody reads any more, or may not.
const EVENT_AT_LEAST: Duration = Duration::from_secs(5);

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/streams").get(list)).service(web::resource("/streams/events").get(events));
}

/// A stream, as visitors see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Entry {
    camera: String,
    /// Whether its light is on, and what becomes of it.
    camera_state: CameraState,
    state: StreamState,
    viewers: usize,
    codec: &'static str,
    /// What went wrong last, in words.
    last_error: Option<String>,
    /// When its last picture was taken, in ms since the Unix epoch; none if there never was one.
    picture_at: Option<u64>,
}

/// All streams, by name.
type Entries = BTreeMap<String, Entry>;

fn entries(board: &Snapshot, pictures: &BTreeMap<StreamId, u64>) -> Entries {
    let of = board.known_streams().map(|(id, stream)| {
        // If all who watch are sent the small rendition, that one is what is live.
        let small = board.streams.values().find(|it| it.known_as == *id && it.rendition != stream.rendition);
        let state = match (stream.state, small) {
            (StreamState::Idle, Some(small)) => small.state,
            (state, _) => state,
        };
        let entry = Entry {
            camera: stream.camera.to_string(),
            camera_state: board.cameras.get(&stream.camera).map(|camera| camera.state).unwrap_or_default(),
            state,
            viewers: board.viewers(id).len(),
            codec: stream.codec,
            last_error: stream.last_error.clone(),
            picture_at: pictures.get(id).copied(),
        };
        (id.to_string(), entry)
    });
    of.collect()
}

/// What has changed from one look to the next, of what these rights show: `{"id", …}` each.
fn changes(before: &Entries, now: &Entries, rights: &Rights) -> Vec<Value> {
    let changed = now.iter().filter(|(id, entry)| rights.may_view(id) && before.get(*id) != Some(*entry));
    changed.map(|(id, entry)| shown(id, entry, rights)).collect()
}

fn shown(id: &str, entry: &Entry, rights: &Rights) -> Value {
    let mut entry = entry.clone();
    if !rights.admin && entry.last_error.is_some() {
        let code = if entry.camera_state == CameraState::Absent { "camera_absent" } else { "camera_failed" };
        entry.last_error = Some(general(code).to_owned());
    }
    with_id(id, &entry)
}

/// Looks at the board for all who follow the streams, as long as anybody does.
#[derive(Clone)]
pub struct Feed {
    entries: Arc<watch::Sender<Arc<Entries>>>,
    pictures: LastPictures,
}

impl Feed {
    /// With these last pictures.
    pub fn new(pictures: LastPictures) -> Self {
        Self { entries: Arc::default(), pictures }
    }

    /// Looks whenever something has changed and somebody follows; goes on as long as the server does.
    pub async fn watch(self, board: Board) {
        let (mut changed, mut pictured) = (board.changes(), self.pictures.changes());
        loop {
            let result = tokio::select! {
                result = changed.changed() => result,
                result = pictured.changed() => result,
            };
            if result.is_err() {
                return;
            }
            if self.entries.receiver_count() > 0 {
                self.look(&board);
                tokio::time::sleep(EVENT_SPACING).await;
            }
        }
    }

    /// What there is to know now.
    fn now(&self, board: &Board) -> Entries {
        let pictures = self.pictures.times();
        board.read(|board| entries(board, &pictures))
    }

    fn look(&self, board: &Board) {
        let now = self.now(board);
        self.entries.send_if_modified(|before| {
            let differs = **before != now;
            if differs {
                *before = Arc::new(now);
            }
            differs
        });
    }

    /// Follows the streams from now on.
    fn follow(&self, board: &Board) -> watch::Receiver<Arc<Entries>> {
        let mut receiver = self.entries.subscribe();
        self.look(board);
        receiver.mark_changed();
        receiver
    }
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
                nothing if nothing.is_empty() => ":\n\n".to_owned(),
                streams => format!("data: {}\n\n", json!({ "streams": streams })),
            },
            // At first, and when other rights show other streams: all.
            _ => {
                let streams = changes(&Entries::new(), &now, &rights);
                format!("data: {}\n\n", whole(&site, &guest, &rights, streams))
            }
        };
        Some((Ok::<_, actix_web::Error>(Bytes::from(event)), (site, guest, following, Some((rights, now)))))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::Streams;
    use lenscap_actors::board::{CameraStatus, StreamStatus};
    use lenscap_actors::media::Size;

    fn board() -> Snapshot {
        let mut board = Snapshot::default();
        for (name, size) in [("front", Size::Full), ("front~small", Size::Small), ("back", Size::Full)] {
            let known_as = name.trim_end_matches("~small").into();
            board.streams.insert(name.into(), StreamStatus::of("hub".into(), known_as, size));
        }
        if let Some(front) = board.streams.get_mut(&"front".into()) {
            front.last_error = Some("camera \"back\" is held by pid 7".into());
        }
        let camera = CameraStatus { source: "exec:secret".into(), device: Some("pid 7".into()), ..Default::default() };
        board.cameras.insert("hub".into(), camera);
        board
    }

    #[test]
    fn a_visitor_is_told_changes_of_what_it_may_watch_and_no_more() {
        let (rights, mut board) = (Rights { view: Streams::named(["front"]), ..Rights::default() }, board());
        let first = entries(&board, &BTreeMap::new());
        let told = changes(&Entries::new(), &first, &rights);
        assert_eq!(told.iter().map(|it| &it["id"]).collect::<Vec<_>>(), ["front"]);
        assert!(!json!(told).to_string().contains("secret") && !json!(told).to_string().contains("pid"));
        assert_eq!(changes(&first, &first, &rights), Vec::<Value>::new());
        for name in ["front~small", "back"] {
            if let Some(stream) = board.streams.get_mut(&name.into()) {
                stream.subscribers = vec!["peer-1".into()];
                stream.state = StreamState::Live;
            }
        }
        let pictures = BTreeMap::from([("front".into(), 7), ("back".into(), 8)]);
        let told = changes(&first, &entries(&board, &pictures), &rights);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["picture_at"], json!(7));
        assert_eq!((&told[0]["state"], &told[0]["viewers"]), (&json!("live"), &json!(1)));
        assert!(!json!(told).to_string().contains("peer-1"));
        assert_eq!(changes(&first, &entries(&board, &pictures), &Rights::all()).len(), 2);
    }
}
