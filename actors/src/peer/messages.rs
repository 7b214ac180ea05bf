//! What is said to a peer, and what it says to its page.

use super::shows::Shown;
use super::told::Carried;
use crate::board::StreamState;
use crate::departure::Cause;
use crate::ids::StreamId;
use crate::ports::Inbound;
use crate::transport::OfferError;
use actix::dev::MessageResponse;
use actix::prelude::*;
use serde::Serialize;
use std::net::SocketAddr;

/// What a viewer was not sent so far, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drops {
    /// Frames that it could not have decoded: it had to wait for a keyframe.
    pub skipped_frames: u64,
    /// Frames that would have come late over its link.
    pub late_frames: u64,
    /// Packets that the server's socket did not take in time.
    pub refused_packets: u64,
}

/// What a peer tells the page, by way of its signalling connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The state of a stream.
    State(StreamId, StreamState),
    /// An error code of the signalling protocol, and words.
    Error(&'static str, String),
    /// The picture of a stream begins with its camera's next keyframe.
    AwaitsKeyframe(StreamId),
    /// What is sent now.
    Shows(Shown),
    /// How much of the picture its link carries has changed.
    Link(Carried),
    /// More has been dropped than it was told of.
    Drops(Drops),
    /// Nothing proves any more that its video arrives.
    Silent,
    /// What there is to tell goes to another signalling connection from now on.
    Elsewhere,
    /// The server ends this connection.
    Closed(Cause),
}

/// The viewer is leaving. The answer comes after its stream is released.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Leave(pub Cause);

/// Somebody wants to know whether the viewer is there: it is asked at once.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Ask;

/// The viewer's page has another signalling connection, because the one that it had may be dead. What there is to tell goes there
/// from now on, and only its end is a leaving. The answer is its [`Line`].
#[derive(Message, Debug)]
#[rtype(result = "Line")]
pub struct Attach(pub tokio::sync::mpsc::Sender<Signal>);

/// Which of a viewer's signalling connections one is: they are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct Line(pub u32);

/// A signalling connection has ended. The viewer is leaving if it was the latest, and the answer comes after its stream is released.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Hangup(pub Line);

/// Which ICE session is it now? The answer is our user name fragment in it: every restart has a new one.
#[derive(Message, Debug)]
#[rtype(result = "String")]
pub struct IceSession;

/// The viewer begins ICE anew, or names candidates for what it has begun.
#[derive(Message, Debug)]
#[rtype(result = "Result<Restarted, RestartError>")]
pub struct RestartIce {
    /// Which ICE session it follows.
    pub follows: Follows,
    /// Its new offer, or the fragment of one (RFC 8840, section 9).
    pub offer: String,
    /// Where it can reach us.
    pub addresses: Vec<SocketAddr>,
    /// Our new user name fragment.
    pub ufrag: String,
    /// Our new password.
    pub password: String,
}

/// Which ICE session a [`RestartIce`] follows, as far as the viewer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follows {
    /// Whichever there is.
    Any,
    /// Only if this is the [`IceSession`] still: who has been overtaken by another restart must not undo it.
    Only(String),
    /// Nobody says: what is of the present one is taken, and none begins.
    Unnamed,
}

/// Why ICE does not begin anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestartError {
    /// What was offered cannot be used.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// There are new credentials in it, and nobody says for which session.
    #[error("it is not said which ICE session this follows")]
    Unnamed,
    /// It is another ICE session by now.
    #[error("ICE has begun anew meanwhile")]
    Superseded,
}

/// What becomes of [`RestartIce`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// The answer to the offer, or to the fragment.
    pub answer: String,
    /// Whether ICE begins anew: the credentials were new ones.
    pub anew: bool,
    /// The [`IceSession`] from now on.
    pub session: String,
}

/// Whether the viewer's link can carry the full rendition: if not, it is given the small one.
#[derive(Message, Clone, Copy, Debug, PartialEq, Eq)]
#[rtype(result = "()")]
pub struct Carry {
    /// It can.
    pub full: bool,
}

/// The viewer wants to watch another stream over the same connection.
#[derive(Message, Debug)]
#[rtype(result = "Result<(), UnknownStream>")]
pub struct Switch(pub StreamId);

/// There is no stream of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no stream {0:?}")]
pub struct UnknownStream(pub StreamId);

impl Message for Inbound {
    type Result = ();
}
