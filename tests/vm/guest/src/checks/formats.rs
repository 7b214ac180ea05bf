//! Every format that real drivers give comes through.

use super::steady::Steady;
use super::{Check, VIVID, World};
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;

pub const CHECKS: &[(&str, Check)] = &[
    ("formats::mjpeg_of_uvcvideo", |world| uvc(world, "mjpeg", "MJPG")),
    ("formats::h264_of_uvcvideo", |world| uvc(world, "h264", "H264")),
    ("formats::yuyv_of_uvcvideo", |world| uvc(world, "yuyv", "YUYV")),
    ("formats::yuyv_of_vivid", vivid),
    ("formats::two_cameras_of_uvcvideo_at_once", two),
];

/// Enough to see that they go on.
const FRAMES: u64 = 20;

fn uvc(world: &mut World, format: &str, fourcc: &str) -> String {
    let camera = world.front();
    camera.set(Faults::default());
    let agreed = format!("{fourcc} 320x240");
    plays(&CameraConfig { id: "cam", source: &camera.source(), format, size: [320, 240], fps: 10 }, &agreed)
}

fn vivid(_: &mut World) -> String {
    let source = format!("v4l2:{VIVID}");
    let config = CameraConfig { id: "cam", source: &source, format: "yuyv", size: [320, 180], fps: 10 };
    plays(&config, "YUYV 320x180")
}

fn plays(config: &CameraConfig<'_>, agreed: &str) -> String {
    let mut server = Server::start(&[CameraConfig { ..*config }]);
    let viewer = server.watch("cam");
    let first = server.until_frames("cam", 1);
    let more = server.until_frames("cam", FRAMES);
    let (camera, stream) = (server.camera("cam"), server.stream("cam"));
    assert_eq!(camera["format"], agreed);
    assert_eq!(camera["fps"], 10.0);
    assert_eq!(stream["state"], "live");
    assert_eq!(stream["left_out"], 0, "{stream:#}");
    viewer.leave();
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    let rate = FRAMES as f64 / more.as_secs_f64();
    format!("{agreed}, first frame after {:.0} ms, {rate:.1} a second", first.as_secs_f64() * 1e3)
}

fn two(world: &mut World) -> String {
    let (front, back) = world.both();
    front.set(Faults::default());
    back.set(Faults::default());
    let (front, back) = (front.source(), back.source());
    let mut server = Server::start(&[
        CameraConfig { id: "front", source: &front, format: "mjpeg", size: [320, 240], fps: 10 },
        CameraConfig { id: "back", source: &back, format: "h264", size: [320, 240], fps: 10 },
    ]);
    let viewers = [server.watch("front"), server.watch("back")];
    let rates = [Steady::begin(&server, "front"), Steady::begin(&server, "back")].map(Steady::end);
    for viewer in viewers {
        viewer.leave();
    }
    assert_eq!(server.devices(), [""; 0]);
    server.assert_alive();
    format!("{:.1} and {:.1} a second", rates[0], rates[1])
}
