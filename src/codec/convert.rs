//! Uncompressed images of any kind into I420 of the size that the encoder wants.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use lenscap_actors::media::{Layout, RawImage};
use yuv::{BufferStoreMut, YuvPackedImage, YuvPlanarImageMut};

/// A planar 4:2:0 image. Width and height are even.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct I420 {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Luma.
    pub y: Vec<u8>,
    /// Blue difference.
    pub u: Vec<u8>,
    /// Red difference.
    pub v: Vec<u8>,
}

impl I420 {
    /// Makes room for an image of this size, rounded down to even.
    pub fn resize(&mut self, width: usize, height: usize) {
        let (width, height) = (width & !1, height & !1);
        if (self.width, self.height) != (width, height) {
            self.width = width;
            self.height = height;
            self.y.resize(width * height, 0);
            self.u.resize(width * height / 4, 128);
            self.v.resize(width * height / 4, 128);
        }
    }
}

/// An image that is shorter than it claims, or of no usable size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an image of {width}x{height} with {bytes} bytes cannot be used")]
pub struct BadImage {
    width: usize,
    height: usize,
    bytes: usize,
}

/// Fills `out` from a raw image.
pub fn to_i420(image: &RawImage, out: &mut I420) -> Result<(), BadImage> {
    let bad = || BadImage { width: image.width, height: image.height, bytes: image.data.len() };
    let (width, height, stride) = (image.width & !1, image.height & !1, image.stride);
    let rows_of_bytes = match image.layout {
        Layout::I420 | Layout::Nv12 => stride * image.height + stride * image.height.div_ceil(2),
        Layout::Yuyv => stride * image.height,
    };
    let narrow = match image.layout {
        Layout::Yuyv => stride < image.width * 2,
        Layout::I420 | Layout::Nv12 => stride < image.width,
    };
    if width == 0 || height == 0 || narrow || image.data.len() < rows_of_bytes {
        return Err(bad());
    }
    out.resize(width, height);
    let data = &image.data[..];
    match image.layout {
        Layout::I420 => {
            let (luma, chroma) = data.split_at(stride * image.height);
            copy_rows(luma, stride, &mut out.y, width);
            let plane = stride / 2 * image.height.div_ceil(2);
            copy_rows(chroma, stride / 2, &mut out.u, width / 2);
            copy_rows(&chroma[plane..], stride / 2, &mut out.v, width / 2);
        }
        Layout::Nv12 => {
            let (luma, chroma) = data.split_at(stride * image.height);
            copy_rows(luma, stride, &mut out.y, width);
            let half = width / 2;
            let rows = out.u.chunks_exact_mut(half).zip(out.v.chunks_exact_mut(half));
            for (row, (u, v)) in chroma.chunks(stride).zip(rows) {
                for ((pair, u), v) in row.chunks_exact(2).zip(u).zip(v) {
                    *u = pair[0];
                    *v = pair[1];
                }
            }
        }
        Layout::Yuyv => {
            let packed =
                YuvPackedImage { yuy: data, yuy_stride: stride as u32, width: width as u32, height: height as u32 };
            let mut planar = YuvPlanarImageMut {
                y_plane: BufferStoreMut::Borrowed(&mut out.y),
                y_stride: width as u32,
                u_plane: BufferStoreMut::Borrowed(&mut out.u),
                u_stride: width as u32 / 2,
                v_plane: BufferStoreMut::Borrowed(&mut out.v),
                v_stride: width as u32 / 2,
                width: width as u32,
                height: height as u32,
            };
            yuv::yuyv422_to_yuv420(&mut planar, &packed).map_err(|_| bad())?;
        }
    }
    Ok(())
}

fn copy_rows(from: &[u8], stride: usize, to: &mut [u8], width: usize) {
    for (from, to) in from.chunks(stride).zip(to.chunks_exact_mut(width)) {
        to.copy_from_slice(&from[..width]);
    }
}

