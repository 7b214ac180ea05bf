//! The processes of a program: how they are started, and how they are ended and reaped.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getppid, kill_process_group, pidfd_open, set_parent_process_death_signal,
};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may take to end by itself.
const TERM_PATIENCE: Duration = Duration::from_millis(500);

/// A process group that is ended and reaped when this is dropped.
pub struct Group {
    /// Its leader, with the pipes to it.
    pub child: Child,
}

impl Group {
    /// Starts a command.
    pub fn start(command: &str) -> io::Result<Self> {
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
    pub fn end(&mut self) -> io::Result<std::process::ExitStatus> {
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
