//! V4L2 cameras, through the `v4l` crate with memory-mapped buffers.
//!
//! The loop waits for the device and for the order to stop with one `poll`, and takes a buffer
//! only when there is one: so stopping never waits for a picture, even where the camera stalls.

use super::controls::Controls;
use super::holder::holder;
use super::hotplug::Hotplug;
use super::identity::Identity;
use super::thread::{Session, Woken, spawn};
use crate::config::PixelFormat;
use bytes::Bytes;
use lenscap_actors::media::{Content, Layout, Picture, RawImage};
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, CaptureInfo, OpenCapture, Plugged};
use lenscap_actors::supervisor::address::Recipient;
use rustix::fd::{AsFd, BorrowedFd};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Can;
use v4l::device::Handle;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture as _;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};

/// Buffers shared with the driver: one being filled, two waiting, one with us.
const BUFFERS: u32 = 4;

/// Without a configured size the largest up to this is taken: more costs much and shows little in
/// a browser window.
const USUAL_SIZE: [u32; 2] = [1280, 720];

/// The source.
pub struct V4l2 {
    identity: Identity,
    wish: Wish,
    controls: Controls,
    hotplug: Option<Hotplug>,
}

/// What is asked of the device.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Width and height in pixels.
    pub size: Option<[u32; 2]>,
    /// Frames a second.
    pub fps: Option<u32>,
    /// Pixel format.
    pub format: PixelFormat,
    /// It has stalled if it gives no picture for so long.
    pub stall_timeout: Duration,
}

impl V4l2 {
    /// The camera of this identity. Without `hotplug` it is found by trying.
    pub fn new(identity: Identity, wish: Wish, controls: Controls, hotplug: Option<Hotplug>) -> Self {
        Self { identity, wish, controls, hotplug }
    }
}

impl Capture for V4l2 {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let (identity, wish, controls) = (self.identity.clone(), self.wish, self.controls.clone());
        spawn(&identity.to_string(), session, events, move |session| {
            let absent = || CaptureError::Absent { device: identity.to_string() };
            run(session, &identity.resolve().ok_or_else(absent)?, wish, &controls)
        })
    }

    fn watch(&self, events: Recipient<Plugged>) -> Option<Box<dyn Send>> {
        Some(self.hotplug.as_ref()?.watch(self.identity.clone(), events))
    }
}

fn run(session: &Session, path: &Path, wish: Wish, controls: &Controls) -> Result<(), CaptureError> {
    let context = |error: io::Error| explain(path, &error);
    let device = open(path)?;
    let (format, fps) = agree(&device, path, wish)?;
    let troubles = controls.apply(&device);
    let mut stream = Buffers::new(&device).map_err(context)?;
    session.opened(CaptureInfo {
        device: path.display().to_string(),
        format: format!("{} {}x{}", format.fourcc, format.width, format.height),
        fps,
        warning: (!troubles.is_empty()).then(|| troubles.join("; ")),
    });
    let handle = Descriptor(stream.0.handle());
    let mut bad = 0u64;
    loop {
        match session.wait(&[&handle], Some(wish.stall_timeout)) {
            Ok(Woken::Stop) => return Ok(()),
            Ok(Woken::Ready(_)) => {}
            Ok(Woken::Timeout) => {
                return Err(CaptureError::Stalled { device: path.display().to_string(), silence: wish.stall_timeout });
            }
            Err(error) => return Err(context(error.into())),
        }
        let (buffer, meta) = stream.0.next().map_err(context)?;
        let captured = Instant::now();
        let used = buffer.get(..meta.bytesused as usize).unwrap_or(buffer);
        if meta.flags.contains(Flags::ERROR) || !is_whole(&format, used) {
            bad += 1;
            session.left_out();
            if bad.is_power_of_two() {
                log::warn!("{}: {bad} broken pictures left out so far", path.display());
            }
            continue;
        }
        // The buffer goes back to the driver with the next call: this copy is the one it forces.
        let data = Bytes::copy_from_slice(used);
        session.push(Picture { captured, content: content(&format, data) });
    }
}

/// Whether a picture has arrived as a whole, as far as that can be seen without decoding it.
fn is_whole(format: &Format, data: &[u8]) -> bool {
    let (stride, height) = (format.stride as usize, format.height as usize);
    match &format.fourcc.repr {
        b"H264" => data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]),
        // SOI at the beginning and EOI at the end, but for padding (ITU-T T.81, B.1.1.3).
        b"MJPG" | b"JPEG" => {
            let padding = data.iter().rev().take_while(|byte| **byte == 0).count();
            data.starts_with(&[0xff, 0xd8]) && data[..data.len() - padding].ends_with(&[0xff, 0xd9])
        }
        b"NV12" => data.len() >= stride * height * 3 / 2,
        _ => data.len() >= stride * height,
    }
}

