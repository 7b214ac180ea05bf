//! JPEG images, as most webcams give them, into I420.

use super::convert::I420;
use turbojpeg::{Decompressor, Subsamp, YuvImage};

/// Larger images than this are taken for broken ones.
const SIDE_MAX: usize = 8192;

/// Decodes JPEG images; keeps its buffers from one to the next.
pub struct JpegDecoder {
    decompressor: Decompressor,
    planes: Vec<u8>,
}

/// An image that cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum JpegError {
    /// What the decoder says.
    #[error("{0}")]
    Decoder(#[from] turbojpeg::Error),
    /// Of a kind that cameras do not make.
    #[error("a JPEG of {width}x{height} with {subsampling:?} is not supported")]
    Unsupported {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
        /// How its colors are sampled.
        subsampling: Subsamp,
    },
}

impl JpegDecoder {
    /// A decoder.
    pub fn new() -> Result<Self, JpegError> {
        Ok(Self { decompressor: Decompressor::new()?, planes: vec![] })
    }

    /// Fills `out` from a JPEG.
    pub fn decode(&mut self, jpeg: &[u8], out: &mut I420) -> Result<(), JpegError> {
        let header = self.decompressor.read_header(jpeg)?;
        let (width, height, subsampling) = (header.width, header.height, header.subsamp);
        let unsupported = JpegError::Unsupported { width, height, subsampling };
        if !(2..=SIDE_MAX).contains(&width) || !(2..=SIDE_MAX).contains(&height) {
            return Err(unsupported);
        }
        // Width and height of the chroma planes, and how many of their samples become one.
        let (chroma_width, chroma_height, across, down) = match subsampling {
            Subsamp::Sub2x2 => (width.div_ceil(2), height.div_ceil(2), 1, 1),
            Subsamp::Sub2x1 => (width.div_ceil(2), height, 1, 2),
            Subsamp::Sub1x2 => (width, height.div_ceil(2), 2, 1),
            Subsamp::None => (width, height, 2, 2),
            Subsamp::Gray => (0, 0, 0, 0),
            _ => return Err(unsupported),
        };
        // Planes with a padded width are as large as the decoder says.
        let (luma_width, luma_height) = match subsampling {
            Subsamp::Sub2x2 => (width.next_multiple_of(2), height.next_multiple_of(2)),
            Subsamp::Sub2x1 => (width.next_multiple_of(2), height),
            Subsamp::Sub1x2 => (width, height.next_multiple_of(2)),
            _ => (width, height),
        };
        let luma = luma_width * luma_height;
        let chroma = chroma_width * chroma_height;
        self.planes.resize(luma + 2 * chroma, 0);
        let image = YuvImage { pixels: &mut self.planes[..], width, align: 1, height, subsamp: subsampling };
        self.decompressor.decompress_to_yuv(jpeg, image)?;
        out.resize(width, height);
        for (from, to) in self.planes.chunks(luma_width).zip(out.y.chunks_exact_mut(out.width)) {
            to.copy_from_slice(&from[..to.len()]);
        }
        if chroma == 0 {
            out.u.fill(128);
            out.v.fill(128);
            return Ok(());
        }
        let half = out.width / 2;
        let (u, v) = self.planes[luma..].split_at(chroma);
        for (from, to) in [(u, &mut out.u), (v, &mut out.v)] {
            for (nth, row) in to.chunks_exact_mut(half).enumerate() {
                let first = &from[nth * down * chroma_width..][..chroma_width];
                let last = &from[(nth * down + down - 1) * chroma_width..][..chroma_width];
                if across == 1 {
                    for ((to, &a), &b) in row.iter_mut().zip(first).zip(last) {
                        *to = (u16::from(a) + u16::from(b)).div_ceil(2) as u8;
                    }
                } else {
                    for ((to, a), b) in row.iter_mut().zip(first.chunks_exact(2)).zip(last.chunks_exact(2)) {
                        *to = [a[0], a[1], b[0], b[1]].into_iter().map(u16::from).sum::<u16>().div_ceil(4) as u8;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG of one flat color.
    fn jpeg(width: usize, height: usize, subsampling: Subsamp) -> Vec<u8> {
        let pixels = [200u8, 40, 60].repeat(width * height);
        let image = turbojpeg::Image {
            pixels: &pixels[..],
            width,
            pitch: width * 3,
            height,
            format: turbojpeg::PixelFormat::RGB,
        };
        turbojpeg::compress(image, 95, subsampling).unwrap().to_vec()
    }

    #[test]
    fn every_subsampling_that_cameras_use_gives_the_same_color() {
        let mut decoder = JpegDecoder::new().unwrap();
        for subsampling in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::None, Subsamp::Gray] {
            for (width, height) in [(64, 48), (66, 50), (65, 49)] {
                let mut out = I420::default();
                decoder.decode(&jpeg(width, height, subsampling), &mut out).unwrap();
                assert_eq!((out.width, out.height), (width & !1, height & !1));
                let near = |plane: &[u8], value: u8| plane.iter().all(|&sample| sample.abs_diff(value) <= 2);
                assert!(near(&out.y, 90), "{subsampling:?} {:?}", &out.y[..4]);
                let (u, v) = if subsampling == Subsamp::Gray { (128, 128) } else { (111, 206) };
                assert!(near(&out.u, u) && near(&out.v, v), "{subsampling:?} {} {}", out.u[0], out.v[0]);
            }
        }
    }

    #[test]
    fn broken_images_are_errors_and_do_no_harm() {
        let mut decoder = JpegDecoder::new().unwrap();
        let good = jpeg(64, 48, Subsamp::Sub2x1);
        let mut out = I420::default();
        for length in [0, 1, 2, 20, good.len() / 4] {
            assert!(decoder.decode(&good[..length], &mut out).is_err(), "{length} bytes");
        }
        let noise: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(decoder.decode(&noise, &mut out).is_err());
        decoder.decode(&good, &mut out).unwrap();
    }
}
