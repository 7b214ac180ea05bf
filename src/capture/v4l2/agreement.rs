//! What is agreed with a device: format, size and rate.

use super::device::{Device, Format};
use crate::capture::pixel_format::{FOURCCS, PixelFormat};
use lenscap_actors::ports::CaptureError;
use std::time::Duration;
use v4l::Fraction;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;

/// Without a configured size the largest up to this is taken: more costs much and shows little in
/// a browser window.
const USUAL_SIZE: [u32; 2] = [1280, 720];

/// Without a configured rate the fastest up to this is taken.
const USUAL_FPS: u32 = 30;

/// What is asked of the device.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Width and height in pixels.
    pub size: Option<[u32; 2]>,
    /// Frames a second.
    pub fps: Option<u32>,
    /// Pixel format.
    pub format: PixelFormat,
    /// It has stalled if it gives no good picture for so long.
    pub stall_timeout: Duration,
}

/// Agrees on format, size and rate, and checks what the driver made of it: it may substitute
/// silently. The rate is in frames a second, 0 if the driver does not say.
pub fn agree(device: &Device, wish: Wish) -> Result<(Format, f32), CaptureError> {
    let context = |error: std::io::Error| device.explain(&error);
    let offered: Vec<[u8; 4]> = device.formats().map_err(context)?.into_iter().map(|(fourcc, _)| fourcc).collect();
    let fourcc = choose_format(&offered, wish.format).ok_or_else(|| {
        let has: Vec<String> = offered.iter().map(name).collect();
        device.cannot(format!("{:?} (it has {})", wish.format, has.join(", ")))
    })?;
    let [width, height] = match wish.size {
        Some(size) => size,
        None => choose_size(&device.sizes(fourcc).map_err(context)?).unwrap_or(USUAL_SIZE),
    };
    let format = device.set_format(fourcc, width, height).map_err(context)?;
    let format = format.ok_or_else(|| device.cannot(format!("{} in one piece of memory", name(&fourcc))))?;
    if format.fourcc != fourcc {
        return Err(device.cannot(format!("{} at {width}x{height}", name(&fourcc))));
    }
    if wish.size.is_some() && [format.width, format.height] != [width, height] {
        log::warn!(
            "{}: {}x{} instead of {width}x{height}, which it does not have",
            device.path().display(),
            format.width,
            format.height
        );
    }
    // Set each time, for another program may have left another rate. Not every driver has one to set; then it is
    // what it is.
    let interval = match wish.fps {
        Some(fps) => Fraction::new(1, fps),
        None => {
            let offered = device.intervals(fourcc, format.width, format.height).unwrap_or_default();
            choose_interval(&offered).unwrap_or(Fraction::new(0, 0))
        }
    };
    let interval = device.set_interval(interval).or_else(|_| device.interval());
    Ok((format, interval.map_or(0.0, |interval| fps(&interval))))
}

/// Four characters as text.
pub fn name(fourcc: &[u8; 4]) -> String {
    String::from_utf8_lossy(fourcc).trim_end().to_owned()
}

/// The wanted format if it is offered; for `Auto` the one that costs least on the way to H.264.
fn choose_format(offered: &[[u8; 4]], wanted: PixelFormat) -> Option<[u8; 4]> {
    let fits = |format: PixelFormat| wanted == PixelFormat::Auto || format == wanted;
    let candidates = FOURCCS.iter().filter(|(_, format)| fits(*format)).map(|(fourcc, _)| *fourcc);
    candidates.into_iter().find(|fourcc| offered.contains(fourcc))
}

/// The largest size up to the usual one; if all are larger, the smallest.
fn choose_size(offered: &[FrameSizeEnum]) -> Option<[u32; 2]> {
    let sizes = offered.iter().map(|size| match size {
        FrameSizeEnum::Discrete(size) => [size.width, size.height],
        FrameSizeEnum::Stepwise(range) => [
            USUAL_SIZE[0].clamp(range.min_width, range.max_width.max(range.min_width)),
            USUAL_SIZE[1].clamp(range.min_height, range.max_height.max(range.min_height)),
        ],
    });
    let area = |size: &[u32; 2]| u64::from(size[0]) * u64::from(size[1]);
    let fits = |size: &[u32; 2]| size[0] <= USUAL_SIZE[0] && size[1] <= USUAL_SIZE[1];
    sizes.clone().filter(fits).max_by_key(area).or_else(|| sizes.min_by_key(area))
}

