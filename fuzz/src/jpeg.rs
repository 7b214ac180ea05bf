//! Pictures of a camera that gives JPEGs: whatever comes, the next good one is shown as it is.

use crate::Target;
use lenscap::codec::{I420, JpegDecoder, is_complete};
use std::cell::RefCell;
use turbojpeg::{Image, PixelFormat, Subsamp};

/// The target.
pub const TARGET: Target = Target { name: "jpeg", run, seeds };

/// Good pictures of the kinds that cameras give.
fn seeds() -> Vec<Vec<u8>> {
    let kinds = [Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::None, Subsamp::Gray, Subsamp::Sub1x2];
    let mut seeds: Vec<Vec<u8>> = kinds.into_iter().map(|kind| picture(48, 32, kind, false)).collect();
    seeds.push(picture(48, 32, Subsamp::Sub2x2, true));
    // Motion JPEG in AVI leaves its Huffman tables out.
    seeds.push(without_tables(&seeds[0]));
    seeds
}

fn picture(width: usize, height: usize, subsampling: Subsamp, progressive: bool) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height * 3).map(|n| (n * n / 7) as u8).collect();
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_quality(80).unwrap();
    compressor.set_subsamp(subsampling).unwrap();
    compressor.set_progressive(progressive).unwrap();
    let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let mut rest = &jpeg[2..];
    let mut out = jpeg[..2].to_vec();
    while let [0xff, marker, high, low, ..] = *rest
        && marker != 0xda
    {
        let (segment, after) = rest.split_at(2 + usize::from(u16::from_be_bytes([high, low])));
        if marker != 0xc4 {
            out.extend(segment);
        }
        rest = after;
    }
    out.extend(rest);
    out
}

/// A decoder that lives as long as a stream's, and pictures whose decoding is known.
struct Stream {
    decoder: JpegDecoder,
    out: I420,
    good: Vec<(Vec<u8>, I420)>,
    turn: usize,
}

impl Stream {
    fn new() -> Self {
        let decoded = |jpeg: Vec<u8>| {
            let mut image = I420::default();
            JpegDecoder::new().decode(&jpeg, &mut image).unwrap();
            (jpeg, image)
        };
        let good = seeds().into_iter().map(decoded).collect();
        Self { decoder: JpegDecoder::new(), out: I420::default(), good, turn: 0 }
    }
}

fn run(data: &[u8]) {
    thread_local!(static STREAM: RefCell<Stream> = RefCell::new(Stream::new()));
    STREAM.with_borrow_mut(|Stream { decoder, out, good, turn }| {
        let _ = is_complete(data);
        if decoder.decode(data, out).is_ok() {
            let (width, height) = (out.width, out.height);
            assert!(width >= 2 && height >= 2 && width % 2 == 0 && height % 2 == 0, "{width}x{height}");
            assert_eq!(
                (out.y.len(), out.u.len(), out.v.len()),
                (width * height, width * height / 4, width * height / 4)
            );
        }
        *turn = (*turn + 1) % good.len();
        let (jpeg, expected) = &good[*turn];
        decoder.decode(jpeg, out).unwrap_or_else(|error| panic!("a good picture is refused: {error}"));
        assert_eq!((out.width, out.height), (expected.width, expected.height));
        assert!(out.y == expected.y && out.u == expected.u && out.v == expected.v, "a good picture is shown wrong");
        assert!(is_complete(jpeg));
    });
}
