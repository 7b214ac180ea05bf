//! Starts a program as a child of this process's own parent.

use rustix::process::Pid;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Starts a command as a sibling (`CLONE_PARENT`, clone(2)): who asked for it is its parent, is told of its end, and reaps it. Only for
/// a process with one thread, as the broker is.
///
/// # Errors
///
/// If there is no room for another process. That it cannot be executed shows by its end.
pub fn spawn(command: &mut Command) -> io::Result<Pid> {
    // It is safe: without CLONE_VM the child has memory of its own, and, for the caller has one thread, nobody else's lock is held in it.
    // Zeros mean fork(2)'s stack and no words about its threads, in whichever order an architecture takes them.
    let (flags, none) = (libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD), 0 as libc::c_long);
    // SAFETY: as above.
    let child = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
    match child {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let _ = command.exec();
            // It could not be executed, and nothing of the broker's is to run twice: no destructor, no handler.
            // SAFETY: it ends this process and returns to nobody.
            unsafe { libc::_exit(127) }
        }
        child => i32::try_from(child).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no process")),
    }
}
