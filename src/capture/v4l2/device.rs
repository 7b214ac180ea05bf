//! An open node and what can be asked of it: the calls of V4L2, each with the structure that belongs to it.
//!
//! The `v4l` crate has the structures and numbers, but opens nodes such that programs which are started meanwhile
//! inherit the camera, and knows no multi-planar devices; so the descriptor is our own.

use lenscap_actors::ports::CaptureError;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use v4l::Fraction;
use v4l::capability::Flags as Can;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::v4l_sys::*;
use v4l::v4l2::vidioc;

/// A list of a driver's may be so long.
const LIST_MAX: u32 = 1000;

/// A structure of V4L2.
///
/// # Safety
/// All zeros must be a valid value of it.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($structure:ty),*) => {
        // SAFETY: structures of C, made of integers, arrays and unions of such, and pointers that may be null.
        $(unsafe impl Plain for $structure {})*
    };
}

plain!(v4l2_capability, v4l2_fmtdesc, v4l2_frmsizeenum, v4l2_frmivalenum, v4l2_format, v4l2_streamparm);
plain!(v4l2_requestbuffers, v4l2_buffer, v4l2_plane, v4l2_query_ext_ctrl, v4l2_querymenu, v4l2_ext_controls);
plain!(v4l2_ext_control, i32);

/// All zeros.
pub fn blank<T: Plain>() -> T {
    // SAFETY: that is what the trait says.
    unsafe { std::mem::zeroed() }
}

/// A call and the structure that it takes.
pub struct Request<T>(vidioc::_IOC_TYPE, PhantomData<T>);

impl<T: Plain> Request<T> {
    /// The number of a call has the size of its structure in it.
    pub const fn new(number: vidioc::_IOC_TYPE) -> Self {
        assert!((number >> 16) as usize & 0x3fff == size_of::<T>());
        Self(number, PhantomData)
    }
}

const QUERYCAP: Request<v4l2_capability> = Request::new(vidioc::VIDIOC_QUERYCAP);
const ENUM_FMT: Request<v4l2_fmtdesc> = Request::new(vidioc::VIDIOC_ENUM_FMT);
const ENUM_FRAMESIZES: Request<v4l2_frmsizeenum> = Request::new(vidioc::VIDIOC_ENUM_FRAMESIZES);
const ENUM_FRAMEINTERVALS: Request<v4l2_frmivalenum> = Request::new(vidioc::VIDIOC_ENUM_FRAMEINTERVALS);
const S_FMT: Request<v4l2_format> = Request::new(vidioc::VIDIOC_S_FMT);
const G_PARM: Request<v4l2_streamparm> = Request::new(vidioc::VIDIOC_G_PARM);
const S_PARM: Request<v4l2_streamparm> = Request::new(vidioc::VIDIOC_S_PARM);

/// How a device hands out its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planes {
    /// In one piece of memory.
    One,
    /// In pieces; of such devices the formats of a single piece are used.
    Several,
}

impl Planes {
    /// `enum v4l2_buf_type`.
    pub fn buffer_type(self) -> u32 {
        match self {
            Planes::One => v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE,
            Planes::Several => v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
        }
    }
}

/// What a device's pictures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Four characters, like `MJPG`.
    pub fourcc: [u8; 4],
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from one row to the next.
    pub stride: u32,
}

/// An open video node. Programs that are started do not inherit it.
#[derive(Debug)]
pub struct Device {
    fd: OwnedFd,
    path: PathBuf,
    caps: v4l2_capability,
    planes: Planes,
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Device {
    /// Opens a node, if it gives video.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| explain(path, &error.into()))?;
        let mut device = Self { fd, path: path.to_owned(), caps: blank(), planes: Planes::One };
        device.caps = device.call(QUERYCAP, device.caps).map_err(|error| explain(path, &error))?;
        let can = capabilities(&device.caps);
        device.planes = match () {
            () if !can.contains(Can::STREAMING) => {
                return Err(device.cannot("video capture with mapped buffers".into()));
            }
            () if can.contains(Can::VIDEO_CAPTURE) => Planes::One,
            () if can.contains(Can::VIDEO_CAPTURE_MPLANE) => Planes::Several,
            () => return Err(device.cannot("video capture".into())),
        };
        Ok(device)
    }

