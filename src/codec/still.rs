//! A camera's picture as a small JPEG, for those who do not watch.

use super::convert::{BadImage, I420, Scaler, to_i420};
use super::h264_decoder::{DecodeError, H264Decoder};
use super::jpeg::{JpegDecoder, JpegError};
use super::range::expand;
use lenscap_actors::media::Content;
use turbojpeg::{Compressor, Subsamp, YuvPlanesImage};

/// No wider than this, in pixels: as wide as a card of the gallery on a fine screen.
pub const WIDTH_MAX: usize = 640;

/// Of 100: artifacts are not seen at this size, and a picture is 15 to 40 kB.
const QUALITY: i32 = 72;

/// Makes stills; what it keeps from one to the next are buffers.
#[derive(Default)]
pub struct Stills {
    jpeg: JpegDecoder,
    scaler: Scaler,
    decoded: I420,
    scaled: I420,
}

/// A picture of which none could be made.
#[derive(Debug, thiserror::Error)]
pub enum StillError {
    /// It is uncompressed, and not what it claims.
    #[error(transparent)]
    Image(#[from] BadImage),
    /// It is a JPEG, and a broken one; or ours could not be made.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// It is H.264 that the decoder does not understand.
    #[error(transparent)]
    H264(#[from] DecodeError),
    /// It is H.264 without a picture that can be shown by itself.
    #[error("there is no picture in this access unit that can be shown by itself")]
    Nothing,
    /// The JPEG could not be made.
    #[error("no JPEG could be made: {0}")]
    Compressor(#[from] turbojpeg::Error),
}

impl Stills {
    /// A JPEG of this picture. An access unit has to be a keyframe with its parameter sets.
    pub fn make(&mut self, content: &Content) -> Result<Vec<u8>, StillError> {
        match content {
            Content::Raw(image) => to_i420(image, &mut self.decoded)?,
            Content::Jpeg(bytes) => self.jpeg.decode(bytes, &mut self.decoded)?,
            Content::H264(unit) => {
                let mut decoder = H264Decoder::new()?;
                decoder.decode(unit)?.ok_or(StillError::Nothing)?.copy_to(&mut self.decoded);
            }
        }
        let (width, height) = size((self.decoded.width, self.decoded.height));
        let image = if (width, height) == (self.decoded.width, self.decoded.height) {
            &mut self.decoded
        } else {
            self.scaled.resize(width, height);
            self.scaler.scale(&self.decoded, &mut self.scaled)?;
            &mut self.scaled
        };
        expand(image);
        let mut compressor = Compressor::new()?;
        compressor.set_quality(QUALITY)?;
        let planes = YuvPlanesImage {
            y_plane: &image.y[..],
            u_plane: &image.u[..],
            v_plane: &image.v[..],
            width,
            y_stride: width,
            u_stride: width / 2,
            v_stride: width / 2,
            height,
            subsamp: Subsamp::Sub2x2,
        };
        Ok(compressor.compress_yuv_planes_to_vec(&planes)?)
    }
}

/// How large the still of a picture of this size is: even, as all of ours are.
fn size((width, height): (usize, usize)) -> (usize, usize) {
    if width <= WIDTH_MAX {
        return (width, height);
    }
    (WIDTH_MAX, ((height * WIDTH_MAX / width) & !1).max(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::H264Encoder;
    use lenscap_actors::media::{Layout, RawImage};

    fn flat(width: usize, height: usize) -> I420 {
        let mut image = I420::default();
        image.resize(width, height);
        image.y.fill(90);
        image.u.fill(110);
        image.v.fill(200);
        image
    }

    fn raw(width: usize, height: usize) -> Content {
        let I420 { width, height, y, u, v } = flat(width, height);
        Content::Raw(RawImage { layout: Layout::I420, width, height, stride: width, data: [y, u, v].concat().into() })
    }

    /// Size and color of a JPEG, wherever it is looked at.
    fn seen(jpeg: &[u8]) -> (usize, usize) {
        let mut out = I420::default();
        JpegDecoder::new().decode(jpeg, &mut out).unwrap();
        let near = |plane: &[u8], wanted: u8| plane.iter().all(|value| value.abs_diff(wanted) <= 3);
        assert!(near(&out.y, 90) && near(&out.u, 110) && near(&out.v, 200));
        (out.width, out.height)
    }

    #[test]
    fn whatever_a_camera_gives_becomes_a_small_jpeg_of_the_same_colors() {
        let mut stills = Stills::default();
        for (from, to) in [((1280, 720), (640, 360)), ((1920, 1080), (640, 360)), ((320, 240), (320, 240))] {
            let uncompressed = stills.make(&raw(from.0, from.1)).unwrap();
            assert_eq!(seen(&uncompressed), to);
            let again = stills.make(&Content::Jpeg(uncompressed.into())).unwrap();
            assert_eq!(seen(&again), to);
            let mut encoder = H264Encoder::new(from, 30.0, 2_000_000).unwrap();
            let unit = encoder.encode(&flat(from.0, from.1)).unwrap().unwrap();
            assert_eq!(seen(&stills.make(&Content::H264(unit.into())).unwrap()), to);
        }
    }

    #[test]
    fn black_and_white_of_video_are_black_and_white_of_a_still() {
        let mut image = flat(320, 240);
        image.y[..320 * 120].fill(16);
        image.y[320 * 120..].fill(235);
        image.u.fill(128);
        image.v.fill(128);
        let I420 { width, height, y, u, v } = image;
        let data = [y, u, v].concat().into();
        let raw = Content::Raw(RawImage { layout: Layout::I420, width, height, stride: width, data });
        let jpeg = Stills::default().make(&raw).unwrap();
        let seen = turbojpeg::decompress(&jpeg, turbojpeg::PixelFormat::GRAY).unwrap();
        assert!(seen.pixels[..320 * 100].iter().all(|pixel| *pixel <= 2));
        assert!(seen.pixels[320 * 140..].iter().all(|pixel| *pixel >= 253));
    }

    #[test]
    fn a_still_has_the_shape_of_its_picture_and_even_sides() {
        for (from, to) in [
            ((1280, 960), (640, 480)),
            ((1366, 768), (640, 358)),
            ((720, 1280), (640, 1136)),
            ((640, 480), (640, 480)),
            ((8192, 2), (640, 2)),
        ] {
            assert_eq!(size(from), to);
        }
    }

    #[test]
    fn after_what_cannot_be_shown_the_next_one_can() {
        let mut stills = Stills::default();
        let short = Content::Raw(RawImage {
            layout: Layout::Yuyv,
            width: 640,
            height: 480,
            stride: 1280,
            data: vec![0; 1000].into(),
        });
        for broken in [short, Content::Jpeg(vec![0xff, 0xd8].into()), Content::H264(vec![0, 0, 1, 0x41, 1].into())] {
            assert!(stills.make(&broken).is_err());
            assert_eq!(seen(&stills.make(&raw(320, 240)).unwrap()), (320, 240));
        }
    }
}
