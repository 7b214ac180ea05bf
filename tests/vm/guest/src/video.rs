//! Video nodes as the kernel lists them, and the little of V4L2 that the checks use themselves.

use crate::PATIENCE;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Controls of `vivid` that make it fail (drivers/media/test-drivers/vivid/vivid-ctrls.c).
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Share of buffers that are dropped, percent.
    DroppedBuffers(i32),
    /// As if it were unplugged, until everybody has closed it.
    Disconnect,
    /// The next picture is marked as broken.
    BufferError,
    /// The next REQBUFS fails.
    Reqbufs,
    /// The next QBUF fails.
    Qbuf,
    /// The next STREAMON fails.
    Streamon,
    /// The queue fails for good, until STREAMOFF.
    Fatal,
}

impl Fault {
    fn control(self) -> (u32, i32) {
        match self {
            Self::DroppedBuffers(percent) => (0x00f0_f040, percent),
            Self::Disconnect => (0x00f0_f041, 1),
            Self::BufferError => (0x00f0_f042, 1),
            Self::Reqbufs => (0x00f0_f043, 1),
            Self::Qbuf => (0x00f0_f044, 1),
            Self::Streamon => (0x00f0_f045, 1),
            Self::Fatal => (0x00f0_f046, 1),
        }
    }
}

/// Makes the `vivid` camera at this node fail in this way.
pub fn inject(node: &str, fault: Fault) {
    /// `struct v4l2_control`.
    #[repr(C)]
    struct Control {
        id: u32,
        value: i32,
    }
    const VIDIOC_S_CTRL: libc::Ioctl = 0xc008_561cu32 as libc::Ioctl;
    let device = OpenOptions::new().read(true).write(true).open(node).unwrap();
    let (id, value) = fault.control();
    let mut control = Control { id, value };
    // SAFETY: the request takes a `v4l2_control`, which outlives the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), VIDIOC_S_CTRL, &mut control) };
    assert_eq!(result, 0, "{node}: {fault:?}: {}", std::io::Error::last_os_error());
}

/// Sets the rate of a camera of `vivid`, as another program would that had it before.
pub fn set_rate(node: &str, fps: u32) {
    /// `struct v4l2_streamparm`, of a capture device.
    #[repr(C)]
    struct Parameters {
        kind: u32,
        capability: u32,
        mode: u32,
        numerator: u32,
        denominator: u32,
        rest: [u32; 46],
    }
    const VIDIOC_S_PARM: libc::Ioctl = 0xc0cc_5616u32 as libc::Ioctl;
    let device = OpenOptions::new().read(true).write(true).open(node).unwrap();
    let mut wish = Parameters { kind: 1, capability: 0, mode: 0, numerator: 1, denominator: fps, rest: [0; 46] };
    // SAFETY: the request takes a `v4l2_streamparm`, which outlives the call.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), VIDIOC_S_PARM, &mut wish) };
    assert_eq!(result, 0, "{node}: {}", std::io::Error::last_os_error());
    assert_eq!((wish.numerator, wish.denominator), (1, fps), "{node}: it has taken the rate");
}

/// Lets the kernel log every call to a node.
pub fn log_calls(node: &str, on: bool) {
    let name = node.rsplit('/').next().unwrap();
    // Calls and their arguments, and open, mmap and release; neither the calls that only move
    // buffers nor poll.
    let flags = if on { "0x7" } else { "0" };
    std::fs::write(format!("/sys/class/video4linux/{name}/dev_debug"), flags).unwrap();
}

/// The node that gives the pictures of the USB camera with this serial number, if it is there.
fn find(serial: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir("/sys/class/video4linux").ok()?.flatten() {
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        // Index 1 is the node of metadata.
        if read("device/../serial").trim() == serial && read("index").trim() == "0" {
            return Some(Path::new("/dev").join(entry.file_name()));
        }
    }
    None
}

/// Waits until the USB camera with this serial number has a node, or has none.
pub fn wait_for_node(serial: &str, there: bool) -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let node = find(serial).filter(|node| node.exists());
        if node.is_some() == there {
            return node.map(|node| node.display().to_string());
        }
        assert!(Instant::now() < deadline, "camera {serial} has {node:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
