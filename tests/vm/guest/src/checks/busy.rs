//! A camera that another program has.

use super::{Check, World};
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;
use std::time::Duration;

pub const CHECKS: &[(&str, Check)] = &[("busy::who_holds_a_camera_is_named_and_it_is_had_when_they_let_go", held)];

fn held(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let config = [CameraConfig { id: "cam", source: &source, format: "mjpeg", size: [320, 240], fps: 15 }];
    let (mut holder, mut other) = (Server::start(&config), Server::start(&config));
    let first = holder.watch("cam");
    holder.until_frames("cam", 3);
    let second = other.watch("cam");
    let said = other.until("who holds it", |report| {
        let words = report["cameras"][0]["last_error"].as_str().unwrap_or_default();
        words.contains(&format!("in use by lenscap (pid {})", holder.pid()))
    });
    assert_eq!(other.camera("cam")["state"], "backoff");
    assert!(said < Duration::from_millis(500), "{said:?}");
    first.leave();
    let had = other.until_frames("cam", 3);
    second.leave();
    assert_eq!((holder.devices(), other.devices()), (vec![], vec![]));
    holder.assert_alive();
    other.assert_alive();
    format!("said after {:.0} ms, had {:.0} ms after it was let go", said.as_secs_f64() * 1e3, had.as_secs_f64() * 1e3)
}
