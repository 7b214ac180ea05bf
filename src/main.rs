//! The `lenscap` program.

use lenscap::broker::process as broker;
use lenscap::guard;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: these are to cost next to nothing.
    match () {
        () if guard::is_asked() => guard::main(),
        () if broker::is_asked() => broker::main(),
        () => lenscap::cli::main(),
    }
}
