//! Every format that real drivers give comes through.

use super::steady::Steady;
use super::{Check, MULTIPLANAR, VIVID, World};
use crate::server::{CameraConfig, Server};
use crate::usb::Faults;
use crate::video;

pub const CHECKS: &[(&str, Check)] = &[
    ("formats::mjpeg_of_uvcvideo", |world| uvc(world, "mjpeg", "MJPG")),
    ("formats::h264_of_uvcvideo", |world| uvc(world, "h264", "H264")),
    ("formats::yuyv_of_uvcvideo", |world| uvc(world, "yuyv", "YUYV")),
    ("formats::yuyv_of_vivid", |_| vivid(VIVID, "yuyv", "YUYV")),
    ("formats::yuyv_of_a_multi_planar_vivid", |_| vivid(MULTIPLANAR, "yuyv", "YUYV")),
    ("formats::nv12_of_a_multi_planar_vivid", |_| vivid(MULTIPLANAR, "nv12", "NV12")),
    ("formats::a_rate_that_another_program_left_is_not_kept", rate),
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

fn vivid(node: &str, format: &str, fourcc: &str) -> String {
    let source = format!("v4l2:{node}");
    let config = CameraConfig { id: "cam", source: &source, format, size: [320, 180], fps: 10 };
    plays(&config, &format!("{fourcc} 320x180"))
}

/// Without a configured rate. Each time that the camera is opened.
fn rate(_: &mut World) -> String {
    let source = format!("v4l2:{VIVID}");
    let mut server =
        Server::start(&[CameraConfig { id: "cam", source: &source, format: "yuyv", size: [320, 180], fps: 0 }]);
    for left in [5, 10] {
        video::set_rate(VIVID, left);
        let viewer = server.watch("cam");
        server.until_frames("cam", 3);
        assert_eq!(server.camera("cam")["fps"], 30.0, "{left} were left");
        viewer.leave();
    }
    server.assert_alive();
    "30 a second after 5 and 10".to_owned()
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
