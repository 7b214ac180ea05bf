//! Writes what a package has beside the program: `lenscap-manual FOLDER`.
//!
//! - `FOLDER/man`: the manual pages, one for each command;
//! - `FOLDER/completions`: what shells complete commands by;
//! - `FOLDER/licenses`: the notices of all that is linked into the program.
//!
//! A program of its own, so that the one that is installed does not carry it.

mod notices;
mod pages;

use clap_complete::Shell;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

/// The shells that Debian has folders for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: lenscap-manual FOLDER");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    pages::write(&lenscap::cli::command(), &man)?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut lenscap::cli::command(), "lenscap", &completions)?;
    }
    fs::write(folder.join("licenses"), notices::all()?)?;
    Ok(())
}
