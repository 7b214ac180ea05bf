//! `[supervision]`: how many faults are borne, and when an actor counts as frozen.

use super::file::Supervision as Section;
use super::reader::{Checked, Reader};
use lenscap_actors::root::Supervision;
use lenscap_actors::shutdown::Budget;
use std::time::Duration;

impl Reader<'_> {
    pub(super) fn supervision(&self, section: &Section) -> Checked<Supervision> {
        let mut supervision = Supervision::default();
        if let Some(restarts) = &section.restarts {
            supervision.intensity.restarts = self.number(restarts, 0, 1_000_000)? as usize;
        }
        for (given, used, shortest) in [
            (&section.period, &mut supervision.intensity.period, Duration::from_secs(1)),
            // Who waits for a device that closes gives no sign of life meanwhile.
            (&section.frozen_after, &mut supervision.frozen_after, Budget::USUAL.whole()),
        ] {
            let Some(given) = given else { continue };
            *used = self.duration(given)?;
            if *used < shortest {
                let words = format!("is too short: expected {} s or more", shortest.as_secs());
                return Err(self.error(given.span().start, words));
            }
        }
        Ok(supervision)
    }
}
