//! Lets viewers in and finds them again: starts their peers, knows them by their tokens, and
//! refuses more than are allowed.

mod room;

use crate::board::Board;
use crate::departure::Cause;
use crate::fanout::MediaQueue;
use crate::ids::{PeerId, StreamId};
use crate::peer::{Directory, Leave, Peer, PeerParts, PeerTimeouts, Signal, UnknownStream};
use crate::ports::{Clock, Datagrams};
use crate::retry::Exponential;
use crate::shutdown::Budget;
use crate::supervisor::child::Child;
use crate::supervisor::messages::StartChild;
use crate::supervisor::registered::Registered;
use crate::supervisor::shell::Supervisor;
use crate::supervisor::spec::{ChildSpec, Restart};
use crate::transport::Transport;
use actix::prelude::ArbiterHandle;
use room::Seated;
pub use room::{Block, Network};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

/// A viewer has been answered and wants to be let in.
pub struct Join {
    /// `ws` or `whep`.
    pub transport: &'static str,
    /// The stream it wants.
    pub stream: StreamId,
    /// Its connection.
    pub connection: Transport,
    /// Where news for its page goes.
    pub signals: tokio::sync::mpsc::Sender<Signal>,
}

/// A viewer that has been let in.
#[derive(Clone)]
pub struct Admitted {
    /// The peer's name.
    pub id: PeerId,
    /// Counts those who came before it.
    nth: u64,
    /// The peer.
    pub peer: Registered<Peer>,
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
    /// One network has as many as it may have.
    #[error("{0} viewers are watching from this address already, as many as `server.max_viewers_per_address` allows")]
    TooManyOfOneAddress(usize),
    /// The server is going down, or is just recovering from a fault of its own.
    #[error("the server lets nobody in just now")]
    ShuttingDown,
}

/// A thread that peers live on.
#[derive(Clone)]
pub struct MediaThread {
    /// It.
    pub thread: ArbiterHandle,
    /// The frames for the peers on it.
    pub queue: MediaQueue,
}

/// What is needed to let viewers in.
pub struct PeersParts {
    /// The most viewers at a time.
    pub max_viewers: usize,
    /// The most that come from one address.
    pub max_viewers_per_address: usize,
    /// How long each is waited for.
    pub timeouts: PeerTimeouts,
    /// All streams.
    pub directory: Directory,
    /// Who supervises peers.
    pub supervisor: Registered<Supervisor>,
    /// The threads that peers live on; at least one.
    pub media: Vec<MediaThread>,
    /// Sends and receives.
    pub datagrams: Arc<dyn Datagrams>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Where the state is shown.
    pub board: Board,
}

/// The list of viewers. Clones are the same list.
#[derive(Clone)]
pub struct Peers {
    parts: Arc<PeersParts>,
    list: Arc<Mutex<List>>,
}

#[derive(Default)]
struct List {
    closed: bool,
    admitted: u64,
    by_token: HashMap<String, Listed>,
}

struct Listed {
    admitted: Admitted,
    since: Instant,
    network: Network,
    signs: Arc<Signs>,
}

/// What is known of a viewer that has a place.
#[derive(Default)]
struct Signs {
    /// Something authentic has come from it.
    heard: AtomicBool,
    /// Its place was given to another.
    displaced: AtomicBool,
    suspect_since: Mutex<Option<Instant>>,
}

impl Listed {
    fn seated(&self) -> Seated {
        Seated {
            nth: self.admitted.nth,
            since: self.since,
            network: self.network,
            heard: self.signs.heard.load(Ordering::Relaxed),
            suspect_since: *lock(&self.signs.suspect_since),
        }
    }
}

/// A place in the list, which is free again when this is dropped.
struct Occupied {
    token: String,
    signs: Arc<Signs>,
    list: Arc<Mutex<List>>,
}

impl crate::peer::Seat for Occupied {
    fn heard(&self) {
        self.signs.heard.store(true, Ordering::Relaxed);
    }

    fn suspect(&self, since: Option<Instant>) {
        *lock(&self.signs.suspect_since) = since;
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        lock(&self.list).by_token.remove(&self.token);
    }
}

/// A place that is kept for a viewer, and free again when this is dropped.
pub struct Reserved {
    admitted: Admitted,
    seat: Occupied,
}

impl Peers {
    /// An empty list.
    pub fn new(parts: PeersParts) -> Self {
        Self { parts: Arc::new(parts), list: Arc::default() }
    }

