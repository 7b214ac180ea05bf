//! The checks: each gets the cameras, fails by a panic, and says what it measured.

mod busy;
mod closing;
mod controls;
mod damage;
mod faults;
mod formats;
mod groups;
mod stalls;
mod steady;
mod unplugging;

use crate::usb::{self, Camera, Identity};
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// A check; returns figures for the report.
type Check = fn(&mut World) -> String;

/// All of them, in the order in which they run.
const CHECKS: &[&[(&str, Check)]] = &[
    closing::CHECKS,
    formats::CHECKS,
    groups::CHECKS,
    busy::CHECKS,
    controls::CHECKS,
    stalls::CHECKS,
    damage::CHECKS,
    faults::CHECKS,
    unplugging::CHECKS,
];

/// What the checks have to work with.
#[derive(Default)]
pub struct World {
    front: Option<Camera>,
    back: Option<Camera>,
}

/// The node of one of the `vivid` cameras.
pub const VIVID: &str = "/dev/video20";

/// The node of the one that is multi-planar.
pub const MULTIPLANAR: &str = "/dev/video22";

impl World {
    /// A USB camera, in order. Everybody gets the same one.
    pub fn front(&mut self) -> &Camera {
        self.front.get_or_insert_with(|| Camera::plug(usb::identity(1, "front")))
    }

    /// Another one.
    pub fn back(&mut self) -> &Camera {
        self.back.get_or_insert_with(|| Camera::plug(usb::identity(2, "back")))
    }

    /// Pulls the first one out. The next call of [`World::front`] plugs it in again.
    pub fn unplug_front(&mut self) -> Identity {
        self.front();
        self.front.take().unwrap().unplug()
    }

    /// Both.
    pub fn both(&mut self) -> (&Camera, &Camera) {
        self.front();
        self.back();
        (self.front.as_ref().unwrap(), self.back.as_ref().unwrap())
    }
}

/// Runs the checks whose name contains `filter`; returns how many failed.
pub fn run(mut report: File, filter: &str) -> usize {
    let start = Instant::now();
    let mut world = World::default();
    let (mut passed, mut failed) = (0, 0);
    for (name, check) in CHECKS.iter().copied().flatten().filter(|(name, _)| name.contains(filter)) {
        eprintln!("--- {name}");
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| check(&mut world)));
        let took = start.elapsed().as_secs_f64();
        match result {
            Ok(figures) => {
                passed += 1;
                writeln!(report, "ok      {name}: {figures} ({took:.1} s)").unwrap();
            }
            Err(panic) => {
                failed += 1;
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
                writeln!(report, "FAILED  {name}: {words} ({took:.1} s)").unwrap();
                // What a failed check leaves behind is not the next one's concern.
                world = World::default();
            }
        }
    }
    let all = start.elapsed().as_secs_f64();
    writeln!(report, "{passed} passed, {failed} failed, in {all:.0} s").unwrap();
    // A filter that fits none checks nothing, which is no success.
    if passed == 0 { failed.max(1) } else { failed }
}

/// The middle one, in milliseconds.
pub fn median(mut times: Vec<std::time::Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}
