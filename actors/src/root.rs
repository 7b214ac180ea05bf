//! Puts the actors together.

use crate::board::{Board, CameraStatus, StreamStatus};
use crate::camera::Camera;
use crate::ids::{CameraId, StreamId};
use crate::peer::Directory;
use crate::peers::{Dismiss, Peers, PeersParts};
use crate::ports::{Capture, Clock, Datagrams, Encode};
use crate::retry::{Backoff, Exponential};
use crate::stream::{Stream, StreamParts};
use actix::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One camera to be had.
pub struct CameraPlan {
    /// Its name.
    pub id: CameraId,
    /// Its source for people, without credentials.
    pub source: String,
    /// Opens it.
    pub capture: Box<dyn Capture>,
}

/// One stream to be had.
pub struct StreamPlan {
    /// Its name.
    pub id: StreamId,
    /// The camera it shows; must be among the plan's cameras.
    pub camera: CameraId,
    /// Makes its encoders.
    pub encode: Box<dyn Encode>,
}

/// Everything the actors are told at the start.
pub struct Plan {
    /// The cameras.
    pub cameras: Vec<CameraPlan>,
    /// The streams.
    pub streams: Vec<StreamPlan>,
    /// The most viewers at a time.
    pub max_viewers: usize,
    /// When to try again what failed.
    pub retry: Exponential,
    /// Makes sources of numbers uniform in 0..1.
    pub chance: fn() -> f64,
}

/// The running actors.
#[derive(Clone)]
pub struct Root {
    /// All streams by name.
    pub streams: Directory,
    /// The list of peers.
    pub peers: Addr<Peers>,
    /// What everybody may know.
    pub board: Board,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Root {
    /// Starts cameras and streams on the calling thread's arbiter, and peers on `media`.
    pub fn start(plan: Plan, media: ArbiterHandle, datagrams: Arc<dyn Datagrams>, clock: Arc<dyn Clock>) -> Self {
        let board = Board::default();
        let mut cameras = BTreeMap::new();
        for camera in plan.cameras {
            let status = CameraStatus { source: camera.source, ..CameraStatus::default() };
            board.write(|board| board.cameras.insert(camera.id.clone(), status));
            let actor = Camera::new(
                camera.id.clone(),
                camera.capture,
                Backoff::new(plan.retry.clone()),
                Box::new(plan.chance),
                clock.clone(),
                board.clone(),
            );
            cameras.insert(camera.id, actor.start());
        }
        let mut streams = BTreeMap::new();
        for stream in plan.streams {
            let Some(camera) = cameras.get(&stream.camera) else {
                log::error!("stream {} has no camera {}", stream.id, stream.camera);
                continue;
            };
            let status = StreamStatus::idle(stream.camera.clone());
            board.write(|board| board.streams.insert(stream.id.clone(), status));
            let actor = Stream::new(StreamParts {
                id: stream.id.clone(),
                camera_id: stream.camera,
                camera: camera.clone(),
                encode: stream.encode,
                backoff: Backoff::new(plan.retry.clone()),
                chance: Box::new(plan.chance),
                clock: clock.clone(),
                board: board.clone(),
            });
            streams.insert(stream.id, actor.start());
        }
        let streams: Directory = Arc::new(streams);
        let peers = Peers::new(PeersParts {
            max_viewers: plan.max_viewers,
            directory: streams.clone(),
            media,
            datagrams,
            clock: clock.clone(),
            board: board.clone(),
        })
        .start();
        Self { streams, peers, board, clock }
    }

    /// Lets every viewer go and every camera be closed; resolves when that is done.
    pub async fn shut_down(&self) {
        let _ = self.peers.send(Dismiss).await;
    }
}
