//! Uncompressed images of any kind into I420 of the size that the encoder wants.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use lenscap_actors::media::{Layout, RawImage};

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
            chroma.chunks(stride).zip(rows).for_each(|(row, (u, v))| split(row, u, v));
        }
        Layout::Yuyv => {
            let (mut means, mut chroma) = (vec![0; 2 * width], vec![0; width]);
            let colors = out.u.chunks_exact_mut(width / 2).zip(out.v.chunks_exact_mut(width / 2));
            let rows = data.chunks_exact(2 * stride).zip(out.y.chunks_exact_mut(2 * width)).zip(colors);
            for ((packed, luma), (u, v)) in rows {
                let ((upper, lower), (upper_luma, lower_luma)) = (packed.split_at(stride), luma.split_at_mut(width));
                evens(upper, upper_luma);
                evens(lower, lower_luma);
                // Two rows have one of color: the mean of theirs. That of all bytes takes less than that of every second one.
                let both = upper.iter().zip(lower).zip(&mut means);
                both.for_each(|((&upper, &lower), mean)| {
                    *mean = (u16::from(upper) + u16::from(lower)).div_ceil(2) as u8
                });
                odds(&means, &mut chroma);
                split(&chroma, u, v);
            }
        }
    }
    Ok(())
}

/// What stands in turn in a row of the color differences.
fn split(row: &[u8], u: &mut [u8], v: &mut [u8]) {
    // One after the other: so the compiler makes vectors of it.
    evens(row, u);
    odds(row, v);
}

/// Every second byte from the first on. As 16-bit words, for the same reason.
fn evens(row: &[u8], out: &mut [u8]) {
    let (pairs, _) = row.as_chunks();
    pairs.iter().zip(out).for_each(|(&pair, byte)| *byte = u16::from_le_bytes(pair) as u8);
}

/// Every second byte from the second on.
fn odds(row: &[u8], out: &mut [u8]) {
    let (pairs, _) = row.as_chunks();
    pairs.iter().zip(out).for_each(|(&pair, byte)| *byte = (u16::from_le_bytes(pair) >> 8) as u8);
}

/// Copies an image's plane to one whose rows follow each other.
pub(super) fn copy_rows(from: &[u8], stride: usize, to: &mut [u8], width: usize) {
    if let (true, Some(from)) = (stride == width, from.get(..to.len())) {
        // Nothing between the rows: one large copy, which is faster than many.
        to.copy_from_slice(from);
        return;
    }
    for (from, to) in from.chunks(stride).zip(to.chunks_exact_mut(width)) {
        to.copy_from_slice(&from[..width]);
    }
}

/// Changes the size of images.
///
/// As long as an image is at least twice as large as wanted it is halved, which is cheap and loses
/// nothing against a filter as wide; what is left is done by a filter that costs ten times as much
/// a pixel.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
    halves: [Vec<u8>; 2],
}

impl Scaler {
    /// Fills `to`, which has its size already, from `from`.
    pub fn scale(&mut self, from: &I420, to: &mut I420) -> Result<(), BadImage> {
        for (source, target, half) in [(&from.y, &mut to.y, 1), (&from.u, &mut to.u, 2), (&from.v, &mut to.v, 2)] {
            let [from_width, from_height, to_width, to_height] =
                [from.width, from.height, to.width, to.height].map(|side| side / half);
            self.plane(source, (from_width, from_height), target, (to_width, to_height)).ok_or(BadImage {
                width: from.width,
                height: from.height,
                bytes: source.len(),
            })?;
        }
        Ok(())
    }

