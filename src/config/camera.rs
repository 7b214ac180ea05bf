//! `[[camera]]`: where pictures come from, and what is asked of it.

use super::file::{Camera as CameraEntry, Retry};
use super::reader::{Checked, Reader};
use super::source::Source;
use super::values::{check_id, pixel_format};
use crate::capture::identity::Identity;
use crate::capture::pixel_format::PixelFormat;
use crate::capture::setting::Setting;
use lenscap_actors::retry::Policy;
use std::collections::BTreeMap;
use std::path::{Component, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// Longer than any healthy camera takes for its first picture.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// A camera to be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name.
    pub id: String,
    /// Where its pictures come from.
    pub source: Source,
    /// Width and height asked of the device, in pixels.
    pub size: Option<[u32; 2]>,
    /// Frames a second asked of the device.
    pub fps: Option<u32>,
    /// Pixel format asked of the device.
    pub format: PixelFormat,
    /// Of the cameras of one group only one is open at a time.
    pub exclusive_group: Option<String>,
    /// Whether it is closed when all its viewers are suspect.
    pub pause_on_suspicion: bool,
    /// An open device that gives no picture for so long has stalled.
    pub stall_timeout: Duration,
    /// What is set at every open.
    pub controls: BTreeMap<String, Setting>,
    /// When its device and its encoders are tried again.
    pub retry: Policy,
}

impl Camera {
    /// A camera of which nothing else is said.
    pub fn of(id: &str, source: Source) -> Self {
        Self {
            id: id.to_owned(),
            source,
            size: None,
            fps: None,
            format: PixelFormat::Auto,
            exclusive_group: None,
            pause_on_suspicion: true,
            stall_timeout: STALL_TIMEOUT,
            controls: BTreeMap::new(),
            retry: Policy::default(),
        }
    }
}

/// A device by its name, without detours.
fn written(identity: &Identity) -> PathBuf {
    let Identity::Path(path) = identity else { return identity.to_string().into() };
    path.components().fold(PathBuf::new(), |mut straight, part| {
        match part {
            Component::ParentDir => drop(straight.pop()),
            part => straight.push(part),
        }
        straight
    })
}

/// Cameras whose names lead to one device at present, in words: of them only one can be open.
pub fn of_one_device(cameras: &[Camera]) -> Vec<String> {
    let mut nodes: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
    for camera in cameras {
        if let Source::V4l2(identity) = &camera.source
            && let Some(node) = identity.resolve().and_then(|path| std::fs::canonicalize(path).ok())
        {
            nodes.entry(node).or_default().push(&camera.id);
        }
    }
    let shared = nodes.into_iter().filter(|(_, cameras)| cameras.len() > 1);
    shared
        .map(|(node, cameras)| format!("{} are all {} now: one at a time", cameras.join(", "), node.display()))
        .collect()
}

impl Reader<'_> {
    pub(super) fn cameras(&self, raw: &[Spanned<CameraEntry>], retry: &Retry) -> Checked<Vec<Camera>> {
        let mut cameras: Vec<Camera> = vec![];
        let mut ids = BTreeMap::new();
        let mut devices: BTreeMap<PathBuf, String> = BTreeMap::new();
        for entry in raw {
            let entry = entry.get_ref();
            let id = self.at(&entry.id, check_id(entry.id.get_ref()))?;
            self.unique(&mut ids, &entry.id, "camera")?;
            let source: Source = self.at(&entry.source, entry.source.get_ref().parse())?;
            if let Source::V4l2(identity) = &source {
                // As it is written: whether the file is right is not to depend on what is plugged in.
                if let Some(other) = devices.insert(written(identity), id.clone()) {
                    let message = format!("is the device of camera {other:?} already: expected a camera to a device");
                    return Err(self.error(entry.source.span().start, message));
                }
            }
            let format = match &entry.format {
                None => PixelFormat::Auto,
                Some(format) => self.at(format, pixel_format(format.get_ref(), &source))?,
            };
            let keys = source.keys();
            if let (false, Some(size)) = (keys.size, &entry.size) {
                let message = "has no effect on \"exec\": the command decides".to_owned();
                return Err(self.error(size.span().start, message));
            }
            for (offset, has_effect, kinds) in [
                (
                    entry.stall_timeout.as_ref().map(|value| value.span().start),
                    keys.stall_timeout,
                    "\"v4l2:\", \"usb:\" and \"exec:\"",
                ),
                (entry.controls.as_ref().map(|value| value.span().start), keys.device, "\"v4l2:\" and \"usb:\""),
            ] {
                if let (false, Some(offset)) = (has_effect, offset) {
                    return Err(self.error(offset, format!("has an effect on {kinds} cameras only")));
                }
            }
            let exclusive_group = match &entry.exclusive_group {
                None => None,
                Some(group) => Some(self.at(group, check_id(group.get_ref()))?),
            };
            cameras.push(Camera {
                id,
                source,
                size: self.size(entry.size.as_ref())?,
                fps: self.fps(entry.fps.as_ref())?,
                format,
                exclusive_group,
                pause_on_suspicion: entry.pause_on_suspicion.unwrap_or(true),
                stall_timeout: self.stall_timeout(entry.stall_timeout.as_ref())?,
                controls: entry.controls.as_ref().map(|controls| controls.get_ref().clone()).unwrap_or_default(),
                retry: self.retry(&entry.retry, retry)?,
            });
        }
        Ok(cameras)
    }

    fn stall_timeout(&self, value: Option<&Spanned<String>>) -> Checked<Duration> {
        let Some(value) = value else { return Ok(STALL_TIMEOUT) };
        let timeout = self.duration(value)?;
        let fits = timeout >= Duration::from_millis(500);
        let message = "is too short: expected 500ms or more, for cameras need time for a first picture".to_owned();
        self.at(value, fits.then_some(timeout).ok_or(message))
    }
}
