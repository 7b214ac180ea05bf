//! What there is to be: cameras, streams, and what is the same for all of them.

use crate::ids::{CameraId, StreamId};
use crate::peer::PeerTimeouts;
use crate::ports::{Capture, Encode};
use crate::retry::{Exponential, Policy};
use crate::supervisor::spec::Intensity;
use actix::prelude::ArbiterHandle;
use std::sync::Arc;
use std::time::Duration;

/// One camera to be had.
#[derive(Clone)]
pub struct CameraSpec {
    /// Its name.
    pub id: CameraId,
    /// Its source for people, without credentials.
    pub source: String,
    /// Opens it.
    pub capture: Arc<dyn Capture>,
    /// The name of the group of which one camera is open at a time, if it belongs to one.
    pub group: Option<String>,
    /// Whether it is closed when all its viewers are suspect.
    pub pause_on_suspicion: bool,
    /// When its device and its encoders are tried again.
    pub retry: Policy,
}

/// One stream to be had.
#[derive(Clone)]
pub struct StreamSpec {
    /// Its name.
    pub id: StreamId,
    /// The camera it shows; must be among the cameras.
    pub camera: CameraId,
    /// Makes its encoders.
    pub encode: Arc<dyn Encode>,
    /// Makes those of its small rendition, if it has one.
    pub small: Option<Arc<dyn Encode>>,
}

/// How faults of actors are dealt with.
#[derive(Clone, Debug, PartialEq)]
pub struct Supervision {
    /// The budget of each supervisor.
    pub intensity: Intensity,
    /// The delays before an actor is started again.
    pub backoff: Exponential,
    /// An actor that has given no sign of life for so long is ended.
    pub frozen_after: Duration,
}

impl Default for Supervision {
    /// Restarts come fast, and a budget sees to it that there are not too many: for a viewer a
    /// restart is a picture that stands still.
    fn default() -> Self {
        Self {
            intensity: Intensity { restarts: 10, period: Duration::from_secs(60) },
            backoff: Exponential {
                initial: Duration::from_millis(10),
                factor: 2.0,
                max: Duration::from_millis(250),
                jitter: 0.2,
                reset_after: Duration::from_secs(1),
            },
            frozen_after: Duration::from_secs(10),
        }
    }
}

/// Everything the actors are told at the start.
pub struct RootSpec {
    /// The cameras.
    pub cameras: Vec<CameraSpec>,
    /// The streams.
    pub streams: Vec<StreamSpec>,
    /// The most viewers at a time.
    pub max_viewers: usize,
    /// The most of them that come from one address.
    pub max_viewers_per_address: usize,
    /// How long each is waited for.
    pub timeouts: PeerTimeouts,
    /// What to do about actors that fail.
    pub supervision: Supervision,
    /// Gives numbers uniform in 0..1.
    pub chance: fn() -> f64,
}

/// The threads that actors live on. Supervisors have one without actors, so that an actor that
/// blocks its thread does not keep them from seeing it.
#[derive(Clone)]
pub struct Threads {
    /// Supervisors.
    pub supervisors: ArbiterHandle,
    /// Cameras and streams.
    pub cameras: ArbiterHandle,
    /// Peers; the socket is read on the first. At least one.
    pub media: Vec<ArbiterHandle>,
}
