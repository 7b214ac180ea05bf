//! From an offer to a peer: what WebSocket and WHEP share.

use super::authorize::Guest;
use super::problem::Problem;
use super::site::Site;
use crate::access::digest::hex;
use lenscap_actors::peer::{Ask, Attach, Follows, IceSession, Line, Peer, RestartIce, Restarted, Signal};
use lenscap_actors::peers::{Admitted, Join, Network};
use lenscap_actors::supervisor::registered::Registered;
use lenscap_actors::transport::{self, Secrets, Transport};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::mpsc;

/// News for one page that may wait.
const SIGNALS_MAX: usize = 64;

/// A viewer that has been let in.
pub struct Joined {
    /// Its peer.
    pub peer: Admitted,
    /// The secret by which its leaving is reported.
    pub token: String,
    /// The answer to its offer.
    pub answer: String,
    /// Its [`IceSession`].
    pub ice_session: String,
    /// News for its page.
    pub signals: mpsc::Receiver<Signal>,
}

/// Answers an offer and lets the viewer in.
pub async fn join(
    site: &Site,
    signaling: &'static str,
    guest: &Guest,
    stream: &str,
    offer: &str,
    viewer: IpAddr,
) -> Result<Joined, Problem> {
    let stream = guest.stream(site, stream)?;
    let (secrets, token) = secrets().map_err(|error| Problem::internal(format!("no random numbers: {error}")))?;
    one_more_offer(site, viewer)?;
    site.root.peers.has_room(viewer)?;
    let ice_session = secrets.ufrag.clone();
    let (answer, terms) = transport::answer(offer, &site.identity, &addresses(site, viewer)?, secrets)?;
    let clock = &site.root.clock;
    let unix = Duration::from_millis(clock.unix_ms());
    // Only now: an offer that is refused takes nobody's place.
    let place = site.root.peers.reserve(&token, viewer)?;
    let connection = Transport::new(terms, site.identity.clone(), site.ice, clock.now(), unix);
    let (sender, signals) = mpsc::channel(SIGNALS_MAX);
    let join = Join { transport: signaling, stream: stream.clone(), connection, signals: sender };
    let peer = site.root.peers.join(place, join).await?;
    site.access.watches(&token, &guest.visitor, stream.as_str());
    Ok(Joined { peer, token, answer, ice_session, signals })
}

/// Before an offer is read, which costs more than all that came before, and before a camera is opened for another.
pub fn one_more_offer(site: &Site, viewer: IpAddr) -> Result<(), Problem> {
    site.offers.one_more(Network::of(viewer)).map_err(|_| Problem::too_many_offers(site.limits.offers_per_second))
}

/// Where a viewer can reach us.
fn addresses(site: &Site, viewer: IpAddr) -> Result<Vec<SocketAddr>, Problem> {
    let addresses = crate::net::candidates(site.udp, &site.public_addresses, viewer);
    if addresses.is_empty() {
        return Err(Problem::internal("this machine has no network address"));
    }
    Ok(addresses)
}

/// A viewer that goes on over another signalling connection.
pub struct Resumed {
    /// Its peer.
    pub peer: Admitted,
    /// Which signalling connection this is.
    pub line: Line,
    /// News for its page.
    pub signals: mpsc::Receiver<Signal>,
}

/// Finds the viewer of this token, who says that it is there, and asks it by the path that its media takes.
pub fn seek(site: &Site, token: &str) -> Result<Admitted, Problem> {
    let peer = site.root.peers.admitted(token).ok_or_else(let_go)?;
    peer.peer.do_send(Ask);
    Ok(peer)
}

/// The viewer of this token goes on over another signalling connection, for its own is dead, or may be.
pub async fn resume(site: &Site, token: &str) -> Result<Resumed, Problem> {
    let peer = site.root.peers.admitted(token).ok_or_else(let_go)?;
    let (sender, signals) = mpsc::channel(SIGNALS_MAX);
    let line = peer.peer.send(Attach(sender)).await.map_err(|_| let_go())?;
    Ok(Resumed { peer, line, signals })
}

fn let_go() -> Problem {
    Problem::unknown_peer("this viewer has been let go: send `watch` to begin anew")
}

/// Which ICE session a peer is at.
pub async fn ice_session(peer: &Registered<Peer>) -> Result<String, Problem> {
    peer.send(IceSession).await.map_err(|_| Problem::session_ended())
}

/// Has a peer begin ICE anew by an offer, or by the fragment of one; with `only`, if that is its ICE session still.
pub async fn restart(
    site: &Site,
    peer: &Registered<Peer>,
    follows: Follows,
    offer: String,
    viewer: IpAddr,
) -> Result<Restarted, Problem> {
    one_more_offer(site, viewer)?;
    let (secrets, _) = secrets().map_err(|error| Problem::internal(format!("no random numbers: {error}")))?;
    let Secrets { ufrag, password, .. } = secrets;
    let restart = RestartIce { follows, offer, addresses: addresses(site, viewer)?, ufrag, password };
    let answer = peer.send(restart).await.map_err(|_| Problem::session_ended())?;
    Ok(answer?)
}

fn secrets() -> Result<(Secrets, String), getrandom::Error> {
    let mut random = [0; 64];
    getrandom::fill(&mut random)?;
    let word = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
    let secrets = Secrets {
        ufrag: hex(&random[..8]),
        password: hex(&random[8..24]),
        // Never zero, and never the same.
        ssrcs: [word(24) | 1, (word(28) | 1) ^ 1 | 2],
        sequence: word(32) as u16,
        timestamp: word(36),
        tie_breaker: u64::from(word(56)) << 32 | u64::from(word(60)),
    };
    Ok((secrets, hex(&random[40..56])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_repeat() {
        let (a, token_a) = secrets().unwrap();
        let (b, token_b) = secrets().unwrap();
        assert_eq!(token_a.len(), 32, "128 bits in hexadecimal");
        assert_ne!(token_a, token_b);
        assert_ne!(a.ufrag, b.ufrag);
        assert_ne!(a.password, b.password);
        assert_ne!(a.ssrcs[0], a.ssrcs[1]);
        assert!(a.password.len() >= 22 && a.ufrag.len() >= 4);
    }
}
