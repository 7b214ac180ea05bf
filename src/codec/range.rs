//! The two ranges of samples. JPEG uses all of a byte (JFIF 1.02; ITU-T T.871, section 7); video, unless it says otherwise,
//! 16 to 235 for luma and 16 to 240 for color differences (ITU-T BT.601, table 3; H.264, E.2.1). Whoever takes one for the other
//! shows pictures that are too hard, or grey.

use super::convert::I420;

/// Luma of all of a byte as that of video.
pub fn limited_luma(full: u8) -> u8 {
    rounded::<219, { 16 * 255 }>(full)
}

/// A color difference of all of a byte as that of video.
pub fn limited_chroma(full: u8) -> u8 {
    rounded::<224, { 128 * (255 - 224) }>(full)
}

/// `(sample * FACTOR + OFFSET) / 255`, rounded; in 16 bits and without a division, so that the compiler makes vectors of it.
fn rounded<const FACTOR: u16, const OFFSET: u16>(sample: u8) -> u8 {
    let sum = u16::from(sample) * FACTOR + (OFFSET + 127);
    ((sum + 1 + (sum >> 8)) >> 8) as u8
}

/// An image of video's range as one that uses all of a byte.
pub fn expand(image: &mut I420) {
    let stretched = |sample: u8, from: i32, span: i32, to: i32| (i32::from(sample) - from) * 255 / span + to;
    image.y.iter_mut().for_each(|y| *y = stretched(*y, 16, 219, 0).clamp(0, 255) as u8);
    for plane in [&mut image.u, &mut image.v] {
        plane.iter_mut().for_each(|c| *c = stretched(*c, 128, 224, 128).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey_are_where_each_range_has_them_and_all_between_is_rounded() {
        assert_eq!([0, 255].map(limited_luma), [16, 235]);
        assert_eq!([0, 128, 255].map(limited_chroma), [16, 128, 240]);
        for full in 0..=255u8 {
            let luma = 16.0 + f64::from(full) * 219.0 / 255.0;
            let chroma = 128.0 + (f64::from(full) - 128.0) * 224.0 / 255.0;
            assert!(
                (f64::from(limited_luma(full)) - luma).abs() <= 0.5
                    && (f64::from(limited_chroma(full)) - chroma).abs() <= 0.5
            );
        }
    }

    #[test]
    fn there_and_back_is_where_it_began() {
        let mut image = I420::default();
        image.resize(256, 2);
        image.y = (0..512).map(|nth| limited_luma(nth as u8)).collect();
        image.u = (0..128).map(|nth| limited_chroma(nth * 2)).collect();
        image.v = (0..128).map(|nth| limited_chroma(255 - nth * 2)).collect();
        expand(&mut image);
        assert!(image.y.iter().zip(0..512).all(|(y, nth)| y.abs_diff(nth as u8) <= 1));
        assert!(image.u.iter().zip(0..128).all(|(u, nth)| u.abs_diff(nth * 2) <= 1));
        assert!(image.v.iter().zip(0..128).all(|(v, nth)| v.abs_diff(255 - nth * 2) <= 1));
        // What video's range leaves out does not turn into its opposite.
        image.y.fill(3);
        image.u.fill(255);
        image.v.fill(0);
        expand(&mut image);
        assert_eq!((image.y[0], image.u[0], image.v[0]), (0, 255, 0));
    }
}
