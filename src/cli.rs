//! The command line.

mod check;
mod devices;
mod keys;

use crate::capture;
use crate::config::{Config, ConfigError};
use crate::logging;
use crate::probe::{self, Limits, ProbeError, Target};
use crate::screen::{self, Progress, Tone};
use crate::server;
use crate::tls::Origin;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Exit code for a configuration that is wrong.
const WRONG_CONFIG: u8 = 2;

/// Cameras in the browser over WebRTC, and the lens cap back on the moment nobody watches.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file; without one, a test picture and every camera found are served
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// How the log is written, to standard error
    #[arg(long, value_name = "FORMAT", env = "LENSCAP_LOG_FORMAT", value_enum, default_value_t, global = true)]
    log_format: logging::Format,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the cameras (the default)
    Run,
    /// Say whether the configuration is right, and start nothing
    Check,
    /// List the cameras of this machine, with what they can do
    Devices {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Ask for a password, and print its hash for [[access.user]]
    Passwd,
    /// Make a token for a program, and print it with its section [[access.token]]
    Token {
        /// What it is called
        name: String,
    },
    /// Make a certificate that nobody has signed, for HTTPS on a LAN, and print its fingerprint
    Cert {
        /// Names and addresses that it is for [default: those of this machine]
        names: Vec<String>,
        /// Where the two files go
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        out: PathBuf,
    },
    /// Print the address of a stream that holds for a while, for whoever has it
    Link {
        /// The stream
        stream: String,
        /// For how long, like "2h" or "3days"
        #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
        lasts: Duration,
    },
    /// Watch one stream for a while, without a browser, and say what came
    ///
    /// Exit code 0 if frames came, 1 if none did (and at which step it failed), 2 for wrong usage.
    Probe(ProbeArguments),
}

#[derive(Args)]
struct ProbeArguments {
    /// http://HOST:PORT/whep/STREAM, http://HOST:PORT/view/STREAM or http://HOST:PORT/STREAM, or https:; with NAME:PASSWORD@ or the
    /// ?link=… of a link where that is needed, or a token in the variable LENSCAP_TOKEN
    url: Target,
    /// Stop after so many frames
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    /// Stop so many seconds after the first frame [default: 5, or never if --frames is given]
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Wait so many seconds for the first frame, and later for the next one
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "10")]
    patience: Duration,
    /// For HTTPS with a certificate that nobody has signed, or an authority of your own: the file with it, in PEM
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// The longest time that can be asked for, in seconds: a day.
const SECONDS_MAX: f64 = 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= SECONDS_MAX);
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("expected seconds, more than 0 and at most {SECONDS_MAX}"))
}

/// What can be asked for, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program.
pub fn main() -> ExitCode {
    crate::memory::give_back();
    crate::memory::avoid_carry();
    let arguments = Arguments::parse();
    let format = arguments.log_format;
    let config = || match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::defaults(),
    };
    match arguments.command.unwrap_or(Command::Run) {
        Command::Devices { json } => list_devices(json),
        Command::Probe(arguments) => probe(&arguments, format),
        Command::Passwd => said(keys::password()),
        Command::Token { name } => said(keys::token(&name)),
        Command::Cert { names, out } => said(keys::certificate(names, &out)),
        Command::Link { stream, lasts } => match config() {
            Err(error) => wrong(&error),
            Ok(config) => said(keys::link(&config, &stream, lasts)),
        },
        Command::Check => check(config, arguments.config.as_deref()),
        Command::Run => match config() {
            Err(error) => wrong(&error),
            Ok(config) => run(config, arguments.config.clone(), format),
        },
    }
}

fn check(config: impl FnOnce() -> Result<Config, ConfigError>, file: Option<&Path>) -> ExitCode {
    // A file may be far away.
    let progress = Progress::new("reading");
    let config = match config() {
        Ok(config) => config,
        Err(error) => {
            drop(progress);
            return wrong(&error);
        }
    };
    if let Some(Origin::Files(files)) = &config.tls
        && let Err(error) = files.read()
    {
        drop(progress);
        screen::err(format_args!("{error}\n"));
        return ExitCode::from(WRONG_CONFIG);
    }
    drop(progress);
    shown(check::screen(&config, file), ExitCode::SUCCESS)
}

fn wrong(error: &ConfigError) -> ExitCode {
    let text = error.to_string();
    let (place, message) = text.split_at(text.len().saturating_sub(error.message.len()));
    screen::err(format_args!("{}{message}\n", Tone::Strong.of(place)));
    ExitCode::from(WRONG_CONFIG)
}

/// Prints what was asked for; then the program ends with this code.
fn shown(text: impl Display, code: ExitCode) -> ExitCode {
    match screen::out(text) {
        Ok(()) => code,
        Err(error) => {
            screen::err(format_args!("nothing can be written to standard output: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Prints what was asked for, or why it is not to be had.
fn said(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => shown(format_args!("{text}\n"), ExitCode::SUCCESS),
        Err(error) => {
            screen::err(format_args!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(config: Config, file: Option<PathBuf>, format: logging::Format) -> ExitCode {
    logging::start("info,actix_server=warn", format);
    match server::run(config, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn probe(arguments: &ProbeArguments, format: logging::Format) -> ExitCode {
    logging::start("warn", format);
    let limits = Limits::new(arguments.frames, arguments.seconds, arguments.patience);
    let progress = Progress::new("beginning");
    let result = probe::run(&arguments.url, arguments.trust.as_deref(), limits, &progress);
    drop(progress);
    let code = if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if arguments.json {
        let json = result.as_ref().map_or_else(ProbeError::to_json, |report| serde_json::json!(report));
        return shown(format_args!("{json:#}\n"), code);
    }
    match &result {
        Ok(report) => shown(report, code),
        Err(error) => {
            screen::err(format_args!("{} {error}\n", Tone::Strong.of(format_args!("{}:", arguments.url))));
            code
        }
    }
}

fn list_devices(json: bool) -> ExitCode {
    let progress = Progress::new("looking for cameras");
    let cameras = capture::devices::list(|node| progress.says(|| format!("looking at {}", node.display())));
    drop(progress);
    if !json {
        return shown(devices::screen(&cameras), ExitCode::SUCCESS);
    }
    said(serde_json::to_string_pretty(&cameras).map_err(|error| error.to_string()))
}
