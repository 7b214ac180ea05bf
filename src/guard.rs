//! The process between the server and a program: it sees to it that nothing of the program is left.
//!
//! It is this binary, started again under another name, and does nothing but wait. As the subreaper
//! (`PR_SET_CHILD_SUBREAPER`, `prctl(2)`) of all that it starts it remains their ancestor, whatever sessions and
//! groups they make and however often they fork; when it has no children left, there is none of them.
//! It is told to end by a message, or by the end of the server, however that comes about: its socket breaks.

mod borrowed;
mod cgroup;
mod command;
pub mod launch;
pub mod processes;
pub mod report;

use cgroup::Cgroup;
use lenscap_actors::shutdown::Budget;
use nix::sys::signal::{SigSet, Signal as Signals};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use processes::Process;
use report::{COMMAND_MAX, END, GO, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitOptions, getpid, getppid, getrlimit, set_child_subreaper,
    set_parent_process_death_signal, setrlimit, wait,
};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How a guard is called: the name under which this binary is one. Not lenscap's, so that who ends all that is
/// called so does not end the guards with it.
pub const NAME: &str = "camera-guard";

/// How long a program may take to end by itself.
pub const GRACE: Duration = Budget::USUAL.grace();

/// How long it may take if there is no server any more that would wait for it.
const GRACE_ALONE: Duration = Duration::from_millis(100);

/// What was killed is looked for again so often until nothing is left.
const KILL_AGAIN: Duration = Duration::from_millis(10);

/// So many file descriptors programs are used to; who needs more can raise it.
const DESCRIPTORS: u64 = 1024;

/// Whether this process was started to be a guard.
pub fn is_asked() -> bool {
    std::env::args_os().next().is_some_and(|name| name == NAME)
}

/// Guards one program: the socket to the server is standard input, standard output and error are the program's.
pub fn main() -> ExitCode {
    let _ = rustix::thread::set_name(c"camera-guard");
    match guard() {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody hears words of ours: the server sees that it ends without its last report.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The server may open many files. Programs that go through all that they could open, to close them, would take long.
fn usual_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS)));
    // Lowering it is always allowed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}

fn guard() -> io::Result<()> {
    let control = io::stdin().as_fd().try_clone_to_owned()?;
    let mut signals = signals()?;
    set_child_subreaper(Some(getpid()))?;
    usual_descriptors();
    let mut buffer = vec![0; COMMAND_MAX];
    let (length, _) = recv(&control, &mut buffer[..], RecvFlags::empty())?;
    let mut word = [0; GO.len()];
    let (told, _) = recv(&control, &mut word, RecvFlags::empty())?;
    if word[..told] != *GO {
        // Whoever asked for it has given up meanwhile: nothing is to run of which nobody knows.
        return Ok(());
    }
    let cgroup = Cgroup::delegated();
    let leader = match start(&buffer[..length], cgroup.as_ref()) {
        Ok(leader) => leader,
        Err(error) => return report(&control, Report::Refused { errno: error.raw_os_error().unwrap_or(0) }),
    };
    drop(buffer);
    // The end of the program's output is to be seen, so nobody else may hold it.
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    // The server may have ended already, which is seen below.
    let _ = report(&control, Report::Started { pid: leader.as_raw_nonzero().get() });
    let mut family = Family { leader, status: None, told: HashSet::new(), killed: HashSet::new(), cgroup };
    family.watch(&control, &mut signals)?;
    let killed = family.killed.len() as u32;
    let _ = report(&control, Report::Ended { status: family.status, killed });
    Ok(())
}

/// Signals that are read instead of suffered.
fn signals() -> io::Result<SignalFd> {
    let mut set = SigSet::empty();
    [Signals::SIGCHLD, Signals::SIGTERM, Signals::SIGINT, Signals::SIGHUP]
        .into_iter()
        .for_each(|signal| set.add(signal));
    set.thread_block()?;
    Ok(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

/// Starts the words of a command, which are separated by zeros.
fn start(command: &[u8], cgroup: Option<&Cgroup>) -> io::Result<Pid> {
    let mut words = command.split(|&byte| byte == 0).map(OsStr::from_bytes);
    let program = words.next().filter(|word| !word.is_empty()).ok_or(Errno::NOENT)?;
    let guard = getpid();
    let membership = cgroup.map(Cgroup::membership).transpose()?;
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).process_group(0);
    // SAFETY: between fork and exec the closure makes system calls only, and touches no memory but its own.
    unsafe {
        command.pre_exec(move || {
            if let Some(membership) = &membership {
                rustix::io::write(membership, b"0")?;
            }
            // Ours waits for signals that the program has to hear.
            SigSet::empty().thread_set_mask()?;
            // Should somebody kill the guard, its program at least goes with it.
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // It may have been too late for that.
            if getppid() == Some(guard) { Ok(()) } else { Err(Errno::SRCH.into()) }
        });
    }
    Ok(Pid::from_child(&command.spawn()?))
}

fn report(control: &OwnedFd, report: Report) -> io::Result<()> {
    send(control, &report.to_bytes(), SendFlags::NOSIGNAL)?;
    Ok(())
}

/// All that has come of a program.
struct Family {
    leader: Pid,
    /// How the leader ended.
    status: Option<i32>,
    /// Who has been asked to end.
    told: HashSet<Pid>,
    killed: HashSet<Pid>,
    cgroup: Option<Cgroup>,
}

/// How far the end of a program has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// It has been asked to end, and is killed then.
    Ending(Instant),
    Killing,
}

