//! The manual pages: what the command line says of itself, and what it cannot know.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// A section's name, and what it explains.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

/// What lenscap(1) says at its end.
const SECTIONS: [Section; 4] = [
    (
        "FILES",
        &[
            ("/etc/lenscap/config.toml", "what the service is configured by: every key, with its default value"),
            ("/var/lib/lenscap", "where the service can keep certificates that it gets by itself"),
            ("/run/lenscap", "where its socket file for a reverse proxy can be"),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("RUST_LOG", "how much is logged to standard error: \"info\" unless set"),
            ("LENSCAP_TOKEN", "the token that \"lenscap probe\" shows to the server"),
        ],
    ),
    (
        "SIGNALS",
        &[
            ("SIGHUP", "has the section [access] read again; viewers who lose their right by it are let go"),
            ("SIGTERM, SIGINT", "let viewers go, close the cameras and end, in 5 seconds at the most"),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "all went well"),
            ("1", "it did not, and standard error says why"),
            ("2", "the configuration or the command line is wrong; nothing was started"),
        ],
    ),
];

/// Writes lenscap.1, and a page for each command, into `folder`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(command: &Command, folder: &Path) -> io::Result<()> {
    // "lenscap help" would be a page about nothing.
    clap_mangen::generate_to(command.clone().disable_help_subcommand(true), folder)?;
    let path = folder.join(Man::new(command.clone()).get_filename());
    sections().to_writer(&mut OpenOptions::new().append(true).open(path)?)
}

fn sections() -> Roff {
    let mut roff = Roff::new();
    for (heading, entries) in SECTIONS {
        roff.control("SH", [heading]);
        for (name, meaning) in entries {
            roff.control("TP", []).text([bold(*name)]).text([roman(*meaning)]);
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{env, fs, process};

    #[test]
    fn every_command_has_a_page_and_the_first_ends_in_what_the_command_line_does_not_know() {
        let folder = env::temp_dir().join(format!("lenscap-manual-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let command = lenscap::cli::command();
        super::write(&command, &folder).unwrap();
        let page = fs::read_to_string(folder.join("lenscap.1")).unwrap();
        for subcommand in command.get_subcommands().map(clap::Command::get_name) {
            assert!(folder.join(format!("lenscap-{subcommand}.1")).exists(), "no page for {subcommand}");
            assert!(page.contains(&format!("lenscap\\-{subcommand}(1)")), "{subcommand} is not named in lenscap(1)");
        }
        fs::remove_dir_all(&folder).unwrap();
        for (section, _) in super::SECTIONS {
            assert!(page.contains(section), "no {section} in lenscap(1)");
        }
    }
}