    /// Lets a viewer in. When this answers, its datagrams reach it.
    ///
    /// # Errors
    ///
    /// If there is no such stream, or no room: its place may have been given to another before it took it.
    pub async fn join(&self, Reserved { admitted, seat }: Reserved, join: Join) -> Result<Admitted, Refused> {
        let (parts, signs) = (self.parts.clone(), seat.signs.clone());
        let displaced =
            || signs.displaced.load(Ordering::Relaxed).then_some(Refused::TooManyViewers(parts.max_viewers));
        if let Some(refused) = displaced() {
            return Err(refused);
        }
        let media = &parts.media[admitted.nth as usize % parts.media.len()];
        let (reachable, is_reachable) = oneshot::channel();
        let peer = Peer::new(PeerParts {
            id: admitted.id.clone(),
            transport: join.transport,
            stream: join.stream,
            directory: parts.directory.clone(),
            timeouts: parts.timeouts.clone(),
            connection: join.connection,
            reachable,
            queue: media.queue.clone(),
            signals: join.signals,
            datagrams: parts.datagrams.clone(),
            clock: parts.clock.clone(),
            board: parts.board.clone(),
            seat: Box::new(seat),
        })?;
        let spec = ChildSpec {
            name: admitted.id.to_string(),
            restart: Restart::Temporary,
            shutdown: Budget::USUAL.waiting(),
            backoff: Exponential::default(),
        };
        let child = Child::worker_once(spec, media.thread.clone(), admitted.peer.clone(), move |_| peer);
        match self.parts.supervisor.send(StartChild(child)).await {
            Ok(Ok(())) if is_reachable.await.is_ok() => match displaced() {
                None => Ok(admitted),
                Some(refused) => {
                    admitted.peer.do_send(Leave(Cause::Displaced));
                    Err(refused)
                }
            },
            Ok(_) | Err(_) => Err(Refused::ShuttingDown),
        }
    }

    /// Finds a viewer by its token.
    pub fn find(&self, token: &str) -> Option<Registered<Peer>> {
        self.admitted(token).map(|admitted| admitted.peer)
    }

    /// The same, with its name.
    pub fn admitted(&self, token: &str) -> Option<Admitted> {
        lock(&self.list).by_token.get(token).map(|entry| entry.admitted.clone())
    }

    /// Lets nobody in from now on.
    pub fn close(&self) {
        lock(&self.list).closed = true;
    }

    /// Whether a viewer would be given a place just now, so that nothing is done for one that has none.
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn has_room(&self, from: IpAddr) -> Result<(), Refused> {
        self.room(&lock(&self.list), Network::of(from)).map(drop)
    }

    /// Keeps a place for a viewer that signals from this address. `token` is the secret by which its leaving can be reported.
    ///
    /// # Errors
    ///
    /// If there is no room.
    pub fn reserve(&self, token: &str, from: IpAddr) -> Result<Reserved, Refused> {
        let (mut list, network) = (lock(&self.list), Network::of(from));
        let in_the_way = self.room(&list, network)?;
        let now = self.parts.clock.now();
        let token_of =
            |nth| list.by_token.iter().find(|(_, it)| it.admitted.nth == nth).map(|(token, _)| token.clone());
        if let Some((nth, cause)) = in_the_way
            && let Some(token) = token_of(nth)
            && let Some(entry) = list.by_token.remove(&token)
        {
            log::info!("root/peers/{}: nothing comes from it, and its place is wanted", entry.admitted.id);
            // If it is only just being let in there is nobody to be told: whoever lets it in looks here after that.
            entry.signs.displaced.store(true, Ordering::Relaxed);
            entry.admitted.peer.do_send(Leave(cause));
        }
        list.admitted += 1;
        let id = PeerId::from(format!("peer-{}", list.admitted));
        let admitted = Admitted { peer: Registered::new(id.as_str()), id, nth: list.admitted };
        let signs = Arc::<Signs>::default();
        let entry = Listed { admitted: admitted.clone(), since: now, network, signs: signs.clone() };
        list.by_token.insert(token.to_owned(), entry);
        let seat = Occupied { token: token.to_owned(), signs, list: self.list.clone() };
        Ok(Reserved { admitted, seat })
    }

    /// Whether there is room for one who comes from there, and whose place it would be, by [`Admitted`]'s count.
    fn room(&self, list: &List, from: Network) -> Result<Option<(u64, Cause)>, Refused> {
        if list.closed {
            return Err(Refused::ShuttingDown);
        }
        let PeersParts { max_viewers, max_viewers_per_address, .. } = *self.parts;
        let of_one = list.by_token.values().filter(|entry| entry.network == from).count();
        let is_full = list.by_token.len() >= max_viewers;
        if !is_full && of_one < max_viewers_per_address {
            return Ok(None);
        }
        // Whose network has no more places gives up one of its own.
        let own = of_one >= max_viewers_per_address;
        let asked = list.by_token.values().filter(|entry| !own || entry.network == from);
        let seated: Vec<Seated> = asked.map(Listed::seated).collect();
        room::who_makes_room(&seated, from, self.parts.clock.now()).map(Some).ok_or(match own {
            true => Refused::TooManyOfOneAddress(max_viewers_per_address),
            false => Refused::TooManyViewers(max_viewers),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
