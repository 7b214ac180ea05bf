//! A program that writes H.264 (Annex B) to its standard output.
//!
//! It runs in a process group of its own, so that all it starts ends with it. It is closed when
//! the process is reaped: SIGTERM first, and SIGKILL for what is still there after 500 ms. Should
//! the server itself be killed, the kernel ends the program.

mod log;
mod process;
mod units;

use super::thread::{Session, Woken, spawn};
use crate::secrets::Secrets;
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, OpenCapture};
use log::LogLines;
use process::Group;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use units::Units;

/// Room in the pipe, so that a large frame is written in one go.
const PIPE_BYTES: usize = 1 << 20;

/// The source.
pub struct Exec {
    camera: String,
    command: String,
    shown: String,
}

impl Exec {
    /// `shown` is the command without credentials.
    pub fn new(camera: &str, command: String, shown: String) -> Self {
        Self { camera: camera.to_owned(), command, shown }
    }
}

impl Capture for Exec {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let (camera, command, shown) = (self.camera.clone(), self.command.clone(), self.shown.clone());
        spawn(&format!("exec {camera}"), session, events, move |session| run(session, &camera, &command, &shown))
    }
}

fn run(session: &Session, camera: &str, command: &str, shown: &str) -> Result<(), CaptureError> {
    let failed = |error: io::Error| CaptureError::Failed { device: shown.to_owned(), message: error.to_string() };
    let mut group = Group::start(command).map_err(failed)?;
    let (Some(mut stdout), Some(mut stderr)) = (group.child.stdout.take(), group.child.stderr.take()) else {
        return Err(failed(io::Error::other("it has no output")));
    };
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
    for pipe in [stdout.as_fd(), stderr.as_fd()] {
        let flags = fcntl_getfl(pipe).map_err(|error| failed(error.into()))?;
        fcntl_setfl(pipe, flags | OFlags::NONBLOCK).map_err(|error| failed(error.into()))?;
    }
    let mut log = LogLines::new(camera, &Secrets::of_command(command));
    let mut stderr_open = true;
    let mut units = Units::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let mut fds: Vec<&dyn AsFd> = vec![&stdout];
        if stderr_open {
            fds.push(&stderr);
        }
        let woken = session.wait(&fds, units.idle()).map_err(|error| failed(error.into()))?;
        let [out_ready, err_ready] = match woken {
            Woken::Stop => {
                // The pipes stay open meanwhile: who writes a last word is not to die of that, and
                // there is room for what comes in this time.
                group.end().map_err(failed)?;
                log.read(&mut stderr, &mut buffer);
                return Ok(());
            }
            Woken::Timeout => {
                units.went_idle(session);
                continue;
            }
            Woken::Ready(ready) => ready,
        };
        if err_ready {
            stderr_open = log.read(&mut stderr, &mut buffer);
        }
        if !out_ready {
            continue;
        }
        match stdout.read(&mut buffer) {
            Ok(0) => {
                log.read(&mut stderr, &mut buffer);
                let status = group.end().map_err(failed)?;
                return Err(CaptureError::ProgramEnded { status: status.to_string() });
            }
            Ok(length) => units.take(&buffer[..length], session, group.child.id()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
