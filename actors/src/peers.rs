//! The actor that keeps the list of peers: it starts them, finds them by their token, and
//! refuses more than are allowed.

use crate::board::Board;
use crate::departure::Cause;
use crate::ids::{PeerId, StreamId};
use crate::peer::negotiation::Negotiated;
use crate::peer::{Directory, Leave, Peer, PeerParts, PeerStopped, Signal, UnknownStream};
use crate::ports::{Clock, Datagrams};
use actix::prelude::*;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// A viewer has been answered and wants to be let in.
#[derive(Message)]
#[rtype(result = "Result<Admitted, Refused>")]
pub struct Join {
    /// `ws` or `whep`.
    pub transport: &'static str,
    /// The stream it wants.
    pub stream: StreamId,
    /// Its connection.
    pub negotiated: Negotiated,
    /// The first address it was told to reach us at.
    pub local: SocketAddr,
    /// The secret by which its leaving can be reported.
    pub token: String,
    /// Where news for its page goes.
    pub signals: tokio::sync::mpsc::Sender<Signal>,
}

/// The answer to [`Join`].
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The peer's name.
    pub id: PeerId,
    /// The peer.
    pub peer: Addr<Peer>,
}

/// Why a viewer is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such stream.
    #[error(transparent)]
    UnknownStream(#[from] UnknownStream),
    /// There are as many viewers as are allowed.
    #[error("{0} viewers are watching already, as many as `server.max_viewers` allows")]
    TooManyViewers(usize),
    /// The server is going down.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// Finds a peer by its token.
#[derive(Message)]
#[rtype(result = "Option<Addr<Peer>>")]
pub struct Find {
    /// The token.
    pub token: String,
}

/// Everybody has to leave; answered when everybody has, and nobody is let in afterwards.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Dismiss;

/// What the list of peers is made of.
pub struct PeersParts {
    /// The most viewers at a time.
    pub max_viewers: usize,
    /// All streams.
    pub directory: Directory,
    /// The thread that peers live on.
    pub media: ArbiterHandle,
    /// Sends and receives.
    pub datagrams: Arc<dyn Datagrams>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where the state is shown.
    pub board: Board,
}

/// The actor.
pub struct Peers {
    parts: PeersParts,
    peers: HashMap<PeerId, Addr<Peer>>,
    tokens: HashMap<String, PeerId>,
    admitted: u64,
    closing: bool,
}

impl Peers {
    /// An empty list.
    pub fn new(parts: PeersParts) -> Self {
        Self { parts, peers: HashMap::new(), tokens: HashMap::new(), admitted: 0, closing: false }
    }
}

impl Actor for Peers {
    type Context = Context<Self>;
}

impl Handler<Join> for Peers {
    type Result = Result<Admitted, Refused>;

    fn handle(&mut self, join: Join, ctx: &mut Self::Context) -> Self::Result {
        if self.closing {
            return Err(Refused::ShuttingDown);
        }
        if self.peers.len() >= self.parts.max_viewers {
            return Err(Refused::TooManyViewers(self.parts.max_viewers));
        }
        self.admitted += 1;
        let id = PeerId::from(format!("peer-{}", self.admitted));
        let peer = Peer::new(PeerParts {
            id: id.clone(),
            transport: join.transport,
            stream: join.stream,
            directory: self.parts.directory.clone(),
            negotiated: join.negotiated,
            local: join.local,
            signals: join.signals,
            datagrams: self.parts.datagrams.clone(),
            clock: self.parts.clock.clone(),
            board: self.parts.board.clone(),
            stopped: ctx.address().recipient(),
        })?;
        let peer = Peer::start_in_arbiter(&self.parts.media, move |_| peer);
        self.peers.insert(id.clone(), peer.clone());
        self.tokens.insert(join.token, id.clone());
        Ok(Admitted { id, peer })
    }
}

impl Handler<Find> for Peers {
    type Result = Option<Addr<Peer>>;

    fn handle(&mut self, find: Find, _: &mut Self::Context) -> Self::Result {
        self.tokens.get(&find.token).and_then(|id| self.peers.get(id)).cloned()
    }
}

impl Handler<PeerStopped> for Peers {
    type Result = ();

    fn handle(&mut self, PeerStopped(id): PeerStopped, _: &mut Self::Context) {
        self.peers.remove(&id);
        self.tokens.retain(|_, peer| *peer != id);
    }
}

impl Handler<Dismiss> for Peers {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Dismiss, _: &mut Self::Context) -> Self::Result {
        self.closing = true;
        let leaving: Vec<_> = self.peers.values().map(|peer| peer.send(Leave(Cause::Shutdown))).collect();
        Box::pin(async move {
            for left in leaving {
                let _ = left.await;
            }
        })
    }
}
