//! Runs as init in a small virtual machine, where lenscap meets the kernel's real camera drivers:
//! `uvcvideo`, on USB cameras that [`usb`] simulates, and `vivid`, which can be told to fail.
//!
//! `tests/vm/run` on the host builds and boots it. Its arguments come behind the `--` of the
//! kernel's command line: `check [FILTER]`, or `serve ADDRESS` to have cameras for a test on the
//! host.

// All of this is test code: what is not as expected ends the check, and says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod boot;
mod checks;
mod http;
mod kernel_log;
mod serve;
mod server;
mod usb;
mod video;
mod websocket;

/// Longer than anything here takes, even on a busy machine that emulates another.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

fn main() {
    boot::mount();
    let report = boot::report();
    boot::modules();
    boot::network();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let failures = match words.as_slice() {
        ["serve", address] => serve::forever(report, address),
        ["check", filter @ ..] => checks::run(report, filter.first().copied().unwrap_or("")),
        other => panic!("{other:?} is neither \"check [FILTER]\" nor \"serve ADDRESS\""),
    };
    boot::power_off(failures.min(100) as u8);
}
