//! Sources of pictures, one file each, behind the port [`lenscap_actors::ports::Capture`].
//!
//! Each open device has one thread, which owns it: when the thread ends, by whatever road, the
//! device is closed. What they share is in `thread`, and when one counts as stalled in `stall`.

pub mod controls;
pub mod devices;
mod exec;
mod holder;
pub mod hotplug;
pub mod identity;
mod stall;
mod test_pattern;
mod thread;
mod v4l2;

use crate::config::{Camera, Source};
use controls::Controls;
use hotplug::Hotplug;
use lenscap_actors::ports::Capture;
use std::sync::Arc;

/// The adapter for a camera's source, and its controls if it can have any.
pub fn source(camera: &Camera, hotplug: Option<&Hotplug>) -> (Arc<dyn Capture>, Option<Controls>) {
    match &camera.source {
        Source::Test => (Arc::new(test_pattern::TestPattern::new(camera.size, camera.fps)), None),
        Source::Exec(command) => {
            (Arc::new(exec::Exec::new(&camera.id, command.clone(), camera.source.to_string())), None)
        }
        Source::V4l2(identity) => {
            let wish = v4l2::Wish {
                size: camera.size,
                fps: camera.fps,
                format: camera.format,
                stall_timeout: camera.stall_timeout,
            };
            let controls = Controls::new(identity.clone(), camera.controls.clone());
            let capture = v4l2::V4l2::new(identity.clone(), wish, controls.clone(), hotplug.cloned());
            (Arc::new(capture), Some(controls))
        }
    }
}