    fn plane(&mut self, from: &[u8], from_size: (usize, usize), to: &mut [u8], to_size: (usize, usize)) -> Option<()> {
        let ([halved, next], mut size) = (self.halves.each_mut(), from_size);
        let mut source = from;
        while size.0 >= 2 * to_size.0 && size.1 >= 2 * to_size.1 && to_size.0 > 0 && to_size.1 > 0 {
            let half = (size.0 / 2, size.1 / 2);
            if half == to_size {
                halve(source, size.0, to);
                return Some(());
            }
            next.resize(half.0 * half.1, 0);
            halve(source, size.0, next);
            std::mem::swap(halved, next);
            (source, size) = (&*halved, half);
        }
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        // By its type: a choice at run time links the filters for all kinds of pixels, 4 MB of them.
        let source = TypedImageRef::<U8>::from_buffer(size.0 as u32, size.1 as u32, source).ok()?;
        let mut target = TypedImage::<U8>::from_buffer(to_size.0 as u32, to_size.1 as u32, to).ok()?;
        self.resizer.resize_typed(&source, &mut target, &options).ok()
    }
}

/// Each pixel of `to` becomes the mean of four of `from`, whose rows have this width. A last odd
/// column or row is left out.
fn halve(from: &[u8], width: usize, to: &mut [u8]) {
    for (rows, to) in from.chunks_exact(2 * width).zip(to.chunks_exact_mut(width / 2)) {
        let (upper, lower) = rows.split_at(width);
        let ((upper, _), (lower, _)) = (upper.as_chunks(), lower.as_chunks());
        for ((&upper, &lower), to) in upper.iter().zip(lower).zip(to) {
            // As 16-bit words: so the compiler makes vectors of it.
            let (upper, lower) = (u16::from_le_bytes(upper), u16::from_le_bytes(lower));
            *to = (((upper & 0xff) + (upper >> 8) + (lower & 0xff) + (lower >> 8) + 2) >> 2) as u8;
        }
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
    fn of_the_colors_of_two_packed_rows_the_mean_is_taken_and_an_odd_last_row_is_left_out() {
        let rows = [[1, 10, 2, 250], [3, 20, 4, 255], [5, 7, 6, 8]];
        let data = Bytes::from(rows.map(|row| row.repeat(3)).concat());
        let mut out = I420::default();
        to_i420(&RawImage { layout: Layout::Yuyv, width: 6, height: 3, stride: 12, data }, &mut out).unwrap();
        assert_eq!((out.width, out.height), (6, 2));
        assert_eq!(out.y, [1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
        assert_eq!((out.u, out.v), (vec![15; 3], vec![253; 3]));
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
    fn scaling_keeps_the_picture_whatever_the_ratio() {
        // Luma rises to the right, U downwards: so does the scaled image, with no step of a pixel.
        let mut from = I420::default();
        from.resize(192, 96);
        from.y.iter_mut().enumerate().for_each(|(at, y)| *y = (at % 192) as u8);
        from.u.iter_mut().enumerate().for_each(|(at, u)| *u = (at / 96 * 4) as u8);
        for (width, height) in
            [(96, 48), (64, 32), (48, 24), (46, 22), (32, 48), (12, 6), (2, 2), (190, 90), (384, 192)]
        {
            let mut to = I420::default();
            to.resize(width, height);
            Scaler::default().scale(&from, &mut to).unwrap();
            for (at, &y) in to.y.iter().enumerate() {
                let expected = ((at % width) as f64 + 0.5) * 192.0 / width as f64 - 0.5;
                let near = (f64::from(y) - expected).abs() <= 1.0 + 96.0 / width as f64;
                assert!(near, "{width}x{height} at {at}: {y} instead of {expected}");
            }
            for (at, &u) in to.u.iter().enumerate() {
                let expected = (((at / (width / 2)) as f64 + 0.5) * 96.0 / height as f64 - 0.5) * 4.0;
                let near = (f64::from(u) - expected).abs() <= 3.0 + 192.0 / height as f64;
                assert!(near, "{width}x{height} at {at}: {u} instead of {expected}");
            }
        }
    }

    #[test]
    fn halving_takes_the_mean_of_four_and_leaves_odd_ends_out() {
        let from = [0, 2, 4, 6, 99, 4, 6, 255, 255, 99, 99, 99, 99, 99, 99];
        let mut to = [0; 2];
        halve(&from, 5, &mut to);
        assert_eq!(to, [3, 130]);
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
