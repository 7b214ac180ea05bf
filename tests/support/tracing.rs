//! Holds up threads and processes of others, as a debugger does (ptrace(2)).

use super::PATIENCE;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// A thread that stands still, or a process that cannot end, until this is dropped.
pub struct Stopped {
    release: Option<Sender<()>>,
    tracer: Option<JoinHandle<()>>,
}

impl Stopped {
    /// Stops one thread of a process where it waits for events, and none of its others. Not anywhere: one that stands still with
    /// a lock in its hand stops others, too.
    pub fn thread(thread: i32) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stopped = Self::trace(thread, true);
            if waits_for_events(thread) {
                return stopped;
            }
            assert!(Instant::now() < deadline, "thread {thread} never waits for events");
        }
    }

    /// Lets a process run, but not end: killed, it stays behind as a zombie whom its parent cannot reap, for its tracer has
    /// the right to do so first.
    pub fn end_of(process: i32) -> Self {
        Self::trace(process, false)
    }

    fn trace(thread: i32, stop: bool) -> Self {
        let (release, released) = channel::<()>();
        let (ready, begun) = channel();
        // What is traced belongs to the thread that traces it, and is free when that ends.
        let tracer = std::thread::spawn(move || {
            let none = std::ptr::null_mut::<libc::c_void>();
            // SAFETY: both requests take no memory; they fail if the thread is not there or not ours.
            let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, thread, none, none) };
            assert_eq!(seized, 0, "{}", std::io::Error::last_os_error());
            if stop {
                // SAFETY: as above.
                let stopped = unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, thread, none, none) };
                assert_eq!(stopped, 0, "{}", std::io::Error::last_os_error());
                let mut status = 0;
                // SAFETY: it writes to a number that lives longer.
                assert_eq!(unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) }, thread);
            }
            ready.send(()).unwrap();
            let _ = released.recv();
        });
        begun.recv().expect("it can be traced");
        Self { release: Some(release), tracer: Some(tracer) }
    }
}

/// Whether a thread that stands still does so in epoll_wait(2) (proc_pid_syscall(5)).
fn waits_for_events(thread: i32) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{thread}/syscall")).unwrap_or_default();
    let number = call.split_whitespace().next().and_then(|number| number.parse().ok());
    let waits = [
        libc::SYS_epoll_pwait,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
    ];
    number.is_some_and(|number| waits.contains(&number))
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.release = None;
        let _ = self.tracer.take().map(JoinHandle::join);
    }
}
