//! All that is known at one moment, and what has changed since another.

use super::table::Table;
use crate::capture::exec::processes::Processes;
use crate::threads;
use lenscap_actors::board::{CameraStatus, PeerStatus, Snapshot, StreamStatus};
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::Size;
use lenscap_actors::root::Root;
use lenscap_actors::supervisor::tree::Node;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// What of actors is counted all the time.
const ACTORS: &[&str] = &["mailbox", "lanes.orders", "lanes.traffic", "handled", "work.message", "work.since"];

/// What of streams is.
const STREAMS: &[&str] = &["bitrate_bps", "limited_to_bps", "frames", "left_out"];

/// What of peers is.
const PEERS: &[&str] = &[
    "rtt_ms",
    "suspicion",
    "sent_packets",
    "lost_packets",
    "resent_packets",
    "skipped_frames",
    "late_frames",
    "refused_packets",
    "link.arrives_bps",
    "link.carries_bps",
    "link.stream_bps",
    "link.queue_ms",
];

/// What of threads is.
const THREADS: &[&str] = &["cpu_ms"];

/// The tables, by the names that the HTTP reference gives them.
const TABLES: [&str; 8] = ["actors", "threads", "exits", "cameras", "streams", "peers", "releases", "verdicts"];

/// Where to look.
#[derive(Clone)]
pub struct Reporter {
    /// The actors.
    pub root: Root,
    /// What `exec` cameras have started.
    pub processes: Processes,
    /// Whether actors may be killed.
    pub allow_kill: bool,
    /// When the server was started.
    pub started: Instant,
}

/// What a look shows.
#[derive(Clone)]
pub struct Report {
    /// In ms since the Unix epoch.
    at: u64,
    uptime_ms: u64,
    allow_kill: bool,
    /// In the order of [`TABLES`].
    tables: [Table; TABLES.len()],
    departures: Map<String, Value>,
}

impl Reporter {
    /// Everything as it is now. It reads files of the kernel: not for the thread of an actor.
    pub fn whole(&self) -> Report {
        self.look(None)
    }

    /// The same, but what is counted all the time as it was `before`, of whatever has not changed otherwise.
    pub fn without_counts(&self, before: &Report) -> Report {
        self.look(Some(before))
    }

    fn look(&self, before: Option<&Report>) -> Report {
        let (now, unix_ms) = (self.root.clock.now(), self.root.clock.unix_ms());
        let tree = self.root.tree.report(now, unix_ms);
        let exits = self.root.tree.exits(now, unix_ms);
        let board = self.root.board.snapshot(now);
        let threads = match before {
            Some(before) => before.tables[1].clone(),
            None => Table::of(THREADS, threads::list().iter().map(|thread| (thread.id.clone(), fields(thread)))),
        };
        let at = tree.since.unwrap_or(unix_ms) + tree.uptime_ms.unwrap_or_default();
        let mut actors = vec![];
        flatten(tree, &mut actors);
        let cameras = board.cameras.iter().map(|(id, camera)| self.camera(id.as_str(), camera, before));
        let streams = board.streams.iter().map(|(id, stream)| with_viewers(&board, id, stream));
        let tables = [
            Table::of(ACTORS, actors),
            threads,
            Table::of(&[], exits.iter().map(|exit| (exit.nth.to_string(), fields(exit)))),
            Table::of(&[], cameras),
            Table::of(STREAMS, streams),
            Table::of(PEERS, board.peers.iter().map(|(id, peer)| named(id.as_str(), &rounded(peer)))),
            Table::of(&[], numbered(board.releases_forgotten, &board.releases)),
            Table::of(&[], numbered(board.verdicts_forgotten, &board.verdicts)),
        ];
        let mut report = Report {
            at,
            uptime_ms: self.started.elapsed().as_millis() as u64,
            allow_kill: self.allow_kill,
            tables,
            departures: fields(&board.counters.departures()),
        };
        if let Some(before) = before {
            report.tables.iter_mut().zip(&before.tables).for_each(|(table, before)| table.keep_counts(before));
        }
        report
    }

    /// A camera, with the processes that it has started: they are looked for when it has changed, or all is.
    fn camera(&self, id: &str, camera: &CameraStatus, before: Option<&Report>) -> (String, Map<String, Value>) {
        let (name, mut object) = named(id, camera);
        let had = before.map(|before| &before.tables[3]);
        let same = |field: &&str| had.is_some_and(|had| had.field(id, field) == object.get(*field));
        let kept = had.filter(|_| ["state", "device"].iter().all(same)).and_then(|had| had.field(id, "processes"));
        let processes = kept.cloned().unwrap_or_else(|| json!(self.processes.of(id)));
        object.insert("processes".to_owned(), processes);
        (name, object)
    }
}

impl Report {
    /// How many viewers there are.
    pub fn viewers(&self) -> usize {
        self.tables[5].names().count()
    }

