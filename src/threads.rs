//! The threads of this process, and how long each has been at work. Read only when somebody looks.

use serde::Serialize;
use std::fs;
use std::path::Path;

/// One thread, as `/debug` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ThreadStatus {
    /// Its number.
    pub id: String,
    /// Its name, as long as the kernel keeps it: 15 bytes.
    pub name: String,
    /// How long it has run on a processor since it began, ms.
    pub cpu_ms: f64,
}

/// All threads, in the order of their numbers, which is that of their beginnings.
pub fn list() -> Vec<ThreadStatus> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return vec![] };
    let mut threads: Vec<(u32, ThreadStatus)> = tasks
        .flatten()
        .filter_map(|task| {
            let id = task.file_name().into_string().ok()?;
            // One that ends just now is not there any more.
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            let status = ThreadStatus { name: name.trim_end().to_owned(), cpu_ms: cpu_ms(&task.path())?, id };
            Some((status.id.parse().ok()?, status))
        })
        .collect();
    threads.sort_by_key(|(number, _)| *number);
    threads.into_iter().map(|(_, status)| status).collect()
}

/// In nanoseconds where the kernel counts them (`schedstat`), else in ticks (`proc_pid_stat(5)`, fields 14 and 15).
fn cpu_ms(task: &Path) -> Option<f64> {
    let exact = fs::read_to_string(task.join("schedstat")).ok();
    let exact = exact.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    match exact {
        Some(ns) => Some((ns / 100_000) as f64 / 10.0),
        None => ticks(&fs::read_to_string(task.join("stat")).ok()?).map(|ticks| ticks as f64 * ms_per_tick()),
    }
}

fn ticks(stat: &str) -> Option<u64> {
    // The name before may contain anything, closing parentheses too.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn ms_per_tick() -> f64 {
    1000.0 / rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    #[test]
    fn a_thread_is_found_by_its_name_and_its_work_is_counted() {
        let (worked, hear) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let busy = std::thread::Builder::new().name("test busy".into()).spawn(move || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(60) {
                std::hint::spin_loop();
            }
            worked.send(()).unwrap();
            let _ = ended.recv();
        });
        hear.recv().unwrap();
        let found = list();
        let busy_one = found.iter().find(|thread| thread.name == "test busy").unwrap();
        assert!(busy_one.cpu_ms > 0.0 && busy_one.cpu_ms < 60_000.0, "{busy_one:?}");
        assert!(found.len() > 1);
        drop(end);
        busy.unwrap().join().unwrap();
    }

    #[test]
    fn ticks_are_read_behind_whatever_name() {
        let stat = "7 (a) b 1) S 1 7 7 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 9 0 100 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks("7 (short) S 1"), None);
    }
}
