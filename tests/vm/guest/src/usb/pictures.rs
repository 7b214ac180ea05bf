//! What the camera sees: a short clip again and again, or bars that move.

use super::descriptors::Format;
use std::borrow::Cow;
use std::sync::LazyLock;

/// Made by `tests/vm/run`. Each is cut where a picture begins: a JPEG with its start-of-image
/// marker, which cannot occur within one, an access unit with its delimiter.
static MJPEG: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| clip("/clip.mjpeg", &[0xff, 0xd8, 0xff]));
static H264: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| clip("/clip.h264", &[0, 0, 0, 1, 9]));

/// The picture of this number.
pub fn picture(format: Format, size: [u16; 2], number: u64) -> Cow<'static, [u8]> {
    let nth = |clip: &'static [Vec<u8>]| Cow::Borrowed(&clip[number as usize % clip.len()][..]);
    match format {
        Format::Mjpeg => nth(&MJPEG),
        Format::H264 => nth(&H264),
        Format::Yuyv => Cow::Owned(bars(size, number)),
    }
}

/// The first picture of the clip of JPEGs.
pub fn jpeg() -> &'static [u8] {
    &MJPEG[0]
}

fn clip(path: &str, start: &[u8]) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).unwrap();
    let mut starts: Vec<usize> =
        bytes.windows(start.len()).enumerate().filter(|(_, window)| *window == start).map(|(at, _)| at).collect();
    assert_eq!(starts.first(), Some(&0), "{path} begins with a picture");
    starts.push(bytes.len());
    starts.windows(2).map(|range| bytes[range[0]..range[1]].to_vec()).collect()
}

/// Gray bars on their way to the left.
fn bars([width, height]: [u16; 2], number: u64) -> Vec<u8> {
    let pixel = |x: u64| [((x + number * 4) / 16 * 32) as u8, 128];
    let row: Vec<u8> = (0..u64::from(width)).flat_map(pixel).collect();
    row.repeat(usize::from(height))
}