/// The fastest rate up to the usual one; if all are faster, the slowest.
fn choose_interval(offered: &[FrameIntervalEnum]) -> Option<Fraction> {
    let usual = Fraction::new(1, USUAL_FPS);
    let intervals = offered.iter().map(|interval| match interval {
        FrameIntervalEnum::Discrete(interval) => *interval,
        // From the shortest time to the longest.
        FrameIntervalEnum::Stepwise(range) if fps(&range.min) < USUAL_FPS as f32 => range.min,
        FrameIntervalEnum::Stepwise(range) if fps(&range.max) > USUAL_FPS as f32 => range.max,
        FrameIntervalEnum::Stepwise(_) => usual,
    });
    let intervals = intervals.filter(|interval| fps(interval) > 0.0);
    let by_rate = |a: &Fraction, b: &Fraction| fps(a).total_cmp(&fps(b));
    // What drivers say of 30 a second may be rounded, as 333,333 units of 100 ns are.
    let fits = |interval: &Fraction| fps(interval) <= USUAL_FPS as f32 + 0.5;
    intervals.clone().filter(fits).max_by(by_rate).or_else(|| intervals.min_by(by_rate))
}

/// Frames a second of an interval, the fastest of a range.
pub fn rate(interval: &FrameIntervalEnum) -> f32 {
    match interval {
        FrameIntervalEnum::Discrete(interval) => fps(interval),
        FrameIntervalEnum::Stepwise(range) => fps(&range.min),
    }
}

fn fps(interval: &Fraction) -> f32 {
    if interval.numerator == 0 { 0.0 } else { interval.denominator as f32 / interval.numerator as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::frameinterval::Stepwise;
    use v4l::framesize::Discrete;

    #[test]
    fn the_cheapest_format_is_chosen_unless_one_is_named() {
        let all = [*b"YUYV", *b"MJPG", *b"H264", *b"NV12"];
        assert_eq!(choose_format(&all, PixelFormat::Auto), Some(*b"H264"));
        assert_eq!(choose_format(&all[..2], PixelFormat::Auto), Some(*b"MJPG"));
        assert_eq!(choose_format(&all, PixelFormat::Yuyv), Some(*b"YUYV"));
        assert_eq!(choose_format(&all[..1], PixelFormat::H264), None);
        assert_eq!(choose_format(&[*b"GREY"], PixelFormat::Auto), None);
    }

    #[test]
    fn what_is_agreed_on_can_be_shown() {
        for wanted in [PixelFormat::H264, PixelFormat::Mjpeg, PixelFormat::Yuyv, PixelFormat::Nv12] {
            let all: Vec<[u8; 4]> = FOURCCS.iter().map(|(fourcc, _)| *fourcc).collect();
            assert_eq!(choose_format(&all, wanted).and_then(PixelFormat::of), Some(wanted));
        }
    }

    #[test]
    fn the_largest_usual_size_is_chosen() {
        let size = |width, height| FrameSizeEnum::Discrete(Discrete { width, height });
        let offered = [size(640, 480), size(1920, 1080), size(1280, 720), size(320, 240)];
        assert_eq!(choose_size(&offered), Some([1280, 720]));
        assert_eq!(choose_size(&offered[1..2]), Some([1920, 1080]));
        assert_eq!(choose_size(&[]), None);
    }

    #[test]
    fn the_fastest_usual_rate_is_chosen() {
        let one = |numerator, denominator| FrameIntervalEnum::Discrete(Fraction::new(numerator, denominator));
        let range = |min, max| {
            let (min, max) = (Fraction::new(1, min), Fraction::new(1, max));
            FrameIntervalEnum::Stepwise(Stepwise { min, max, step: Fraction::new(1, 1) })
        };
        for (what, offered, expected) in [
            ("of several", vec![one(1, 15), one(1, 60), one(1, 30), one(1, 5)], Some(30.0)),
            ("rounded", vec![one(333_333, 10_000_000), one(1, 15)], Some(30.0)),
            ("slow ones", vec![one(1, 10), one(1, 5)], Some(10.0)),
            ("fast ones", vec![one(1, 120), one(1, 60)], Some(60.0)),
            ("around it", vec![range(90, 1)], Some(30.0)),
            ("below", vec![range(25, 1)], Some(25.0)),
            ("above", vec![range(120, 50)], Some(50.0)),
            ("nonsense", vec![one(0, 0)], None),
            ("nothing", vec![], None),
        ] {
            assert_eq!(choose_interval(&offered).map(|interval| fps(&interval).round()), expected, "{what}");
        }
    }
}
