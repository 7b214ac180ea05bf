//! Which guards run, so that `/debug` can say what a camera has started, and so that nothing is left of a
//! program whose guard was killed.

use super::tree;
use rustix::process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, waitpid};
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One process of a camera, as `/debug` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// Its number.
    pub pid: i32,
    /// Its name, without its arguments: they may contain secrets.
    pub name: String,
}

/// All guards of this server. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Processes(Arc<Mutex<Guards>>);

#[derive(Debug, Default)]
struct Guards {
    by_pid: HashMap<Pid, String>,
}

impl Processes {
    /// None yet. From now on this process inherits what a guard that was killed leaves behind.
    pub fn new() -> Self {
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            log::warn!("what is left of a program whose guard is killed cannot be ended: {error}");
        }
        Self::default()
    }

    /// Starts a guard; it is known before anybody can look for it.
    pub fn start(&self, camera: &str, start: impl FnOnce() -> io::Result<Child>) -> io::Result<Child> {
        let mut guards = self.lock();
        let guard = start()?;
        guards.by_pid.insert(Pid::from_child(&guard), camera.to_owned());
        Ok(guard)
    }

    /// A guard has been reaped.
    pub fn ended(&self, guard: Pid) {
        self.lock().by_pid.remove(&guard);
    }

    /// What runs for a camera now, in the order of the numbers.
    pub fn of(&self, camera: &str) -> Vec<ProcessStatus> {
        let guards: Vec<Pid> =
            self.lock().by_pid.iter().filter(|(_, of)| *of == camera).map(|(guard, _)| *guard).collect();
        let mut found: Vec<ProcessStatus> = guards
            .into_iter()
            .flat_map(tree::descendants)
            .filter_map(|process| {
                Some(ProcessStatus { pid: process.pid.as_raw_nonzero().get(), name: tree::name(process.pid)? })
            })
            .collect();
        found.sort_by_key(|process| process.pid);
        found
    }

    /// Ends and reaps what no guard looks after any more.
    pub fn end_orphans(&self) {
        let own = getpid();
        loop {
            let orphans: Vec<tree::Process> = {
                // No guard is started meanwhile, or it would be taken for an orphan.
                let guards = self.lock();
                let children = tree::children(own).into_iter().filter(|pid| !guards.by_pid.contains_key(pid));
                children.map(|pid| tree::Process { pid, parent: own }).collect()
            };
            if orphans.is_empty() {
                return;
            }
            for orphan in &orphans {
                for process in tree::descendants(orphan.pid) {
                    tree::signal(process, own, &[Signal::KILL]);
                }
                tree::signal(*orphan, own, &[Signal::KILL]);
            }
            for orphan in orphans {
                // Those that it had started are ours then, and found in the next round.
                let _ = waitpid(Some(orphan.pid), WaitOptions::empty());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guards> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
