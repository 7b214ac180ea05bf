//! What happens to JPEGs on their way out of a camera.

use turbojpeg::Decompressor;

/// A picture whose frame header (SOF) says that it is empty. It has its beginning and its end.
pub fn header(jpeg: &[u8]) -> Vec<u8> {
    let at = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).expect("a baseline JPEG");
    let mut damaged = jpeg.to_vec();
    damaged[at + 5..at + 9].fill(0);
    damaged
}

/// A picture with bytes before its end that are none of it, as many webcams have them.
pub fn padded(jpeg: &[u8]) -> Vec<u8> {
    let end = jpeg.windows(2).rposition(|pair| pair == [0xff, 0xd9]).expect("a JPEG");
    [&jpeg[..end], &[0; 6], &jpeg[end..]].concat()
}

/// This picture with each byte of its header changed in several ways, as far as libjpeg-turbo stumbles over that
/// so that the same decompressor refuses the picture itself afterwards.
pub fn sticking(jpeg: &[u8]) -> Vec<Vec<u8>> {
    let scan = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).expect("a scan") + 12;
    let changes = (2..scan).flat_map(|at| {
        let byte = jpeg[at];
        let mut values = vec![0, 1, 0x80, 0xff, 0xd8, 0xd9, byte ^ 1, byte ^ 0x80, byte.wrapping_add(3)];
        values.retain(|value| *value != byte);
        values.sort_unstable();
        values.dedup();
        values.into_iter().map(move |value| (at, value))
    });
    let damaged = changes.map(|(at, value)| {
        let mut damaged = jpeg.to_vec();
        damaged[at] = value;
        damaged
    });
    damaged.filter(|damaged| sticks(damaged, jpeg)).collect()
}

fn sticks(damaged: &[u8], good: &[u8]) -> bool {
    let mut kept = Decompressor::new().unwrap();
    kept.read_header(damaged).is_err() && kept.read_header(good).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_stick_and_a_damaged_header_is_an_error() {
        let pixels = vec![80; 64 * 48 * 3];
        let format = turbojpeg::PixelFormat::RGB;
        let image = turbojpeg::Image { pixels: &pixels[..], width: 64, pitch: 64 * 3, height: 48, format };
        let good = turbojpeg::compress(image, 80, turbojpeg::Subsamp::Sub2x1).unwrap().to_vec();
        assert!(sticking(&good).len() > 500);
        assert!(Decompressor::new().unwrap().read_header(&header(&good)).is_err());
    }
}
