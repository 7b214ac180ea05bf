//! What an encoder is to make of its camera's pictures: how large, how many, at which bit rate. Pure.

use super::h264::usual_bitrate;
use crate::config;
use lenscap_actors::ids::StreamId;
use lenscap_actors::media::Size;

/// A rate to plan with if neither stream nor camera names one.
const USUAL_FPS: f32 = 30.0;

/// A small rendition has at most so many frames a second: few enough to be small, and enough to be lively.
const SMALL_FPS: u32 = 15;

/// Of the bit rate that the full one is configured to, a small one has at most this part, but never less than is enough
/// for something to be seen.
const SMALL_PART: u32 = 5;
const SMALL_BITRATE_MIN: u32 = 100_000;

/// A side is no shorter than this: a macroblock (ITU-T H.264, section 3.81).
const SIDE_MIN: usize = 16;

/// What one rendition of a stream is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendering {
    /// The name of the rendition, for people.
    pub name: String,
    /// The rendition.
    pub rendition: Size,
    /// At most so many frames a second.
    pub fps_max: Option<u32>,
    /// Frames a second to plan with.
    pub fps: f32,
    /// What the bit rate may be brought down to for the sake of narrow links, bits a second; none: it stays.
    pub bitrate_min: Option<u32>,
    size: Option<(usize, usize)>,
    bitrate: Option<u32>,
}

impl Rendering {
    /// Of this stream; `camera_fps` is what its camera was configured to.
    pub fn full(stream: &config::Stream, camera_fps: Option<u32>) -> Self {
        Self {
            name: stream.id.clone(),
            rendition: Size::Full,
            fps_max: stream.fps,
            fps: stream.fps.or(camera_fps).map_or(USUAL_FPS, |fps| fps as f32),
            bitrate_min: stream.adaptive_bitrate.then_some(stream.min_bitrate),
            size: stream.size.map(|[width, height]| (width as usize, height as usize)),
            bitrate: stream.bitrate,
        }
    }

    /// For those whose link cannot carry the full one.
    pub fn small(stream: &config::Stream, camera_fps: Option<u32>) -> Self {
        let full = Self::full(stream, camera_fps);
        Self {
            name: StreamId::from(full.name.as_str()).small().to_string(),
            rendition: Size::Small,
            fps_max: Some(full.fps_max.unwrap_or(SMALL_FPS).min(SMALL_FPS)),
            fps: full.fps.min(SMALL_FPS as f32),
            bitrate_min: None,
            ..full
        }
    }

    /// Whether access units are decoded and encoded anew, and not passed on as they are.
    pub fn transcodes(&self) -> bool {
        self.rendition == Size::Small
    }

    /// The size of its frames, if pictures of this size come. They are `as_is` if what the full rendition is configured
    /// to has no effect on it, because it is what the camera has encoded.
    pub fn size(&self, picture: (usize, usize), as_is: bool) -> (usize, usize) {
        let full = self.size.filter(|_| !as_is).unwrap_or(picture);
        let half = |side: usize| ((side / 2) & !1).max(SIDE_MIN);
        match self.rendition {
            Size::Full => full,
            Size::Small => (half(full.0), half(full.1)),
        }
    }

    /// Bits a second for frames of this size.
    pub fn bitrate(&self, (width, height): (usize, usize), as_is: bool) -> u32 {
        let (usual, wanted) = (usual_bitrate(width, height, self.fps), self.bitrate.filter(|_| !as_is));
        match self.rendition {
            Size::Full => wanted.unwrap_or(usual),
            Size::Small => wanted.map_or(usual, |full| usual.min(full / SMALL_PART)).max(SMALL_BITRATE_MIN),
        }
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
            let stream = config::Stream { size: configured, ..config::Stream::of("front") };
            let small = Rendering::small(&stream, None);
            assert_eq!(small.size(picture, as_is), expected, "{configured:?} {picture:?}");
            let full =
                configured.filter(|_| !as_is).map_or(picture, |[width, height]| (width as usize, height as usize));
            assert_eq!(Rendering::full(&stream, None).size(picture, as_is), full);
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
            let stream = config::Stream { fps, bitrate, ..config::Stream::of("front") };
            let small = Rendering::small(&stream, camera);
            assert_eq!((small.fps_max, small.fps), (Some(fps_max), planned));
            assert_eq!(small.bitrate((640, 360), false), bits, "{fps:?} {camera:?} {bitrate:?}");
        }
        let stream = config::Stream { bitrate: Some(500_000), ..config::Stream::of("front") };
        assert_eq!(
            Rendering::small(&stream, None).bitrate((640, 360), true),
            241_920,
            "no effect on what comes as it is"
        );
        assert_eq!(Rendering::full(&stream, None).bitrate((640, 360), false), 500_000);
    }
}
