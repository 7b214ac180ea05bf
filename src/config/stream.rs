//! `[[stream]]`: what of a camera can be watched.

use super::camera::Camera;
use super::file::Stream as Section;
use super::reader::{Checked, Reader};
use super::values::check_id;
use crate::codec::Rendering;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::Size;
use std::collections::BTreeMap;
use toml::Spanned;

/// An adaptive bit rate goes down to no less than this unless said otherwise, bits a second.
pub const MIN_BITRATE: u32 = 250_000;

/// A rate to plan with if neither stream nor camera names one.
const USUAL_FPS: f32 = 30.0;

/// A small rendition has at most so many frames a second: few enough to be small, and enough to be lively.
const SMALL_FPS: u32 = 15;

/// A stream to be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Its name.
    pub id: String,
    /// The camera it shows.
    pub camera: String,
    /// Width and height in pixels, both even; the camera's if not given.
    pub size: Option<[u32; 2]>,
    /// At most so many frames a second.
    pub fps: Option<u32>,
    /// Bits a second; by size and rate if not given.
    pub bitrate: Option<u32>,
    /// Whether the bit rate follows the slowest viewer's link.
    pub adaptive_bitrate: bool,
    /// What it then goes down to at most, bits a second.
    pub min_bitrate: u32,
    /// Whether viewers whose link cannot carry it are sent a small rendition.
    pub small_rendition: bool,
}

impl Stream {
    /// The stream that a camera has without being asked.
    pub fn of(camera: &str) -> Self {
        Stream {
            id: camera.to_owned(),
            camera: camera.to_owned(),
            size: None,
            fps: None,
            bitrate: None,
            adaptive_bitrate: false,
            min_bitrate: MIN_BITRATE,
            small_rendition: true,
        }
    }
}

impl Stream {
    /// What an encoder is to make of it; `camera_fps` is what its camera was configured to.
    pub fn full(&self, camera_fps: Option<u32>) -> Rendering {
        Rendering {
            name: self.id.clone(),
            rendition: Size::Full,
            fps_max: self.fps,
            fps: self.fps.or(camera_fps).map_or(USUAL_FPS, |fps| fps as f32),
            bitrate_min: self.adaptive_bitrate.then_some(self.min_bitrate),
            size: self.size.map(|[width, height]| (width as usize, height as usize)),
            bitrate: self.bitrate,
        }
    }

    /// For those whose link cannot carry the full one.
    pub fn small(&self, camera_fps: Option<u32>) -> Rendering {
        let full = self.full(camera_fps);
        Rendering {
            name: StreamId::from(full.name.as_str()).small().to_string(),
            rendition: Size::Small,
            fps_max: Some(full.fps_max.unwrap_or(SMALL_FPS).min(SMALL_FPS)),
            fps: full.fps.min(SMALL_FPS as f32),
            bitrate_min: None,
            ..full
        }
    }
}

impl Reader<'_> {
    pub(super) fn streams(&self, raw: &[Spanned<Section>], cameras: &[Camera]) -> Checked<Vec<Stream>> {
        let mut configured = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for entry in raw {
            let entry = entry.get_ref();
            let id = self.at(&entry.id, check_id(entry.id.get_ref()))?;
            self.unique(&mut ids, &entry.id, "stream")?;
            let camera = entry.camera.get_ref();
            if !cameras.iter().any(|known| known.id == *camera) {
                let known: Vec<&str> = cameras.iter().map(|camera| camera.id.as_str()).collect();
                let message = format!("there is no camera {camera:?}: expected one of {}", known.join(", "));
                return Err(self.error(entry.camera.span().start, message));
            }
            if cameras.iter().any(|known| known.id == id && known.id != *camera) {
                let message = format!("{id:?} is the name of another camera: expected a name of its own");
                return Err(self.error(entry.id.span().start, message));
            }
            let bits = |value: Option<&Spanned<i64>>| -> Checked<Option<u32>> {
                value.map(|value| self.number(value, 10_000, 100_000_000).map(|bits| bits as u32)).transpose()
            };
            let (bitrate, min_bitrate) = (bits(entry.bitrate.as_ref())?, bits(entry.min_bitrate.as_ref())?);
            if let (Some(value), Some(least), Some(most)) = (&entry.min_bitrate, min_bitrate, bitrate)
                && least > most
            {
                let message = format!("{least} is more than `bitrate`, which is {most}: expected that or less");
                return Err(self.error(value.span().start, message));
            }
            let stream = Stream {
                id: id.clone(),
                camera: camera.clone(),
                size: self.size(entry.size.as_ref())?,
                fps: self.fps(entry.fps.as_ref())?,
                bitrate,
                adaptive_bitrate: entry.adaptive_bitrate.unwrap_or(false),
                min_bitrate: min_bitrate.unwrap_or(MIN_BITRATE),
                small_rendition: entry.small_rendition.unwrap_or(true),
            };
            configured.insert(id, stream);
        }
        let mut streams = vec![];
        for camera in cameras {
            streams.push(configured.remove(&camera.id).unwrap_or_else(|| Stream::of(&camera.id)));
        }
        for entry in raw {
            streams.extend(configured.remove(entry.get_ref().id.get_ref()));
        }
        Ok(streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_rendition_is_half_as_wide_and_high_and_even() {
        let hd = Some([1280, 720]);
        for (configured, picture, as_is, expected) in [
            (None, (1280, 720), false, (640, 360)),
            (hd, (1920, 1080), false, (640, 360)),
            (hd, (1920, 1080), true, (960, 540)),
            (None, (322, 178), false, (160, 88)),
            (None, (16, 24), false, (16, 16)),
        ] {
            let stream = Stream { size: configured, ..Stream::of("front") };
            let small = stream.small(None);
            assert_eq!(small.size(picture, as_is), expected, "{configured:?} {picture:?}");
            let full =
                configured.filter(|_| !as_is).map_or(picture, |[width, height]| (width as usize, height as usize));
            assert_eq!(stream.full(None).size(picture, as_is), full);
        }
    }

    #[test]
    fn a_small_rendition_has_few_frames_and_bits() {
        // Rates of the stream and of its camera, the stream's bit rate; the most frames, those planned, and bits at
        // 640x360.
        for (fps, camera, bitrate, fps_max, planned, bits) in [
            (None, None, None, 15, 15.0, 241_920),
            (None, Some(10), None, 15, 10.0, 161_280),
            (Some(25), Some(30), None, 15, 15.0, 241_920),
            (Some(5), None, None, 5, 5.0, 100_000),
            (None, None, Some(1_000_000), 15, 15.0, 200_000),
            (None, None, Some(300_000), 15, 15.0, 100_000),
            (None, None, Some(8_000_000), 15, 15.0, 241_920),
        ] {
            let stream = Stream { fps, bitrate, ..Stream::of("front") };
            let small = stream.small(camera);
            assert_eq!((small.fps_max, small.fps), (Some(fps_max), planned));
            assert_eq!(small.bitrate((640, 360), false), bits, "{fps:?} {camera:?} {bitrate:?}");
        }
        let stream = Stream { bitrate: Some(500_000), ..Stream::of("front") };
        assert_eq!(stream.small(None).bitrate((640, 360), true), 241_920, "no effect on what comes as it is");
        assert_eq!(stream.full(None).bitrate((640, 360), false), 500_000);
    }
}
