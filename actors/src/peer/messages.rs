//! What is said to a peer, and what it says to its page.

use crate::board::StreamState;
use crate::departure::Cause;
use crate::ids::StreamId;
use actix::prelude::*;

/// What a peer tells the page, by way of its signalling connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The state of a stream.
    State(StreamId, StreamState),
    /// An error code of the signalling protocol, and words.
    Error(&'static str, String),
    /// The server ends this connection.
    Closed(Cause),
}

/// The viewer is leaving. The answer comes after its stream is released.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Leave(pub Cause);

/// The viewer sent another of its ICE candidates.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), String>")]
pub struct RemoteCandidate {
    /// The candidate line.
    pub candidate: String,
    /// The media section it belongs to.
    pub mid: Option<String>,
    /// Its index.
    pub mline_index: Option<u16>,
}

/// The viewer wants to watch another stream over the same connection.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), UnknownStream>")]
pub struct Switch(pub StreamId);

/// There is no stream of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no stream {0:?}")]
pub struct UnknownStream(pub StreamId);
