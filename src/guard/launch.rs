//! Prepares a program and has its guard started. This is done by the [broker](crate::broker), for the server's sandbox allows
//! neither to start anything nor to read the files that commands take values from.

use super::report::COMMAND_MAX;
use super::{NAME, borrowed, command};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Room in the pipe, so that a large frame is written in one go.
const PIPE_BYTES: usize = 1 << 20;

/// This program's own file, whatever has become of its name.
pub const OWN_FILE: &str = "/proc/self/exe";

/// A guard that was started, and will start its program.
#[derive(Debug)]
pub struct Launched {
    /// The guard.
    pub guard: Pid,
    /// The server's end of its socket.
    pub control: OwnedFd,
    /// What the program writes; reading never blocks.
    pub stdout: OwnedFd,
    /// What the program says; reading never blocks.
    pub stderr: OwnedFd,
    /// What its command has taken from elsewhere.
    pub values: Vec<String>,
}

/// Has a guard started by `spawn`, and tells it the command of a camera.
///
/// # Errors
///
/// If a value that the command takes is not to be had, or the system refuses.
pub fn launch(
    camera: &str,
    command: &str,
    spawn: impl FnOnce(&mut Command) -> io::Result<Pid>,
) -> io::Result<Launched> {
    // Anew each time: what stands in the files may have changed.
    let borrowed = borrowed::look_up(command).map_err(io::Error::other)?;
    let words = command::words(&borrowed.command).join("\0");
    if words.len() > COMMAND_MAX {
        return Err(io::Error::other(format!("a command of more than {COMMAND_MAX} bytes is too long")));
    }
    let (control, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let (stdout, written) = pipe_with(PipeFlags::CLOEXEC)?;
    let (stderr, said) = pipe_with(PipeFlags::CLOEXEC)?;
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
    for pipe in [&stdout, &stderr] {
        fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    }
    // It waits in the socket until the guard runs. Nobody can tell it another: after the first it takes orders to start and to end only.
    send(&control, words.as_bytes(), SendFlags::NOSIGNAL)?;
    let mut start = Command::new(OWN_FILE);
    start
        .arg0(NAME)
        .arg(camera)
        .stdin(theirs)
        .stdout(written)
        .stderr(said)
        .envs(borrowed.variables.iter().map(|(name, value)| (name, value)))
        // What the terminal sends to the server is the server's to pass on.
        .process_group(0);
    let guard = spawn(&mut start)?;
    // The guard's ends are in the command still, and would hide that it is gone.
    drop(start);
    let values = borrowed.variables.into_iter().map(|(_, value)| value).collect();
    Ok(Launched { guard, control, stdout, stderr, values })
}
