//! A simulated USB camera: everything a real one says over the wire, behind the kernel's `vhci_hcd`
//! (USB over IP, here over a socket pair). The driver that the kernel binds to it is the real
//! `uvcvideo`.
//!
//! [`wire`] speaks USB/IP, [`device`] answers the requests of USB and UVC, [`descriptors`] say what
//! the camera is, [`controls`] what can be set, [`pictures`] what it sees, [`damage`] what may happen to that, and
//! [`streamer`] sends it.

mod controls;
pub mod damage;
mod descriptors;
mod device;
mod pictures;
mod streamer;
mod wire;

pub use descriptors::Identity;
pub use pictures::jpeg;

use crate::{PATIENCE, video};
use device::Device;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Where the kernel takes remote devices.
const HUB: &str = "/sys/devices/platform/vhci_hcd.0";

/// What is wrong with a camera. By default nothing is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// It sends nothing more, without ending anything.
    pub stalled: bool,
    /// Every so many-th picture is marked as broken by the camera itself; 0 for none.
    pub flag_every: u64,
    /// Pictures end in their middle.
    pub truncated: bool,
    /// JPEGs have an error in their header, which only a decoder sees.
    pub damaged: bool,
    /// Rubbish follows each picture, as part of it.
    pub rubbish: bool,
    /// It sends no pictures but those it is given.
    pub by_hand: bool,
}

/// A test camera's identity. The vendor is the one that pid.codes keeps for tests.
pub fn identity(product: u16, name: &str) -> Identity {
    Identity { vendor: 0x1209, product, name: format!("Test Camera {name}"), serial: format!("TEST-{name}") }
}

/// A camera that is plugged in, until it is dropped.
pub struct Camera {
    identity: Identity,
    shared: Arc<Shared>,
    socket: UnixStream,
    node: String,
}

/// What the threads of a camera share.
struct Shared {
    device: Mutex<Device>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap()
    }
}

impl Camera {
    /// Plugs a camera in and waits until the kernel has made its node.
    pub fn plug(identity: Identity) -> Self {
        // The one that was unplugged just now goes first.
        video::wait_for_node(&identity.serial, false);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let port = free_port();
        // The kernel takes the other end over: port, descriptor, device number, high speed.
        std::fs::write(format!("{HUB}/attach"), format!("{port} {} {} 3", theirs.as_raw_fd(), 0x1_0002 + port))
            .unwrap();
        let device = Device::new(identity.clone(), ours.try_clone().unwrap());
        let shared = Arc::new(Shared { device: Mutex::new(device), changed: Condvar::new() });
        let name = identity.serial.clone();
        let (answering, streaming) = (shared.clone(), shared.clone());
        let requests = ours.try_clone().unwrap();
        std::thread::Builder::new()
            .name(format!("{name} usb"))
            .spawn(move || wire::answer(requests, &answering))
            .unwrap();
        std::thread::Builder::new().name(format!("{name} video")).spawn(move || streamer::run(&streaming)).unwrap();
        let node = video::wait_for_node(&identity.serial, true).unwrap();
        Self { identity, shared, socket: ours, node }
    }

    /// Its video node.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Its node as a source for the configuration.
    pub fn source(&self) -> String {
        format!("v4l2:{}", self.node)
    }

    /// Its identity as a source for the configuration.
    pub fn usb(&self) -> String {
        let Identity { vendor, product, serial, .. } = &self.identity;
        format!("usb:{vendor:04x}:{product:04x}:{serial}")
    }

    /// Changes what is wrong with it.
    pub fn set(&self, faults: Faults) {
        self.shared.lock().faults = faults;
        self.shared.changed.notify_all();
    }

    /// Has it send this picture once, when it is the turn of the next.
    pub fn send(&self, picture: &[u8]) {
        self.shared.lock().given.push_back(picture.to_vec());
        self.shared.changed.notify_all();
    }

    /// Pulls the plug, without waiting for what follows.
    pub fn unplug(self) -> Identity {
        self.identity.clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // It fails if the kernel has hung up before.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// Waits for a free port of the virtual hub: one that was in use becomes free with a delay.
fn free_port() -> u32 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = std::fs::read_to_string(format!("{HUB}/status")).unwrap();
        // "hs  0000 004 …": hub, port, state; 4 is unused.
        let free = status.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let (hub, port, state) = (words.next()?, words.next()?, words.next()?);
            (hub == "hs" && state == "004").then(|| port.parse().unwrap())
        });
        if let Some(port) = free {
            return port;
        }
        assert!(Instant::now() < deadline, "no free port: {status}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
