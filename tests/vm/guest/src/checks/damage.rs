//! JPEGs that are damaged: each harms itself only.

use super::{Check, World};
use crate::server::{CameraConfig, Server};
use crate::usb::{self, Faults, damage};
use std::time::Instant;

pub const CHECKS: &[(&str, Check)] = &[
    ("damage::after_each_picture_with_a_damaged_header_the_next_one_is_shown", next_is_shown),
    ("damage::what_follows_the_end_of_a_picture_does_not_matter", rubbish),
];

/// How often.
const TIMES: usize = 1000;

/// After so many another viewer takes the place of the one there is.
const RELIEVED_EVERY: usize = 100;

fn config(source: &str) -> CameraConfig<'_> {
    CameraConfig { id: "cam", source, format: "mjpeg", size: [320, 240], fps: 30 }
}

/// With every kind of damage at which a decompressor sticks that is kept.
fn next_is_shown(world: &mut World) -> String {
    let good = usb::jpeg();
    let damaged = damage::sticking(good);
    assert!(damaged.len() > 500, "{} kinds", damaged.len());
    let camera = world.front();
    camera.set(Faults { by_hand: true, ..Faults::default() });
    let source = camera.source();
    // Between two pictures as much time may pass as the emulated machine takes.
    let mut server = Server::start_one(&config(&source), "stall_timeout = \"60s\"");
    let mut viewer = server.watch("cam");
    server.until_camera("cam", "capturing");
    camera.send(good);
    server.until_frames("cam", 1);
    let (frames, start) = (server.frames("cam"), Instant::now());
    for turn in 0..TIMES {
        if turn % RELIEVED_EVERY == 0 {
            // As nobody connects, a place is held for some time only.
            std::mem::replace(&mut viewer, server.watch("cam")).leave();
        }
        camera.send(&damaged[turn * 7 % damaged.len()]);
        server.until("a damaged picture left out", |report| {
            let left_out = |list: &str| report[list][0]["left_out"].as_u64().unwrap();
            left_out("cameras") + left_out("streams") == turn as u64 + 1
        });
        camera.send(good);
        server.until("the next one shown", |report| {
            report["streams"][0]["frames"].as_u64().unwrap() == frames + turn as u64 + 1
        });
    }
    let took = start.elapsed().as_secs_f64();
    assert_eq!((&server.camera("cam")["failures"], &server.camera("cam")["opens"]), (&0.into(), &1.into()));
    viewer.leave();
    camera.set(Faults::default());
    server.assert_alive();
    format!("{TIMES} of {TIMES}, of {} kinds, {:.0} ms each", damaged.len(), took * 1e3 / TIMES as f64)
}

fn rubbish(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults { rubbish: true, ..Faults::default() });
    let source = camera.source();
    let mut server = Server::start(&[config(&source)]);
    let viewer = server.watch("cam");
    server.until_frames("cam", 10);
    // Nor does what comes just before it.
    camera.set(Faults { by_hand: true, ..Faults::default() });
    for _ in 0..10 {
        let before = server.frames("cam");
        camera.send(&damage::padded(usb::jpeg()));
        server.until("a padded picture shown", |report| report["streams"][0]["frames"].as_u64().unwrap() > before);
    }
    assert_eq!((&server.camera("cam")["left_out"], &server.stream("cam")["left_out"]), (&0.into(), &0.into()));
    viewer.leave();
    camera.set(Faults::default());
    server.assert_alive();
    "shown".to_owned()
}
