//! How a peer goes from one stream to another over its live connection.

use super::Peer;
use super::messages::{Switch, UnknownStream};
use super::subscription::Entry;
use crate::ids::StreamId;
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::time::Duration;

/// How long a switch waits for the other stream's first picture while the old one still shows.
const SWITCH_PATIENCE: Duration = Duration::from_secs(2);

impl Peer {
    /// The other stream has come, or never will: from now on it is the one.
    pub(super) fn commit_switch(&mut self, ctx: &mut Context<Self>) {
        let Some((next, patience)) = self.next.take() else { return };
        ctx.cancel_future(patience);
        // Unless a picture of it has come already.
        self.connection.lock().switch_to(next.stream());
        if let Some(old) = self.watching.replace(next) {
            ctx.spawn(old.leave_for_another().into_actor(self));
        }
    }

    /// Goes to a stream whose camera cannot be open beside the present one: that has to be let go
    /// first, and the picture pauses.
    fn exchange(&mut self, stream: StreamId, entry: Entry, ctx: &mut Context<Self>) {
        let Some(old) = self.watching.take() else { return };
        self.connection.lock().watching = None;
        ctx.wait(old.leave_for_another().into_actor(self).map(|(), peer, ctx| {
            peer.connection.lock().switch_to(&stream);
            peer.watching = Some(peer.subscribe(stream, entry, ctx));
        }));
    }
}

impl Handler<Switch> for Peer {
    type Result = Result<(), UnknownStream>;

    fn handle(&mut self, Switch(stream): Switch, ctx: &mut Self::Context) -> Self::Result {
        self.look(ctx);
        let entry = self.directory.get(&stream).cloned().ok_or_else(|| UnknownStream(stream.clone()))?;
        if self.presence.verdict().is_some() || self.is_next(&stream) {
            return Ok(());
        }
        if let Some((abandoned, patience)) = self.next.take() {
            ctx.cancel_future(patience);
            if let Some(watching) = &self.watching {
                self.connection.lock().switch_to(watching.stream());
            }
            ctx.spawn(abandoned.leave_for_another().into_actor(self));
        }
        self.status.stream = Some(stream.clone());
        self.show();
        if self.is_watching(&stream) {
            return Ok(());
        }
        log::info!("root/peers/{}: switching to {stream}", self.id);
        if self.watching.as_ref().is_some_and(|old| old.entry().excludes(&entry)) {
            self.exchange(stream, entry, ctx);
            return Ok(());
        }
        self.connection.lock().next = Some(stream.clone());
        let next = self.subscribe(stream, entry, ctx);
        let patience = ctx.run_later(SWITCH_PATIENCE, |peer, ctx| peer.commit_switch(ctx));
        self.next = Some((next, patience));
        Ok(())
    }
}
