//! The `lenscap` program.

use lenscap::capture::exec::guard;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: a guard is to cost next to nothing.
    if guard::is_asked() { guard::main() } else { lenscap::cli::main() }
}
