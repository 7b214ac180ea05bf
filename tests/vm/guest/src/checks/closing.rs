//! The promise on real drivers: who reports a leaving is answered after the device is closed.

use super::{Check, World, median};
use crate::kernel_log::KernelLog;
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;
use crate::video;
use std::time::Duration;

pub const CHECKS: &[(&str, Check)] = &[
    ("closing::the_beacon_is_answered_after_the_device_is_closed_every_time", beacon),
    ("closing::streaming_ends_before_the_buffers_and_these_before_the_descriptor", order),
];

/// How often the promise is tried.
const TIMES: usize = 100;

/// The median, under emulation. It is 12 to 16 ms where little else runs.
const MEDIAN_MS: f64 = 60.0;

fn config<'a>(source: &'a str, format: &'a str) -> CameraConfig<'a> {
    CameraConfig { id: "cam", source, format, size: [320, 240], fps: 15 }
}

/// Opens again at once each time, and no opening may fail.
fn beacon(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start(&[config(&source, "mjpeg")]);
    let (mut leaving, mut opening) = (vec![], vec![]);
    for _ in 0..TIMES {
        let viewer = server.watch("cam");
        opening.push(server.until_camera("cam", "capturing"));
        assert!(!server.devices().is_empty(), "it captures without a device");
        let took = viewer.leave();
        assert_eq!(server.devices(), [""; 0], "open when the leaving was answered");
        assert_eq!(server.camera("cam")["state"], "closed");
        leaving.push(took);
    }
    server.assert_alive();
    let report = server.camera("cam");
    assert_eq!(report["failures"], 0, "{report:#}");
    assert_eq!(report["opens"], TIMES, "{report:#}");
    let longest = leaving.iter().max().copied().unwrap_or(Duration::ZERO).as_secs_f64() * 1e3;
    let (left, opened) = (median(leaving), median(opening));
    assert!(left <= MEDIAN_MS, "median {left:.1} ms");
    format!(
        "{TIMES} of {TIMES}, answered in {left:.1} ms at the median, {longest:.1} at most; opened in {opened:.1} ms"
    )
}

/// A mapped buffer keeps the file of its device alive, so the kernel's `release` is also the end of the last
/// mapping.
fn order(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let (source, node) = (camera.source(), camera.node());
    let server = Server::start(&[config(&source, "mjpeg")]);
    let viewer = server.watch("cam");
    server.until_frames("cam", 3);
    assert!(!server.inherits(node), "programs that are started would keep it open");
    video::log_calls(node, true);
    let mut log = KernelLog::tail();
    viewer.leave();
    let messages = log.read();
    video::log_calls(node, false);
    let at = |what: &str| messages.iter().position(|message| message.contains(what));
    let (off, unqueued, released) = (at("VIDIOC_STREAMOFF"), at("VIDIOC_REQBUFS: count=0"), at(": release"));
    assert!(off.is_some() && unqueued > off && released > unqueued, "{messages:#?}");
    format!("{} calls", messages.len())
}
