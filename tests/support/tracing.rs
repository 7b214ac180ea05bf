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

/// Has a thread of another process make a system call, as if its own program did, and gives what the kernel answered. `arguments` are
/// told where `memory` is put for the time of the call.
#[cfg(target_arch = "x86_64")]
pub fn call(thread: i32, number: i64, memory: &[u8], arguments: impl Fn(u64) -> [u64; 6]) -> i64 {
    use nix::sys::ptrace;
    use nix::sys::wait::{WaitPidFlag, waitpid};
    use nix::unistd::Pid;
    /// Below the stack's end a function may keep so much, bytes (System V ABI, x86-64, 3.2.2).
    const RED_ZONE: u64 = 128;
    let deadline = Instant::now() + PATIENCE;
    let pid = Pid::from_raw(thread);
    loop {
        ptrace::seize(pid, ptrace::Options::empty()).unwrap();
        ptrace::interrupt(pid).unwrap();
        waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
        if waits_for_events(thread) {
            break;
        }
        ptrace::detach(pid, None).unwrap();
        assert!(Instant::now() < deadline, "thread {thread} never waits for events");
    }
    let before = ptrace::getregs(pid).unwrap();
    let length = memory.len().next_multiple_of(8) as u64;
    let place = (before.rsp - RED_ZONE - length) & !15;
    for (nth, bytes) in memory.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        ptrace::write(pid, (place + 8 * nth as u64) as ptrace::AddressType, i64::from_ne_bytes(word)).unwrap();
    }
    let [rdi, rsi, rdx, r10, r8, r9] = arguments(place);
    // It has just entered the kernel by an instruction of two bytes, and does so again.
    let (rax, rip) = (number.cast_unsigned(), before.rip - 2);
    ptrace::setregs(pid, libc::user_regs_struct { rax, rip, rdi, rsi, rdx, r10, r8, r9, orig_rax: u64::MAX, ..before })
        .unwrap();
    ptrace::step(pid, None).unwrap();
    waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
    let answer = ptrace::getregs(pid).unwrap().rax.cast_signed();
    ptrace::setregs(pid, before).unwrap();
    ptrace::detach(pid, None).unwrap();
    answer
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
