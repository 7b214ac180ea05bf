//! JPEG images, as most webcams give them, into I420 of video's [range](super::range).

use super::convert::I420;
use super::range::{limited_chroma, limited_luma};
use memchr::memmem::rfind;
use turbojpeg::{Decompressor, Subsamp, YuvImage};

/// Larger images than this are taken for broken ones.
const SIDE_MAX: usize = 8192;

/// Pixels that a byte can stand for at most: a block of 8x8 takes no less than one bit (Huffman coding). A damaged
/// header can ask for much memory with few bytes.
const PIXELS_A_BYTE_MAX: usize = 512;

/// Progressive images have about ten scans; each costs as much as an image.
const SCANS_MAX: u32 = 50;

/// Decodes JPEG images; keeps its buffer from one to the next, and nothing else.
#[derive(Default)]
pub struct JpegDecoder {
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
    /// Its header is damaged.
    #[error("a JPEG that says it is {width}x{height} has {bytes} bytes only")]
    TooShort {
        /// Pixels a row.
        width: usize,
        /// Rows.
        height: usize,
        /// How long it is.
        bytes: usize,
    },
}

impl JpegDecoder {
    /// A decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills `out` from a JPEG. After an error `out` is what it was, and the next image is decoded as if there had
    /// been none.
    pub fn decode(&mut self, jpeg: &[u8], out: &mut I420) -> Result<(), JpegError> {
        let result = self.try_decode(jpeg, out);
        if result.is_err() {
            // It may be larger than any good image needs.
            self.planes = vec![];
        }
        result
    }

