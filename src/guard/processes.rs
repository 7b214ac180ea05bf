//! The processes that descend from one, as the kernel shows them under `/proc`.

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::collections::HashSet;
use std::fs;

/// A process, and whose child it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// The process.
    pub pid: Pid,
    /// Its parent when it was found.
    pub parent: Pid,
}

/// How often the tree is read at most until it is found the same twice.
const READINGS_MAX: usize = 4;

/// Everything that descends from `root`, without itself. The kernel's lists may miss a process while
/// another ends, so they are read until they say the same twice.
pub fn descendants(root: Pid) -> HashSet<Process> {
    let mut known = read(root);
    for _ in 1..READINGS_MAX {
        let again = read(root);
        if again == known {
            break;
        }
        known = again;
    }
    known
}

fn read(root: Pid) -> HashSet<Process> {
    let mut found = HashSet::new();
    let mut waiting = vec![root];
    while let Some(parent) = waiting.pop() {
        for pid in children(parent) {
            if found.insert(Process { pid, parent }) {
                waiting.push(pid);
            }
        }
    }
    found
}

/// The children of a process, of whichever thread.
pub fn children(parent: Pid) -> Vec<Pid> {
    let tasks = format!("/proc/{}/task", parent.as_raw_nonzero());
    let Ok(tasks) = fs::read_dir(tasks) else { return vec![] };
    let mut found = vec![];
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => found.extend(list.split_whitespace().filter_map(pid)),
            // Not every kernel has these lists (CONFIG_PROC_CHILDREN); the task may also just have ended.
            Err(_) if task.path().exists() => return children_by_search(parent),
            Err(_) => {}
        }
    }
    found
}

fn children_by_search(parent: Pid) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return vec![] };
    let named = processes.flatten().filter_map(|entry| pid(entry.file_name().to_str()?));
    named.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

/// The parent of a process that has not been reaped (`proc_pid_stat(5)`, field 4).
pub fn parent_of(process: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name before may contain anything, closing parentheses too.
    let (_, fields) = stat.rsplit_once(") ")?;
    pid(fields.split_whitespace().nth(1)?)
}

/// What a process is called, for people.
pub fn name(process: Pid) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{}/comm", process.as_raw_nonzero())).ok()?;
    Some(name.trim_end().to_owned())
}

/// Sends signals to a child of this process that has not been reaped: its number is nobody else's. Needs no look at it, which a
/// sandbox and `hidepid` can forbid.
pub fn signal_child(child: Pid, signals: &[Signal]) {
    for &signal in signals {
        // It may have ended, which is what is wanted.
        let _ = kill_process(child, signal);
    }
}

/// Sends signals to a process, if it is still the one that was found below `root`: numbers are used again.
pub fn signal(process: Process, root: Pid, signals: &[Signal]) {
    match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(descriptor) => {
            let parent = parent_of(process.pid);
            if parent == Some(process.parent) || parent == Some(root) {
                for &signal in signals {
                    // It may have ended meanwhile, which is what is wanted.
                    let _ = pidfd_send_signal(&descriptor, signal);
                }
            }
        }
        Err(rustix::io::Errno::NOSYS) => {
            for &signal in signals {
                let _ = kill_process(process.pid, signal);
            }
        }
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn children_of_children_are_found_by_either_way_and_told_apart_from_others() {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "sleep 1000 & sleep 1000 & echo ready; wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 6];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut ready).unwrap();
        let leader = Pid::from_child(&shell);
        let own = rustix::process::getpid();
        let found = descendants(leader);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|process| process.parent == leader));
        let by_search: HashSet<Pid> = children_by_search(leader).into_iter().collect();
        assert_eq!(by_search, found.iter().map(|process| process.pid).collect::<HashSet<Pid>>());
        assert!(descendants(own).contains(&Process { pid: leader, parent: own }));
        let sleeping = *found.iter().next().unwrap();
        let elsewhere = Process { pid: sleeping.pid, parent: own };
        signal(elsewhere, own, &[Signal::KILL]);
        assert!(parent_of(sleeping.pid).is_some(), "it was not found there, so nothing happens to it");
        found.iter().for_each(|process| signal(*process, leader, &[Signal::KILL]));
        shell.wait().unwrap();
        assert!(found.iter().all(|process| parent_of(process.pid) != Some(leader)));
    }
}
