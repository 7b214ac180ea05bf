//! Cameras that are pulled out and plugged in again.

use super::steady::Steady;
use super::{Check, World};
use crate::server::{CameraConfig, Server};
use crate::usb::{self, Camera, Faults};
use crate::video;
use std::time::{Duration, Instant};

pub const CHECKS: &[(&str, Check)] = &[
    ("unplugging::while_somebody_watches", |world| while_watched(world, Camera::source, false)),
    ("unplugging::while_nobody_watches", |world| while_idle(world, Camera::source)),
    ("unplugging::is_seen_while_nobody_watches", seen),
    ("unplugging::again_and_again", again),
    // The last one, for it leaves the camera under another number.
    ("unplugging::by_its_usb_identity_it_is_found_under_another_number", |world| {
        while_watched(world, Camera::usb, true)
    }),
];

/// From the kernel's knowledge to `/debug`. Under emulation.
const SEEN_WITHIN: Duration = Duration::from_millis(200);

/// How a camera is written in the configuration.
type Source = fn(&Camera) -> String;

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// With `elsewhere` it comes back under another number, as the old one is taken; only a source
/// that does not name the node can follow it there.
fn while_watched(world: &mut World, source: Source, elsewhere: bool) -> String {
    let (camera, other) = world.both();
    camera.set(Faults::default());
    other.set(Faults::default());
    let (source, other, old) = (source(camera), other.source(), camera.node().to_owned());
    let mut server = Server::start(&[
        CameraConfig { id: "cam", source: &source, format: "mjpeg", size: [320, 240], fps: 10 },
        CameraConfig { id: "other", source: &other, format: "h264", size: [320, 240], fps: 10 },
    ]);
    let others = server.watch("other");
    let steady = Steady::begin(&server, "other");
    let viewer = server.watch("cam");
    server.until_frames("cam", 3);
    let start = Instant::now();
    world.unplug_front();
    server.until_camera("cam", "absent");
    let noticed = start.elapsed();
    let error = server.camera("cam")["last_error"].clone();
    assert!(error.as_str().is_some_and(|words| words.contains("unplugged") || words.contains("not there")), "{error}");
    assert!(!server.devices().contains(&old), "an unplugged camera is held open");
    let taken = elsewhere.then(|| Camera::plug(usb::identity(9, "decoy")));
    let start = Instant::now();
    let new = world.front().node().to_owned();
    let there = start.elapsed();
    assert_eq!(new != old, elsewhere, "{old}, then {new}");
    server.until_frames("cam", 3);
    let back = start.elapsed();
    let rate = steady.end();
    viewer.leave();
    others.leave();
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    drop(taken);
    format!(
        "absent after {:.0} ms; plugged in, a node after {:.0} ms, pictures after {:.0} ms; the other {rate:.1} a second",
        ms(noticed),
        ms(there),
        ms(back)
    )
}

fn while_idle(world: &mut World, source: Source) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = source(camera);
    let mut server =
        Server::start(&[CameraConfig { id: "cam", source: &source, format: "mjpeg", size: [320, 240], fps: 10 }]);
    let serial = world.unplug_front().serial;
    video::wait_for_node(&serial, false);
    let viewer = server.watch("cam");
    let noticed = server.until_camera("cam", "absent");
    assert_eq!(server.devices(), [""; 0]);
    let start = Instant::now();
    world.front();
    server.until_frames("cam", 3);
    let back = start.elapsed();
    viewer.leave();
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    format!("absent {:.0} ms after somebody came; pictures {:.0} ms after plugging in", ms(noticed), ms(back))
}

/// What the server keeps of an unplugged camera would add up.
fn again(world: &mut World) -> String {
    const TIMES: usize = 3;
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server =
        Server::start(&[CameraConfig { id: "cam", source: &source, format: "yuyv", size: [320, 240], fps: 10 }]);
    let mut counts = vec![];
    for _ in 0..TIMES {
        world.front();
        let viewer = server.watch("cam");
        server.until_frames("cam", 2);
        world.unplug_front();
        server.until_camera("cam", "absent");
        viewer.leave();
        assert_eq!(server.devices(), [""; 0]);
        // Connections of HTTP come and go with the requests of these checks.
        counts.push(server.descriptors().iter().filter(|link| !link.starts_with("socket:")).count());
    }
    server.assert_alive();
    assert!(counts.iter().all(|count| *count == counts[0]), "descriptors: {counts:?}");
    format!("{TIMES} times, {} descriptors each time", counts[0])
}

/// Without anybody who tries to watch.
fn seen(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.usb();
    let server =
        Server::start(&[CameraConfig { id: "cam", source: &source, format: "mjpeg", size: [320, 240], fps: 10 }]);
    server.until_camera("cam", "closed");
    let (mut gone, mut back) = (vec![], vec![]);
    for _ in 0..3 {
        let serial = world.unplug_front().serial;
        video::wait_for_node(&serial, false);
        gone.push(server.until_camera("cam", "absent"));
        world.front();
        back.push(server.until_camera("cam", "closed"));
    }
    let (gone, back) = (gone.into_iter().max().unwrap(), back.into_iter().max().unwrap());
    assert!(gone < SEEN_WITHIN && back < SEEN_WITHIN, "absent after {gone:?}, back after {back:?}");
    assert_eq!(server.camera("cam")["opens"], 0, "and it was never opened for that");
    format!("absent {:.0} ms after its node went, back {:.0} ms after it came, at most", ms(gone), ms(back))
}
