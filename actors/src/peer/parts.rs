//! What a peer is made of, and how long it is waited for.

use super::Signal;
use super::subscription::StreamRef;
use crate::board::Board;
use crate::departure::patience::Patience;
use crate::fanout::MediaQueue;
use crate::ids::{PeerId, StreamId};
use crate::ports::{Clock, Datagrams};
use crate::transport::Transport;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// All streams by name. It does not change while the server runs.
pub type Directory = Arc<BTreeMap<StreamId, StreamRef>>;

/// How long a viewer is waited for, and what for.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerTimeouts {
    /// What silence means.
    pub patience: Patience,
    /// An offer that has not led to a connection by then is let go.
    pub connect_timeout: Duration,
    /// Until then it may keep a camera open.
    pub first_packet_timeout: Duration,
    /// Whether capture begins with the offer, for a fast first picture, and not with the connection.
    pub eager: bool,
}

impl Default for PeerTimeouts {
    fn default() -> Self {
        Self {
            patience: Patience::production(),
            connect_timeout: Duration::from_secs(10),
            first_packet_timeout: Duration::from_secs(3),
            eager: true,
        }
    }
}

/// What a peer is made of.
pub struct PeerParts {
    /// Its name.
    pub id: PeerId,
    /// `ws` or `whep`.
    pub transport: &'static str,
    /// The stream it wants.
    pub stream: StreamId,
    /// All streams.
    pub directory: Directory,
    /// How long it is waited for.
    pub timeouts: PeerTimeouts,
    /// Its connection.
    pub connection: Transport,
    /// The frames for the peers on its thread.
    pub queue: MediaQueue,
    /// Told when the viewer's datagrams reach it.
    pub reachable: oneshot::Sender<()>,
    /// Where news for the page goes; bounded, and dropped if it is full.
    pub signals: tokio::sync::mpsc::Sender<Signal>,
    /// Sends and receives.
    pub datagrams: Arc<dyn Datagrams>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where its state is shown.
    pub board: Board,
    /// Kept as long as it lives, and dropped when it ends by whatever road.
    pub seat: Box<dyn Seat>,
}

/// A viewer's place among all.
pub trait Seat: Send {
    /// Something authentic has come from the viewer: the offer was no empty one.
    fn heard(&self);

    /// Since when it is suspect, if it is.
    fn suspect(&self, since: Option<Instant>);
}
