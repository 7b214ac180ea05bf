//! `/metrics` for Prometheus: what the board and the tree of actors know, and of sockets and logins what HTTP knows.
//!
//! Labels are names of the configuration and words of this program, never what a viewer brings, so
//! that the number of time series does not grow with viewers.

mod catalog;
mod family;

use super::problem::Problem;
use super::site::Site;
use crate::access::Access;
use crate::access::limits::Open;
use crate::access::throttle::Throttle;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use catalog::*;
use lenscap_actors::board::{CameraState, PeerState, Snapshot, StreamState, StreamStatus};
use lenscap_actors::root::Root;
use lenscap_actors::supervisor::tree::Node;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// States that are shown even if nothing is in them, so that a series does not come and go.
const CAMERA_STATES: [CameraState; 7] = [
    CameraState::Closed,
    CameraState::Opening,
    CameraState::Capturing,
    CameraState::Closing,
    CameraState::Backoff,
    CameraState::Absent,
    CameraState::Failed,
];
const STREAM_STATES: [StreamState; 7] = [
    StreamState::Idle,
    StreamState::Starting,
    StreamState::Live,
    StreamState::Stopping,
    StreamState::Paused,
    StreamState::Backoff,
    StreamState::Failed,
];
const PEER_STATES: [PeerState; 6] = [
    PeerState::Negotiating,
    PeerState::Connecting,
    PeerState::Watching,
    PeerState::Suspect,
    PeerState::Away,
    PeerState::Gone,
];

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/metrics").get(show));
}

async fn show(metrics: web::Data<Metrics>) -> Result<HttpResponse, Problem> {
    let text = TextEncoder::new().encode_to_string(&metrics.0.gather());
    let text = text.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).insert_header((header::CACHE_CONTROL, "no-store")).body(text))
}

/// What is asked for `/metrics`.
pub struct Metrics(Registry);

impl Metrics {
    /// The metrics of a site.
    pub fn of(site: &Site) -> prometheus::Result<Self> {
        let descriptions = FAMILIES.iter().map(|family| family.describe()).collect::<prometheus::Result<_>>()?;
        let registry = Registry::new();
        registry.register(Box::new(ServerCollector {
            root: site.root.clone(),
            access: site.access.clone(),
            connections: site.connections.clone(),
            sockets: site.sockets.clone(),
            offers: site.offers.clone(),
            started: site.started,
            descriptions,
        }))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Self(registry))
    }
}

/// Takes all values at the moment that they are asked for.
struct ServerCollector {
    root: Root,
    access: Arc<Access>,
    connections: Open,
    sockets: Open,
    offers: Arc<Throttle>,
    started: Instant,
    descriptions: Vec<Desc>,
}

impl Collector for ServerCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.root.clock.now();
        let tree = self.root.tree.report(now, self.root.clock.unix_ms());
        let mut restarts = vec![];
        restarts_below(&tree, &mut restarts);
        let mut families = families(&self.root.board.snapshot(now));
        families.push(UPTIME.one(family::Value::Number(self.started.elapsed().as_secs_f64())));
        families.push(RESTARTS.of(restarts));
        let (failed_logins, refused) = self.access.counts();
        families.push(REFUSED_REQUESTS.one(refused));
        let (open, refused) = self.connections.counts();
        families.push(CONNECTIONS.one(open));
        families.push(REFUSED_CONNECTIONS.one(refused));
        let (open, refused) = self.sockets.counts();
        families.push(SOCKETS.one(open));
        families.push(REFUSED_SOCKETS.one(refused));
        families.push(REFUSED_OFFERS.one(self.offers.refused()));
        families.push(FAILED_LOGINS.one(failed_logins));
        families
    }
}

/// All that the board knows.
fn families(board: &Snapshot) -> Vec<MetricFamily> {
    let Snapshot { cameras, streams, peers, counters, .. } = board;
    let mut by_state: BTreeMap<String, u64> = PEER_STATES.iter().map(|state| (word(state), 0)).collect();
    let mut traffic = counters.traffic;
    for peer in peers.values() {
        *by_state.entry(word(&peer.state)).or_default() += 1;
        traffic.add(peer);
    }
    vec![
        BUILD.of([([env!("CARGO_PKG_VERSION").to_owned()], true)]),
        CAMERA_STATE.of(cameras.iter().flat_map(|(id, camera)| in_state(id, camera.state, &CAMERA_STATES))),
        CAMERA_OPENS.of(cameras.iter().map(|(id, camera)| ([id.to_string()], camera.opens))),
        CAMERA_FAILURES.of(cameras.iter().map(|(id, camera)| ([id.to_string()], camera.failures))),
        CAMERA_LEFT_OUT.of(cameras.iter().map(|(id, camera)| ([id.to_string()], camera.left_out))),
        STREAM_STATE.of(streams.values().flat_map(|stream| {
            let [name, rendition] = rendition(stream);
            in_state(&name, stream.state, &STREAM_STATES)
                .into_iter()
                .map(move |([name, state], is)| ([name, rendition.clone(), state], is))
        })),
        STREAM_VIEWERS.of(board.known_streams().map(|(id, _)| ([id.to_string()], board.viewers(id).len() as u64))),
        STREAM_BYTES.of(streams.values().map(|stream| (rendition(stream), stream.rate.total()))),
        STREAM_FRAMES.of(streams.values().map(|stream| (rendition(stream), stream.frames))),
        STREAM_LEFT_OUT.of(streams.values().map(|stream| (rendition(stream), stream.left_out))),
        PEERS.of(by_state.into_iter().map(|(state, count)| ([state], count))),
        SENT.one(traffic.sent),
        LOST.one(traffic.lost),
        RESENT.one(traffic.resent),
        SKIPPED.one(traffic.skipped),
        LATE.one(traffic.late),
        REFUSED.one(traffic.refused),
        RELEASE.of(counters.release.iter().map(|(cause, times)| ([cause.to_string()], times))),
        SILENCE.of(counters.silence.iter().map(|(cause, times)| ([cause.to_string()], times))),
        SUSPICIONS.one(counters.suspicions),
        WITHDRAWN.one(counters.picture_away.count()),
        NO_PICTURE.one(&counters.picture_away),
        AWAYS.one(counters.aways),
        BACKS.one(counters.backs),
        PROBES.one(counters.probes),
        RETURNS.one(counters.returns),
    ]
}

