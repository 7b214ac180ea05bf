//! What init does before and after all else.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::process::Command;

/// Parameters of `vivid`: plain webcams whose nodes stay clear of those of USB cameras, the last of them with the
/// multi-planar interface.
const VIVID: [&str; 6] = [
    "n_devs=3",
    "node_types=0x1,0x1,0x1",
    "num_inputs=1,1,1",
    "input_types=0,0,0",
    "vid_cap_nr=20,21,22",
    "multiplanar=1,1,2",
];

/// Where QEMU's `isa-debug-exit` listens.
const EXIT_PORT: u64 = 0xf4;

/// Mounts what programs expect to find.
pub fn mount() {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")] {
        std::fs::create_dir_all(at).unwrap();
        let (kind, target) = (CString::new(kind).unwrap(), CString::new(at).unwrap());
        // SAFETY: all strings live until the call returns; these file systems take no data.
        let result = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
        assert_eq!(result, 0, "{at}: {}", std::io::Error::last_os_error());
    }
}

/// The second serial port: what the host reads, free of the kernel's own messages.
pub fn report() -> File {
    OpenOptions::new().write(true).open("/dev/ttyS1").unwrap()
}

/// Loads the drivers.
pub fn modules() {
    for module in ["virtio_pci", "virtio_net", "vhci-hcd", "uvcvideo"] {
        busybox(&["modprobe", module]);
    }
    let mut vivid = vec!["modprobe", "vivid"];
    vivid.extend(VIVID);
    busybox(&vivid);
}

/// Brings up the loopback and QEMU's user network, where the host is 10.0.2.2.
pub fn network() {
    busybox(&["ip", "link", "set", "lo", "up"]);
    busybox(&["ip", "addr", "add", "10.0.2.15/24", "dev", "eth0"]);
    busybox(&["ip", "link", "set", "eth0", "up"]);
    busybox(&["ip", "route", "add", "default", "via", "10.0.2.2"]);
}

fn busybox(arguments: &[&str]) {
    let status = Command::new("/bin/busybox").args(arguments).status().unwrap();
    assert!(status.success(), "{arguments:?}: {status}");
}

/// Ends the machine; QEMU's own exit status is then `code * 2 + 1`.
pub fn power_off(code: u8) -> ! {
    let mut port = OpenOptions::new().write(true).open("/dev/port").unwrap();
    port.seek(SeekFrom::Start(EXIT_PORT)).unwrap();
    port.write_all(&[code]).unwrap();
    unreachable!("the machine is off")
}
