//! How confined a process is.

use std::fmt;

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
