//! I420 images into H.264: constrained baseline, parameter sets with each IDR, and an IDR only on
//! request (or at the start), since a lossy viewer asks for one.

use super::convert::I420;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, MatrixCoefficients, Profile,
    RateControlMode, SpsPpsStrategy, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE, ENCODER_OPTION_RC_FRAME_SKIP, SBitrateInfo, SPATIAL_LAYER_ALL,
};

/// So many seconds' worth of bits may be owed before two images in a row are left out. An IDR is a tenth to two thirds of one;
/// grain that no quantizer makes small owes more and more.
const OWED_MAX_SECONDS: f64 = 1.0;

/// Primaries and gamma of HD, limited range, and the color differences of BT.601 (ITU-T H.264, E.2.1).
const COLORS: VuiConfig = VuiConfig::bt709().matrix_coefficients(MatrixCoefficients::Smpte170M);

/// An encoder for images of one size.
pub struct H264Encoder {
    encoder: Encoder,
    size: (usize, usize),
    fps: f32,
    /// Bits a second that it is told to make, and bits that it has made beyond that and not paid back.
    bitrate: u32,
    owed: f64,
    /// Whether it may leave out the next image.
    may_leave_out: bool,
}

/// The encoder refused.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A picture, or to be made.
    #[error("the H.264 encoder says: {0}")]
    Encoder(#[from] openh264::Error),
    /// A bit rate.
    #[error("the H.264 encoder does not take {bps} bits a second (code {code})")]
    Bitrate {
        /// Bits a second.
        bps: u32,
        /// What it says.
        code: i64,
    },
    /// How many images come.
    #[error("the H.264 encoder does not take {fps} frames a second (code {code})")]
    FrameRate {
        /// Frames a second.
        fps: f32,
        /// What it says.
        code: i64,
    },
    /// Whether it may leave out images.
    #[error("the H.264 encoder does not take whether it may leave out images (code {code})")]
    LeavingOut {
        /// What it says.
        code: i64,
    },
}

/// Bits a second that look good at this size and rate: 0.07 a pixel.
pub fn usual_bitrate(width: usize, height: usize, fps: f32) -> u32 {
    ((width * height) as f32 * fps * 0.07).clamp(100_000.0, 12_000_000.0) as u32
}

impl H264Encoder {
    /// An encoder for this size, rate (frames a second) and bit rate (bits a second), of pictures as cameras give them: what red is in
    /// them is as in JPEG and as V4L2 has it (ITU-T BT.601), which has to be said, for browsers take what says nothing for BT.709.
    pub fn new(size: (usize, usize), fps: f32, bitrate: u32) -> Result<Self, EncodeError> {
        Self::with(Some(COLORS), size, fps, bitrate)
    }

    /// The same of pictures that came encoded, of whose colors nothing is known here.
    pub fn of_encoded(size: (usize, usize), fps: f32, bitrate: u32) -> Result<Self, EncodeError> {
        Self::with(None, size, fps, bitrate)
    }

