//! Drivers that fail: `vivid` is told to, in every way that it can. The server survives, `/debug` says what
//! is wrong, the pictures come back, nothing is leaked, and another camera's stream notices nothing.

use super::steady::Steady;
use super::{Check, VIVID, World};
use crate::PATIENCE;
use crate::server::{CameraConfig, Server, Viewer};
use crate::usb::{Camera, Faults};
use crate::video::{Fault, inject};
use std::time::{Duration, Instant};

pub const CHECKS: &[(&str, Check)] = &[
    ("faults::dropped_buffers_make_fewer_pictures", dropped),
    ("faults::a_picture_with_an_error_is_left_out", |world| goes_on(world, Fault::BufferError)),
    ("faults::qbuf_fails_while_it_streams", |world| while_it_streams(world, Fault::Qbuf, "backoff")),
    ("faults::the_queue_fails_for_good", |world| while_it_streams(world, Fault::Fatal, "backoff")),
    ("faults::the_device_is_disconnected", |world| while_it_streams(world, Fault::Disconnect, "absent")),
    ("faults::reqbufs_fails", |world| while_it_opens(world, Fault::Reqbufs)),
    ("faults::qbuf_fails_while_it_opens", |world| while_it_opens(world, Fault::Qbuf)),
    ("faults::streamon_fails", |world| while_it_opens(world, Fault::Streamon)),
];

/// From the fault, or from the order to open a camera that will fail, to `/debug`. Under emulation.
const SAID_WITHIN: Duration = Duration::from_millis(200);

/// The camera that fails and the one that is not to notice.
fn start(other: &Camera) -> Server {
    other.set(Faults::default());
    let (failing, other) = (format!("v4l2:{VIVID}"), other.source());
    Server::start(&[
        CameraConfig { id: "failing", source: &failing, format: "yuyv", size: [320, 180], fps: 10 },
        CameraConfig { id: "other", source: &other, format: "h264", size: [320, 240], fps: 10 },
    ])
}

/// Waits until the server has as few descriptors as before.
fn assert_nothing_leaked(server: &Server, before: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = server.descriptors();
        // Connections of HTTP are closed a moment after their answer.
        if now.len() <= before {
            return;
        }
        assert!(Instant::now() < deadline, "{before} descriptors before, and now {now:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until `/debug` has a failure with a reason; returns how long that took and the reason.
fn said(server: &Server, state: &str) -> (Duration, String) {
    let start = Instant::now();
    loop {
        let camera = server.camera("failing");
        let took = start.elapsed();
        if let Some(error) = camera["last_error"].as_str().filter(|_| camera["failures"].as_u64() > Some(0)) {
            assert_eq!(camera["state"], state, "{camera:#}");
            return (took, error.to_owned());
        }
        assert!(took < PATIENCE, "it is never said: {camera:#}");
    }
}

fn while_it_streams(world: &mut World, fault: Fault, state: &str) -> String {
    fails(world, state, |server| {
        let viewer = server.watch("failing");
        server.until_frames("failing", 3);
        inject(VIVID, fault);
        viewer
    })
}

fn while_it_opens(world: &mut World, fault: Fault) -> String {
    fails(world, "backoff", |server| {
        inject(VIVID, fault);
        server.watch("failing")
    })
}

/// `watch` watches the camera and has it fail, in this order or the other.
fn fails(world: &mut World, state: &str, watch: impl for<'a> FnOnce(&'a Server) -> Viewer<'a>) -> String {
    let mut server = start(world.back());
    let others = server.watch("other");
    let steady = Steady::begin(&server, "other");
    let before = server.descriptors().len();
    let viewer = watch(&server);
    let (took, words) = said(&server, state);
    let back = server.until_frames("failing", 3);
    let figures = finish(&server, viewer, before, steady);
    others.leave();
    server.assert_alive();
    assert!(took < SAID_WITHIN, "{words:?} was said after {took:?}");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("{words:?} after {:.0} ms, pictures {:.0} ms later, {figures}", ms(took), ms(back))
}

fn finish(server: &Server, viewer: Viewer<'_>, before: usize, steady: Steady<'_>) -> String {
    viewer.leave();
    assert!(!server.devices().contains(&VIVID.to_owned()), "open when the leaving was answered");
    assert_nothing_leaked(server, before);
    format!("the other {:.1} a second", steady.end())
}

/// What is no reason to close the device.
fn goes_on(world: &mut World, fault: Fault) -> String {
    let mut server = start(world.back());
    let others = server.watch("other");
    let steady = Steady::begin(&server, "other");
    let before = server.descriptors().len();
    let viewer = server.watch("failing");
    server.until_frames("failing", 3);
    inject(VIVID, fault);
    server.until_frames("failing", 10);
    let camera = server.camera("failing");
    assert_eq!((&camera["failures"], &camera["opens"]), (&0.into(), &1.into()), "{camera:#}");
    assert!(camera["left_out"].as_u64() > Some(0), "it is counted: {camera:#}");
    assert!(server.log().iter().any(|line| line.contains("broken pictures left out")), "it is in the log");
    let figures = finish(&server, viewer, before, steady);
    others.leave();
    server.assert_alive();
    figures
}

fn dropped(world: &mut World) -> String {
    let mut server = start(world.back());
    let others = server.watch("other");
    let steady = Steady::begin(&server, "other");
    let before = server.descriptors().len();
    inject(VIVID, Fault::DroppedBuffers(50));
    let viewer = server.watch("failing");
    let some = server.until_frames("failing", 10);
    inject(VIVID, Fault::DroppedBuffers(0));
    let all = server.until_frames("failing", 10);
    assert!(some > all, "{some:?} with dropped buffers, {all:?} without");
    assert_eq!(server.camera("failing")["failures"], 0);
    let figures = finish(&server, viewer, before, steady);
    others.leave();
    server.assert_alive();
    format!("10 pictures in {:.1} s instead of {:.1} s, {figures}", some.as_secs_f64(), all.as_secs_f64())
}
