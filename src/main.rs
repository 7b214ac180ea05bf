//! The `lenscap` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    lenscap::cli::main()
}