fn content(format: &Format, data: Bytes) -> Content {
    let raw = |layout, data| {
        Content::Raw(RawImage {
            layout,
            width: format.width as usize,
            height: format.height as usize,
            stride: format.stride as usize,
            data,
        })
    };
    match &format.fourcc.repr {
        b"H264" => Content::H264(data),
        b"MJPG" | b"JPEG" => Content::Jpeg(data),
        b"NV12" => raw(Layout::Nv12, data),
        _ => raw(Layout::Yuyv, data),
    }
}

/// Opens the node and makes sure that programs which are started later do not inherit it.
pub fn open(path: &Path) -> Result<Device, CaptureError> {
    let device = Device::with_path(path).map_err(|error| explain(path, &error))?;
    rustix::io::fcntl_setfd(Descriptor(device.handle()), rustix::io::FdFlags::CLOEXEC)
        .map_err(|error| explain(path, &error.into()))?;
    let caps = device.query_caps().map_err(|error| explain(path, &error))?;
    if !caps.capabilities.contains(Can::VIDEO_CAPTURE) || !caps.capabilities.contains(Can::STREAMING) {
        return Err(CaptureError::Unsupported { device: path.display().to_string(), what: "video capture".into() });
    }
    Ok(device)
}

fn explain(path: &Path, error: &io::Error) -> CaptureError {
    let device = path.display().to_string();
    match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        Some(rustix::io::Errno::NOENT | rustix::io::Errno::NXIO) => CaptureError::Absent { device },
        Some(rustix::io::Errno::NODEV) => CaptureError::Unplugged { device },
        Some(rustix::io::Errno::BUSY) => CaptureError::Busy { device, holder: holder(path) },
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => CaptureError::Denied { device },
        _ => CaptureError::Failed { device, message: error.to_string() },
    }
}

/// Agrees on format, size and rate, and checks what the driver made of it: it may substitute
/// silently.
fn agree(device: &Device, path: &Path, wish: Wish) -> Result<(Format, f32), CaptureError> {
    let context = |error: io::Error| explain(path, &error);
    let unsupported = |what: String| CaptureError::Unsupported { device: path.display().to_string(), what };
    let offered: Vec<[u8; 4]> =
        device.enum_formats().map_err(context)?.iter().map(|format| format.fourcc.repr).collect();
    let fourcc = choose_format(&offered, wish.format).ok_or_else(|| unsupported(format!("{:?}", wish.format)))?;
    let [width, height] = match wish.size {
        Some(size) => size,
        None => {
            let sizes = device.enum_framesizes(FourCC::new(&fourcc)).map_err(context)?;
            choose_size(&sizes.into_iter().map(|size| size.size).collect::<Vec<_>>()).unwrap_or(USUAL_SIZE)
        }
    };
    let format = device.set_format(&Format::new(width, height, FourCC::new(&fourcc))).map_err(context)?;
    if format.fourcc.repr != fourcc {
        return Err(unsupported(format!("{} at {width}x{height}", FourCC::new(&fourcc))));
    }
    if wish.size.is_some() && [format.width, format.height] != [width, height] {
        log::warn!(
            "{}: {}x{} instead of {width}x{height}, which it does not have",
            path.display(),
            format.width,
            format.height
        );
    }
    // Not every driver has a rate to set; then it is what it is.
    let set = match wish.fps {
        Some(fps) => device.set_params(&Parameters::with_fps(fps)),
        None => device.params(),
    };
    let fps = match set.map(|params| params.interval) {
        Ok(Fraction { numerator, denominator }) if numerator > 0 => denominator as f32 / numerator as f32,
        _ => 0.0,
    };
    Ok((format, fps))
}

/// The wanted format if it is offered; for `Auto` the one that costs least on the way to H.264.
fn choose_format(offered: &[[u8; 4]], wanted: PixelFormat) -> Option<[u8; 4]> {
    let candidates: &[&[u8; 4]] = match wanted {
        PixelFormat::Auto => &[b"H264", b"MJPG", b"JPEG", b"NV12", b"YUYV"],
        PixelFormat::H264 => &[b"H264"],
        PixelFormat::Mjpeg => &[b"MJPG", b"JPEG"],
        PixelFormat::Yuyv => &[b"YUYV"],
        PixelFormat::Nv12 => &[b"NV12"],
    };
    candidates.iter().find(|candidate| offered.contains(candidate)).map(|&&fourcc| fourcc)
}

