//! V4L2 cameras, with memory-mapped buffers.
//!
//! The loop waits for the device and for the order to stop with one `poll`, and takes a buffer
//! only when there is one: so stopping never waits for a picture, even where the camera stalls.
//!
//! `device` is the open node and its calls, and `control` those for controls; `agreement` chooses format, size and
//! rate; `buffers` streams; `picture` says what came, and `sequence` what did not.

mod agreement;
mod buffers;
pub mod control;
pub mod device;
mod picture;
mod sequence;

pub use agreement::{Wish, name, rate};

use super::controls::Controls;
use super::hotplug::Hotplug;
use super::identity::Identity;
use super::stall::Stall;
use super::thread::{Session, Woken, spawn};
use crate::broker::Broker;
use agreement::agree;
use buffers::Buffers;
use bytes::Bytes;
use device::Device;
use lenscap_actors::media::Picture;
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, CaptureInfo, OpenCapture, Plugged};
use lenscap_actors::supervisor::recipient::Recipient;
use picture::{content, is_whole, taken};
use sequence::Sequence;
use std::io;
use std::path::Path;
use std::time::Instant;
use v4l::buffer::Flags;

/// The source.
pub struct V4l2 {
    identity: Identity,
    wish: Wish,
    controls: Controls,
    hotplug: Option<Hotplug>,
    broker: Broker,
}

impl V4l2 {
    /// The camera of this identity. Without `hotplug` it is found by trying.
    pub fn new(identity: Identity, wish: Wish, controls: Controls, hotplug: Option<Hotplug>, broker: Broker) -> Self {
        Self { identity, wish, controls, hotplug, broker }
    }
}

impl Capture for V4l2 {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let (identity, wish, controls) = (self.identity.clone(), self.wish, self.controls.clone());
        let broker = self.broker.clone();
        spawn(&identity.to_string(), session, events, move |session| {
            let absent = || CaptureError::Absent { device: identity.to_string() };
            run(session, &identity.resolve().ok_or_else(absent)?, wish, &controls)
                .map_err(|error| broker.with_holder(error))
        })
    }

    fn watch(&self, events: Recipient<Plugged>) -> Option<Box<dyn Send>> {
        Some(self.hotplug.as_ref()?.watch(self.identity.clone(), events))
    }
}

fn run(session: &Session, path: &Path, wish: Wish, controls: &Controls) -> Result<(), CaptureError> {
    let device = Device::open(path)?;
    let context = |error: io::Error| device.explain(&error);
    let (format, fps) = agree(&device, wish)?;
    let troubles = controls.apply(&device);
    let mut buffers = Buffers::start(&device).map_err(context)?;
    session.opened(CaptureInfo {
        device: path.display().to_string(),
        format: format!("{} {}x{}", name(&format.fourcc), format.width, format.height),
        fps,
        warning: (!troubles.is_empty()).then(|| troubles.join("; ")),
    });
    let mut stall = Stall::new(wish.stall_timeout, Instant::now());
    let mut bad = 0u64;
    let mut sequence = Sequence::default();
    // Each of its pictures depends on those before.
    let depends = format.fourcc == *b"H264";
    loop {
        let Some(left) = stall.left(Instant::now()) else {
            return Err(session.failing(stall.error(&path.display().to_string())));
        };
        let woken = session.wait(&[&device], Some(left)).map_err(|error| context(error.into()))?;
        stall.found(session.findings(), Instant::now());
        match woken {
            Woken::Stop => return Ok(()),
            Woken::Timeout => continue,
            Woken::Ready(_) => {}
        }
        // Its buffer goes back to the driver at once: this copy is the one that it forces.
        let picture = buffers.next(|filled| {
            if sequence.misses(filled.sequence) && depends {
                session.lost();
            }
            if filled.flags.contains(Flags::ERROR) || !is_whole(&format, filled.data) {
                return None;
            }
            let content = content(&format, Bytes::copy_from_slice(filled.data))?;
            Some(Picture { captured: taken(&filled), content })
        });
        if let Some(picture) = picture.map_err(context)? {
            stall.whole(Instant::now());
            session.push(picture);
            continue;
        }
        if depends {
            session.lost();
        }
        stall.broken();
        session.left_out();
        bad += 1;
        if bad.is_power_of_two() {
            log::warn!("{}: {bad} broken pictures left out so far", path.display());
        }
    }
}
