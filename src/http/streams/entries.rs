//! What is known of each stream, and what of that a visitor may know.

use crate::access::rights::Rights;
use crate::http::debug::report::with_id;
use crate::http::problem::general;
use lenscap_actors::board::{CameraState, Snapshot, StreamState};
use lenscap_actors::ids::StreamId;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A stream, as visitors see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Entry {
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
pub(super) type Entries = BTreeMap<String, Entry>;

pub(super) fn entries(board: &Snapshot, pictures: &BTreeMap<StreamId, u64>) -> Entries {
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
pub(super) fn changes(before: &Entries, now: &Entries, rights: &Rights) -> Vec<Value> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::rights::Streams;
    use lenscap_actors::board::{CameraStatus, StreamStatus};
    use lenscap_actors::media::Size;
    use serde_json::json;

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
