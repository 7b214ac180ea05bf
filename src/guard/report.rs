//! What a guard and the server say to each other, a message a packet.

/// What a guard reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The program runs.
    Started {
        /// Its first process.
        pid: i32,
    },
    /// It could not be started.
    Refused {
        /// What the system said.
        errno: i32,
    },
    /// Every process has ended and is reaped. The guard ends after this.
    Ended {
        /// How the first one ended (`wait(2)`), if it was ever started.
        status: Option<i32>,
        /// How many had to be killed.
        killed: u32,
    },
}

/// What the server orders first: to start the program. A guard that nobody owns is not told to, and ends.
pub const GO: &[u8] = b"go";

/// What the server orders: to end the program. That it ends is an order, too, and needs no message.
pub const END: &[u8] = b"end";

/// The longest command that can be handed to a guard, bytes: what fits one packet everywhere.
pub const COMMAND_MAX: usize = 64 << 10;

const STARTED: u8 = 1;
const REFUSED: u8 = 2;
const ENDED: u8 = 3;
const ENDED_UNSTARTED: u8 = 4;

impl Report {
    /// As it is sent.
    pub fn to_bytes(self) -> [u8; 9] {
        let (kind, first, second) = match self {
            Report::Started { pid } => (STARTED, pid, 0),
            Report::Refused { errno } => (REFUSED, errno, 0),
            Report::Ended { status: Some(status), killed } => (ENDED, status, killed),
            Report::Ended { status: None, killed } => (ENDED_UNSTARTED, 0, killed),
        };
        let mut bytes = [kind; 9];
        bytes[1..5].copy_from_slice(&first.to_ne_bytes());
        bytes[5..].copy_from_slice(&second.to_ne_bytes());
        bytes
    }

    /// As it was sent; nothing if it is no report.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&kind, numbers) = bytes.split_first()?;
        let (first, second) = numbers.split_first_chunk()?;
        let first = i32::from_ne_bytes(*first);
        let killed = u32::from_ne_bytes(second.try_into().ok()?);
        Some(match kind {
            STARTED => Report::Started { pid: first },
            REFUSED => Report::Refused { errno: first },
            ENDED => Report::Ended { status: Some(first), killed },
            ENDED_UNSTARTED => Report::Ended { status: None, killed },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_arrives() {
        for report in [
            Report::Started { pid: 4711 },
            Report::Refused { errno: 2 },
            Report::Ended { status: Some(15), killed: 3 },
            Report::Ended { status: Some(-1), killed: 0 },
            Report::Ended { status: None, killed: u32::MAX },
        ] {
            assert_eq!(Report::from_bytes(&report.to_bytes()), Some(report));
        }
        for wrong in [&[][..], &[1], &[9; 9], &[1; 8], &[1; 10]] {
            assert_eq!(Report::from_bytes(wrong), None, "{wrong:?}");
        }
    }
}
