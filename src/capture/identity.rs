//! Which device a camera is: by its node or a link to it, or by what it says of itself on USB,
//! which stays the same when it comes back under another number.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the kernel lists video devices.
const CLASS: &str = "/sys/class/video4linux";

/// How a V4L2 camera is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A device node, or a link to one, as those in `/dev/v4l/by-id` and `/dev/v4l/by-path`.
    Path(PathBuf),
    /// A USB device.
    Usb(UsbId),
}

/// What a USB device says of itself (USB 2.0, section 9.6.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsbId {
    /// The vendor's number.
    pub vendor: u16,
    /// The product's number.
    pub product: u16,
    /// The serial number; any device of this kind if none is given.
    pub serial: Option<String>,
}

impl Identity {
    /// The device node, if the camera is plugged in. Of several alike the one with the lowest node
    /// number.
    pub fn resolve(&self) -> Option<PathBuf> {
        match self {
            Identity::Path(path) => path.exists().then(|| path.clone()),
            Identity::Usb(wanted) => {
                let mut nodes: Vec<(u32, PathBuf)> = capture_nodes(Path::new(CLASS))
                    .filter(|(_, class)| usb_of(class).is_some_and(|found| wanted.fits(&found)))
                    .map(|(number, class)| (number, Path::new("/dev").join(class.file_name().unwrap_or_default())))
                    .filter(|(_, node)| node.exists())
                    .collect();
                nodes.sort();
                nodes.into_iter().next().map(|(_, node)| node)
            }
        }
    }
}

impl Identity {
    /// Where the name, or the folder that it will be in, appears when the camera does, if it has one.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Identity::Path(path) => path.ancestors().skip(1).find(|folder| folder.is_dir()),
            Identity::Usb(_) => None,
        }
    }
}

impl UsbId {
    fn fits(&self, found: &UsbId) -> bool {
        self.vendor == found.vendor
            && self.product == found.product
            && (self.serial.is_none() || self.serial == found.serial)
    }
}

/// The USB device behind a node, if there is one.
pub fn usb_behind(node: &Path) -> Option<UsbId> {
    let node = fs::canonicalize(node).ok()?;
    usb_of(&Path::new(CLASS).join(node.file_name()?))
}

/// Nodes that give pictures (their index on the device is 0; metadata and others follow), with
/// their numbers and entries in the class.
fn capture_nodes(class: &Path) -> impl Iterator<Item = (u32, PathBuf)> + use<> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter_map(|entry| {
        let number = video_number(&entry)?;
        (read(&entry.join("index")).as_deref() == Some("0")).then_some((number, entry))
    })
}

/// Which video device it is that has a name like `video0`, in whatever folder.
pub(super) fn video_number(path: &Path) -> Option<u32> {
    let digits = path.file_name()?.to_str()?.strip_prefix("video")?;
    // Of "+7" and "007" the kernel knows nothing.
    digits.parse().ok().filter(|number: &u32| number.to_string() == digits)
}

/// Looks upward from a class entry for the USB device that it belongs to.
fn usb_of(entry: &Path) -> Option<UsbId> {
    let interface = fs::canonicalize(entry.join("device")).ok()?;
    let device = interface.ancestors().find(|folder| folder.join("idVendor").exists())?;
    let number = |file: &str| u16::from_str_radix(&read(&device.join(file))?, 16).ok();
    Some(UsbId {
        vendor: number("idVendor")?,
        product: number("idProduct")?,
        serial: read(&device.join("serial")).filter(|serial| !serial.is_empty()),
    })
}

fn read(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

impl FromStr for UsbId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no USB device: expected \"usb:046d:0825\" or \"usb:046d:0825:SERIAL\"");
        let mut parts = text.splitn(3, ':');
        let mut number = || {
            let is_number = |text: &&str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let digits = parts.next().filter(is_number)?;
            u16::from_str_radix(digits, 16).ok()
        };
        let (vendor, product) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
        let serial = parts.next().map(str::to_owned);
        if serial.as_deref() == Some("") {
            return Err(wrong());
        }
        Ok(Self { vendor, product, serial })
    }
}

impl fmt::Display for UsbId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "usb:{:04x}:{:04x}", self.vendor, self.product)?;
        match &self.serial {
            Some(serial) => write!(f, ":{serial}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Path(path) => write!(f, "{}", path.display()),
            Identity::Usb(usb) => usb.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usb_devices_are_written_as_lsusb_does() {
        let usb = |text: &str| text.parse::<UsbId>();
        assert_eq!(usb("046d:0825"), Ok(UsbId { vendor: 0x046d, product: 0x0825, serial: None }));
        assert_eq!(usb("046D:0825:A:1").unwrap().serial.as_deref(), Some("A:1"));
        assert_eq!(usb("046D:0825:A1").unwrap().to_string(), "usb:046d:0825:A1");
        for wrong in ["", "046d", "46d:0825", "046d:082x", "046d:0825:", "+46d:0825"] {
            assert!(usb(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_serial_any_device_of_the_kind_fits() {
        let usb = |serial: Option<&str>| UsbId { vendor: 1, product: 2, serial: serial.map(str::to_owned) };
        assert!(usb(None).fits(&usb(Some("a"))));
        assert!(usb(Some("a")).fits(&usb(Some("a"))));
        assert!(!usb(Some("a")).fits(&usb(Some("b"))));
        assert!(!usb(Some("a")).fits(&usb(None)));
        assert!(!usb(None).fits(&UsbId { vendor: 2, product: 2, serial: None }));
    }

    #[test]
    fn a_path_is_there_or_not() {
        assert_eq!(Identity::Path("/dev/null".into()).resolve(), Some("/dev/null".into()));
        assert_eq!(Identity::Path("/dev/video-that-is-not".into()).resolve(), None);
        assert_eq!(Identity::Usb("ffff:ffff".parse().unwrap()).resolve(), None);
    }
}