impl Phase {
    /// It is to end within `grace`: the shortest that was ever given.
    fn order(self, now: Instant, grace: Duration) -> Self {
        match self {
            Phase::Running => Phase::Ending(now + grace),
            Phase::Ending(deadline) => Phase::Ending(deadline.min(now + grace)),
            Phase::Killing => Phase::Killing,
        }
    }

    /// How long to wait for news.
    fn timeout(self, now: Instant) -> Option<Duration> {
        match self {
            Phase::Running => None,
            Phase::Ending(deadline) => Some(deadline.saturating_duration_since(now)),
            Phase::Killing => Some(KILL_AGAIN),
        }
    }

    fn passed(self, now: Instant) -> Self {
        match self {
            Phase::Ending(deadline) if deadline <= now => Phase::Killing,
            phase => phase,
        }
    }
}

impl Family {
    /// Returns when nobody is left.
    fn watch(&mut self, control: &OwnedFd, signals: &mut SignalFd) -> io::Result<()> {
        let mut phase = Phase::Running;
        let mut alone = false;
        while self.reap()? {
            phase = phase.passed(Instant::now());
            match phase {
                Phase::Running => {}
                Phase::Ending(_) => self.tell(),
                Phase::Killing => self.kill(),
            }
            let mut fds = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
            if !alone {
                fds.push(PollFd::new(control, PollFlags::IN));
            }
            wait_for(&mut fds, phase.timeout(Instant::now()))?;
            let ordered = !alone && !fds[1].revents().is_empty();
            drop(fds);
            while let Some(signal) = signals.read_signal()? {
                if signal.ssi_signo != Signals::SIGCHLD as u32 {
                    phase = phase.order(Instant::now(), GRACE);
                }
            }
            if ordered {
                let mut word = [0; END.len()];
                alone = !matches!(recv(control, &mut word, RecvFlags::empty()), Ok((length, _)) if length > 0);
                phase = phase.order(Instant::now(), if alone { GRACE_ALONE } else { GRACE });
            }
        }
        Ok(())
    }

    /// Reaps who has ended; whether anybody is left.
    fn reap(&mut self) -> io::Result<bool> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(None) => return Ok(true),
                Ok(Some((pid, status))) if pid == self.leader => self.status = Some(status.as_raw()),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Err(Errno::CHILD) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks all to end: at first everybody, later those whose parent has ended without them. What a program
    /// starts in order to end is left to do its work.
    fn tell(&mut self) {
        let (own, first) = (getpid(), self.told.is_empty());
        for process in processes::descendants(own) {
            if (first || process.parent == own) && self.told.insert(process.pid) {
                // Who has been stopped can end only when it goes on.
                processes::signal(process, own, &[Signal::TERM, Signal::CONT]);
            }
        }
    }

    fn kill(&mut self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill();
        }
        let own = getpid();
        for process @ Process { pid, .. } in processes::descendants(own) {
            processes::signal(process, own, &[Signal::KILL]);
            self.killed.insert(pid);
        }
    }
}

fn wait_for(fds: &mut [PollFd], timeout: Option<Duration>) -> io::Result<()> {
    // At most half a second: within every limit of these fields.
    let timeout = timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_the_shortest_of_all_times_that_it_was_given() {
        let start = Instant::now();
        let later = start + Duration::from_millis(50);
        let ending = Phase::Running.order(start, GRACE);
        assert_eq!(ending, Phase::Ending(start + GRACE));
        assert_eq!(ending.order(later, GRACE), ending, "asking twice gains no time");
        let alone = ending.order(later, GRACE_ALONE);
        assert_eq!(alone, Phase::Ending(later + GRACE_ALONE), "the server has died meanwhile");
        assert_eq!(alone.order(later, GRACE), alone);
        assert_eq!(alone.passed(later), alone);
        assert_eq!(alone.passed(later + GRACE_ALONE), Phase::Killing);
        assert_eq!(Phase::Killing.order(later, GRACE), Phase::Killing);
        assert_eq!(Phase::Running.passed(later), Phase::Running);
    }

    #[test]
    fn it_waits_for_as_long_as_nothing_is_to_be_done() {
        let start = Instant::now();
        assert_eq!(Phase::Running.timeout(start), None);
        assert_eq!(Phase::Running.order(start, GRACE).timeout(start), Some(GRACE));
        assert_eq!(Phase::Killing.timeout(start), Some(KILL_AGAIN));
    }
}
