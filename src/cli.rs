//! The command line.

use crate::capture::devices;
use crate::config::{Config, ConfigError};
use crate::server;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

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
}

/// Runs the program.
pub fn main() -> ExitCode {
    crate::memory::give_back();
    let arguments = Arguments::parse();
    let config = || match &arguments.config {
        Some(path) => Config::load(path),
        None => Config::defaults(),
    };
    match arguments.command.unwrap_or(Command::Run) {
        Command::Devices { json } => list_devices(json),
        Command::Check => match config() {
            Err(error) => wrong(&error),
            Ok(config) => {
                println!("{} cameras, {} streams: fine", config.cameras.len(), config.streams.len());
                ExitCode::SUCCESS
            }
        },
        Command::Run => match config() {
            Err(error) => wrong(&error),
            Ok(config) => run(config),
        },
    }
}

fn wrong(error: &ConfigError) -> ExitCode {
    eprintln!("{error}");
    ExitCode::from(WRONG_CONFIG)
}

fn run(config: Config) -> ExitCode {
    // rtc reports each refused packet and each unknown extension: nothing an operator could act on.
    let filter = "info,actix_server=warn,rtc=off,rtc_ice=off,rtc_dtls=off,rtc_srtp=off,rtc_sctp=off,rtc_stun=off,rtc_interceptor=off";
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(filter))
        .format_timestamp_millis()
        .init();
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list_devices(json: bool) -> ExitCode {
    let devices = devices::list();
    if json {
        match serde_json::to_string_pretty(&devices) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    } else {
        print!("{}", devices::table(&devices));
    }
    ExitCode::SUCCESS
}
