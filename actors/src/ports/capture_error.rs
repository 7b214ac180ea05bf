//! Why there is no picture of a camera, in words for its operator.

use crate::ids::CameraId;
use std::time::Duration;

/// Why a camera cannot be had, and what its operator can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// There is no such device now.
    #[error("{device} is not there: plug the camera in, or correct `source`")]
    Absent {
        /// What was looked for.
        device: String,
    },
    /// Somebody else has it.
    #[error("{device} is in use{}: close the other program", holder.as_ref().map(|h| format!(" by {h}")).unwrap_or_default())]
    Busy {
        /// The device.
        device: String,
        /// Who holds it, where that could be found out.
        holder: Option<String>,
    },
    /// We may not open it.
    #[error("no permission to open {device}: add the server's user to the group that owns it (usually `video`)")]
    Denied {
        /// The device.
        device: String,
    },
    /// It cannot do what is asked.
    #[error("{device} cannot do {what}: see `lenscap devices` for what it can do")]
    Unsupported {
        /// The device.
        device: String,
        /// What was asked of it.
        what: String,
    },
    /// It was unplugged while in use.
    #[error("{device} was unplugged")]
    Unplugged {
        /// The device.
        device: String,
    },
    /// It is open, but has given no picture for too long.
    #[error("{device} has given no picture for {} s: it is started again", silence.as_secs_f32())]
    Stalled {
        /// The device.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
    },
    /// A program was started, and has not written anything.
    #[error(
        "{device} has written nothing for {} s: its command must write H.264 (Annex B) to its standard output",
        silence.as_secs_f32()
    )]
    Silent {
        /// The command.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
    },
    /// A program writes something else.
    #[error(
        "{device} has written {} kB in which there is no video: its command must write H.264 and not H.265 (Annex B, with \
         ffmpeg `-f h264`) to its standard output, and nothing else",
        bytes.div_ceil(1000)
    )]
    NoVideo {
        /// The command.
        device: String,
        /// Bytes that it has written.
        bytes: u64,
    },
    /// It gives pictures, but for too long none of them could be shown.
    #[error(
        "{device} has given no picture for {} s that could be shown, but {broken} broken ones: it is started again; if \
         that does not help, try another cable, USB port or `format`",
        silence.as_secs_f32()
    )]
    OnlyBroken {
        /// The device.
        device: String,
        /// `stall_timeout`.
        silence: Duration,
        /// How many came since the last good one.
        broken: u64,
    },
    /// Another camera of its exclusive group is open.
    #[error("camera {holder:?} is being watched, and only one camera of {group:?} can be open at a time")]
    GroupBusy {
        /// The group.
        group: String,
        /// Who is open.
        holder: CameraId,
    },
    /// A program that gives pictures ended by itself.
    #[error("the program ended ({status}): its own messages are in the log")]
    ProgramEnded {
        /// Its exit status or the signal that ended it.
        status: String,
    },
    /// Anything else the system says.
    #[error("{device}: {message}")]
    Failed {
        /// The device.
        device: String,
        /// What the system said.
        message: String,
    },
}

impl CaptureError {
    /// Whether the device itself has no error to report: then its supervisor starts it afresh.
    pub fn is_stall(&self) -> bool {
        matches!(self, CaptureError::Stalled { .. } | CaptureError::OnlyBroken { .. })
    }

    /// The error code of the signalling protocol.
    pub fn code(&self) -> &'static str {
        match self {
            CaptureError::Absent { .. } | CaptureError::Unplugged { .. } => "camera_absent",
            CaptureError::Busy { .. } | CaptureError::GroupBusy { .. } => "camera_busy",
            _ => "camera_failed",
        }
    }
}
