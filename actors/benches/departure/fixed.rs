//! What is done elsewhere: whoever has sent nothing for a fixed time is gone. For comparison.

use crate::link::{Link, UP};
use crate::models::Model;
use crate::random::Random;
use crate::session::{FEEDBACK, REPORT, STUN};

/// The time-outs, s: what people who want to be fast set, and what incumbents have.
pub const TIMEOUTS: [f64; 3] = [1.0, 3.0, 5.0];

/// For each time-out, viewer-hours until the end or the wrongful end, and how many there were of those.
#[derive(Clone, Copy, Default)]
pub struct Fixed {
    pub hours: [f64; 3],
    pub wrongly_gone: [u64; 3],
}

/// Lets one session happen.
pub fn session(model: &Model, random: &mut Random, totals: &mut Fixed) {
    let end = random.between([300.0, 3600.0]);
    let mut link = Link::new(model, random);
    let mut next = [random.unit() * FEEDBACK, random.unit() * REPORT, random.unit() * STUN];
    let mut gone = [false; 3];
    let mut last = 0.0;
    loop {
        let nth = (0..3).min_by(|a, b| next[*a].total_cmp(&next[*b])).unwrap_or(0);
        let at = next[nth];
        next[nth] += [FEEDBACK, REPORT, STUN][nth];
        if at >= end {
            break;
        }
        let Some(arrived) = link.send(UP, at, random) else { continue };
        for (nth, timeout) in TIMEOUTS.into_iter().enumerate() {
            if !gone[nth] && arrived - last > timeout {
                gone[nth] = true;
                totals.wrongly_gone[nth] += 1;
                totals.hours[nth] += (last + timeout) / 3600.0;
            }
        }
        last = arrived;
    }
    for (hours, gone) in totals.hours.iter_mut().zip(gone) {
        if !gone {
            *hours += end / 3600.0;
        }
    }
}
