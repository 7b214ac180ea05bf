//! A process beside the server for the few things that cannot be done within its [sandbox](crate::sandbox): to start the programs
//! of `exec` cameras, to open the files that are read again while it runs, and to say who else holds a device.
//!
//! It is this binary, started again under another name before the sandbox closes. What it may do is told to it first, once; a server
//! that has been taken over can ask for no other program and no other file. It knows no more than that, and ends with the server.

mod holder;
mod message;
pub mod process;
mod sibling;

use crate::guard::launch::OWN_FILE;
use lenscap_actors::ports::CaptureError;
use message::{MESSAGE_BYTES_MAX, Outcome, Permission, Wish, receive, send};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::unix::pipe::Receiver;

/// An answer takes milliseconds. Longer than this only where a file is on a disk that hangs.
const ANSWER: Duration = Duration::from_secs(5);

/// A guard that has been started.
#[derive(Debug)]
pub struct Guard {
    /// The guard, a child of this process.
    pub pid: Pid,
    /// Our end of its socket.
    pub control: OwnedFd,
    /// What its program writes.
    pub stdout: OwnedFd,
    /// What its program says.
    pub stderr: OwnedFd,
    /// What its command has taken from elsewhere, to be masked.
    pub values: Vec<String>,
}

/// The server's end. Clones are the same.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    process: Child,
    line: Mutex<Line>,
}

/// By which it is seen that the broker has ended.
#[derive(Debug)]
pub struct Lifeline(OwnedFd);

impl Lifeline {
    /// Returns when it has ended, which it does not as long as the server lives.
    pub async fn ended(self) {
        let pipe = match Receiver::from_owned_fd(self.0) {
            Ok(pipe) => pipe,
            Err(error) => {
                log::error!("whether the broker is there cannot be known: {error}");
                return std::future::pending().await;
            }
        };
        // Nothing is ever written to it: its end is that nobody is left who could.
        while pipe.readable().await.is_ok() {
            match pipe.try_read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// One wish at a time.
#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    /// Whether an answer has not come in time, and is to come still.
    owed: bool,
    buffer: Vec<u8>,
}

impl Broker {
    /// Starts it. It may start these commands, each the program of a camera, and open these files.
    ///
    /// # Errors
    ///
    /// If no process can be had.
    pub fn start(commands: Vec<(String, String)>, files: Vec<PathBuf>) -> io::Result<(Self, Lifeline)> {
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(OWN_FILE);
        command
            .arg0(process::NAME)
            .stdin(theirs)
            .stderr(Stdio::null())
            // What systemd is told is the server's to say.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            // What the terminal sends to the server is the server's to pass on.
            .process_group(0);
        let (alive, held) = pipe_with(PipeFlags::CLOEXEC)?;
        let process = command.stdout(held).spawn()?;
        // The broker's ends are in the command still, and would hide that it is gone.
        drop(command);
        let programs = commands.into_iter().map(|(camera, command)| Permission::Program { camera, command });
        for permission in programs.chain(files.into_iter().map(Permission::File)).chain([Permission::NoMore]) {
            send(&socket, &permission, &[])?;
        }
        let line = Line { socket, owed: false, buffer: vec![0; MESSAGE_BYTES_MAX] };
        Ok((Self(Arc::new(Inner { process, line: Mutex::new(line) })), Lifeline(alive)))
    }

    /// Its process, a child of this one.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.0.process)
    }

    /// Starts the program of a camera. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// In words, if it cannot be started.
    pub fn launch(&self, camera: &str) -> io::Result<Guard> {
        let (outcome, descriptors) = self.ask(Wish::Start(camera.to_owned()))?;
        let descriptors = <[OwnedFd; 3]>::try_from(descriptors);
        match (outcome, descriptors) {
            (Outcome::Started { guard, values }, Ok([control, stdout, stderr])) => {
                let pid = Pid::from_raw(guard).ok_or_else(unexpected)?;
                Ok(Guard { pid, control, stdout, stderr, values })
            }
            _ => Err(unexpected()),
        }
    }

    /// Opens a file that was permitted, as it is now. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(&self, file: &Path) -> io::Result<File> {
        let (_, descriptors) = self.ask(Wish::Open(file.to_owned()))?;
        descriptors.into_iter().next().map(File::from).ok_or_else(unexpected)
    }

    /// An error, with the one who holds the device in it if that can be known.
    pub fn with_holder(&self, error: CaptureError) -> CaptureError {
        match error {
            CaptureError::Busy { device, holder: None } => {
                let holder = match self.ask(Wish::Holder(PathBuf::from(&device))) {
                    Ok((Outcome::Holder(holder), _)) => holder,
                    Ok(_) | Err(_) => None,
                };
                CaptureError::Busy { device, holder }
            }
            error => error,
        }
    }

    /// Asks, and waits for the answer. While one is owed nothing else is asked for: it would be done after that, when nobody wants
    /// it any more.
    fn ask(&self, wish: Wish) -> io::Result<(Outcome, Vec<OwnedFd>)> {
        let mut line = self.0.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.settle()?;
        send(&line.socket, &wish, &[]).map_err(|_| gone())?;
        line.owed = true;
        if !is_readable(&line.socket, Instant::now() + ANSWER)? {
            return Err(late());
        }
        match line.hear()? {
            (Outcome::Refused { message, errno }, _) => {
                Err(errno.map_or_else(|| io::Error::other(message), io::Error::from_raw_os_error))
            }
            granted => Ok(granted),
        }
    }
}

impl Line {
    /// Takes an answer that came too late.
    fn settle(&mut self) -> io::Result<()> {
        if !self.owed {
            return Ok(());
        }
        if !is_readable(&self.socket, Instant::now())? {
            return Err(late());
        }
        let (outcome, descriptors) = self.hear()?;
        // A guard that nobody holds on to has started nothing, and ends.
        drop(descriptors);
        if let Outcome::Started { guard, .. } = outcome
            && let Some(guard) = Pid::from_raw(guard)
        {
            let _ = waitpid(Some(guard), WaitOptions::empty());
        }
        Ok(())
    }

    fn hear(&mut self) -> io::Result<(Outcome, Vec<OwnedFd>)> {
        let heard = receive(&self.socket, &mut self.buffer);
        // Whatever it was: no other comes.
        self.owed = false;
        heard?.ok_or_else(gone)
    }
}

fn gone() -> io::Error {
    io::Error::other("the broker has ended; lenscap has to be started again")
}

fn late() -> io::Error {
    io::Error::other(
        "the broker does not answer: a file hangs, of those that commands take values from or that are read again",
    )
}

fn unexpected() -> io::Error {
    io::Error::other("the broker answered something else")
}

/// Whether there is something to read before the deadline.
fn is_readable(socket: &OwnedFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A few seconds: within every limit of these fields.
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
