//! What the routes work with.

use super::debug::feed::Feed as DebugFeed;
use super::problem::Problem;
use super::streams::feed::Feed as StreamsFeed;
use crate::access::Access;
use crate::access::limits::Open;
use crate::access::throttle::Throttle;
use crate::capture::controls::Controls;
use crate::codec::LastPictures;
use crate::config::{IceServer, Limits};
use crate::logging::Seldom;
use lenscap_actors::ids::StreamId;
use lenscap_actors::root::Root;
use lenscap_actors::transport::{IceTimeouts, Identity};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest offer or message that is read, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// What the routes work with.
pub struct Site {
    /// The actors.
    pub root: Root,
    /// Who we are to viewers.
    pub identity: Arc<Identity>,
    /// When a connection counts as dead.
    pub ice: IceTimeouts,
    /// The address of the UDP socket.
    pub udp: SocketAddr,
    /// More addresses of it.
    pub public_addresses: Vec<SocketAddr>,
    /// Who may come.
    pub access: Arc<Access>,
    /// The connections that there are, without those of proxies that are trusted.
    pub connections: Open,
    /// The WebSockets that are open.
    pub sockets: Open,
    /// How often they may ask to watch, or to be sent another stream.
    pub offers: Arc<Throttle>,
    /// How much visitors may take.
    pub limits: Limits,
    /// When somebody last logged in through a proxy that nobody has named, and it was said.
    pub unknown_proxy: Mutex<Seldom>,
    /// What visitors may know of streams.
    pub streams: StreamsFeed,
    /// What each of them showed last.
    pub pictures: LastPictures,
    /// What is going on, for those who may know everything.
    pub debug: DebugFeed,
    /// Origins besides our own.
    pub allowed_origins: Vec<String>,
    /// STUN and TURN servers that players are told of.
    pub ice_servers: Vec<IceServer>,
    /// Who is believed when it says from where a request comes.
    pub trusted_proxies: Vec<IpAddr>,
    /// The names of all cameras.
    pub cameras: BTreeSet<String>,
    /// The controls of those that have any.
    pub controls: BTreeMap<String, Controls>,
    /// When hidden pages shall leave, if they do not say so themselves; none: they stay.
    pub hidden_timeout: Option<Duration>,
    /// Whether actors may be killed for drills.
    pub allow_kill: bool,
    /// Whether HTTPS is spoken.
    pub is_https: bool,
    /// When the server was started.
    pub started: Instant,
}

impl Site {
    /// Somebody tries to log in through a proxy that is not trusted.
    pub fn tell_of_unknown_proxy(&self) {
        if self.unknown_proxy.lock().unwrap_or_else(PoisonError::into_inner).is_due(Instant::now()) {
            log::warn!(
                "somebody logs in through a proxy that is not in `server.trusted_proxies`: tries are counted for all of them together"
            );
        }
    }

    /// The stream of this name.
    pub fn stream(&self, name: &str) -> Result<StreamId, Problem> {
        let id = StreamId::from(name);
        match self.root.streams.contains_key(&id) {
            true => Ok(id),
            false => Err(Problem::unknown_stream(format!("there is no stream {id:?}"))),
        }
    }
}