    /// How it hands out its pictures.
    pub fn planes(&self) -> Planes {
        self.planes
    }

    /// Its node.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name that its driver gives it.
    pub fn name(&self) -> String {
        text(&self.caps.card)
    }

    /// Its driver.
    pub fn driver(&self) -> String {
        text(&self.caps.driver)
    }

    /// Where it is plugged in.
    pub fn bus(&self) -> String {
        text(&self.caps.bus_info)
    }

    /// The error of a wish that it cannot fulfill.
    pub fn cannot(&self, what: String) -> CaptureError {
        CaptureError::Unsupported { device: self.path.display().to_string(), what }
    }

    /// What an error of one of its calls means.
    pub fn explain(&self, error: &io::Error) -> CaptureError {
        explain(&self.path, error)
    }

    /// The formats that it offers, with the driver's descriptions.
    pub fn formats(&self) -> io::Result<Vec<([u8; 4], String)>> {
        let first = v4l2_fmtdesc { type_: self.planes.buffer_type(), ..blank() };
        let list = self.list(ENUM_FMT, |index| v4l2_fmtdesc { index, ..first })?;
        Ok(list.iter().map(|format| (format.pixelformat.to_le_bytes(), text(&format.description))).collect())
    }

    /// The sizes of a format; none if the driver does not list them.
    pub fn sizes(&self, fourcc: [u8; 4]) -> io::Result<Vec<FrameSizeEnum>> {
        let first = v4l2_frmsizeenum { pixel_format: u32::from_le_bytes(fourcc), ..blank() };
        let list = self.list(ENUM_FRAMESIZES, |index| v4l2_frmsizeenum { index, ..first })?;
        Ok(list.into_iter().filter_map(|size| FrameSizeEnum::try_from(size).ok()).collect())
    }

    /// The times between pictures of a format and size; none if the driver does not list them.
    pub fn intervals(&self, fourcc: [u8; 4], width: u32, height: u32) -> io::Result<Vec<FrameIntervalEnum>> {
        let first = v4l2_frmivalenum { pixel_format: u32::from_le_bytes(fourcc), width, height, ..blank() };
        let list = self.list(ENUM_FRAMEINTERVALS, |index| v4l2_frmivalenum { index, ..first })?;
        Ok(list.into_iter().filter_map(|interval| FrameIntervalEnum::try_from(interval).ok()).collect())
    }

    /// Sets the format; gives what the driver made of it. None if its pictures come in several pieces of memory.
    pub fn set_format(&self, fourcc: [u8; 4], width: u32, height: u32) -> io::Result<Option<Format>> {
        let pixelformat = u32::from_le_bytes(fourcc);
        let mut wish: v4l2_format = blank();
        wish.type_ = self.planes.buffer_type();
        match self.planes {
            Planes::One => {
                // SAFETY: all fields of the union are plain and the union is all zeros.
                let pix = unsafe { &mut wish.fmt.pix };
                (pix.width, pix.height, pix.pixelformat) = (width, height, pixelformat);
            }
            Planes::Several => {
                // SAFETY: as above.
                let pix = unsafe { &mut wish.fmt.pix_mp };
                pix.num_planes = 1;
                // The structure is packed: no references to its fields.
                pix.width = width;
                pix.height = height;
                pix.pixelformat = pixelformat;
            }
        }
        let got = self.call(S_FMT, wish)?;
        Ok(match self.planes {
            Planes::One => {
                // SAFETY: this is the field that belongs to the type.
                let pix = unsafe { got.fmt.pix };
                let fourcc = pix.pixelformat.to_le_bytes();
                Some(Format { fourcc, width: pix.width, height: pix.height, stride: pix.bytesperline })
            }
            Planes::Several => {
                // SAFETY: as above.
                let pix = unsafe { got.fmt.pix_mp };
                let (fourcc, stride) = ({ pix.pixelformat }.to_le_bytes(), pix.plane_fmt[0].bytesperline);
                (pix.num_planes == 1).then_some(Format { fourcc, width: pix.width, height: pix.height, stride })
            }
        })
    }

