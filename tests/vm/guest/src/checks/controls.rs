//! What can be set on a camera: by HTTP, and at every open.

use super::{Check, World};
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;
use serde_json::Value;

pub const CHECKS: &[(&str, Check)] = &[
    ("controls::are_listed_and_set_and_wrong_values_refused", set),
    ("controls::of_the_configuration_are_set_at_every_open", configured),
    ("controls::what_another_control_rules_out_is_no_trouble", ruled_out),
];

fn config(source: &str) -> CameraConfig<'_> {
    CameraConfig { id: "cam", source, format: "mjpeg", size: [320, 240], fps: 15 }
}

fn control(list: &str, id: &str) -> Value {
    let list: Value = serde_json::from_str(list).unwrap();
    let all = list["controls"].as_array().unwrap_or_else(|| panic!("{list:#}"));
    all.iter().find(|control| control["id"] == id).unwrap_or_else(|| panic!("no {id} in {list:#}")).clone()
}

fn set(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start_one(&config(&source), "");
    let path = "/cameras/cam/controls";
    let listed = server.request("GET", path);
    assert_eq!(listed.status, 200, "{}", listed.body);
    assert_eq!(server.devices(), [""; 0], "the device is open for that moment only");
    let brightness = control(&listed.body, "brightness");
    assert_eq!((&brightness["min"], &brightness["max"]), (&(-64).into(), &64.into()), "{brightness:#}");
    let exposure = control(&listed.body, "auto_exposure");
    assert_eq!(exposure["type"], "menu", "{exposure:#}");
    let answer = server.put(path, r#"{ "brightness": 33, "auto_exposure": "manual mode" }"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(control(&answer.body, "brightness")["value"], 33);
    assert_eq!(control(&answer.body, "exposure_time_absolute")["active"], true);
    let viewer = server.watch("cam");
    server.until_frames("cam", 3);
    let answer = server.put(path, r#"{ "brightness": -5 }"#);
    assert_eq!(control(&answer.body, "brightness")["value"], -5, "while it streams, too");
    server.until_frames("cam", 3);
    viewer.leave();
    for (body, words) in [
        (r#"{ "brightness": 65 }"#, "-64 to 64"),
        (r#"{ "brightnes": 5 }"#, "brightness"),
        (r#"{ "auto_exposure": "Sometimes" }"#, "Manual Mode"),
        (r#"{ "brightness": 1, "contrast": 1000 }"#, "0 to 100"),
        ("nonsense", "object"),
    ] {
        let answer = server.put(path, body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(answer.body.contains(words), "{body}: {}", answer.body);
    }
    let listed = server.request("GET", path);
    assert_eq!(control(&listed.body, "brightness")["value"], -5, "of a wrong request nothing is set");
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    "set, and refused in words".to_owned()
}

fn ruled_out(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start(&[config(&source)]);
    for body in [
        r#"{ "auto_exposure": "Manual Mode", "exposure_time_absolute": 100 }"#,
        r#"{ "auto_exposure": "Aperture Priority Mode" }"#,
    ] {
        let answer = server.put("/cameras/cam/controls", body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    }
    let viewer = server.watch("cam");
    server.until_frames("cam", 3);
    assert_eq!(server.camera("cam")["last_error"], Value::Null);
    let listed = server.request("GET", "/cameras/cam/controls");
    assert_eq!(control(&listed.body, "exposure_time_absolute")["active"], false);
    viewer.leave();
    server.assert_alive();
    "left alone".to_owned()
}

fn configured(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start_one(&config(&source), "controls = { contrast = 70, hue = 3 }");
    for contrast in [70, 71] {
        let viewer = server.watch("cam");
        server.until_frames("cam", 3);
        let listed = server.request("GET", "/cameras/cam/controls");
        assert_eq!(control(&listed.body, "contrast")["value"], contrast);
        let warning = server.camera("cam")["last_error"].clone();
        assert!(warning.as_str().is_some_and(|words| words.contains("no control \"hue\"")), "{warning}");
        // What is set by hand holds for the next time.
        let answer = server.put("/cameras/cam/controls", r#"{ "contrast": 71 }"#);
        assert_eq!(answer.status, 200, "{}", answer.body);
        viewer.leave();
    }
    server.assert_alive();
    "set at the open, and what is not there is said".to_owned()
}
