//! What cameras this machine has, as the kernel says.

use super::identity::{usb_behind, video_number};
use super::v4l2::device::Device;
use super::v4l2::{name, rate};
use serde::Serialize;
use std::path::{Path, PathBuf};
use v4l::framesize::FrameSizeEnum;

/// A V4L2 camera.
#[derive(Clone, Debug, Serialize)]
pub struct CameraDevice {
    /// Its node, like `/dev/video0`.
    pub path: PathBuf,
    /// The name the driver gives it.
    pub name: String,
    /// The driver.
    pub driver: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Its link under `/dev/v4l/by-id`, which stays the same when cameras are plugged in another
    /// order.
    pub by_id: Option<PathBuf>,
    /// What it says of itself on USB, as a `source`.
    pub usb: Option<String>,
    /// What it can give.
    pub formats: Vec<DeviceFormat>,
}

/// A pixel format with its sizes.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFormat {
    /// Four characters, like `MJPG`.
    pub fourcc: String,
    /// The driver's description.
    pub description: String,
    /// Sizes, the largest first.
    pub sizes: Vec<DeviceSize>,
}

/// A size with its rates.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceSize {
    /// Pixels a row; the largest of a range.
    pub width: u32,
    /// Rows; the largest of a range.
    pub height: u32,
    /// Frames a second, the fastest first.
    pub fps: Vec<f32>,
}

/// All V4L2 cameras, by node number. Nodes that cannot be opened or give no video are left out. `before` is told of each node before it
/// is opened: that takes its time with some.
pub fn list(before: impl Fn(&Path)) -> Vec<CameraDevice> {
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let paths = nodes(entries.map(|entry| entry.path()).collect());
    paths.iter().inspect(|path| before(path)).filter_map(|path| describe(path)).collect()
}

/// Those that the kernel has made for video, by number. Links that somebody has made beside them are the same devices once more.
fn nodes(entries: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut nodes: Vec<(u32, PathBuf)> =
        entries.into_iter().filter_map(|path| Some((video_number(&path)?, path))).collect();
    nodes.sort();
    nodes.into_iter().map(|(_, path)| path).collect()
}

fn describe(path: &Path) -> Option<CameraDevice> {
    let device = Device::open(path).map_err(|error| log::debug!("{error}")).ok()?;
    let formats = device.formats().unwrap_or_default();
    let formats = formats.into_iter().map(|(fourcc, description)| {
        let sizes = device.sizes(fourcc).unwrap_or_default();
        let mut sizes: Vec<DeviceSize> = sizes
            .into_iter()
            .map(|size| {
                let (width, height) = match size {
                    FrameSizeEnum::Discrete(size) => (size.width, size.height),
                    FrameSizeEnum::Stepwise(range) => (range.max_width, range.max_height),
                };
                let intervals = device.intervals(fourcc, width, height).unwrap_or_default();
                let mut fps: Vec<f32> = intervals.iter().map(rate).collect();
                fps.sort_by(|a, b| b.total_cmp(a));
                DeviceSize { width, height, fps }
            })
            .collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(u64::from(size.width) * u64::from(size.height)));
        DeviceFormat { fourcc: name(&fourcc), description, sizes }
    });
    Some(CameraDevice {
        path: path.to_owned(),
        name: device.name(),
        driver: device.driver(),
        bus: device.bus(),
        by_id: link_to(Path::new("/dev/v4l/by-id"), path),
        usb: usb_behind(path).map(|usb| usb.to_string()),
        formats: formats.collect(),
    })
}

/// The first link in `folder` that leads to `target`.
fn link_to(folder: &Path, target: &Path) -> Option<PathBuf> {
    let target = std::fs::canonicalize(target).ok()?;
    let mut links: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    links.sort();
    links.into_iter().find(|link| std::fs::canonicalize(link).is_ok_and(|path| path == target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_those_with_a_number_and_whatever_else_has_such_a_name_is_none() {
        let entries = [
            "video10",
            "video-front",
            "video2",
            "video",
            "video-cam1",
            "video0",
            "video+3",
            "video007",
            "v4l",
            "video1x",
        ];
        let nodes = nodes(entries.iter().map(|name| Path::new("/dev").join(name)).collect());
        assert_eq!(nodes, ["/dev/video0", "/dev/video2", "/dev/video10"].map(PathBuf::from));
    }
}
