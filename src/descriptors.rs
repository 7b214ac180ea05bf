//! File descriptors: as many as the system allows, with some kept for what lenscap is for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for cameras, their programs, the log and what else is opened, beside connections.
const RESERVE: usize = 200;

/// Nobody needs more connections than this.
const CONNECTIONS_MAX: usize = 25_000;

/// Raises the soft limit to the hard one, and gives how many connections can be had.
pub fn for_connections() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    // If it is not allowed the limit stays as it was.
    let _ = setrlimit(Resource::Nofile, raised);
    let allowed = getrlimit(Resource::Nofile)
        .current
        .map_or(CONNECTIONS_MAX, |most| usize::try_from(most).unwrap_or(CONNECTIONS_MAX));
    connections(allowed)
}

/// Of so many descriptors.
fn connections(allowed: usize) -> usize {
    (allowed - RESERVE.min(allowed / 2)).min(CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_never_for_connections() {
        for (allowed, expected) in [(1024, 824), (256, 128), (1_048_576, CONNECTIONS_MAX), (0, 0)] {
            assert_eq!(connections(allowed), expected, "of {allowed}");
        }
    }
}
