use super::*;
use std::path::Path;

/// What the page is tested with: `tests/browser/observer-words.test.mjs`.
const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/debug-events.json");

impl Report {
    /// Of what a look has shown.
    fn of(whole: &Value) -> Self {
        let key = |name: &str| match name {
            "exits" | "releases" | "verdicts" => "nth",
            _ => "id",
        };
        let columns = |name: &str| match name {
            "threads" => THREADS,
            "streams" => STREAMS,
            "peers" => PEERS,
            _ => &[],
        };
        let tables = TABLES.map(|name| match name {
            "actors" => {
                let mut actors = vec![];
                flatten_json(&whole["tree"], &mut actors);
                Table::of(ACTORS, actors)
            }
            _ => {
                let object = |it: &Value| {
                    let name = it[key(name)].as_str().map_or_else(|| it[key(name)].to_string(), str::to_owned);
                    (name, it.as_object().unwrap().clone())
                };
                Table::of(columns(name), whole[name].as_array().into_iter().flatten().map(object))
            }
        });
        Self {
            at: whole["at"].as_u64().unwrap(),
            uptime_ms: whole["uptime_ms"].as_u64().unwrap(),
            allow_kill: whole["allow_kill"] == true,
            tables,
            departures: whole["departures"].as_object().unwrap().clone(),
        }
    }
}

fn flatten_json(node: &Value, into: &mut Vec<(String, Map<String, Value>)>) {
    let mut object = node.as_object().unwrap().clone();
    object.shift_remove("uptime_ms");
    object.shift_remove("children");
    if let Some(Value::Object(work)) = object.get_mut("work") {
        work.shift_remove("since_ms");
    }
    into.push((node["path"].as_str().unwrap().to_owned(), object));
    node["children"].as_array().unwrap().iter().for_each(|child| flatten_json(child, into));
}

fn actor(path: &str, children: &[Value]) -> Value {
    json!({
        "path": path, "kind": if children.is_empty() { "worker" } else { "supervisor" }, "state": "running", "restarts": 0,
        "last_exit": null, "since": 1000, "uptime_ms": 0, "mailbox": 0, "lanes": { "orders": 0, "traffic": 0 }, "handled": 7,
        "work": null, "children": children,
    })
}

fn peer(id: &str) -> Value {
    json!({
        "id": id, "stream": "front", "state": "connecting", "remote": null, "rtt_ms": null, "suspicion": 1.5, "sent_packets": 0,
        "lost_packets": 0, "resent_packets": 0, "skipped_frames": 0, "late_frames": 0, "refused_packets": 0, "link": null,
    })
}

fn tree(viewers: &[&str]) -> Value {
    let mut viewers: Vec<Value> = viewers.iter().map(|id| actor(&format!("root/peers/{id}"), &[])).collect();
    // One that stays, so that it is a supervisor.
    viewers.insert(0, actor("root/peers/peer-0", &[]));
    let front = actor("root/cameras/front", &[actor("root/cameras/front/device", &[])]);
    actor("root", &[actor("root/cameras", &[front]), actor("root/peers", &viewers)])
}

fn whole() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"), "at": 500_000, "uptime_ms": 499_000, "allow_kill": true, "tree": tree(&["peer-1"]),
        "threads": [{ "id": "12", "name": "media", "cpu_ms": 10.5 }],
        "exits": [{ "nth": 9, "at": 450_000, "path": "root/cameras/front/device", "reason": "killed" }],
        "cameras": [{ "id": "front", "state": "backoff", "last_error": "no camera here", "processes": [] }],
        "streams": [{ "id": "front", "state": "live", "subscribers": ["peer-1"], "bitrate_bps": 5, "limited_to_bps": null, "frames": 3, "left_out": 0 }],
        "peers": [peer("peer-1")],
        "releases": [],
        "verdicts": [{ "nth": 256, "at": 400_000, "peer": "peer-x", "cause": "silence", "silence_ms": 3200.5, "returned_ms": null }],
        "departures": { "causes": [], "suspicions": 1 },
    })
}