    /// Sets the time between pictures; gives what the driver made of it. Zeros stand for the driver's own choice.
    pub fn set_interval(&self, interval: Fraction) -> io::Result<Fraction> {
        let mut wish: v4l2_streamparm = blank();
        wish.type_ = self.planes.buffer_type();
        wish.parm.capture.timeperframe = interval.into();
        let got = self.call(S_PARM, wish)?;
        // SAFETY: the field that belongs to capture.
        Ok(unsafe { got.parm.capture }.timeperframe.into())
    }

    /// The time between pictures.
    pub fn interval(&self) -> io::Result<Fraction> {
        let mut wish: v4l2_streamparm = blank();
        wish.type_ = self.planes.buffer_type();
        let got = self.call(G_PARM, wish)?;
        // SAFETY: as above.
        Ok(unsafe { got.parm.capture }.timeperframe.into())
    }

    /// Makes a call, and gives its structure as the driver left it.
    pub fn call<T: Plain>(&self, request: Request<T>, mut argument: T) -> io::Result<T> {
        loop {
            // SAFETY: the structure is the request's own, and outlives the call. Where it has a pointer, who made
            // it keeps what that points to.
            let done =
                unsafe { v4l::v4l2::ioctl(self.fd.as_raw_fd(), request.0, std::ptr::from_mut(&mut argument).cast()) };
            match done {
                Ok(()) => return Ok(argument),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks for one entry after the other until there is none.
    fn list<T: Plain>(&self, request: Request<T>, entry: impl Fn(u32) -> T) -> io::Result<Vec<T>> {
        let mut all = vec![];
        for index in 0..LIST_MAX {
            match self.call(Request(request.0, PhantomData), entry(index)) {
                Ok(entry) => all.push(entry),
                Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTTY)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }
}

/// Of this node, rather than of all nodes of its device.
fn capabilities(caps: &v4l2_capability) -> Can {
    let all = Can::from(caps.capabilities);
    if all.contains(Can::DEVICE_CAPS) { Can::from(caps.device_caps) } else { all }
}

/// Text that ends with a zero, or with its place.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)).into_owned()
}

fn explain(path: &Path, error: &io::Error) -> CaptureError {
    let device = path.display().to_string();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT | Errno::NXIO) => CaptureError::Absent { device },
        Some(Errno::NODEV) => CaptureError::Unplugged { device },
        Some(Errno::BUSY) => CaptureError::Busy { device, holder: None },
        Some(Errno::ACCESS | Errno::PERM) => CaptureError::Denied { device },
        _ => CaptureError::Failed { device, message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_node_and_a_node_that_is_no_camera_are_told_apart() {
        let open = |path: &str| Device::open(Path::new(path)).unwrap_err();
        assert!(matches!(open("/dev/video-that-is-not"), CaptureError::Absent { .. }));
        let error = open("/dev/null");
        assert!(matches!(error, CaptureError::Failed { .. }), "{error:?}");
    }

    #[test]
    fn capabilities_are_those_of_the_node_where_the_driver_tells_them() {
        let (video, meta) = (Can::VIDEO_CAPTURE.bits(), Can::META_CAPTURE.bits());
        let caps = |capabilities, device_caps| v4l2_capability { capabilities, device_caps, ..blank() };
        assert_eq!(capabilities(&caps(video | meta | Can::DEVICE_CAPS.bits(), meta)), Can::META_CAPTURE);
        assert_eq!(capabilities(&caps(video, 0)), Can::VIDEO_CAPTURE);
    }

    #[test]
    fn names_end_with_a_zero_or_with_their_place() {
        assert_eq!(text(b"uvcvideo\0\0rest"), "uvcvideo");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(&[0xc3, 0xa9, 0xff, 0]), "é\u{fffd}");
    }
}
