//! What a program is about, for who waits for it in a terminal: said when it has taken a second, and taken away at the end.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nobody wonders before.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is written anew.
const INTERVAL: Duration = Duration::from_millis(250);

/// Back to the start of the line, and away with what is on it.
const CLEAR: &str = "\r\x1b[K";

/// Says on standard error what is going on, if that is a terminal.
pub struct Progress {
    /// None if nobody looks.
    told: Option<(Arc<Told>, JoinHandle<()>)>,
}

/// What the thread that writes is told.
#[derive(Default)]
struct Told {
    /// What is going on; none at the end.
    about: Mutex<Option<String>>,
    ended: Condvar,
}

impl Told {
    fn about(&self) -> MutexGuard<'_, Option<String>> {
        // There is only a text in it, which is always whole.
        self.about.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Begins, about this.
    pub fn new(about: impl Into<String>) -> Self {
        let is_plain = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if is_plain || !io::stderr().is_terminal() {
            return Self { told: None };
        }
        let told = Arc::new(Told { about: Mutex::new(Some(about.into())), ..Told::default() });
        let writer = told.clone();
        let thread = thread::Builder::new().name("progress".into()).spawn(move || write(&writer));
        // Without it all works, only silently.
        Self { told: thread.ok().map(|thread| (told, thread)) }
    }

    /// It is about something else now. The time goes on.
    pub fn says(&self, about: impl FnOnce() -> String) {
        if let Some((told, _)) = &self.told {
            *told.about() = Some(about());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((told, thread)) = self.told.take() {
            *told.about() = None;
            told.ended.notify_one();
            // What is written next must not be cleared away by it. If it has panicked, it has written all that it will.
            let _ = thread.join();
        }
    }
}

/// The line after so long, if it has been long enough.
fn line(about: &str, elapsed: Duration) -> Option<String> {
    (elapsed >= PATIENCE).then(|| format!("{CLEAR}  {about} … {} s", elapsed.as_secs()))
}

fn write(told: &Told) {
    let begun = Instant::now();
    let mut is_shown = false;
    let mut about = told.about();
    while let Some(text) = &*about {
        if let Some(line) = line(text, begun.elapsed()) {
            is_shown = true;
            let mut stderr = io::stderr().lock();
            // Nobody is left to be told if it fails.
            let _ = stderr.write_all(line.as_bytes()).and_then(|()| stderr.flush());
        }
        about = told.ended.wait_timeout(about, INTERVAL).unwrap_or_else(PoisonError::into_inner).0;
    }
    if is_shown {
        let _ = io::stderr().write_all(CLEAR.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_within_a_second() {
        assert_eq!(line("looking", Duration::from_millis(999)), None);
        assert_eq!(line("looking", Duration::from_millis(2900)).unwrap(), "\r\u{1b}[K  looking … 2 s");
    }
}
