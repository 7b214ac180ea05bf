//! Sources of pictures, one file each, behind the port [`lenscap_actors::ports::Capture`].
//!
//! Each open device has one thread, which owns it: when the thread ends, by whatever road, the
//! device is closed. What they share is in `thread`.

pub mod devices;
mod exec;
mod test_pattern;
mod thread;
mod v4l2;

use crate::config::{Camera, Source};
use lenscap_actors::ports::Capture;
use std::sync::Arc;

/// The adapter for a camera's source.
pub fn source(camera: &Camera) -> Arc<dyn Capture> {
    match &camera.source {
        Source::Test => Arc::new(test_pattern::TestPattern::new(camera.size, camera.fps)),
        Source::V4l2(path) => Arc::new(v4l2::V4l2::new(path.clone(), camera.size, camera.fps, camera.format)),
        Source::Exec(command) => Arc::new(exec::Exec::new(&camera.id, command.clone(), camera.source.to_string())),
    }
}
