//! H.264 access units into I420 images, for those who cannot have them as they are.

use super::annexb::{nal, nal_units};
use super::convert::{I420, copy_rows};
use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig};
use openh264::formats::YUVSource;

/// A decoder for one stream. It begins at a keyframe, and begins anew at the next one when something was missing.
pub struct H264Decoder {
    decoder: Decoder,
    /// It can go on with the next access unit, even if that is no keyframe.
    intact: bool,
}

/// The decoder refused.
#[derive(Debug, thiserror::Error)]
#[error("the H.264 decoder says: {0}")]
pub struct DecodeError(#[from] openh264::Error);

/// A picture, as long as nothing else is decoded.
pub struct Decoded<'a>(DecodedYUV<'a>);

impl H264Decoder {
    /// One that has not seen anything.
    pub fn new() -> Result<Self, DecodeError> {
        Ok(Self { decoder: Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())?, intact: false })
    }

    /// Access units are missing: what comes is of no use before the next keyframe.
    pub fn lost(&mut self) {
        self.intact = false;
    }

    /// Decodes the next access unit, in Annex B form. None if it has no picture, or none that could be shown. After an
    /// error nothing is shown up to the next keyframe.
    pub fn decode(&mut self, unit: &[u8]) -> Result<Option<Decoded<'_>>, DecodeError> {
        let (mut slices, mut keyframe) = (false, false);
        for (kind, _) in nal_units(unit) {
            slices |= (nal::SLICE..=nal::IDR).contains(&kind);
            keyframe |= kind == nal::IDR;
        }
        // Parameter sets may travel alone, and only once: they are never left out.
        if slices && !keyframe && !self.intact {
            return Ok(None);
        }
        match self.decoder.decode(unit) {
            Ok(picture) => {
                self.intact |= keyframe;
                let usable = |it: &DecodedYUV| slices && it.dimensions().0 >= 2 && it.dimensions().1 >= 2;
                Ok(picture.filter(usable).map(Decoded))
            }
            Err(error) => {
                self.intact = false;
                Err(error.into())
            }
        }
    }
}

impl Decoded<'_> {
    /// Fills an image with it.
    pub fn copy_to(&self, out: &mut I420) {
        let Self(picture) = self;
        let ((width, height), strides) = (picture.dimensions(), picture.strides());
        out.resize(width, height);
        copy_rows(picture.y(), strides.0, &mut out.y, out.width);
        copy_rows(picture.u(), strides.1, &mut out.u, out.width / 2);
        copy_rows(picture.v(), strides.2, &mut out.v, out.width / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::H264Encoder;
    use crate::codec::annexb::is_keyframe;

    const SIZE: (usize, usize) = (160, 128);
    /// Not of whole macroblocks: the encoder fills them up, and its pictures differ at the edges (ffmpeg decodes the same).
    const ODD: (usize, usize) = (162, 130);

    /// Pictures that get brighter, encoded, with an IDR at every 10th.
    fn units(count: u8) -> Vec<Vec<u8>> {
        units_of(SIZE, count)
    }

    fn units_of(size: (usize, usize), count: u8) -> Vec<Vec<u8>> {
        let mut encoder = H264Encoder::new(size, 30.0, 1_000_000).unwrap();
        let mut image = I420::default();
        image.resize(size.0, size.1);
        image.u.fill(90);
        image.v.fill(170);
        let encode = |nth: u8| {
            image.y.fill(20 + 4 * nth);
            if nth.is_multiple_of(10) {
                encoder.force_keyframe();
            }
            encoder.encode(&image).unwrap().unwrap()
        };
        (0..count).map(encode).collect()
    }

    fn brightness(decoder: &mut H264Decoder, unit: &[u8]) -> Result<Option<u8>, DecodeError> {
        let mut image = I420::default();
        Ok(decoder.decode(unit)?.map(|picture| {
            picture.copy_to(&mut image);
            let size = (image.width, image.height);
            assert!([SIZE, ODD].contains(&size), "{size:?}");
            let near = |plane: &[u8], wanted: u8| plane.iter().all(|value| value.abs_diff(wanted) <= 3);
            assert!(size == ODD || near(&image.u, 90) && near(&image.v, 170) && near(&image.y, image.y[0]));
            image.y[0]
        }))
    }

    #[test]
    fn what_our_encoder_made_is_the_same_picture_again() {
        for size in [SIZE, ODD] {
            let mut decoder = H264Decoder::new().unwrap();
            for (nth, unit) in units_of(size, 25).iter().enumerate() {
                let shown = brightness(&mut decoder, unit).unwrap().unwrap();
                assert!(shown.abs_diff(20 + 4 * nth as u8) <= 3, "{nth}: {shown}");
            }
        }
    }

    #[test]
    fn it_begins_at_a_keyframe_and_again_after_a_loss() {
        let (units, mut decoder) = (units(31), H264Decoder::new().unwrap());
        let mut shows = |nth: usize| brightness(&mut decoder, &units[nth]).unwrap().is_some();
        assert!(!shows(3) && !shows(4));
        assert!(shows(10) && shows(11));
        decoder.lost();
        let mut shows = |nth: usize| brightness(&mut decoder, &units[nth]).unwrap().is_some();
        assert!(!shows(13) && !shows(14));
        assert!(shows(20) && shows(21));
    }

    #[test]
    fn after_rubbish_it_goes_on_at_the_next_keyframe_even_without_parameter_sets() {
        let (units, mut decoder) = (units(31), H264Decoder::new().unwrap());
        brightness(&mut decoder, &units[0]).unwrap().unwrap();
        let mut broken = units[1].clone();
        let length = broken.len();
        broken[5..length].iter_mut().for_each(|byte| *byte ^= 0x5a);
        let refused = brightness(&mut decoder, &broken).is_err();
        assert!(refused, "it was taken for a picture");
        assert!(brightness(&mut decoder, &units[2]).unwrap().is_none());
        assert!(is_keyframe(&units[10]));
        let bare: Vec<u8> = nal_units(&units[10])
            .filter(|(kind, _)| *kind == nal::IDR)
            .flat_map(|(_, unit)| [&[0, 0, 0, 1], unit].concat())
            .collect();
        assert!(brightness(&mut decoder, &bare).unwrap().unwrap().abs_diff(60) <= 3);
        assert!(brightness(&mut decoder, &units[11]).unwrap().unwrap().abs_diff(64) <= 3);
    }

    #[test]
    fn parameter_sets_may_come_alone_and_before_anything_else() {
        let (units, mut decoder) = (units(2), H264Decoder::new().unwrap());
        let (sets, slices): (Vec<_>, Vec<_>) = nal_units(&units[0]).partition(|(kind, _)| *kind != nal::IDR);
        let unit =
            |of: &[(u8, &[u8])]| of.iter().flat_map(|(_, unit)| [&[0, 0, 0, 1], *unit].concat()).collect::<Vec<_>>();
        assert!(brightness(&mut decoder, &unit(&sets)).unwrap().is_none());
        assert!(brightness(&mut decoder, &unit(&slices)).unwrap().is_some());
    }
}
