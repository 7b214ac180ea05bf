//! How long the end of the server may take, and what each part of it has of that. Pure.
//!
//! The order: viewers are let go, which closes their cameras; then every actor ends, a camera's after its device is
//! closed; then HTTP. Whoever waits for somebody waits a little longer than that one may take, so that it is told, and does not
//! give up first. In tenths of the whole:
//!
//! ```text
//! 0    1    2    3    4    5    6    7    8    9    10
//! ├grace┤                       │    │    │    │     │   a program: SIGTERM to SIGKILL
//! ├───────── closing ───────────┤    │    │    │     │   a device, until it is closed or its processes are reaped
//! ├───────── waiting ────────────────┤    │    │     │   whoever waits for a device: its viewers, its actor
//! ├───────── cameras ─────────────────────┤    │     │   all viewers and all cameras; then the log names who is left
//!                                         ├http┤     │   requests that are being answered
//!                                              ├rest─┤   the process itself
//! ```
//!
//! The same holds while the server runs: a camera that a viewer has left has `closing` to close.

use crate::board::{CameraState, CameraStatus, Snapshot};
use crate::ids::CameraId;
use std::time::Duration;

/// The time that the end of the server may take, and its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    whole: Duration,
}

impl Budget {
    /// What is kept: half of the ten seconds that Docker gives, much less than systemd's ninety. A program's 500 ms are its
    /// usual half second; a V4L2 driver takes 42 ms, and a USB camera that is just being opened up to two seconds.
    pub const USUAL: Budget = Budget::of(Duration::from_secs(5));

    /// A budget of so long.
    pub const fn of(whole: Duration) -> Self {
        Self { whole }
    }

    /// All of it: from the order to the end of the process.
    pub const fn whole(self) -> Duration {
        self.whole
    }

    /// How long a program may take to end by itself before it is killed.
    pub const fn grace(self) -> Duration {
        self.tenths(1)
    }

    /// How long a device may take until it is closed: a program's grace, its killing, its reaping.
    pub const fn closing(self) -> Duration {
        self.tenths(6)
    }

    /// How long those wait who wait for a device.
    pub const fn waiting(self) -> Duration {
        self.tenths(7)
    }

    /// From the order until all viewers are let go and all cameras closed; what is not then is named.
    pub const fn cameras(self) -> Duration {
        self.tenths(8)
    }

    /// How long requests that are being answered may take after that.
    pub const fn http(self) -> Duration {
        self.tenths(1)
    }

    const fn tenths(self, count: u32) -> Duration {
        Duration::from_nanos((self.whole.as_nanos() / 10 * count as u128) as u64)
    }
}

/// The cameras that are not closed after so long, each in a sentence that says what it waits for: `held_by` it, if that is
/// known better than by the board.
pub fn not_closed(board: &Snapshot, after: Duration, held_by: impl Fn(&CameraId) -> Option<String>) -> Vec<String> {
    let open = board.cameras.iter().filter(|(_, camera)| !camera.state.is_shut());
    let sentence = |(id, camera): (&CameraId, &CameraStatus)| {
        let doing = match camera.state {
            CameraState::Closing => "closing",
            CameraState::Opening => "opening",
            _ => "capturing",
        };
        let device = held_by(id).unwrap_or_else(|| camera.device.as_ref().unwrap_or(&camera.source).clone());
        format!("camera {id} is still {doing} after {:.1} s: it waits for {device}", after.as_secs_f64())
    };
    open.map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_ends_before_those_that_wait_for_it_and_all_before_the_whole() {
        for ms in [10, 1000, 3333, 5000, 60_000, u64::from(u32::MAX)] {
            let budget = Budget::of(Duration::from_millis(ms));
            let order = [budget.grace(), budget.closing(), budget.waiting(), budget.cameras(), budget.whole()];
            assert!(order.is_sorted_by(|one, next| one < next), "{budget:?}: {order:?}");
            assert!(budget.grace() * 2 < budget.closing(), "killing and reaping has more than the grace: {budget:?}");
            assert!(budget.cameras() + budget.http() < budget.whole(), "the process has something left: {budget:?}");
        }
    }

    #[test]
    fn what_is_usual_fits_what_cameras_take_and_what_supervisors_of_servers_give() {
        let usual = Budget::USUAL;
        assert_eq!(usual.grace(), Duration::from_millis(500));
        assert_eq!(usual.closing(), Duration::from_secs(3));
        assert!(usual.whole() <= Duration::from_secs(10) / 2);
    }

    #[test]
    fn who_is_not_closed_is_named_with_what_it_waits_for() {
        let camera = |state, device: Option<&str>| CameraStatus {
            state,
            source: "exec:cam".into(),
            device: device.map(str::to_owned),
            ..CameraStatus::default()
        };
        let mut board = Snapshot::default();
        for (id, camera) in [
            ("a", camera(CameraState::Closed, None)),
            ("b", camera(CameraState::Closing, Some("pid 812"))),
            ("c", camera(CameraState::Opening, None)),
            ("d", camera(CameraState::Capturing, Some("/dev/video0"))),
            ("e", camera(CameraState::Absent, None)),
            ("f", camera(CameraState::Failed, None)),
            ("g", camera(CameraState::Backoff, None)),
        ] {
            board.cameras.insert(id.into(), camera);
        }
        assert_eq!(
            not_closed(&board, Duration::from_secs(4), |id| (id.as_str() == "b").then(|| "ffmpeg (pid 812)".into())),
            [
                "camera b is still closing after 4.0 s: it waits for ffmpeg (pid 812)",
                "camera c is still opening after 4.0 s: it waits for exec:cam",
                "camera d is still capturing after 4.0 s: it waits for /dev/video0",
            ]
        );
    }
}
