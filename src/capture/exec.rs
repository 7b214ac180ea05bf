//! A program that writes H.264 (Annex B) to its standard output.
//!
//! A [guard](crate::guard) stands between it and the server. The camera is closed when every process that the program has
//! started has ended and is reaped: SIGTERM first, and SIGKILL for what is still there after 500 ms. Should the
//! server itself be killed, the guard does the same.

mod log;
pub mod processes;
mod program;
mod progress;

mod units;

use super::thread::{Session, Woken, spawn};
use crate::broker::Broker;
use crate::secrets::Secrets;
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, CaptureInfo, OpenCapture};
use log::LogLines;
use processes::Processes;
use program::{Ended, Program};
use progress::{Progress, Silence};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use units::Units;

/// Read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// The source.
#[derive(Clone)]
pub struct Exec {
    /// The name of its camera.
    pub camera: String,
    /// What is started.
    pub command: String,
    /// The same without credentials.
    pub shown: String,
    /// It has stalled if it gives no picture for so long.
    pub stall_timeout: Duration,
    /// Where what it starts is known.
    pub processes: Processes,
    /// Who starts it.
    pub broker: Broker,
}

impl Capture for Exec {
    fn open(&self, session: u64, events: CaptureEvents) -> Box<dyn OpenCapture> {
        let exec = self.clone();
        spawn(&format!("exec {}", self.camera), session, events, move |session| exec.run(session))
    }
}

impl Exec {
    fn run(&self, session: &Session) -> Result<(), CaptureError> {
        let failed = |error: io::Error| CaptureError::Failed { device: self.shown.clone(), message: error.to_string() };
        let mut program = Program::start(&self.camera, &self.broker, &self.processes).map_err(failed)?;
        let pid = program.started().map_err(failed)?;
        let mut reader = Reader {
            log: LogLines::new(
                &self.camera,
                &Secrets::of_command(&self.command).and(program.values.iter().map(String::as_str)),
            ),
            buffer: vec![0; BUFFER_BYTES],
        };
        let mut units = Units::new();
        let mut progress = Progress::new(Instant::now());
        let mut says_more = true;
        loop {
            let now = Instant::now();
            if let Some(silence) = progress.silence(now, self.stall_timeout) {
                // What it last said may tell why.
                reader.says(&mut program.stderr);
                return Err(session.failing(self.explain(silence)));
            }
            let mut fds: Vec<&dyn AsFd> = vec![&program.stdout, program.guard()];
            if says_more {
                fds.push(&program.stderr);
            }
            let left = progress.left(now, self.stall_timeout);
            let timeout = units.idle().map_or(left, |idle| idle.min(left));
            let pictures = match session.wait(&fds, Some(timeout)).map_err(|error| failed(error.into()))? {
                Woken::Stop => return reader.end(&mut program).map(drop).map_err(failed),
                Woken::Timeout => units.went_idle().into_iter().collect(),
                Woken::Ready([written, ended, said]) => {
                    if said {
                        says_more = reader.says(&mut program.stderr);
                    }
                    let length = if written { reader.writes(&mut program.stdout).map_err(failed)? } else { None };
                    match length {
                        // Nobody is left who could write; or the guard is gone, and all is read.
                        Some(0) => return Err(self.ended(reader.end(&mut program))),
                        None if ended => return Err(self.ended(reader.end(&mut program))),
                        None => vec![],
                        Some(length) => {
                            progress.bytes(length);
                            units.take(&reader.buffer[..length], Instant::now())
                        }
                    }
                }
            };
            for picture in pictures {
                if progress.picture(Instant::now()) {
                    session.opened(CaptureInfo {
                        device: format!("pid {pid}"),
                        format: "H264".into(),
                        fps: 0.0,
                        warning: None,
                    });
                }
                session.push(picture);
            }
        }
    }

    fn explain(&self, silence: Silence) -> CaptureError {
        let device = self.shown.clone();
        match silence {
            Silence::Nothing => CaptureError::Silent { device, silence: self.stall_timeout },
            Silence::NoVideo { bytes } => CaptureError::NoVideo { device, bytes },
            Silence::Stalled => CaptureError::Stalled { device, silence: self.stall_timeout },
        }
    }

    fn ended(&self, ended: io::Result<Ended>) -> CaptureError {
        let status = match ended {
            Ok(Ended { unguarded: true, .. }) => "its guard was killed".to_owned(),
            Ok(Ended { status: Some(status), .. }) => status.to_string(),
            Ok(Ended { status: None, .. }) => "nobody knows how".to_owned(),
            Err(error) => return CaptureError::Failed { device: self.shown.clone(), message: error.to_string() },
        };
        CaptureError::ProgramEnded { status }
    }
}

/// Reads what a program writes and says.
struct Reader {
    log: LogLines,
    buffer: Vec<u8>,
}

impl Reader {
    /// How much it has written into the buffer; 0 at the end, nothing if there is nothing now.
    fn writes(&mut self, stdout: &mut File) -> io::Result<Option<usize>> {
        match stdout.read(&mut self.buffer) {
            Ok(length) => Ok(Some(length)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it may say more.
    fn says(&mut self, stderr: &mut File) -> bool {
        self.log.read(stderr, &mut self.buffer)
    }

    /// Ends it. The pipes stay open meanwhile: who writes a last word is not to die of that.
    fn end(&mut self, program: &mut Program) -> io::Result<Ended> {
        program.end(|stdout, stderr| {
            let _ = stdout.read(&mut self.buffer);
            self.log.read(stderr, &mut self.buffer);
        })
    }
}