/// The largest size up to the usual one; if all are larger, the smallest.
fn choose_size(offered: &[FrameSizeEnum]) -> Option<[u32; 2]> {
    let sizes = offered.iter().map(|size| match size {
        FrameSizeEnum::Discrete(size) => [size.width, size.height],
        FrameSizeEnum::Stepwise(range) => [
            USUAL_SIZE[0].clamp(range.min_width, range.max_width),
            USUAL_SIZE[1].clamp(range.min_height, range.max_height),
        ],
    });
    let area = |size: &[u32; 2]| u64::from(size[0]) * u64::from(size[1]);
    let fits = |size: &[u32; 2]| size[0] <= USUAL_SIZE[0] && size[1] <= USUAL_SIZE[1];
    sizes.clone().filter(fits).max_by_key(area).or_else(|| sizes.min_by_key(area))
}

/// Frames a second of an interval, the fastest of a range.
pub fn rate(interval: &FrameIntervalEnum) -> f32 {
    let fraction = match interval {
        FrameIntervalEnum::Discrete(fraction) => fraction,
        FrameIntervalEnum::Stepwise(range) => &range.min,
    };
    if fraction.numerator == 0 { 0.0 } else { fraction.denominator as f32 / fraction.numerator as f32 }
}

/// The mapped buffers; given back in a way that cannot panic.
struct Buffers<'a>(std::mem::ManuallyDrop<Stream<'a>>);

impl Buffers<'_> {
    fn new(device: &Device) -> io::Result<Self> {
        let mut stream = Self(std::mem::ManuallyDrop::new(Stream::with_buffers(device, Type::VideoCapture, BUFFERS)?));
        // The first call of `next` queues buffer 0.
        for index in 1..BUFFERS as usize {
            CaptureStream::queue(&mut *stream.0, index)?;
        }
        stream.0.start()?;
        Ok(stream)
    }
}

impl Drop for Buffers<'_> {
    fn drop(&mut self) {
        // SAFETY: dropped once, here, and not used afterwards.
        let stream = unsafe { std::mem::ManuallyDrop::take(&mut self.0) };
        // v4l's own drop panics if STREAMOFF fails other than by ENODEV; the descriptor is closed
        // right after this all the same.
        if catch_unwind(AssertUnwindSafe(|| drop(stream))).is_err() {
            log::warn!("the driver refused to stop streaming; the descriptor is closed all the same");
        }
    }
}

/// The descriptor of an open device.
struct Descriptor(Arc<Handle>);

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the handle owns the descriptor and lives as long as the borrow.
        unsafe { BorrowedFd::borrow_raw(self.0.fd()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn the_largest_usual_size_is_chosen() {
        let size = |width, height| FrameSizeEnum::Discrete(Discrete { width, height });
        let offered = [size(640, 480), size(1920, 1080), size(1280, 720), size(320, 240)];
        assert_eq!(choose_size(&offered), Some([1280, 720]));
        assert_eq!(choose_size(&offered[1..2]), Some([1920, 1080]));
        assert_eq!(choose_size(&[]), None);
    }

    #[test]
    fn a_picture_that_is_cut_off_is_not_whole() {
        let format = |fourcc| Format { stride: 8, ..Format::new(4, 2, FourCC::new(fourcc)) };
        let yuyv = format(b"YUYV");
        assert!(is_whole(&yuyv, &[0; 16]) && !is_whole(&yuyv, &[0; 15]));
        let nv12 = Format { stride: 4, ..format(b"NV12") };
        assert!(is_whole(&nv12, &[0; 12]) && !is_whole(&nv12, &[0; 11]));
        let mjpeg = format(b"MJPG");
        for (data, whole) in [
            (&[0xff, 0xd8, 1, 2, 0xff, 0xd9][..], true),
            (&[0xff, 0xd8, 1, 2, 0xff, 0xd9, 0, 0], true),
            (&[0xff, 0xd8, 1, 2], false),
            (&[1, 2, 0xff, 0xd9], false),
            (&[], false),
        ] {
            assert_eq!(is_whole(&mjpeg, data), whole, "{data:?}");
        }
        let h264 = format(b"H264");
        assert!(is_whole(&h264, &[0, 0, 0, 1, 0x65]) && !is_whole(&h264, &[]));
    }

    #[test]
    fn a_missing_node_and_a_node_that_is_no_camera_are_told_apart() {
        let open = |path: &str| super::open(Path::new(path)).map(|_| ()).unwrap_err();
        assert!(matches!(open("/dev/video-that-is-not"), CaptureError::Absent { .. }));
        let error = open("/dev/null");
        assert!(matches!(error, CaptureError::Failed { .. }), "{error:?}");
    }
}
