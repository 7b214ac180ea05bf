//! Sources of pictures, one file each, behind the port [`lenscap_actors::ports::Capture`].
//!
//! Each open device has one thread, which owns it: when the thread ends, by whatever road, the
//! device is closed. What they share is in `thread`, and when one counts as stalled in `stall`.

pub mod controls;
pub mod devices;
pub mod exec;
pub mod holder;
pub mod hotplug;
pub mod identity;
mod stall;
pub mod test_pattern;
mod thread;
mod v4l2;

use crate::broker::Broker;
use crate::config::{Camera, Source};
use controls::Controls;
use exec::processes::Processes;
use hotplug::Hotplug;
use lenscap_actors::ports::Capture;
use std::sync::Arc;

/// The adapter for a camera's source, and its controls if it can have any.
pub fn source(
    camera: &Camera,
    hotplug: Option<&Hotplug>,
    processes: &Processes,
    broker: &Broker,
) -> (Arc<dyn Capture>, Option<Controls>) {
    match &camera.source {
        Source::Test(scene) => (Arc::new(test_pattern::TestPattern::new(*scene, camera.size, camera.fps)), None),
        Source::Exec(command) => {
            let exec = exec::Exec {
                camera: camera.id.clone(),
                command: command.clone(),
                shown: camera.source.to_string(),
                stall_timeout: camera.stall_timeout,
                processes: processes.clone(),
                broker: broker.clone(),
            };
            (Arc::new(exec), None)
        }
        Source::V4l2(identity) => {
            let wish = v4l2::Wish {
                size: camera.size,
                fps: camera.fps,
                format: camera.format,
                stall_timeout: camera.stall_timeout,
            };
            let controls = Controls::new(identity.clone(), camera.controls.clone(), broker.clone());
            let capture = v4l2::V4l2::new(identity.clone(), wish, controls.clone(), hotplug.cloned(), broker.clone());
            (Arc::new(capture), Some(controls))
        }
    }
}
