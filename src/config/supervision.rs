//! `[supervision]`: how many faults are borne, and when an actor counts as frozen.

use super::file::Supervision as Section;
use super::reader::{Checked, Reader};
use lenscap_actors::root::Supervision;
use std::time::Duration;

impl Reader<'_> {
    pub(super) fn supervision(&self, section: &Section) -> Checked<Supervision> {
        let mut supervision = Supervision::default();
        if let Some(restarts) = &section.restarts {
            supervision.intensity.restarts = self.number(restarts, 0, 1_000_000)? as usize;
        }
        let shortest = Duration::from_secs(1);
        for (given, used) in [
            (&section.period, &mut supervision.intensity.period),
            (&section.frozen_after, &mut supervision.frozen_after),
        ] {
            let Some(given) = given else { continue };
            *used = self.duration(given)?;
            if *used < shortest {
                return Err(self.error(given.span().start, "is too short: expected 1s or more".to_owned()));
            }
        }
        Ok(supervision)
    }
}