/// One metric for each state: 1 for the present one.
fn in_state<S: Copy + PartialEq + Serialize>(id: &impl ToString, present: S, all: &[S]) -> Vec<([String; 2], bool)> {
    all.iter().map(|state| ([id.to_string(), word(state)], *state == present)).collect()
}

/// A stream by the name that it is known by, and which rendition of it this is.
fn rendition(stream: &StreamStatus) -> [String; 2] {
    [stream.known_as.to_string(), word(&stream.rendition)]
}

/// The word for a state, the same as at `/debug`.
fn word(state: &impl Serialize) -> String {
    match serde_json::to_value(state) {
        Ok(Json::String(word)) => word,
        _ => String::new(),
    }
}

/// Of those below `node` that can be started again: viewers' peers live once and are many.
fn restarts_below(node: &Node, into: &mut Vec<([String; 1], u64)>) {
    for child in &node.children {
        if child.path.starts_with("root/peers/") {
            continue;
        }
        into.push(([child.path.clone()], child.restarts));
        restarts_below(child, into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lenscap_actors::board::Histogram;
    use lenscap_actors::board::{CameraStatus, PeerStatus};
    use lenscap_actors::departure::Cause;
    use lenscap_actors::media::Size;
    use std::collections::BTreeSet;

    fn text(board: &Snapshot) -> String {
        let mut families = families(board);
        // As the registry does.
        families.retain(|family| !family.get_metric().is_empty());
        TextEncoder::new().encode_to_string(&families).unwrap()
    }

    #[test]
    fn every_family_can_be_described_and_has_the_right_suffix() {
        for family in FAMILIES {
            let desc = family.describe().unwrap();
            let name = &desc.fq_name;
            assert!(name.starts_with("lenscap_") && desc.help.ends_with('.'), "{name}");
        }
        let counters = families(&Snapshot::default()).into_iter().map(|family| {
            (family.name().to_owned(), family.get_field_type() == prometheus::proto::MetricType::COUNTER)
        });
        for (name, is_counter) in counters {
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
        }
    }

    #[test]
    fn the_reference_has_every_metric_and_no_other() {
        let reference = include_str!("../../docs/reference/metrics.md");
        let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let rows = reference.lines().filter(|line| line.starts_with("| `"));
        let told: BTreeSet<String> = rows.flat_map(|row| names(row.split('|').nth(1).unwrap())).collect();
        let process = ProcessCollector::for_self();
        let own = FAMILIES.iter().map(|family| family.describe().unwrap().fq_name);
        let known: BTreeSet<String> = own.chain(process.desc().iter().map(|desc| desc.fq_name.clone())).collect();
        assert_eq!(told, known);
    }

    #[test]
    fn states_are_shown_with_the_words_of_debug_and_zeros() {
        let mut board = Snapshot::default();
        let camera = CameraStatus { state: CameraState::Capturing, opens: 3, ..CameraStatus::default() };
        board.cameras.insert("front".into(), camera);
        for (name, size) in [("front", Size::Full), ("front~small", Size::Small)] {
            board.streams.insert(name.into(), StreamStatus::of("front".into(), "front".into(), size));
        }
        board.peers.insert("peer-1".into(), PeerStatus { state: PeerState::Watching, ..PeerStatus::default() });
        let text = text(&board);
        for line in [
            "lenscap_camera_state{camera=\"front\",state=\"capturing\"} 1",
            "lenscap_camera_state{camera=\"front\",state=\"failed\"} 0",
            "lenscap_camera_opens_total{camera=\"front\"} 3",
            "lenscap_stream_state{stream=\"front\",rendition=\"full\",state=\"idle\"} 1",
            "lenscap_stream_state{stream=\"front\",rendition=\"small\",state=\"idle\"} 1",
            "lenscap_stream_viewers{stream=\"front\"} 0",
            "lenscap_peers{state=\"watching\"} 1",
            "lenscap_peers{state=\"connecting\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
        assert!(!text.contains('~'), "no name that nobody can watch: {text}");
        assert!(!text.contains("peer-1"), "no series for a viewer");
    }

    #[test]
    fn counters_of_viewers_go_on_when_they_leave() {
        let mut board = Snapshot::default();
        board.counters.traffic.sent = 100;
        board.peers.insert("peer-1".into(), PeerStatus { sent_packets: 20, ..PeerStatus::default() });
        assert!(text(&board).contains("\nlenscap_packets_sent_total 120\n"));
    }

    #[test]
    fn times_are_shown_in_buckets_by_cause() {
        let mut board = Snapshot::default();
        let mut times = Histogram::default();
        times.observe(0.02);
        times.observe(20.0);
        board.counters.release.insert(Cause::Bye, times);
        let text = text(&board);
        for line in [
            "lenscap_release_seconds_bucket{cause=\"bye\",le=\"0.01\"} 0",
            "lenscap_release_seconds_bucket{cause=\"bye\",le=\"0.025\"} 1",
            "lenscap_release_seconds_bucket{cause=\"bye\",le=\"+Inf\"} 2",
            "lenscap_release_seconds_count{cause=\"bye\"} 2",
            "lenscap_picture_away_seconds_count 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
    }
}