    /// Everything, as the HTTP reference describes it.
    pub fn whole(&self) -> Value {
        let mut whole = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "at": self.at,
            "uptime_ms": self.uptime_ms,
            "allow_kill": self.allow_kill,
        });
        for (name, table) in TABLES.iter().zip(&self.tables) {
            match *name {
                "actors" => whole["tree"] = self.tree(table),
                _ => whole[name] = table.objects().map(|(_, object)| Value::from(object)).collect(),
            }
        }
        whole["departures"] = self.departures.clone().into();
        whole
    }

    /// The same for whoever is told of changes from then on: with the names of what is counted.
    pub fn beginning(&self) -> Value {
        let mut whole = self.whole();
        let columns = TABLES.iter().zip(&self.tables).filter(|(_, table)| !table.columns().is_empty());
        whole["columns"] = columns.map(|(name, table)| ((*name).to_owned(), json!(table.columns()))).collect();
        whole
    }

    /// What has changed from here to `now`. None if that cannot be said in changes, because actors have another order.
    pub fn changes(&self, now: &Self) -> Option<Changes> {
        if children(&self.tables[0], Some(&now.tables[0])) != children(&now.tables[0], None) {
            return None;
        }
        let mut changes = Map::new();
        for ((name, before), now) in TABLES.iter().zip(&self.tables).zip(&now.tables) {
            if let Some(change) = before.changes(now) {
                changes.insert((*name).to_owned(), change);
            }
        }
        let new = |(key, value): &(&String, &Value)| self.departures.get(*key) != Some(value);
        let departures: Map<_, _> =
            now.departures.iter().filter(new).map(|(key, value)| (key.clone(), value.clone())).collect();
        if !departures.is_empty() {
            changes.insert("departures".to_owned(), departures.into());
        }
        Some(Changes { at: now.at, uptime_ms: now.uptime_ms, changes })
    }

    /// The actors beneath each other, with the ages of what goes on.
    fn tree(&self, actors: &Table) -> Value {
        let mut nodes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        let all: Vec<_> = actors.objects().collect();
        // Those below come after those above, so from the end on each has its children already, the last first.
        for (path, mut object) in all.into_iter().rev() {
            let age = |since: Option<&Value>| since.and_then(Value::as_u64).map(|since| self.at.saturating_sub(since));
            object.insert("uptime_ms".to_owned(), json!(age(object.get("since"))));
            if let Some(Value::Object(work)) = object.get_mut("work") {
                work.insert("since_ms".to_owned(), json!(age(work.get("since"))));
            }
            let mut children = nodes.remove(path).unwrap_or_default();
            children.reverse();
            object.insert("children".to_owned(), children.into());
            nodes.entry(parent(path)).or_default().push(object.into());
        }
        nodes.remove("").and_then(|mut roots| roots.pop()).unwrap_or_default()
    }
}

/// What has changed from one look to the next.
pub struct Changes {
    at: u64,
    uptime_ms: u64,
    changes: Map<String, Value>,
}

impl Changes {
    /// Whether nothing has.
    pub fn are_none(&self) -> bool {
        self.changes.is_empty()
    }

    /// As they are sent.
    pub fn into_json(self) -> Value {
        let mut all = Map::new();
        all.insert("at".to_owned(), self.at.into());
        all.insert("uptime_ms".to_owned(), self.uptime_ms.into());
        all.extend(self.changes);
        all.into()
    }
}

/// The path of whoever is above; empty above the root.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Who is below whom, in order: as whoever is told the changes that lead to `next` has it, to whom those that are new come last.
fn children<'a>(actors: &'a Table, next: Option<&'a Table>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let stay: Option<HashSet<&str>> = next.map(|next| next.names().collect());
    let known: HashSet<&str> = actors.names().collect();
    let kept = actors.names().filter(|path| stay.as_ref().is_none_or(|stay| stay.contains(path)));
    let new = next.into_iter().flat_map(Table::names).filter(|path| !known.contains(path));
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    kept.chain(new).for_each(|path| below.entry(parent(path)).or_default().push(path));
    below
}

/// Actors one after the other, those above first.
fn flatten(mut node: Node, into: &mut Vec<(String, Map<String, Value>)>) {
    let children = std::mem::take(&mut node.children);
    let mut object = fields(&node);
    // They follow from other fields.
    object.shift_remove("uptime_ms");
    object.shift_remove("children");
    into.push((node.path, object));
    children.into_iter().for_each(|child| flatten(child, into));
}

/// A stream, with the number of its viewers: of a full rendition those of the small one included.
fn with_viewers(board: &Snapshot, id: &StreamId, stream: &StreamStatus) -> (String, Map<String, Value>) {
    let (name, mut object) = named(id.as_str(), stream);
    let viewers = match stream.rendition {
        Size::Full => board.viewers(id).len(),
        Size::Small => stream.subscribers.len(),
    };
    object.insert("viewers".to_owned(), viewers.into());
    (name, object)
}

/// A peer with times to a tenth of a millisecond: nobody reads more, and everybody who follows is sent them.
fn rounded(peer: &PeerStatus) -> PeerStatus {
    let tenths = |ms: f64| (ms * 10.0).round() / 10.0;
    let mut peer = peer.clone();
    peer.rtt_ms = peer.rtt_ms.map(tenths);
    peer.suspicion = tenths(peer.suspicion);
    if let Some(link) = &mut peer.link {
        link.queue_ms = tenths(link.queue_ms);
    }
    peer
}

/// Records with their numbers, of which the first is `first`.
fn numbered<'a, T: Serialize + 'a>(
    first: u64,
    records: impl IntoIterator<Item = &'a T>,
) -> impl Iterator<Item = (String, Map<String, Value>)> {
    (first..).zip(records).map(|(nth, record)| {
        let mut object = fields(record);
        object.insert("nth".to_owned(), nth.into());
        (nth.to_string(), object)
    })
}

/// A status as an object with its name.
pub fn named(id: &str, status: &impl Serialize) -> (String, Map<String, Value>) {
    let mut object = Map::new();
    object.insert("id".to_owned(), id.into());
    object.extend(fields(status));
    (id.to_owned(), object)
}

/// A status as an object, with its name.
pub fn with_id(id: &str, status: &impl Serialize) -> Value {
    named(id, status).1.into()
}

fn fields(status: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
