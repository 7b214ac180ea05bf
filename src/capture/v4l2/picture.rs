//! What a device's buffer contains: a picture, whole or not, taken when.

use super::buffers::Filled;
use super::device::Format;
use crate::capture::pixel_format::PixelFormat;
use crate::codec::is_complete;
use bytes::Bytes;
use lenscap_actors::media::{Content, Layout, RawImage};
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};
use v4l::buffer::Flags;

/// A picture that is older when it arrives has a driver whose clock is not to be trusted.
const AGE_MAX: Duration = Duration::from_secs(1);

/// Whether a picture has arrived as a whole, as far as that can be seen without decoding it.
pub fn is_whole(format: &Format, data: &[u8]) -> bool {
    let (stride, height) = (format.stride as usize, format.height as usize);
    match PixelFormat::of(format.fourcc) {
        Some(PixelFormat::H264) => data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]),
        Some(PixelFormat::Mjpeg) => is_complete(data),
        Some(PixelFormat::Nv12) => data.len() >= stride * height * 3 / 2,
        Some(PixelFormat::Yuyv) => data.len() >= stride * height,
        Some(PixelFormat::Auto) | None => false,
    }
}

/// The picture in the form in which it goes on; none if that is unknown.
pub fn content(format: &Format, data: Bytes) -> Option<Content> {
    let raw = |layout, data| {
        Content::Raw(RawImage {
            layout,
            width: format.width as usize,
            height: format.height as usize,
            stride: format.stride as usize,
            data,
        })
    };
    match PixelFormat::of(format.fourcc)? {
        PixelFormat::H264 => Some(Content::H264(data)),
        PixelFormat::Mjpeg => Some(Content::Jpeg(data)),
        PixelFormat::Nv12 => Some(raw(Layout::Nv12, data)),
        PixelFormat::Yuyv => Some(raw(Layout::Yuyv, data)),
        PixelFormat::Auto => None,
    }
}

/// When a picture was taken: the driver's own time, or now if it tells none that makes sense.
pub fn taken(picture: &Filled<'_>) -> Instant {
    let monotonic = picture.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
    let stamp = monotonic.then(|| since(picture.timestamp.tv_sec, picture.timestamp.tv_usec * 1000)).flatten();
    let clock = clock_gettime(ClockId::Monotonic);
    taken_at(stamp, since(clock.tv_sec, clock.tv_nsec), Instant::now())
}

/// A reading of the system's monotonic clock. Negative ones are none.
fn since(seconds: i64, nanoseconds: i64) -> Option<Duration> {
    let seconds = Duration::from_secs(seconds.try_into().ok()?);
    seconds.checked_add(Duration::from_nanos(nanoseconds.try_into().ok()?))
}

/// `stamp` and `clock` are of one clock, and `clock` and `now` of one moment.
fn taken_at(stamp: Option<Duration>, clock: Option<Duration>, now: Instant) -> Instant {
    let age = stamp.zip(clock).and_then(|(stamp, clock)| clock.checked_sub(stamp));
    age.filter(|age| *age <= AGE_MAX).and_then(|age| now.checked_sub(age)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_cut_off_is_not_whole() {
        let format = |fourcc| Format { fourcc, width: 4, height: 2, stride: 8 };
        let yuyv = format(*b"YUYV");
        assert!(is_whole(&yuyv, &[0; 16]) && !is_whole(&yuyv, &[0; 15]));
        let nv12 = Format { stride: 4, ..format(*b"NV12") };
        assert!(is_whole(&nv12, &[0; 12]) && !is_whole(&nv12, &[0; 11]));
        let mjpeg = format(*b"MJPG");
        for (data, whole) in [
            (&[0xff, 0xd8, 1, 2, 0xff, 0xd9][..], true),
            (&[0xff, 0xd8, 1, 2, 0xff, 0xd9, 0, 0], true),
            (&[0xff, 0xd8, 1, 2, 0xff, 0xd9, 1, 2, 3], true),
            (&[0xff, 0xd8, 1, 2], false),
            (&[1, 2, 0xff, 0xd9], false),
            (&[], false),
        ] {
            assert_eq!(is_whole(&mjpeg, data), whole, "{data:?}");
        }
        let h264 = format(*b"H264");
        assert!(is_whole(&h264, &[0, 0, 0, 1, 0x65]) && !is_whole(&h264, &[]));
    }

    #[test]
    fn the_drivers_time_counts_unless_it_makes_no_sense() {
        let (clock, now) = (Duration::from_secs(100), Instant::now() + Duration::from_secs(100));
        let age = |stamp| now - taken_at(stamp, Some(clock), now);
        let ms = Duration::from_millis;
        assert_eq!(age(Some(clock - ms(40))), ms(40));
        assert_eq!(age(Some(clock - AGE_MAX)), AGE_MAX);
        assert_eq!(age(Some(clock - AGE_MAX - ms(1))), ms(0), "too old");
        assert_eq!(age(Some(clock + ms(1))), ms(0), "in the future");
        assert_eq!(age(Some(ms(0))), ms(0), "never set");
        assert_eq!(age(None), ms(0), "of another clock");
        assert_eq!(since(-1, 0), None);
        assert_eq!(since(1, 5), Some(Duration::new(1, 5)));
    }

    #[test]
    fn the_monotonic_clock_is_the_one_of_instants() {
        let clock = clock_gettime(ClockId::Monotonic);
        let timestamp = v4l::v4l_sys::timeval { tv_sec: clock.tv_sec, tv_usec: clock.tv_nsec / 1000 };
        let before = Instant::now();
        let picture = |flags| Filled { data: &[], flags, sequence: 0, timestamp };
        let stamped = taken(&picture(Flags::TIMESTAMP_MONOTONIC));
        let unknown = taken(&picture(Flags::TIMESTAMP_UNKNOWN));
        assert!(stamped <= before && before <= unknown, "{:?}", before - stamped);
    }
}
