//! Takes from this process what a camera server never needs, so that whoever takes it over has little of it: other files than those of
//! cameras, other programs, debugging, mounting and the like.
//!
//! `files` is Landlock (landlock(7)), `calls` seccomp (seccomp(2)); a kernel that lacks one has the other. Both hold for threads that
//! are started later and cannot be taken back, so this comes first, while there is one thread only. What needs more than that is
//! done by the [broker](crate::broker), which is started before.

#[cfg(target_pointer_width = "64")]
mod calls;
mod confinement;
mod files;
mod needs;

pub use confinement::{Confinement, Hold};
pub use needs::Needs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Confines this process for good; only for a process with one thread. What the kernel lacks is left out, and said.
pub fn enter(needs: &Needs) -> Confinement {
    no_core_dumps();
    let files = files::confine(needs).unwrap_or_else(|error| Hold::Not(error.to_string()));
    Confinement { files, calls: refuse_calls() }
}

#[cfg(target_pointer_width = "64")]
fn refuse_calls() -> Hold {
    match calls::confine() {
        Ok(()) => Hold::Full,
        Err(error) => Hold::Not(error.to_string()),
    }
}

#[cfg(not(target_pointer_width = "64"))]
fn refuse_calls() -> Hold {
    Hold::Not("there are no filters for this architecture".into())
}

/// What is in memory are pictures and keys.
fn no_core_dumps() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Core);
    // Lowering it is always allowed.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
}