    fn with(colors: Option<VuiConfig>, size: (usize, usize), fps: f32, bitrate: u32) -> Result<Self, EncodeError> {
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .profile(Profile::Baseline)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(bitrate))
            .max_frame_rate(FrameRate::from_hz(fps))
            .intra_frame_period(IntraFramePeriod::auto())
            .complexity(Complexity::Low)
            .scene_change_detect(false)
            // Without it the encoder does not keep to the bit rate. See `encode`, too.
            .skip_frames(true)
            .num_threads(1);
        let config = colors.into_iter().fold(config, EncoderConfig::vui);
        Ok(Self {
            encoder: Encoder::with_api_config(OpenH264API::from_source(), config)?,
            size,
            fps,
            bitrate,
            owed: 0.0,
            may_leave_out: true,
        })
    }

    /// The size it was made for.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Makes the next image an IDR.
    pub fn force_keyframe(&mut self) {
        self.encoder.force_intra_frame();
    }

    /// From now on makes so many bits a second. Without an IDR: what is shown goes on.
    pub fn set_bitrate(&mut self, bps: u32) -> Result<(), EncodeError> {
        let bits = bps.try_into().unwrap_or(i32::MAX);
        let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_ALL, iBitrate: bits };
        // SAFETY: this option reads one such structure, during the call.
        let result = unsafe { self.encoder.raw_api().set_option(ENCODER_OPTION_BITRATE, (&raw mut info).cast()) };
        if result != 0 {
            return Err(EncodeError::Bitrate { bps, code: result.into() });
        }
        self.bitrate = bps;
        Ok(())
    }

    /// Frames a second that it plans with.
    pub fn fps(&self) -> f32 {
        self.fps
    }

    /// From now on plans with so many frames a second, of which each gets its part of the bit rate. Without an IDR. Only once it has
    /// begun.
    pub fn set_fps(&mut self, fps: f32) -> Result<(), EncodeError> {
        // It knows no others.
        let mut fps = fps.clamp(1.0, 60.0);
        // SAFETY: this option reads one float, during the call.
        let result = unsafe { self.encoder.raw_api().set_option(ENCODER_OPTION_FRAME_RATE, (&raw mut fps).cast()) };
        if result != 0 {
            return Err(EncodeError::FrameRate { fps, code: result.into() });
        }
        self.fps = fps;
        Ok(())
    }

    /// Encodes one image of the right size into an access unit in Annex B form. None if the encoder
    /// left it out, which it does where images are larger than the bit rate allows; but never with two one after the other as
    /// long as an IDR may be the reason: at 30 frames a second these were a hole of 100 ms for everybody each time that
    /// somebody joins. It makes the images small instead.
    pub fn encode(&mut self, image: &I420) -> Result<Option<Vec<u8>>, EncodeError> {
        let (width, height) = (image.width, image.height);
        let slices = YUVSlices::new((&image.y, &image.u, &image.v), (width, height), (width, width / 2, width / 2));
        let stream = self.encoder.encode(&slices)?;
        let left_out = matches!(stream.frame_type(), FrameType::Skip | FrameType::Invalid);
        let unit = (!left_out).then(|| stream.to_vec());
        let bits = unit.as_ref().map_or(0, Vec::len) as f64 * 8.0;
        self.owed = (self.owed + bits - f64::from(self.bitrate) / f64::from(self.fps)).max(0.0);
        self.let_leave_out(!left_out || self.owed > f64::from(self.bitrate) * OWED_MAX_SECONDS)?;
        Ok(unit)
    }

    fn let_leave_out(&mut self, mut may: bool) -> Result<(), EncodeError> {
        if may == self.may_leave_out {
            return Ok(());
        }
        // SAFETY: this option reads one byte that is a bool, during the call.
        let result = unsafe { self.encoder.raw_api().set_option(ENCODER_OPTION_RC_FRAME_SKIP, (&raw mut may).cast()) };
        if result != 0 {
            return Err(EncodeError::LeavingOut { code: result.into() });
        }
        self.may_leave_out = may;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::annexb::{is_keyframe, nal, nal_units};

    #[test]
    fn the_bit_rate_changes_without_an_idr() {
        let mut encoder = H264Encoder::new((320, 192), 30.0, 1_000_000).unwrap();
        let (mut image, mut noise) = (I420::default(), 1u32);
        image.resize(320, 192);
        // Bits a second over two seconds, and keyframes among them.
        let mut make = |encoder: &mut H264Encoder| {
            let units: Vec<Vec<u8>> = (0..60)
                .filter_map(|_| {
                    image.y.iter_mut().for_each(|pixel| {
                        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        *pixel = (noise >> 27) as u8 * 4;
                    });
                    encoder.encode(&image).unwrap()
                })
                .collect();
            (
                units.iter().map(|unit| unit.len() * 4).sum::<usize>(),
                units.iter().filter(|unit| is_keyframe(unit)).count(),
            )
        };
        make(&mut encoder);
        let (full, _) = make(&mut encoder);
        encoder.set_bitrate(250_000).unwrap();
        make(&mut encoder);
        let (quarter, keyframes) = make(&mut encoder);
        assert!((150_000..350_000).contains(&quarter) && full > quarter * 2, "{full}, then {quarter}");
        assert_eq!(keyframes, 0);
        encoder.set_bitrate(1_000_000).unwrap();
        make(&mut encoder);
        assert!(make(&mut encoder).0 > full * 3 / 4, "and back");
    }

    #[test]
    fn the_bit_rate_is_met_however_many_images_come() {
        for (fps, planned, least, most) in
            [(10, None, 0, 450_000), (10, Some(10.0), 750_000, 1_100_000), (60, Some(60.0), 750_000, 1_100_000)]
        {
            let mut encoder = H264Encoder::new((320, 192), 30.0, 1_000_000).unwrap();
            let (mut image, mut noise, mut bytes) = (I420::default(), 1u32, 0);
            image.resize(320, 192);
            for nth in 0..fps * 8 {
                image.y.iter_mut().for_each(|pixel| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *pixel = (noise >> 27) as u8 * 4;
                });
                let unit = encoder.encode(&image).unwrap();
                if nth == fps {
                    planned.iter().for_each(|planned| encoder.set_fps(*planned).unwrap());
                }
                assert!(nth == 0 || !unit.as_ref().is_some_and(|unit| is_keyframe(unit)), "no IDR for that");
                if nth >= fps * 3 {
                    bytes += unit.map_or(0, |unit| unit.len());
                }
            }
            let rate = bytes * 8 / 5;
            assert!((least..most).contains(&rate), "{rate} bits a second at {fps}, planned with {planned:?}");
        }
    }

    #[test]
    fn an_idr_has_no_two_images_in_a_row_left_out_and_the_bit_rate_is_held() {
        let mut encoder = H264Encoder::new((640, 368), 30.0, 1_000_000).unwrap();
        let (mut image, mut noise) = (I420::default(), 1u32);
        image.resize(640, 368);
        let (mut bytes, mut left_out, mut in_a_row) = (0, 0, 0);
        for n in 0..600usize {
            // Small squares, which make IDRs of 0.6 s' worth, and a little that moves. Left alone the encoder leaves out ten in a row.
            image.y.iter_mut().enumerate().for_each(|(at, pixel)| {
                let (x, y) = (at % 640 / 2, at / 640 / 2);
                *pixel = ((x * 7919 + y * 104_729) % 199) as u8;
            });
            image.y[640 * 40..640 * 50].iter_mut().for_each(|pixel| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *pixel = (noise >> 27) as u8 * 4;
            });
            if n % 90 == 0 {
                encoder.force_keyframe();
            }
            in_a_row = match encoder.encode(&image).unwrap() {
                Some(unit) => {
                    bytes += unit.len();
                    0
                }
                None => {
                    left_out += 1;
                    in_a_row + 1
                }
            };
            assert!(in_a_row < 2, "image {n}");
        }
        assert!(left_out > 0, "or this tries nothing");
        assert!(bytes * 8 / 20 < 1_050_000, "{} bits a second", bytes * 8 / 20);
    }

    #[test]
    fn an_idr_comes_at_the_start_and_on_request_with_its_parameter_sets() {
        let mut encoder = H264Encoder::new((160, 128), 30.0, 200_000).unwrap();
        let mut image = I420::default();
        image.resize(160, 128);
        let mut keyframes = vec![];
        for n in 0..40u8 {
            image.y.fill(n * 5);
            if n == 20 {
                encoder.force_keyframe();
            }
            let Some(unit) = encoder.encode(&image).unwrap() else { continue };
            if is_keyframe(&unit) {
                keyframes.push(n);
                let kinds: Vec<u8> = nal_units(&unit).map(|(kind, _)| kind).collect();
                assert_eq!(kinds[..2], [nal::SPS, nal::PPS]);
                let (_, sps) = nal_units(&unit).next().unwrap();
                assert_eq!(sps[1], 66, "baseline");
                assert_eq!(sps[2] & 0x40, 0x40, "constrained");
            }
        }
        assert_eq!(keyframes, [0, 20]);
    }
}