/// A history with everything that can happen in it.
fn history() -> Vec<Value> {
    let mut looks = vec![whole()];
    let mut step = |change: &dyn Fn(&mut Value)| {
        let mut next = looks[looks.len() - 1].clone();
        let now = next["at"].as_u64().unwrap() + 1000;
        (next["at"], next["uptime_ms"]) = (now.into(), (now - 1000).into());
        change(&mut next);
        looks.push(next);
    };
    // One comes, and it is known what its link carries.
    step(&|it| {
        it["tree"] = tree(&["peer-1", "peer-2"]);
        it["peers"] = json!([peer("peer-1"), peer("peer-2")]);
        it["peers"][0]["state"] = "watching".into();
        it["peers"][0]["sent_packets"] = 800.into();
        it["peers"][0]["link"] =
            json!({ "arrives_bps": 2_000_000, "carries_bps": null, "stream_bps": 2_100_000, "queue_ms": 0.3 });
    });
    // Only the counters go on.
    step(&|it| {
        it["streams"][0]["frames"] = 33.into();
        it["threads"][0]["cpu_ms"] = 12.0.into();
    });
    // The first leaves: its link is unknown again for the other, its verdict is a new one, and the camera is closed.
    step(&|it| {
        it["tree"] = tree(&["peer-2"]);
        it["tree"]["children"][0]["children"][0]["children"][0]["work"] =
            json!({ "message": "Stop", "since": 502_900, "since_ms": 0 });
        it["peers"] = json!([peer("peer-2")]);
        it["cameras"][0]["state"] = "closed".into();
        it["cameras"][0]["last_error"] = Value::Null;
        it["releases"] = json!([{ "nth": 0, "at": 503_000, "stream": "front", "camera": "front", "peer": "peer-1", "cause": "bye", "detected_ms": 12.5, "stop_ms": 0.1, "closed_ms": 4.0 }]);
        it["exits"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "nth": 10, "at": 503_000, "path": "root/peers/peer-1", "reason": "normal" }));
        it["departures"]["suspicions"] = 2.into();
    });
    // Nothing happens.
    step(&|_| {});
    // A verdict was wrong; the oldest exit is forgotten; the thread has ended.
    step(&|it| {
        it["tree"]["children"][0]["children"][0]["children"][0]["work"] = Value::Null;
        it["verdicts"][0]["returned_ms"] = 2100.0.into();
        it["exits"].as_array_mut().unwrap().remove(0);
        it["threads"] = json!([]);
    });
    looks
}

/// As it is shown: ages follow from the time of the look.
fn shown(look: &Value) -> Value {
    Report::of(look).whole()
}

#[test]
fn a_look_is_shown_as_it_was_taken() {
    let shown = shown(&whole());
    assert_eq!(shown["tree"]["uptime_ms"], 499_000);
    assert_eq!(shown["tree"]["children"][1]["children"][1]["path"], "root/peers/peer-1");
    for table in ["cameras", "streams", "peers", "exits", "verdicts", "threads"] {
        assert_eq!(shown[table], whole()[table], "{table}");
    }
}

#[test]
fn what_is_told_is_what_the_page_is_tested_with() {
    let looks = history();
    let reports: Vec<Report> = looks.iter().map(Report::of).collect();
    let steps: Vec<Value> = reports
        .windows(2)
        .map(|two| json!({ "changes": two[0].changes(&two[1]).unwrap().into_json(), "whole": two[1].whole() }))
        .collect();
    assert_eq!(steps[3]["changes"], json!({ "at": 504_000, "uptime_ms": 503_000 }), "nothing has changed");
    assert_eq!(steps[4]["changes"]["verdicts"], json!({ "set": { "256": { "returned_ms": 2100.0 } } }));
    assert_eq!(steps[4]["changes"]["exits"], json!({ "gone": ["9"] }));
    let told = json!({ "begins": reports[0].beginning(), "steps": steps });
    let text = format!("{}\n", serde_json::to_string_pretty(&told).unwrap());
    if std::env::var_os("LENSCAP_WRITE_EVENTS").is_some() {
        std::fs::write(EVENTS, &text).unwrap();
    }
    let known = std::fs::read_to_string(Path::new(EVENTS)).unwrap_or_default();
    assert!(known == text, "{EVENTS} is not what is told today: LENSCAP_WRITE_EVENTS=1 has it written again");
}

#[test]
fn actors_in_another_order_cannot_be_told_as_changes() {
    let mut other = whole();
    other["tree"]["children"].as_array_mut().unwrap().reverse();
    assert!(Report::of(&whole()).changes(&Report::of(&other)).is_none());
    let mut first = whole();
    first["tree"]["children"][1]["children"].as_array_mut().unwrap().insert(0, actor("root/peers/peer-9", &[]));
    assert!(Report::of(&whole()).changes(&Report::of(&first)).is_none(), "whoever is new comes last");
    let mut last = whole();
    last["tree"]["children"][1]["children"].as_array_mut().unwrap().push(actor("root/peers/peer-9", &[]));
    assert!(Report::of(&whole()).changes(&Report::of(&last)).is_some());
}