    fn try_decode(&mut self, jpeg: &[u8], out: &mut I420) -> Result<(), JpegError> {
        // A decompressor that met an error in a header takes the next image for the rest of that header,
        // and one that met none keeps its tables. A new one costs next to nothing beside a picture.
        let mut decompressor = Decompressor::new()?;
        decompressor.set_scan_limit(SCANS_MAX)?;
        let header = decompressor.read_header(jpeg)?;
        let (width, height, subsampling) = (header.width, header.height, header.subsamp);
        let unsupported = JpegError::Unsupported { width, height, subsampling };
        if !(2..=SIDE_MAX).contains(&width) || !(2..=SIDE_MAX).contains(&height) {
            return Err(unsupported);
        }
        if width * height > jpeg.len() * PIXELS_A_BYTE_MAX {
            return Err(JpegError::TooShort { width, height, bytes: jpeg.len() });
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
        match decompressor.decompress_to_yuv(jpeg, image) {
            Err(error) if !(is_padding(&error) && is_complete(jpeg)) => return Err(error.into()),
            _ => {}
        }
        out.resize(width, height);
        for (from, to) in self.planes.chunks(luma_width).zip(out.y.chunks_exact_mut(out.width)) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = limited_luma(*from));
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
                        *to = limited_chroma((u16::from(a) + u16::from(b)).div_ceil(2) as u8);
                    }
                } else {
                    for ((to, a), b) in row.iter_mut().zip(first.chunks_exact(2)).zip(last.chunks_exact(2)) {
                        let mean = [a[0], a[1], b[0], b[1]].into_iter().map(u16::from).sum::<u16>().div_ceil(4);
                        *to = limited_chroma(mean as u8);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the decoder has decoded all, and only met bytes between the picture's that are none of it. Many webcams pad their scans:
/// with a Logitech C270 that is every picture.
fn is_padding(error: &turbojpeg::Error) -> bool {
    // The code of a warning is not passed on, its words are libjpeg's (jerror.h, JWRN_EXTRANEOUS_DATA). A worse fault later would
    // have ended it with words of its own.
    matches!(error, turbojpeg::Error::TurboJpegError(words) if words.contains("extraneous bytes before marker"))
}

/// Whether an image has come to its end: there is an EOI marker behind the beginning of the first scan. What
/// follows it does not matter, and whether all between is in order is for the decoder to say.
pub fn is_complete(jpeg: &[u8]) -> bool {
    let begins = jpeg.starts_with(&[0xff, 0xd8]);
    // A header may contain a thumbnail with an EOI of its own; within a scan the marker cannot occur.
    begins && rfind(&jpeg[scan_start(jpeg).unwrap_or(2)..], &[0xff, 0xd9]).is_some()
}

/// Where the first scan begins, if there are only segments up to there (ITU-T T.81, B.1.1 and B.2.1).
fn scan_start(jpeg: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        // Fill bytes may precede a marker.
        while *jpeg.get(at + 1)? == 0xff {
            at += 1;
        }
        let &[0xff, marker, high, low] = jpeg.get(at..)?.first_chunk()? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xda => return Some(at),
            0xc0..=0xcf | 0xdb..=0xfe if length >= 2 => at += 2 + length,
            _ => return None,
        }
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
        let mut decoder = JpegDecoder::new();
        for subsampling in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::Sub1x2, Subsamp::None, Subsamp::Gray] {
            for (width, height) in [(64, 48), (66, 50), (65, 49)] {
                let mut out = I420::default();
                decoder.decode(&jpeg(width, height, subsampling), &mut out).unwrap();
                assert_eq!((out.width, out.height), (width & !1, height & !1));
                let near = |plane: &[u8], value: u8| plane.iter().all(|&sample| sample.abs_diff(value) <= 2);
                assert!(near(&out.y, 93), "{subsampling:?} {:?}", &out.y[..4]);
                let (u, v) = if subsampling == Subsamp::Gray { (128, 128) } else { (113, 197) };
                assert!(near(&out.u, u) && near(&out.v, v), "{subsampling:?} {} {}", out.u[0], out.v[0]);
            }
        }
    }

    /// Damage of every kind to a good image, each with its name.
    fn damaged(good: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut all = vec![];
        let header = scan_start(good).unwrap() + 12;
        for at in 2..header {
            let byte = good[at];
            for value in [0, 1, 0x80, 0xff, 0xd8, 0xd9, byte ^ 1, byte ^ 0x80, byte.wrapping_add(3)] {
                let mut image = good.to_vec();
                image[at] = value;
                all.push((format!("{value:#04x} at {at} instead of {byte:#04x}"), image));
            }
            all.push((format!("without byte {at}"), [&good[..at], &good[at + 1..]].concat()));
            all.push((format!("cut off at {at}"), good[..at].to_vec()));
        }
        let mut random = 1u32;
        let mut random = |below: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % below
        };
        for _ in 0..500 {
            let (at, value) = (random(good.len()), random(256) as u8);
            let mut image = good.to_vec();
            image[at] = value;
            all.push((format!("{value:#04x} at {at}"), image));
            let at = random(good.len() - 512);
            let mut image = good.to_vec();
            image[at..at + 512].fill(0);
            all.push((format!("512 zeros at {at}"), image));
        }
        let noise: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        all.push(("noise".into(), noise));
        all.push(("nothing".into(), vec![]));
        all.push(("tables only".into(), [&good[..scan_start(good).unwrap()], &[0xff, 0xd9]].concat()));
        all
    }

    /// An image that is large enough for 512 bytes of it to be lost.
    fn pattern() -> Vec<u8> {
        let pixels: Vec<u8> = (0..96 * 64 * 3).map(|n| (n * n / 7) as u8).collect();
        let image = turbojpeg::Image {
            pixels: &pixels[..],
            width: 96,
            pitch: 96 * 3,
            height: 64,
            format: turbojpeg::PixelFormat::RGB,
        };
        turbojpeg::compress(image, 80, Subsamp::Sub2x1).unwrap().to_vec()
    }

    #[test]
    fn after_any_damage_the_next_image_is_as_if_nothing_had_been() {
        let good = pattern();
        let (mut decoder, mut expected, mut out) = (JpegDecoder::new(), I420::default(), I420::default());
        decoder.decode(&good, &mut expected).unwrap();
        for (what, image) in damaged(&good) {
            let _ = decoder.decode(&image, &mut out);
            decoder.decode(&good, &mut out).unwrap_or_else(|error| panic!("after {what}: {error}"));
            assert!(out.y == expected.y && out.u == expected.u && out.v == expected.v, "after {what}");
        }
    }

    /// Or the test above would test nothing.
    #[test]
    fn a_decompressor_that_is_kept_sticks_at_much_of_this_damage() {
        let good = pattern();
        let all = damaged(&good);
        let sticks = |image: &[u8]| {
            let mut kept = Decompressor::new().unwrap();
            kept.read_header(image).is_err() && kept.read_header(&good).is_err()
        };
        let stuck = all.iter().filter(|(_, image)| sticks(image)).count();
        assert!(stuck > all.len() / 10, "{stuck} of {}", all.len());
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let (good, mut decoder, mut out) = (pattern(), JpegDecoder::new(), I420::default());
        for length in [0, 1, 2, 20, good.len() / 4, good.len() / 2, good.len() - 100] {
            assert!(decoder.decode(&good[..length], &mut out).is_err(), "{length} bytes");
            assert!(!is_complete(&good[..length]), "{length} bytes");
        }
    }

    #[test]
    fn a_header_that_asks_for_much_memory_gets_none() {
        let (good, mut decoder, mut out) = (pattern(), JpegDecoder::new(), I420::default());
        let frame = rfind(&good, &[0xff, 0xc0]).unwrap();
        let mut image = good.clone();
        image[frame + 5..frame + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
        let error = decoder.decode(&image, &mut out).unwrap_err();
        assert!(matches!(error, JpegError::TooShort { width: 8192, height: 8192, .. }), "{error}");
        assert_eq!((decoder.planes.capacity(), out.y.len()), (0, 0));
    }

    /// With a restart marker after each row of blocks, as webcams have them.
    fn with_restarts() -> Vec<u8> {
        include_bytes!("../../tests/pictures/restarts.jpg").to_vec()
    }

    #[test]
    fn padding_before_markers_as_webcams_have_it_does_no_harm() {
        let (good, mut decoder) = (with_restarts(), JpegDecoder::new());
        let (mut expected, mut out) = (I420::default(), I420::default());
        decoder.decode(&good, &mut expected).unwrap();
        let mut padded = good[..2].to_vec();
        let scan = scan_start(&good).unwrap();
        let mut markers = 0;
        for nth in 2..good.len() {
            if nth > scan && good[nth] == 0xff && matches!(good.get(nth + 1), Some(0xd0..=0xd7 | 0xd9)) {
                padded.extend([0; 4]);
                markers += 1;
            }
            padded.push(good[nth]);
        }
        assert!(markers > 4, "{markers}");
        decoder.decode(&padded, &mut out).unwrap();
        assert!(out == expected);
        padded.truncate(padded.len() - 2);
        assert!(decoder.decode(&padded, &mut out).is_err(), "its end is missing");
    }

    #[test]
    fn what_follows_the_end_does_no_harm() {
        let (good, mut decoder) = (pattern(), JpegDecoder::new());
        let (mut expected, mut out) = (I420::default(), I420::default());
        decoder.decode(&good, &mut expected).unwrap();
        for rubbish in [&[0; 512][..], &[0xff; 7], &[1, 2, 3], &good[good.len() / 2..], &good[..good.len() / 2], &good]
        {
            let image = [&good[..], rubbish].concat();
            assert!(is_complete(&image), "{} bytes", rubbish.len());
            decoder.decode(&image, &mut out).unwrap();
            assert!(out.y == expected.y && out.u == expected.u && out.v == expected.v);
        }
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_the_end_of_the_image() {
        let good = pattern();
        let thumbnail = [&[0xff, 0xe1, 0, 8][..], &[0xff, 0xd8, 1, 2, 0xff, 0xd9]].concat();
        let image = [&good[..2], &thumbnail, &good[2..]].concat();
        assert!(is_complete(&image));
        assert!(!is_complete(&image[..image.len() - 2]));
        assert!(!is_complete(&good[2..]) && !is_complete(&[]), "without a beginning");
        // Where a damaged header cannot be followed, the decoder is to say what is wrong.
        let mut broken = good.clone();
        broken[4..6].fill(0xfe);
        assert!(is_complete(&broken));
    }
}
