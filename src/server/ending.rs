//! The end of the server, in order and in time: viewers, cameras, HTTP.

use crate::capture::exec::processes::Processes;
use actix_web::dev::{Server, ServerHandle};
use lenscap_actors::ids::CameraId;
use lenscap_actors::root::Root;
use lenscap_actors::shutdown::{Budget, not_closed};
use std::pin::Pin;
use std::time::Instant;

/// The end of a server.
pub struct Ending {
    /// Its actors.
    pub root: Root,
    /// What its cameras have started.
    pub processes: Processes,
    /// How long it may take.
    pub budget: Budget,
    /// When it began.
    pub begun: Instant,
}

impl Ending {
    /// Lets every viewer go, closes every camera, and ends HTTP. What does not end in its time is named in the log and left
    /// to the end of the process.
    pub async fn in_order(&self, handle: ServerHandle, server: Pin<&mut Server>) {
        let Self { root, budget, begun, .. } = self;
        if tokio::time::timeout(budget.cameras(), root.shut_down()).await.is_err() && !self.say_what_is_open() {
            log::warn!("every camera is closed, but not everything ended within {:?}", budget.cameras());
        }
        let requests = async { tokio::join!(handle.stop(true), server).1 };
        match tokio::time::timeout(budget.http(), requests).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::warn!("HTTP ended with an error: {error}"),
            Err(_) => log::info!("requests that were still being answered are cut off"),
        }
        log::info!("stopped within {} ms", begun.elapsed().as_millis());
    }

    /// Names every camera that is open; whether there is one.
    pub fn say_what_is_open(&self) -> bool {
        let after = self.begun.elapsed();
        let board = self.root.board.snapshot(self.root.clock.now());
        let open = not_closed(&board, after, |camera| self.held_by(camera));
        open.iter().for_each(|sentence| log::error!("{sentence}"));
        !open.is_empty()
    }

    /// The processes that a camera waits for, if there are any.
    fn held_by(&self, camera: &CameraId) -> Option<String> {
        let processes = self.processes.of(camera.as_str());
        let named: Vec<String> = processes.iter().map(|one| format!("{} (pid {})", one.name, one.pid)).collect();
        (!named.is_empty()).then(|| named.join(", "))
    }
}
