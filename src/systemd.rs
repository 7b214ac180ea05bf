//! What systemd is told (`Type=notify`, sd_notify(3)): that the server is ready, how it is, that it stops, and, as long as all its
//! threads answer, that it is alive (`WatchdogSec=`).
//!
//! A thread of its own tells it, for the socket may block. Nothing of this exists if nobody wants to be told.

mod pulse;
mod status;
mod watchdog;

pub use pulse::Pulse;

use lenscap_actors::board::Board;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use watchdog::{Action, Watchdog};

/// Changes of the status that come faster than this are told together.
const STATUS_SPACING: Duration = Duration::from_secs(1);

/// Notices that may wait for the thread. More come only if systemd does not read; then the latest is lost.
const NEWS_MAX: usize = 16;

/// How long the last news may take to be told when the server ends.
const FAREWELL: Duration = Duration::from_millis(100);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Notice {
    Ready,
    Status(String),
    /// It stops, and that takes at most so long.
    Stopping(Duration),
    /// A thread has answered.
    Answered,
    Over,
}

/// Where news for systemd goes.
pub struct Systemd {
    news: SyncSender<Notice>,
    pulse: Pulse,
    over: oneshot::Receiver<()>,
}

impl Systemd {
    /// Starts the thread, if systemd wants to be told anything.
    pub fn start() -> Option<Self> {
        std::env::var_os("NOTIFY_SOCKET")?;
        let (news, inbox) = sync_channel(NEWS_MAX);
        let answered = news.clone();
        // If there is no room the thread is awake, and finds the answer by itself.
        let pulse = Pulse::new(Arc::new(move || drop(answered.try_send(Notice::Answered))));
        let (ended, over) = oneshot::channel();
        let teller = Teller { watchdog: None, pulse: pulse.clone(), failing: false };
        let thread = std::thread::Builder::new().name("systemd".into()).spawn(move || {
            teller.run(&inbox);
            let _ = ended.send(());
        });
        match thread {
            Ok(_) => Some(Self { news, pulse, over }),
            Err(error) => {
                log::warn!("systemd is told nothing: no thread for that: {error}");
                None
            }
        }
    }

    /// Whose threads are asked whether they are alive.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// The server serves. From now on it is watched.
    pub fn ready(&self) {
        self.tell(Notice::Ready);
    }

    /// The server stops, within so long.
    pub fn stopping(&self, within: Duration) {
        self.tell(Notice::Stopping(within));
    }

    /// Resolves when everything has been told, or cannot be.
    pub async fn over(self) {
        self.tell(Notice::Over);
        let _ = tokio::time::timeout(FAREWELL, self.over).await;
    }

    /// Tells how the server is, at each change, until it is dropped.
    pub fn status(&self, board: Board) -> impl Future<Output = ()> + use<> {
        let news = self.news.clone();
        async move {
            let (mut changes, mut told) = (board.changes(), String::new());
            loop {
                changes.mark_unchanged();
                let sentence = board.read(status::sentence);
                if sentence != told && news.try_send(Notice::Status(sentence.clone())).is_ok() {
                    told = sentence;
                }
                tokio::time::sleep(STATUS_SPACING).await;
                if changes.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    fn tell(&self, news: Notice) {
        if let Err(error) = self.news.try_send(news) {
            log::warn!("systemd does not read what it is told: {error}");
        }
    }
}

/// The thread.
struct Teller {
    watchdog: Option<Watchdog>,
    pulse: Pulse,
    /// It was said that systemd cannot be told.
    failing: bool,
}

impl Teller {
    fn run(mut self, inbox: &Receiver<Notice>) {
        loop {
            let due = self.watchdog.as_ref().and_then(Watchdog::due);
            let news = match due.map(|due| due.saturating_duration_since(Instant::now())) {
                Some(wait) => inbox.recv_timeout(wait),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match news {
                Ok(Notice::Ready) => {
                    self.tell(&[NotifyState::Ready]);
                    let every = sd_notify::watchdog_enabled().map(|usec| usec / 2);
                    self.watchdog = every.map(|every| Watchdog::new(every, Instant::now()));
                }
                Ok(Notice::Status(sentence)) => self.tell(&[NotifyState::Status(&sentence)]),
                Ok(Notice::Stopping(within)) => {
                    // Threads end from now on.
                    self.watchdog = None;
                    let usec = u32::try_from(within.as_micros()).unwrap_or(u32::MAX);
                    self.tell(&[
                        NotifyState::Stopping,
                        NotifyState::ExtendTimeoutUsec(usec),
                        NotifyState::Status("Letting every viewer go, and closing every camera"),
                    ]);
                }
                Ok(Notice::Over) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Notice::Answered) | Err(RecvTimeoutError::Timeout) => {}
            }
            self.watch();
        }
    }

    fn watch(&mut self) {
        while let Some(order) =
            self.watchdog.as_mut().and_then(|watchdog| watchdog.next(Instant::now(), &self.pulse.answers()))
        {
            match order {
                Action::Ask(round) => self.pulse.ask(round),
                Action::Ping => self.tell(&[NotifyState::Watchdog]),
                Action::Complain { silent, since } => log::error!(
                    "{} gives no answer since {} s: systemd is not told any more that the server is alive",
                    self.pulse.names(&silent),
                    since.as_secs_f32()
                ),
            }
        }
    }

    fn tell(&mut self, states: &[NotifyState<'_>]) {
        let result = sd_notify::notify(states);
        if let (Err(error), false) = (&result, self.failing) {
            log::warn!("systemd cannot be told anything: {error}");
        }
        self.failing = result.is_err();
    }
}
