//! Takes from this process what a camera server never needs, so that whoever takes it over has little of it: other files than those of
//! cameras, other programs, debugging, mounting and the like.
//!
//! `files` is Landlock (landlock(7)), `calls` seccomp (seccomp(2)); a kernel that lacks one has the other. Both hold for threads that
//! are started later and cannot be taken back, so this comes first, while there is one thread only. What needs more than that is
//! done by the [broker](crate::broker), which is started before.

#[cfg(target_pointer_width = "64")]
mod calls;
mod files;

use crate::config::{Config, Listen, Source};
use crate::tls::Origin;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt;
use std::path::PathBuf;

/// Names whose answers are long are asked for over TCP (RFC 7766).
const DNS: u16 = 53;

/// What the server needs of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// To open video devices, and to look for them.
    pub devices: bool,
    /// TCP ports to listen at; 0 is any.
    pub ports: Vec<u16>,
    /// TCP ports of others to call.
    pub calls: Vec<u16>,
    /// A folder to keep something in.
    pub folder: Option<PathBuf>,
}

impl Needs {
    /// Of a server with this configuration.
    pub fn of(config: &Config) -> Self {
        let has_device = config.cameras.iter().any(|camera| matches!(camera.source, Source::V4l2(_)));
        let ports = match config.listen {
            Listen::Tcp(address) => vec![address.port()],
            Listen::File(_) => vec![],
        };
        let order = match &config.tls {
            Some(Origin::Acme(order)) => Some(order),
            Some(Origin::Files(_)) | None => None,
        };
        Self {
            devices: config.discover_v4l2 || has_device,
            ports,
            calls: order.map(|order| order.ports().chain([DNS]).collect()).unwrap_or_default(),
            folder: order.map(|order| order.folder.clone()),
        }
    }
}

/// How far one of the two holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// All of it.
    Full,
    /// What this kernel knows of it.
    Partial,
    /// None, for this reason.
    Not(String),
}

/// How confined this process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Files and ports, by Landlock.
    pub files: Hold,
    /// System calls, by seccomp.
    pub calls: Hold,
}

impl Confinement {
    /// Whether both are there.
    pub fn is_there(&self) -> bool {
        ![&self.files, &self.calls].iter().any(|hold| matches!(hold, Hold::Not(_)))
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |hold: &Hold| match hold {
            Hold::Full => "on".to_owned(),
            Hold::Partial => "on, as far as this kernel knows it".to_owned(),
            Hold::Not(reason) => format!("off ({reason})"),
        };
        write!(f, "files and ports (Landlock): {}; system calls (seccomp): {}", words(&self.files), words(&self.calls))
    }
}

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
