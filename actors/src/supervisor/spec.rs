//! What a supervisor is told of its children. The words and their meanings are OTP's.

use crate::retry::Exponential;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildKind {
    /// It does the work.
    Worker,
    /// It supervises.
    Supervisor,
}

/// Whether a child that has ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only if it ended abnormally.
    Transient,
    /// Never; it is forgotten.
    Temporary,
}

/// Which others are restarted with a child that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// None.
    OneForOne,
    /// All.
    OneForAll,
    /// Those that were started after it.
    RestForOne,
    /// None; and as the children are many and alike, they are started and stopped side by side.
    SimpleOneForOne,
}

impl Strategy {
    /// Whether children depend on those before them.
    pub fn is_dependent(self) -> bool {
        matches!(self, Strategy::OneForAll | Strategy::RestForOne)
    }
}

/// The budget: more than `restarts` within `period` and the supervisor gives up itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// Restarts that are tolerated.
    pub restarts: usize,
    /// Within so long, as a sliding window.
    pub period: Duration,
}

/// One child, apart from how it is made.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildSpec {
    /// Its name among its siblings.
    pub name: String,
    /// Whether it is started again.
    pub restart: Restart,
    /// How long it may take to end before it is killed; and how long what it leaves behind is waited for.
    pub shutdown: Duration,
    /// How long to wait before it is started again. OTP has no such delay; cameras need one.
    pub backoff: Exponential,
}

/// Why a child has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// It had done what it was there for.
    Normal,
    /// It was told to stop.
    Shutdown,
    /// It gave up, with words.
    Error(String),
    /// It panicked, with the panic's message.
    Panic(String),
    /// It gave no sign of life for too long.
    Frozen,
    /// It did not stop in time, or somebody wanted it dead.
    Killed,
    /// A supervisor whose budget is spent, with the last failure in words.
    BudgetSpent(String),
}

impl ExitReason {
    /// Whether a transient child that ended so stays down. A supervisor that gives up counts as
    /// shut down, as in OTP: its failures have been counted already.
    pub fn is_normal(&self) -> bool {
        matches!(self, ExitReason::Normal | ExitReason::Shutdown | ExitReason::BudgetSpent(_))
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("normal"),
            ExitReason::Shutdown => f.write_str("shutdown"),
            ExitReason::Error(words) => write!(f, "error: {words}"),
            ExitReason::Panic(words) => write!(f, "panic: {words}"),
            ExitReason::Frozen => f.write_str("frozen"),
            ExitReason::Killed => f.write_str("killed"),
            ExitReason::BudgetSpent(words) => write!(f, "restarted too often; the last was {words}"),
        }
    }
}
