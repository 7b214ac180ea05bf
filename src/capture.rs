//! Sources of pictures, one file each, behind the port [`lenscap_actors::ports::Capture`].
//!
//! Each open device has one thread, which owns it: when the thread ends, by whatever road, the
//! device is closed. What they share is in `thread`, and when one counts as stalled in `stall`.

pub mod controls;
pub mod devices;
pub mod exec;
pub mod hotplug;
pub mod identity;
pub mod pixel_format;
pub mod setting;
mod stall;
pub mod test_pattern;
mod thread;
pub mod v4l2;
