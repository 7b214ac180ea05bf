//! Cameras that do not give what they should.

use super::{Check, World};
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;
use std::time::Duration;

pub const CHECKS: &[(&str, Check)] = &[
    ("stalls::before_the_first_picture_closing_is_prompt", before_the_first),
    ("stalls::later_closing_is_prompt_and_pictures_go_on_when_the_camera_does", later),
    ("stalls::pictures_that_the_camera_marks_as_broken_are_left_out", marked),
    ("stalls::pictures_that_refer_to_a_missing_one_are_not_sent", missing),
    ("stalls::truncated_pictures_do_no_harm", truncated),
    ("stalls::a_camera_that_stalls_is_started_again_by_its_supervisor", |world| {
        restarted(world, Faults { stalled: true, ..Faults::default() }, "no picture for 1 s:")
    }),
    ("stalls::a_camera_that_gives_only_half_pictures_is_started_again", |world| {
        restarted(world, Faults { truncated: true, ..Faults::default() }, "broken ones: it is started again")
    }),
    ("stalls::a_camera_whose_pictures_nobody_can_decode_is_started_again", |world| {
        restarted(world, Faults { damaged: true, ..Faults::default() }, "broken ones: it is started again")
    }),
];

/// Prompt, for a slow machine.
const PROMPT: Duration = Duration::from_millis(300);

fn config<'a>(source: &'a str, format: &'a str) -> CameraConfig<'a> {
    CameraConfig { id: "cam", source, format, size: [320, 240], fps: 15 }
}

fn before_the_first(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults { stalled: true, ..Faults::default() });
    let source = camera.source();
    let server = Server::start(&[config(&source, "mjpeg")]);
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let viewer = server.watch("cam");
        server.until_camera("cam", "capturing");
        longest = longest.max(viewer.leave());
        assert_eq!(server.devices(), [""; 0]);
    }
    assert_eq!(server.frames("cam"), 0, "it was stalled");
    camera.set(Faults::default());
    assert!(longest < PROMPT, "{longest:?}");
    format!("closed in {:.1} ms at most", longest.as_secs_f64() * 1e3)
}

fn later(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let server = Server::start(&[config(&source, "mjpeg")]);
    let viewer = server.watch("cam");
    server.until_frames("cam", 5);
    camera.set(Faults { stalled: true, ..Faults::default() });
    // What was under way when it stalled arrives; then nothing more does.
    std::thread::sleep(Duration::from_millis(300));
    let stalled = server.frames("cam");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(server.frames("cam"), stalled, "it is stalled");
    camera.set(Faults::default());
    server.until_frames("cam", 5);
    camera.set(Faults { stalled: true, ..Faults::default() });
    let took = viewer.leave();
    assert_eq!(server.devices(), [""; 0]);
    camera.set(Faults::default());
    assert!(took < PROMPT, "{took:?}");
    format!("closed in {:.1} ms", took.as_secs_f64() * 1e3)
}

/// The driver keeps such pictures to itself.
fn marked(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults { flag_every: 2, ..Faults::default() });
    let source = camera.source();
    let mut server = Server::start(&[config(&source, "mjpeg")]);
    let viewer = server.watch("cam");
    let half = server.until_frames("cam", 15);
    camera.set(Faults::default());
    let all = server.until_frames("cam", 15);
    assert_eq!(server.stream("cam")["left_out"], 0, "no broken picture came as far as the decoder");
    assert!(half > all, "{half:?} with half of the pictures broken, {all:?} with none");
    viewer.leave();
    server.assert_alive();
    format!("15 pictures in {:.1} s instead of {:.1} s", half.as_secs_f64(), all.as_secs_f64())
}

/// The driver keeps some pictures to itself; those that refer to them are of no use.
fn missing(world: &mut World) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start(&[config(&source, "h264")]);
    let viewer = server.watch("cam");
    server.until_frames("cam", 15);
    let all = server.until_frames("cam", 30);
    // A group has 15. It is shown up to the first that is missing.
    camera.set(Faults { flag_every: 7, ..Faults::default() });
    let some = server.until_frames("cam", 30);
    assert!(some > all * 2, "{some:?} with a seventh of the pictures missing, {all:?} with none");
    camera.set(Faults::default());
    viewer.leave();
    server.assert_alive();
    format!("30 pictures in {:.1} s instead of {:.1} s", some.as_secs_f64(), all.as_secs_f64())
}

fn truncated(world: &mut World) -> String {
    let camera = world.front();
    let source = camera.source();
    let mut figures = vec![];
    // Half a JPEG is left out by us, half an uncompressed picture by the driver. H.264 is forwarded as it is:
    // viewers' decoders cope.
    for (format, shown) in [("mjpeg", false), ("h264", true), ("yuyv", false)] {
        camera.set(Faults::default());
        let mut server = Server::start(&[config(&source, format)]);
        let viewer = server.watch("cam");
        server.until_frames("cam", 3);
        camera.set(Faults { truncated: true, ..Faults::default() });
        // Those that were under way are whole.
        std::thread::sleep(Duration::from_millis(300));
        let before = server.frames("cam");
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(server.frames("cam") > before, shown, "{format}");
        let left_out = server.camera("cam")["left_out"].as_u64().unwrap();
        assert_eq!(left_out > 0, format == "mjpeg", "{format}: {left_out} left out");
        camera.set(Faults::default());
        server.until_frames("cam", 5);
        assert_eq!(server.camera("cam")["failures"], 0);
        viewer.leave();
        server.assert_alive();
        figures.push(format!("{format}: {left_out} left out"));
    }
    figures.join(", ")
}

fn restarted(world: &mut World, faults: Faults, words: &str) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let source = camera.source();
    let mut server = Server::start_one(&config(&source, "mjpeg"), "stall_timeout = \"1s\"");
    let viewer = server.watch("cam");
    server.until_frames("cam", 3);
    camera.set(faults);
    let noticed = server.until("an exit of the camera's actor", |report| {
        let exits = report["exits"].as_array().unwrap();
        exits.iter().any(|exit| {
            exit["path"] == "root/cameras/cam/device"
                && exit["reason"].as_str().is_some_and(|reason| reason.contains(words))
        })
    });
    camera.set(Faults::default());
    let back = server.until_frames("cam", 3);
    assert_eq!(server.debug()["peers"].as_array().map(Vec::len), Some(1), "over the same connection");
    viewer.leave();
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    format!("after {:.1} s, pictures {:.1} s later", noticed.as_secs_f64(), back.as_secs_f64())
}
