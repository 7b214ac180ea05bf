//! What monitors are told, and that it is true after somebody has really left.

use crate::support::*;
use serde_json::json;
use std::collections::BTreeMap;

/// The samples of a text in the format of Prometheus, by name and labels as they are written. Panics
/// if the text is not in that format.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let (mut samples, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            assert!(help.split_once(' ').is_some_and(|(name, words)| is_name(name) && !words.is_empty()), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(kinds.insert(name.to_owned(), kind).is_none(), "{name} comes twice");
            family = name.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match series.strip_suffix('}').map(|it| it.split_once('{').unwrap()) {
                Some((name, labels)) => (name, labels),
                None => (series, ""),
            };
            let suffix = name.strip_prefix(&*family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            let suffixes: &[&str] = if kinds[&family] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(is_name(name) && suffixes.contains(&suffix), "{line}");
            for label in labels.split(',').filter(|label| !label.is_empty()) {
                let (key, value) = label.split_once('=').unwrap();
                assert!(is_name(key) && value.len() >= 2 && value.starts_with('"') && value.ends_with('"'), "{line}");
            }
            let again = samples.insert(series.to_owned(), value.parse().unwrap());
            assert_eq!(again, None, "{series} comes twice");
        }
    }
    samples
}

async fn scrape(server: &Server) -> BTreeMap<String, f64> {
    let mut response = client().get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers().get("Content-Type").unwrap().to_str().unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    samples(std::str::from_utf8(&response.body().await.unwrap()).unwrap())
}

#[actix::test]
async fn a_leaving_is_counted_by_cause_when_it_has_been_answered() {
    let server =
        Server::start(&format!("[[camera]]\nid = \"cam\"\nstall_timeout = \"60s\"\nsource = {SILENT_CAMERA:?}\n"), "");
    let before = scrape(&server).await;
    assert_eq!(before["lenscap_camera_state{camera=\"cam\",state=\"closed\"}"], 1.0);
    assert_eq!(before["lenscap_stream_viewers{stream=\"cam\"}"], 0.0);
    assert_eq!(before["lenscap_camera_opens_total{camera=\"cam\"}"], 0.0);
    assert!(before.keys().any(|series| series.starts_with("lenscap_build_info{version=\"")));

    let mut socket = connect(&server).await;
    say(&mut socket, &json!({ "type": "watch", "stream": "cam", "sdp": OFFER })).await;
    let answer = hear(&mut socket, "answer").await.unwrap();
    server.camera_pid().await;
    let during = scrape(&server).await;
    assert_eq!(during["lenscap_camera_state{camera=\"cam\",state=\"capturing\"}"], 1.0);
    assert_eq!(during["lenscap_stream_viewers{stream=\"cam\"}"], 1.0);
    assert_eq!(during["lenscap_peers{state=\"connecting\"}"], 1.0);
    assert!(!during.keys().any(|series| series.contains("peer-1")), "no series for a viewer: {during:#?}");
    assert_eq!(during.len(), before.len(), "viewers add no series");

    let beacon = server.url(answer["beacon"].as_str().unwrap());
    assert_eq!(client().post(beacon).send().await.unwrap().status(), 204);
    let after = scrape(&server).await;
    assert_eq!(after["lenscap_peers{state=\"connecting\"}"], 0.0);
    assert_eq!(after["lenscap_camera_opens_total{camera=\"cam\"}"], 1.0);
    for name in ["lenscap_release_seconds", "lenscap_silence_before_verdict_seconds"] {
        assert_eq!(after[&format!("{name}_count{{cause=\"beacon\"}}")], 1.0, "{name}");
        assert_eq!(after[&format!("{name}_bucket{{cause=\"beacon\",le=\"+Inf\"}}")], 1.0, "{name}");
    }
    let took = after["lenscap_release_seconds_sum{cause=\"beacon\"}"];
    assert!(took > 0.0 && took < 5.0, "{took} s");
    assert_eq!(after["lenscap_returns_within_10s_total"], 0.0);

    let departures = &server.debug().await["departures"];
    assert_eq!(departures["causes"][0]["cause"], "beacon");
    assert_eq!(departures["causes"][0]["count"], 1);
    let shown = departures["causes"][0]["release"]["max_ms"].as_f64().unwrap();
    assert!((shown / 1e3 - took).abs() < 1e-6, "{shown} ms is {took} s");
    assert_eq!(departures["suspicions"], 0);
}

#[actix::test]
async fn restarts_are_counted_and_pages_from_elsewhere_cannot_read() {
    let server = Server::start("[[camera]]\nid = \"a\"\nsource = \"test\"\n", "[debug]\nallow_kill = true");
    let series = "lenscap_actor_restarts_total{path=\"root/cameras/a/device\"}";
    assert_eq!(scrape(&server).await[series], 0.0);
    client().post(server.url("/debug/actors/root/cameras/a/device/kill")).send().await.unwrap();
    server.until("back", |report| report["tree"].to_string().contains("\"restarts\":1")).await;
    assert_eq!(scrape(&server).await[series], 1.0);
    let foreign =
        client().get(server.url("/metrics")).insert_header(("Origin", "https://evil.example")).send().await.unwrap();
    assert!(!foreign.headers().contains_key("Access-Control-Allow-Origin"));
}
