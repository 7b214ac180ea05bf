//! A program that writes H.264 (Annex B) to its standard output.
//!
//! It runs in a process group of its own, so that all it starts ends with it. It is closed when
//! the process is reaped: SIGTERM first, and SIGKILL for what is still there after 500 ms. Should
//! the server itself be killed, the kernel ends the program.

use super::thread::{Session, Woken, spawn};
use crate::codec::annexb::AccessUnits;
use lenscap_actors::media::{Content, Picture};
use lenscap_actors::ports::{Capture, CaptureError, CaptureEvents, CaptureInfo, OpenCapture};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, kill_process_group, pidfd_open, set_parent_process_death_signal,
};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end by itself.
const TERM_PATIENCE: Duration = Duration::from_millis(500);

/// How long standard output must be silent before what has arrived is taken for a whole access
/// unit. Otherwise its end would only be known when the next one begins, a frame interval later.
const IDLE_FIRST: Duration = Duration::from_millis(3);
const IDLE_MAX: Duration = Duration::from_millis(48);

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

/// A process group that is ended and reaped when this is dropped.
struct Group {
    child: Child,
}

impl Group {
    fn start(command: &str) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let server = std::process::id();
        // SAFETY: between fork and exec the closure makes two system calls and touches no memory but its own.
        unsafe { shell.pre_exec(move || end_with(server)) };
        Ok(Self { child: shell.spawn()? })
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Ends the group and returns how its leader ended.
    fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        let Some(pid) = self.pid() else { return self.child.wait() };
        if self.child.try_wait()?.is_none() {
            let _ = kill_process_group(pid, Signal::TERM);
            if !self.ended_within(pid, TERM_PATIENCE) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
        let status = self.child.wait()?;
        // What the leader left behind; the group is gone if there is nothing.
        let _ = kill_process_group(pid, Signal::KILL);
        Ok(status)
    }

    fn ended_within(&self, pid: Pid, patience: Duration) -> bool {
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else {
            return false; // a kernel before 5.3: no way to wait with a limit
        };
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
            match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => {}
                result => return matches!(result, Ok(ready) if ready > 0),
            }
        }
    }
}

/// Has this process killed when the thread that started it ends, be it that the whole server is killed.
fn end_with(server: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have been too late for that.
    match getppid() {
        Some(parent) if parent.as_raw_nonzero().get().unsigned_abs() == server => Ok(()),
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            log::error!("a program could not be reaped: {error}");
        }
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
    let mut log = LogLines::new(camera);
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

/// Puts access units together from what arrives in pieces.
struct Units {
    parser: AccessUnits,
    opened: bool,
    idle: Duration,
    burst: usize,
    since: Instant,
}

impl Units {
    fn new() -> Self {
        Self { parser: AccessUnits::default(), opened: false, idle: IDLE_FIRST, burst: 0, since: Instant::now() }
    }

    /// How long to wait for more before the rest is taken for whole.
    fn idle(&self) -> Option<Duration> {
        // Writers stop in the middle of a unit where a page or a buffer of theirs is full; then
        // the rest is surely on its way.
        let cut_short = self.burst.is_multiple_of(4096);
        self.parser.has_slice().then_some(if cut_short { self.idle.max(IDLE_MAX) } else { self.idle })
    }

    fn take(&mut self, bytes: &[u8], session: &Session, pid: u32) {
        if !self.opened {
            self.opened = true;
            session.opened(CaptureInfo {
                device: format!("pid {pid}"),
                format: "H264".into(),
                fps: 0.0,
                warning: None,
            });
        }
        if self.burst == 0 {
            self.since = Instant::now();
        }
        self.burst += bytes.len();
        let mut complete = vec![];
        let torn = self.parser.push(bytes, &mut complete);
        if torn && self.idle < IDLE_MAX {
            // The last unit was not whole after all: this writer needs more patience.
            self.idle = (self.idle * 2).min(IDLE_MAX);
            log::debug!("access units arrive in pieces; waiting {:?} for their ends now", self.idle);
        }
        let captured = self.since;
        if !complete.is_empty() {
            self.since = Instant::now();
        }
        for unit in complete {
            session.push(Picture { captured, content: Content::H264(unit) });
        }
    }

    fn went_idle(&mut self, session: &Session) {
        if let Some(unit) = self.parser.flush() {
            session.push(Picture { captured: self.since, content: Content::H264(unit) });
        }
        self.burst = 0;
    }
}

/// Standard error, line by line into the log.
struct LogLines {
    camera: String,
    partial: Vec<u8>,
}

impl LogLines {
    /// Longer lines are cut, so that a program cannot fill the memory.
    const LINE_MAX: usize = 4096;

    fn new(camera: &str) -> Self {
        Self { camera: camera.to_owned(), partial: vec![] }
    }

    /// Whether there may be more to read.
    fn read(&mut self, pipe: &mut impl Read, buffer: &mut [u8]) -> bool {
        match pipe.read(buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.take(&buffer[..length]);
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' || self.partial.len() >= Self::LINE_MAX {
                let line = String::from_utf8_lossy(&self.partial);
                if !line.trim().is_empty() {
                    log::info!("root/cameras/{}/device: program says: {}", self.camera, line.trim());
                }
                self.partial.clear();
            }
            if byte != b'\n' && byte != b'\r' {
                self.partial.push(byte);
            }
        }
    }
}
