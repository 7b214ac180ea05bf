//! `[[stream]]`: what of a camera can be watched.

use super::file::Stream as Section;
use super::values::check_id;
use super::{Camera, Checked, Reader};
use std::collections::BTreeMap;
use toml::Spanned;

/// An adaptive bit rate goes down to no less than this unless said otherwise, bits a second.
pub const MIN_BITRATE: u32 = 250_000;

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
