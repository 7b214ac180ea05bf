//! What is said to a peer, and what it says to its page.

use super::told::Carried;
use crate::board::StreamState;
use crate::departure::Cause;
use crate::ids::StreamId;
use crate::transport::OfferError;
use actix::prelude::*;
use std::net::SocketAddr;

/// What a peer tells the page, by way of its signalling connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The state of a stream.
    State(StreamId, StreamState),
    /// An error code of the signalling protocol, and words.
    Error(&'static str, String),
    /// The picture of a stream begins with its camera's next keyframe.
    AwaitsKeyframe(StreamId),
    /// How much of the picture its link carries has changed.
    Link(Carried),
    /// The server ends this connection.
    Closed(Cause),
}

/// The viewer is leaving. The answer comes after its stream is released.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Leave(pub Cause);

/// The viewer begins ICE anew, or names candidates for what it has begun.
#[derive(Message, Debug)]
#[rtype(result = "Result<Restarted, OfferError>")]
pub struct RestartIce {
    /// Its new offer, or the fragment of one (RFC 8840, section 9).
    pub offer: String,
    /// Where it can reach us.
    pub addresses: Vec<SocketAddr>,
    /// Our new user name fragment.
    pub ufrag: String,
    /// Our new password.
    pub password: String,
}

/// What becomes of [`RestartIce`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The answer to the offer, or to the fragment.
    pub answer: String,
    /// Whether ICE begins anew: the credentials were new ones.
    pub anew: bool,
}

/// The viewer wants to watch another stream over the same connection.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), UnknownStream>")]
pub struct Switch(pub StreamId);

/// There is no stream of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no stream {0:?}")]
pub struct UnknownStream(pub StreamId);
