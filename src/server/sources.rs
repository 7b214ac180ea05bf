//! The adapter for each source that can be configured.

use crate::broker::Broker;
use crate::capture::controls::Controls;
use crate::capture::exec::Exec;
use crate::capture::exec::processes::Processes;
use crate::capture::hotplug::Hotplug;
use crate::capture::test_pattern::TestPattern;
use crate::capture::v4l2::{V4l2, Wish};
use crate::config::{Camera, Source};
use lenscap_actors::ports::Capture;
use std::sync::Arc;

/// The adapter for a camera's source, and its controls if it can have any.
pub(super) fn source(
    camera: &Camera,
    hotplug: Option<&Hotplug>,
    processes: &Processes,
    broker: &Broker,
) -> (Arc<dyn Capture>, Option<Controls>) {
    match &camera.source {
        Source::Test(scene) => (Arc::new(TestPattern::new(*scene, camera.size, camera.fps)), None),
        Source::Exec(command) => {
            let exec = Exec {
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
            let wish =
                Wish { size: camera.size, fps: camera.fps, format: camera.format, stall_timeout: camera.stall_timeout };
            let controls = Controls::new(identity.clone(), camera.controls.clone(), broker.clone());
            let capture = V4l2::new(identity.clone(), wish, controls.clone(), hotplug.cloned(), broker.clone());
            (Arc::new(capture), Some(controls))
        }
    }
}
