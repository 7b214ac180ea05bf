//! A running program, seen from the server: its pipes, and its [guard](crate::guard).

use super::processes::Processes;
use crate::broker::{Broker, Guard};
use crate::guard::report::{END, GO, Report};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Pid, WaitOptions, waitpid};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A program with all that it has started. It is ended, and reaped as a whole, when this is dropped.
pub struct Program {
    guard: Pid,
    control: OwnedFd,
    processes: Processes,
    ended: Option<Ended>,
    /// What it writes; reading never blocks.
    pub stdout: File,
    /// What it says; reading never blocks.
    pub stderr: File,
    /// What its command has taken from elsewhere, to be masked in what it says.
    pub values: Vec<String>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How its first process ended.
    pub status: Option<ExitStatus>,
    /// How many of its processes had to be killed.
    pub killed: u32,
    /// Its guard was killed or failed, and what it had started was killed.
    pub unguarded: bool,
}

impl Program {
    /// Has the broker start the program of a camera.
    ///
    /// # Errors
    ///
    /// In words, if that cannot be done.
    pub fn start(camera: &str, broker: &Broker, processes: &Processes) -> io::Result<Self> {
        let Guard { pid, control, stdout, stderr, values } = processes.start(camera, || broker.launch(camera))?;
        let program = Self {
            guard: pid,
            control,
            processes: processes.clone(),
            ended: None,
            stdout: stdout.into(),
            stderr: stderr.into(),
            values,
        };
        // Only now: it is known whose it is, and it ends with this.
        send(&program.control, GO, SendFlags::NOSIGNAL)?;
        Ok(program)
    }

    /// Waits for its guard to say that it runs, which it does at once; the number of its first process.
    pub fn started(&mut self) -> io::Result<u32> {
        match hear(&self.control)? {
            Some(Report::Started { pid }) => Ok(pid.unsigned_abs()),
            Some(Report::Refused { errno }) => Err(io::Error::from_raw_os_error(errno)),
            Some(Report::Ended { .. }) | None => Err(io::Error::other("its guard was killed")),
        }
    }

    /// What can be read once its guard is gone, or about to be.
    pub fn guard(&self) -> &OwnedFd {
        &self.control
    }

    /// Ends it: all its processes are asked to, killed if they have not after [`GRACE`](crate::guard::GRACE), and reaped before
    /// this returns. `output` is called whenever there is something to read meanwhile: a program that cannot write
    /// its last words does not end by itself.
    pub fn end(&mut self, mut output: impl FnMut(&mut File, &mut File)) -> io::Result<Ended> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        // If the guard has ended already there is nobody to tell.
        let _ = send(&self.control, END, SendFlags::NOSIGNAL);
        let mut last = None;
        let mut open = [true; 2];
        loop {
            let mut fds = vec![PollFd::new(&self.control, PollFlags::IN)];
            let pipes = [self.stdout.as_fd(), self.stderr.as_fd()];
            let watched: Vec<usize> = (0..2).filter(|&nth| open[nth]).collect();
            fds.extend(watched.iter().map(|&nth| PollFd::from_borrowed_fd(pipes[nth], PollFlags::IN)));
            match poll(&mut fds, None) {
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let reported = !fds[0].revents().is_empty();
            let mut readable = false;
            for (fd, &nth) in fds[1..].iter().zip(&watched) {
                readable |= fd.revents().contains(PollFlags::IN);
                // Everybody who could write is gone, and all is read.
                open[nth] = fd.revents().is_empty() || fd.revents().contains(PollFlags::IN);
            }
            drop(fds);
            if readable {
                output(&mut self.stdout, &mut self.stderr);
            }
            if reported {
                match hear(&self.control)? {
                    Some(report @ Report::Ended { .. }) => last = Some(report),
                    Some(Report::Started { .. } | Report::Refused { .. }) => {}
                    None => break,
                }
            }
        }
        output(&mut self.stdout, &mut self.stderr);
        self.reap(last)
    }

    /// The guard's socket is closed: it has ended or is about to.
    fn reap(&mut self, last: Option<Report>) -> io::Result<Ended> {
        let status = wait_for(self.guard)?;
        self.processes.ended(self.guard);
        let (first, killed) = match last {
            Some(Report::Ended { status, killed }) => (status.map(ExitStatus::from_raw), killed),
            _ => (None, 0),
        };
        let unguarded = last.is_none() && !status.success();
        if unguarded {
            log::warn!("a guard ended without a report ({status}): what it had started is killed");
            self.processes.end_orphans();
        }
        let ended = Ended { status: first, killed, unguarded };
        self.ended = Some(ended);
        Ok(ended)
    }
}

/// Reaps a child, and says how it ended.
fn wait_for(child: Pid) -> io::Result<ExitStatus> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(ExitStatus::from_raw(status.as_raw())),
            Ok(None) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next report of a guard; none after the last.
fn hear(control: &OwnedFd) -> io::Result<Option<Report>> {
    let mut bytes = [0; 16];
    loop {
        return match recv(control, &mut bytes, RecvFlags::empty()) {
            Ok((0, _)) => Ok(None),
            Ok((length, _)) => match Report::from_bytes(&bytes[..length]) {
                Some(report) => Ok(Some(report)),
                None => Err(io::Error::other("its guard says what is no report")),
            },
            // It closed the socket with an order of ours unread. That is said once, before what it had reported.
            Err(Errno::CONNRESET | Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = self.end(|stdout, stderr| {
            // What it says now is of no use to anybody, but has to be read.
            let _ = io::copy(stdout, &mut io::sink());
            let _ = io::copy(stderr, &mut io::sink());
        }) {
            log::error!("a program could not be reaped: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_last_report_that_crosses_an_order_is_heard() {
        let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let last = Report::Ended { status: Some(127 << 8), killed: 0 };
        let (control, theirs) = pair();
        send(&theirs, &last.to_bytes(), SendFlags::NOSIGNAL).unwrap();
        send(&control, END, SendFlags::NOSIGNAL).unwrap();
        drop(theirs);
        assert_eq!(hear(&control).unwrap(), Some(last));
        assert_eq!(hear(&control).unwrap(), None);
        // Killed with the order unread, it has reported nothing.
        let (control, theirs) = pair();
        send(&control, END, SendFlags::NOSIGNAL).unwrap();
        drop(theirs);
        assert_eq!(hear(&control).unwrap(), None);
    }
}
