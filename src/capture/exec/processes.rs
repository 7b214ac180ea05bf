//! Which guards run, so that `/debug` can say what a camera has started, and so that nothing is left of a
//! program whose guard was killed.

use crate::broker::Guard;
use crate::guard::processes as system;
use rustix::process::{Pid, Signal, WaitOptions, getpid, set_child_subreaper, waitpid};
use serde::Serialize;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

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
pub struct Processes(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    guards: Mutex<Guards>,
    /// Told when a guard that is being started is known.
    known: Condvar,
}

#[derive(Debug, Default)]
struct Guards {
    by_pid: HashMap<Pid, String>,
    /// How many are being started, and have no number yet.
    starting: usize,
    /// Another child of this process, which is nobody's camera.
    broker: Option<Pid>,
}

impl Processes {
    /// None yet. From now on this process inherits what a guard that was killed leaves behind. The broker is its child, too.
    pub fn new(broker: Pid) -> Self {
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            log::warn!("what is left of a program whose guard is killed cannot be ended: {error}");
        }
        let processes = Self::default();
        processes.lock().broker = Some(broker);
        processes
    }

    /// Starts a guard; it is known before anybody can take it for an orphan.
    pub fn start(&self, camera: &str, start: impl FnOnce() -> io::Result<Guard>) -> io::Result<Guard> {
        self.lock().starting += 1;
        // What is shown of other cameras does not wait for this.
        let started = start();
        let mut guards = self.lock();
        guards.starting -= 1;
        if let Ok(guard) = &started {
            guards.by_pid.insert(guard.pid, camera.to_owned());
        }
        drop(guards);
        self.0.known.notify_all();
        started
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
            .flat_map(system::descendants)
            .filter_map(|process| {
                Some(ProcessStatus { pid: process.pid.as_raw_nonzero().get(), name: system::name(process.pid)? })
            })
            .collect();
        found.sort_by_key(|process| process.pid);
        found
    }

    /// Ends and reaps what no guard looks after any more.
    pub fn end_orphans(&self) {
        let own = getpid();
        loop {
            let orphans: Vec<system::Process> = {
                // One that has no number yet would be taken for an orphan.
                let guards = self.0.known.wait_while(self.lock(), |guards| guards.starting > 0);
                let guards = guards.unwrap_or_else(PoisonError::into_inner);
                let is_known = |pid: &Pid| guards.by_pid.contains_key(pid) || guards.broker == Some(*pid);
                let children = system::children(own).into_iter().filter(|pid| !is_known(pid));
                children.map(|pid| system::Process { pid, parent: own }).collect()
            };
            if orphans.is_empty() {
                return;
            }
            for orphan in &orphans {
                for process in system::descendants(orphan.pid) {
                    system::signal(process, own, &[Signal::KILL]);
                }
                system::signal_child(orphan.pid, &[Signal::KILL]);
            }
            for orphan in orphans {
                // Those that it had started are ours then, and found in the next round.
                let _ = waitpid(Some(orphan.pid), WaitOptions::empty());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guards> {
        self.0.guards.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
