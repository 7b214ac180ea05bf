//! `lenscap probe`: a viewer without a screen, to see from the command line, a script or a monitor
//! whether a stream can be watched, and what comes.
//!
//! It watches by WHEP, as any foreign player would, and leaves by DELETE: with the last viewer
//! gone, the camera is closed before the program ends.
//!
//! - `target` is the stream's address, `whep` the HTTP;
//! - `viewer` is the WebRTC connection, `payload` and `count` look into the packets;
//! - `report` is what is said at the end, `error` why there is nothing to report.

mod count;
mod error;
mod payload;
mod report;
mod target;
mod viewer;
mod whep;

pub use error::ProbeError;
pub use report::Report;
pub use target::{Target, WrongTarget};

use crate::screen::Progress;
use crate::tls::roots::trusting;
use count::Counter;
use report::Times;
use rustls::ClientConfig;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout_at;
use viewer::{Event, Viewer};
use whep::Session;

/// How long to watch if nothing is said.
const USUAL_DURATION: Duration = Duration::from_secs(5);

/// Keyframes are asked for no more often than this: each costs all viewers bandwidth.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// ICE that has not succeeded by then is begun anew, as browsers' pages do: the client's ICE agent has been
/// seen to nominate a pair and wait for ever.
const ICE_ATTEMPT: Duration = Duration::from_secs(3);

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    frames: Option<u64>,
    duration: Option<Duration>,
    patience: Duration,
}

impl Limits {
    /// Stops after so many frames, or so long after the first one, whichever comes first; with
    /// neither, 5 s after the first. Gives up if the first frame, or later the next one, takes
    /// longer than `patience`.
    pub fn new(frames: Option<u64>, duration: Option<Duration>, patience: Duration) -> Self {
        let duration = duration.or((frames.is_none()).then_some(USUAL_DURATION));
        Self { frames, duration, patience }
    }
}

/// Watches a stream to its limits, or to SIGINT or SIGTERM, and leaves. HTTPS is trusted as browsers do, or by the certificates in a file.
/// What it waits for goes to `progress`.
///
/// # Errors
///
/// If no frame came.
pub fn run(target: &Target, trust: Option<&Path>, limits: Limits, progress: &Progress) -> Result<Report, ProbeError> {
    let trusting = trusting(trust)?;
    actix::System::new().block_on(watch(target, trusting, limits, progress))
}

async fn watch(
    target: &Target,
    trusting: ClientConfig,
    limits: Limits,
    progress: &Progress,
) -> Result<Report, ProbeError> {
    // From here on these signals end the watching, not the program: it has to leave first.
    let mut told = Told::new().map_err(ProbeError::here)?;
    let give_up = Instant::now() + limits.patience;
    loop {
        progress.says(|| "looking for a way to the server".into());
        let mut viewer = Viewer::new(target).await?;
        let watched = converse(target, &trusting, limits, &mut viewer, &mut told, progress).await;
        viewer.close().await;
        match watched {
            Err(ProbeError::Ice { .. }) if Instant::now() < give_up => {}
            watched => return watched,
        }
    }
}

/// The signals that tell a program to end.
struct Told {
    interrupt: Signal,
    terminate: Signal,
}

impl Told {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Offers, watches and leaves.
async fn converse(
    target: &Target,
    trusting: &ClientConfig,
    limits: Limits,
    viewer: &mut Viewer,
    told: &mut Told,
    progress: &Progress,
) -> Result<Report, ProbeError> {
    let offer = viewer.offer(limits.patience).await?;
    let mut seen = Seen::new(limits);
    progress.says(|| "waiting for the server's answer (HTTP)".into());
    let session = Session::open(target, offer, trusting.clone(), limits.patience).await?;
    seen.times.answered = Some(Instant::now());
    let accepted = viewer.accept(session.answer()).await;
    if accepted.is_ok() {
        tokio::select! {
            () = seen.watch(viewer, progress) => {}
            () = told.stop() => seen.told = true,
        }
    }
    seen.counter.finish();
    progress.says(|| "leaving".into());
    // Whatever was seen: the camera must not stay open because of us.
    let left = session.leave().await;
    accepted?;
    seen.verdict(session.answer())?;
    Ok(Report::new(target, &seen.times, &seen.counter, left))
}

/// What was seen of a session.
struct Seen {
    limits: Limits,
    times: Times,
    counter: Counter,
    /// The connection failed or was closed, by the server or by the network.
    failed: bool,
    /// Somebody told the program to end.
    told: bool,
}

impl Seen {
    fn new(limits: Limits) -> Self {
        let times = Times { offered: Instant::now(), answered: None, ice: None, connected: None };
        Self { limits, times, counter: Counter::default(), failed: false, told: false }
    }

    /// Until when the next packet has to come, or when all has been seen.
    fn deadline(&self) -> Instant {
        let Some(first) = self.counter.first_frame else {
            let patience = self.limits.patience;
            let patience = if self.times.ice.is_none() { patience.min(ICE_ATTEMPT) } else { patience };
            return self.times.offered + patience;
        };
        let stalled = self.counter.last_packet.unwrap_or(first) + self.limits.patience;
        self.limits.duration.map_or(stalled, |duration| stalled.min(first + duration))
    }

    /// What is waited for, or what has come.
    fn present(&self) -> String {
        match &self.counter {
            _ if self.times.ice.is_none() => "waiting for a way for video (ICE, UDP)".into(),
            _ if self.times.connected.is_none() => "waiting for encryption (DTLS)".into(),
            Counter { packets: 0, .. } => "connected; waiting for video".into(),
            Counter { frames: 0, packets, .. } => format!("waiting for a keyframe; {packets} packets"),
            Counter { frames, lost, .. } => format!("watching: {frames} frames, {lost} packets lost"),
        }
    }

    async fn watch(&mut self, viewer: &mut Viewer, progress: &Progress) {
        let (mut track, mut asked) = (None, None);
        progress.says(|| self.present());
        while !self.failed && self.limits.frames.is_none_or(|frames| self.counter.frames < frames) {
            let Ok(Some(event)) = timeout_at(self.deadline().into(), viewer.next()).await else { return };
            match event {
                Event::Ice => _ = self.times.ice.get_or_insert_with(Instant::now),
                Event::Connected => _ = self.times.connected.get_or_insert_with(Instant::now),
                Event::Failed => self.failed = true,
                Event::Track(new) => track = Some(new),
                Event::Packet(came, packet) => {
                    self.counter.push(packet, came);
                    let due = asked.is_none_or(|asked| came >= asked + KEYFRAME_INTERVAL);
                    if let Some(track) = track.as_deref().filter(|_| due && self.counter.needs_keyframe()) {
                        Viewer::ask_keyframe(track).await;
                        asked = Some(came);
                    }
                }
                Event::Gathered => {}
            }
            progress.says(|| self.present());
        }
    }

    /// An error if no frame came; it names the step that was not reached.
    fn verdict(&self, answer: &str) -> Result<(), ProbeError> {
        let patience = self.limits.patience;
        if self.counter.frames > 0 {
            Ok(())
        } else if self.told {
            Err(ProbeError::Told)
        } else if self.times.ice.is_none() {
            Err(ProbeError::Ice { addresses: whep::addresses(answer), patience })
        } else if self.times.connected.is_none() {
            Err(ProbeError::Dtls { patience })
        } else if self.counter.packets == 0 {
            Err(ProbeError::NoMedia { patience })
        } else {
            Err(ProbeError::NoFrame { packets: self.counter.packets, lost: self.counter.lost, patience })
        }
    }
}
