//! The streams beneath a camera, each rendition by itself.

use super::spec::StreamSpec;
use crate::ids::{CameraId, StreamId};
use crate::media::Rendition;
use crate::ports::Encode;
use crate::stream::Stream;
use crate::supervisor::registered::Registered;
use std::sync::Arc;

/// One rendition of a stream: an actor of its own.
pub struct Member {
    /// What the actor goes by: of a full rendition the stream's name.
    pub id: StreamId,
    /// The stream's name.
    pub stream: StreamId,
    /// Its camera's.
    pub camera: CameraId,
    /// Which it is.
    pub rendition: Rendition,
    /// Makes its encoders.
    pub encode: Arc<dyn Encode>,
    /// By which it is reached.
    pub name: Registered<Stream>,
}

impl Member {
    /// The full one of a stream.
    pub fn full(spec: &StreamSpec) -> Self {
        Self::new(spec, spec.id.clone(), Rendition::default(), &spec.encode)
    }

    /// The small one, if it has that.
    pub fn small(spec: &StreamSpec) -> Option<Self> {
        spec.small.as_ref().map(|encode| Self::new(spec, spec.id.small(), Rendition::SMALL, encode))
    }

    fn new(spec: &StreamSpec, id: StreamId, rendition: Rendition, encode: &Arc<dyn Encode>) -> Self {
        let (stream, camera) = (spec.id.clone(), spec.camera.clone());
        Self { name: Registered::new(id.as_str()), id, stream, camera, rendition, encode: encode.clone() }
    }
}
