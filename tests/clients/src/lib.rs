//! What lenscap is measured with: viewers of another make (`str0m`), many in one process, and what they share with
//! the floor, which sends the same video with as little work as can be.
//!
//! [`whep`] asks for a stream, [`viewer`] is one connection, [`tally`] counts its packets, [`playout`] the frames that
//! could be shown, [`crowd`] runs many of them on a thread, [`socket`]
//! reads datagrams with the kernel's time of arrival, [`figures`] sums up, [`arguments`] reads the command line.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arguments;
pub mod crowd;
pub mod figures;
pub mod playout;
pub mod socket;
pub mod tally;
pub mod viewer;
pub mod whep;

/// What ends a run: told to whoever started it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
