//! How a peer begins ICE anew over the connection that it has.

use super::{Peer, RestartIce, Restarted};
use crate::transport::OfferError;
use actix::prelude::*;

/// The viewer's network has changed, or may have: it begins ICE anew over this connection (RFC 8445, section 9).
impl Handler<RestartIce> for Peer {
    type Result = Result<Restarted, OfferError>;

    fn handle(&mut self, restart: RestartIce, ctx: &mut Self::Context) -> Self::Result {
        let RestartIce { offer, addresses, ufrag, password } = restart;
        let name = (ufrag.clone(), password.clone());
        let mut state = self.connection.lock();
        let answer = state.transport.restart(&offer, &addresses, ufrag, password, self.clock.now())?;
        let anew = state.transport.credentials() == name;
        drop(state);
        if anew {
            log::info!("root/peers/{}: ICE begins anew", self.id);
            // What was under way to the former name is answered still, until the next restart.
            while self.names.len() > 1 {
                self.datagrams.forget(&self.names.remove(0).0);
            }
            self.register(&name, ctx);
            self.names.push(name);
        }
        self.drain(ctx);
        Ok(Restarted { answer, anew })
    }
}
