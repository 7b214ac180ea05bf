//! How a peer begins ICE anew over the connection that it has.

use super::{Follows, IceSession, Peer, RestartError, RestartIce, Restarted};
use actix::prelude::*;

impl Peer {
    fn ice_session(&self) -> String {
        self.connection.lock().transport.credentials().0
    }
}

impl Handler<IceSession> for Peer {
    type Result = String;

    fn handle(&mut self, _: IceSession, _: &mut Self::Context) -> Self::Result {
        self.ice_session()
    }
}

/// The viewer's network has changed, or may have: it begins ICE anew over this connection (RFC 8445, section 9).
impl Handler<RestartIce> for Peer {
    type Result = Result<Restarted, RestartError>;

    fn handle(&mut self, restart: RestartIce, ctx: &mut Self::Context) -> Self::Result {
        let RestartIce { follows, offer, addresses, ufrag, password } = restart;
        match follows {
            Follows::Only(only) if only != self.ice_session() => return Err(RestartError::Superseded),
            Follows::Unnamed if !self.connection.lock().transport.is_of_present_session(&offer)? => {
                return Err(RestartError::Unnamed);
            }
            Follows::Any | Follows::Only(_) | Follows::Unnamed => {}
        }
        let name = (ufrag.clone(), password.clone());
        let mut state = self.connection.lock();
        let answer = state.transport.restart(&offer, &addresses, ufrag, password, self.clock.now())?;
        let anew = state.transport.credentials() == name;
        // The path that carries media is known by the name that it was found with, however many restarts have led nowhere since.
        let stay = |(ufrag, _): &(String, String)| state.transport.answers_to(ufrag);
        let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.names).into_iter().partition(stay);
        drop(state);
        self.names = kept;
        gone.iter().for_each(|(ufrag, _)| self.datagrams.forget(ufrag));
        if anew {
            log::info!("root/peers/{}: ICE begins anew", self.id);
            self.register(&name, ctx);
            self.names.push(name);
        }
        self.drain(ctx);
        Ok(Restarted { answer, anew, session: self.ice_session() })
    }
}
