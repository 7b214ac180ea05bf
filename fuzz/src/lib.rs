//! Arbitrary bytes for all of lenscap that takes bytes from outside.
//!
//! A target is a file with a function that takes bytes and panics if a promise does not hold. It is named once
//! here, and then run in two ways:
//!
//! - by [`drive`], with changes of its seeds by a seeded generator: in `./dev test`, for some seconds;
//! - by libFuzzer (`coverage`), which looks for inputs that reach new code: `./dev fuzz NAME SECONDS`, by hand.
//!
//! What has once failed stays in `regressions/NAME/`, and is run by `cargo test`.

// All of this is test code: what is not as expected ends the run, and says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod drive;
mod mutate;
mod ours;
mod problem;

mod annexb;
mod config;
mod http;
mod jpeg;
mod keys;
mod rtcp;
mod sdp;
mod signalling;
mod stun;

/// All targets.
pub const TARGETS: &[Target] = &[
    annexb::TARGET,
    config::TARGET,
    http::TARGET,
    jpeg::TARGET,
    keys::TARGET,
    rtcp::TARGET,
    sdp::TARGET,
    signalling::TARGET,
    stun::TARGET,
];

/// Something that takes bytes.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Takes bytes, and panics if a promise does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with, good ones above all.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// The target of this name.
pub fn target(name: &str) -> &'static Target {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name:?}, but {}", names.join(", ")))
}
