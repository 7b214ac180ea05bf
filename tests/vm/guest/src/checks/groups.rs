//! Two cameras on one hub, of which one can be open at a time.

use super::{Check, World};
use crate::server::{CameraConfig, OFFER, Server};
use crate::usb::Faults;
use serde_json::json;
use std::time::Instant;

pub const CHECKS: &[(&str, Check)] = &[("groups::a_hundred_switches_between_two_cameras_of_a_group", switches)];

const TIMES: usize = 100;

fn switches(world: &mut World) -> String {
    let (front, back) = world.both();
    front.set(Faults::default());
    back.set(Faults::default());
    let (front, back) = (front.source(), back.source());
    let config = |id, source| CameraConfig { id, source, format: "mjpeg", size: [320, 240], fps: 15 };
    let mut server = Server::start_several(&[&config("a", &front), &config("b", &back)], "exclusive_group = \"hub1\"");
    let mut viewer = server.signalling();
    viewer.say(&json!({ "type": "watch", "stream": "a", "sdp": OFFER }).to_string());
    server.until_camera("a", "capturing");
    let start = Instant::now();
    for turn in 1..=TIMES {
        let to = if turn % 2 == 1 { "b" } else { "a" };
        viewer.say(&json!({ "type": "switch", "stream": to }).to_string());
        server.until_camera(to, "capturing");
        let open = server.devices();
        let node = if to == "a" { &front } else { &back };
        assert!(open.iter().all(|device| node.ends_with(device.as_str())), "{open:?} beside {to}");
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / TIMES as f64;
    for id in ["a", "b"] {
        let camera = server.camera(id);
        assert_eq!(camera["failures"], 0, "{camera:#}");
    }
    assert_eq!(server.debug()["peers"].as_array().map(Vec::len), Some(1), "over one connection");
    assert!(!server.log().iter().any(|line| line.contains("in use")), "EBUSY");
    drop(viewer);
    server.until("closed", |report| report["peers"] == json!([]));
    server.assert_alive();
    format!("{TIMES} of {TIMES}, {each:.0} ms each")
}
