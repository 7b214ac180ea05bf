//! Runs a target for a time, with changes of its seeds.

use crate::Target;
use crate::mutate::{Random, mutant};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No input may take longer, even on a machine that has its processors for others.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a run went.
pub struct Ran {
    /// So many inputs.
    pub inputs: u64,
    /// In so much time of a processor.
    pub took: Duration,
}

/// Runs a target for so much time of a processor, since it may be left what others do not want, or, if that takes longer,
/// once with each seed. What fails is left in `folder`, also where the process does not survive it.
pub fn drive(target: &Target, time: Duration, seed: u64, folder: &Path) -> Result<Ran, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let path = folder.join(format!("{}.failing", target.name));
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let seeds = (target.seeds)();
    let (mut random, before) = (Random(seed), processor_time());
    let taken = || processor_time().saturating_sub(before);
    let done = AtomicU64::new(0);
    let finished = AtomicU64::new(0);
    let result = std::thread::scope(|scope| {
        let watchdog = scope.spawn(|| watch(&done, &finished, &path));
        let mut inputs = seeds.iter().cloned();
        let mut result = Ok(());
        while result.is_ok() {
            let input = match inputs.next() {
                Some(input) => input,
                None if taken() >= time => break,
                None => mutant(&seeds, &mut random),
            };
            let kept = file.set_len(input.len() as u64).and_then(|()| file.write_all_at(&input, 0));
            let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
            done.fetch_add(1, Ordering::Relaxed);
            result = kept.map_err(|error| error.to_string()).and(ran.map_err(|_| failed(target, &path)));
        }
        finished.store(1, Ordering::Relaxed);
        watchdog.thread().unpark();
        result
    });
    result?;
    let _ = std::fs::remove_file(&path);
    Ok(Ran { inputs: done.into_inner(), took: taken() })
}

/// What this thread has had of a processor.
fn processor_time() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec.unsigned_abs(), tv_nsec as u32)
}

fn failed(target: &Target, path: &Path) -> String {
    format!("{} has failed with {}; keep it in fuzz/regressions/{}/", target.name, path.display(), target.name)
}

/// Ends the process if one input takes too long.
fn watch(done: &AtomicU64, finished: &AtomicU64, path: &Path) {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    while finished.load(Ordering::Relaxed) == 0 {
        std::thread::park_timeout(Duration::from_millis(500));
        let now = done.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            eprintln!("{} takes longer than {PATIENCE:?}", path.display());
            std::process::exit(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("lenscap-fuzz-{name}-{}", std::process::id()))
    }

    #[test]
    fn what_has_once_failed_does_not_fail_again() {
        for target in TARGETS {
            let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(target.name);
            for entry in std::fs::read_dir(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display())) {
                (target.run)(&std::fs::read(entry.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn each_target_takes_its_seeds_and_some_changes() {
        for target in TARGETS {
            let ran = drive(target, Duration::from_millis(500), 1, &folder("seeds")).unwrap();
            assert!(ran.inputs > (target.seeds)().len() as u64, "{}", target.name);
        }
        std::fs::remove_dir_all(folder("seeds")).unwrap();
    }

    #[test]
    fn an_input_that_fails_is_kept() {
        let run = |data: &[u8]| assert!(!data.contains(&0xd9), "found");
        let target = Target { name: "picky", run, seeds: || vec![vec![1; 20]] };
        let error = drive(&target, PATIENCE, 1, &folder("picky")).map(|_| ()).unwrap_err();
        let kept = std::fs::read(folder("picky").join("picky.failing")).unwrap();
        assert!(error.contains("picky.failing") && kept.contains(&0xd9), "{error}");
        std::fs::remove_dir_all(folder("picky")).unwrap();
    }
}