/// Changes the size of images.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
}

impl Scaler {
    /// Fills `to`, which has its size already, from `from`.
    pub fn scale(&mut self, from: &I420, to: &mut I420) -> Result<(), BadImage> {
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        for (source, target, half) in [(&from.y, &mut to.y, 1), (&from.u, &mut to.u, 2), (&from.v, &mut to.v, 2)] {
            let bad = || BadImage { width: from.width, height: from.height, bytes: source.len() };
            let [from_width, from_height, to_width, to_height] =
                [from.width, from.height, to.width, to.height].map(|side| (side / half) as u32);
            let source = ImageRef::new(from_width, from_height, source, PixelType::U8).map_err(|_| bad())?;
            let mut target = Image::from_slice_u8(to_width, to_height, target, PixelType::U8).map_err(|_| bad())?;
            self.resizer.resize(&source, &mut target, &options).map_err(|_| bad())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// Luma 10·row + column, U 100, V 200, in the given layout with `pad` bytes after each row.
    fn image(layout: Layout, width: usize, height: usize, pad: usize) -> RawImage {
        let luma = |x: usize, y: usize| (10 * y + x) as u8;
        let mut data = vec![];
        let stride = match layout {
            Layout::Yuyv => width * 2 + pad,
            _ => width + pad,
        };
        for y in 0..height {
            for x in 0..width {
                data.push(luma(x, y));
                if layout == Layout::Yuyv {
                    data.push(if x % 2 == 0 { 100 } else { 200 });
                }
            }
            data.extend(vec![0; pad]);
        }
        match layout {
            Layout::Yuyv => {}
            Layout::Nv12 => {
                for _ in 0..height / 2 {
                    data.extend([100, 200].repeat(width / 2));
                    data.extend(vec![0; pad]);
                }
            }
            Layout::I420 => {
                for value in [100, 200] {
                    for _ in 0..height / 2 {
                        data.extend(vec![value; width / 2]);
                        data.extend(vec![0; pad / 2]);
                    }
                }
            }
        }
        RawImage { layout, width, height, stride, data: Bytes::from(data) }
    }

    #[test]
    fn every_layout_becomes_the_same_picture() {
        for layout in [Layout::I420, Layout::Nv12, Layout::Yuyv] {
            for pad in [0, 8] {
                let mut out = I420::default();
                to_i420(&image(layout, 8, 4, pad), &mut out).unwrap();
                assert_eq!((out.width, out.height), (8, 4));
                let luma: Vec<u8> = (0..4).flat_map(|y| (0..8).map(move |x| 10 * y + x)).collect();
                assert_eq!(out.y, luma, "{layout:?} {pad}");
                assert!(out.u.iter().all(|&u| u == 100) && out.v.iter().all(|&v| v == 200), "{layout:?} {pad}");
            }
        }
    }

    #[test]
    fn images_that_are_too_short_are_refused() {
        for layout in [Layout::I420, Layout::Nv12, Layout::Yuyv] {
            let mut short = image(layout, 8, 4, 0);
            short.data = short.data.slice(..short.data.len() - 1);
            assert!(to_i420(&short, &mut I420::default()).is_err());
            let narrow = RawImage { stride: 7, ..image(layout, 8, 4, 0) };
            assert!(to_i420(&narrow, &mut I420::default()).is_err());
        }
        let nothing = RawImage { layout: Layout::I420, width: 0, height: 0, stride: 0, data: Bytes::new() };
        assert!(to_i420(&nothing, &mut I420::default()).is_err());
    }

    #[test]
    fn scaling_keeps_flat_colors() {
        let mut from = I420::default();
        from.resize(64, 48);
        from.y.fill(77);
        let mut to = I420::default();
        to.resize(32, 16);
        Scaler::default().scale(&from, &mut to).unwrap();
        assert!(to.y.iter().all(|&y| y == 77) && to.u.iter().all(|&u| u == 128));
    }
}
