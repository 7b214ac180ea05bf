//! What an encoder is to make of its camera's pictures: how large, how many, at which bit rate. Pure.

use super::h264::usual_bitrate;
use lenscap_actors::media::Size;

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
    /// Width and height that the full one is configured to.
    pub size: Option<(usize, usize)>,
    /// Bits a second that the full one is configured to.
    pub bitrate: Option<u32>,
}

impl Rendering {
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
