//! The cameras of this machine, for people.

use crate::capture::devices::{CameraDevice, DeviceFormat};
use crate::screen::{Screen, Tone, counted};

/// A block for each camera.
pub fn screen(cameras: &[CameraDevice]) -> Screen {
    if cameras.is_empty() {
        let mut screen = Screen::new("No V4L2 camera found", Tone::Caution);
        screen.line("Is one", "plugged in? Then `ls /dev/video*` lists it", Tone::Plain);
        screen.line("May you", "open it? `sudo usermod -aG video $USER`, and log in again", Tone::Plain);
        return screen;
    }
    let mut screen = Screen::new(format!("{}, by V4L2", counted(cameras.len(), "camera")), Tone::Strong);
    for (nth, camera) in cameras.iter().enumerate() {
        if nth > 0 {
            screen.gap();
        }
        let CameraDevice { path, name, driver, bus, .. } = camera;
        screen.line(path.display().to_string(), format!("{name} ({driver}, {bus})"), Tone::Strong);
        for source in sources(camera) {
            screen.line("", format!("source = {source:?}"), Tone::Good);
        }
        camera.formats.iter().flat_map(rows).for_each(|row| _ = screen.line("", row, Tone::Plain));
    }
    screen.gap().sentence("Write one of its `source` lines into [[camera]], with an `id` of your own.", Tone::Faint);
    screen
}

/// What may be written for it, what lasts longest first.
fn sources(camera: &CameraDevice) -> Vec<String> {
    let link = camera.by_id.as_ref().map(|link| format!("v4l2:{}", link.display()));
    let lasting: Vec<String> = link.into_iter().chain(camera.usb.clone()).collect();
    if lasting.is_empty() { vec![format!("v4l2:{}", camera.path.display())] } else { lasting }
}

/// A format with its sizes, one a line.
fn rows(format: &DeviceFormat) -> Vec<String> {
    let DeviceFormat { fourcc, description, sizes } = format;
    let sizes = sizes.iter().map(|size| {
        let rates: Vec<String> = size.fps.iter().map(|fps| format!("{fps:.0}")).collect();
        let rates = if rates.is_empty() { String::new() } else { format!("  {} fps", rates.join(", ")) };
        format!("      {:>4}x{:<4}{rates}", size.width, size.height)
    });
    [format!("{fourcc}  {description}")].into_iter().chain(sizes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::devices::DeviceSize;
    use std::path::PathBuf;

    fn said(cameras: &[CameraDevice]) -> String {
        anstream::adapter::strip_str(&screen(cameras).to_string()).to_string()
    }

    #[test]
    fn a_camera_is_said_with_what_to_write_for_it_and_what_it_can_do() {
        let mut camera = CameraDevice {
            path: PathBuf::from("/dev/video0"),
            name: "C270".into(),
            driver: "uvcvideo".into(),
            bus: "usb-1".into(),
            by_id: Some(PathBuf::from("/dev/v4l/by-id/usb-C270")),
            usb: Some("usb:046d:0825".into()),
            formats: vec![DeviceFormat {
                fourcc: "MJPG".into(),
                description: "Motion-JPEG".into(),
                sizes: vec![DeviceSize { width: 1280, height: 720, fps: vec![30.0, 15.0] }],
            }],
        };
        let shown = said(&[camera.clone()]);
        let expected = "  1 camera, by V4L2\n\n  /dev/video0 C270 (uvcvideo, usb-1)\n              source = \"v4l2:/dev/v4l/by-id/usb-C270\"\n              \
                        source = \"usb:046d:0825\"\n              MJPG  Motion-JPEG\n                    1280x720   30, 15 fps\n";
        assert!(shown.starts_with(expected), "{shown}");
        camera.by_id = None;
        camera.usb = None;
        assert!(
            said(&[camera]).contains("source = \"v4l2:/dev/video0\""),
            "one without a lasting name can be named, too"
        );
    }

    #[test]
    fn where_there_is_none_it_says_what_to_look_at() {
        let shown = said(&[]);
        assert!(shown.starts_with("  No V4L2 camera found\n") && shown.contains("usermod"), "{shown}");
    }
}
