//! How a peer goes from one stream to another over its live connection.

use super::Peer;
use super::exchange::Exchange;
use super::messages::{Switch, UnknownStream};
use super::subscription::{StreamRef, Subscription};
use crate::ids::StreamId;
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::time::Duration;

/// How long a switch waits for the other stream's first picture while the old one still shows.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(2);

impl Peer {
    /// The other stream has come, or never will: from now on it is the one.
    pub(super) fn commit_switch(&mut self, ctx: &mut Context<Self>) {
        let Some((next, timeout)) = self.next.take() else { return };
        ctx.cancel_future(timeout);
        // Unless a picture of it has come already.
        self.connection.lock().switch_to(next.id());
        self.shows.goes_to(next.stream());
        if let Some(old) = self.watching.replace(next) {
            self.tell_of_rendition(&old);
            ctx.spawn(old.leave_for_another().into_actor(self));
        }
    }

    /// Goes to a stream whose camera cannot be open beside the present one: that has to be let go first, and the picture pauses.
    fn exchange(&mut self, stream: StreamId, entry: StreamRef, ctx: &mut Context<Self>) {
        let Some(old) = self.watching.take() else { return };
        self.shows.goes_to(&stream);
        self.connection.lock().watching = None;
        let exchange = Exchange::new(old, (stream, entry));
        ctx.spawn(exchange.released().into_actor(self).map(|(), peer, ctx| {
            // Who has left meanwhile has taken it along.
            let Some(Exchange { to: (stream, entry), .. }) = peer.exchange.take() else { return };
            peer.connection.lock().switch_to(&entry.id());
            peer.watching = Some(peer.subscribe(stream, entry, ctx));
        }));
        self.exchange = Some(exchange);
    }

    /// Goes to a rendition of a stream, by way of whatever is going on.
    pub(super) fn go_to(&mut self, stream: StreamId, entry: StreamRef, ctx: &mut Context<Self>) {
        let id = entry.id();
        if self.presence.verdict().is_some() || self.is_next(&id) {
            return;
        }
        let mut abandoned = self.take_next(ctx);
        if let Some(other) = abandoned.take_if(|it| it.entry().camera_id != entry.camera_id) {
            // Before anything else: its camera may have to be closed for the next.
            ctx.spawn(other.leave_for_another().into_actor(self));
        }
        self.status.stream = Some(stream.clone());
        self.status.rendition = entry.size;
        self.show();
        if let Some(exchange) = &mut self.exchange {
            log::info!("root/peers/{}: switching to {id}", self.id);
            self.shows.goes_to(&stream);
            exchange.to = (stream, entry);
        } else if self.is_watching(&id) {
            log::debug!("root/peers/{}: stays with {id}", self.id);
        } else if self.watching.as_ref().is_some_and(|old| old.entry().excludes(&entry)) {
            log::info!("root/peers/{}: switching to {id}", self.id);
            self.exchange(stream, entry, ctx);
        } else {
            log::info!("root/peers/{}: switching to {id}", self.id);
            self.connection.lock().next = Some(id);
            let next = self.subscribe(stream, entry, ctx);
            let timeout = ctx.run_later(SWITCH_TIMEOUT, |peer, ctx| peer.finish_switch(ctx));
            self.next = Some((next, timeout));
        }
        if let Some(same_camera) = abandoned {
            // Last: so the camera stays open.
            ctx.spawn(same_camera.leave_for_another().into_actor(self));
        }
    }

    /// Forgets what it is being switched to, and gives it.
    pub(super) fn take_next(&mut self, ctx: &mut Context<Self>) -> Option<Subscription> {
        let (next, timeout) = self.next.take()?;
        ctx.cancel_future(timeout);
        if let Some(watching) = &self.watching {
            self.connection.lock().switch_to(watching.id());
        }
        Some(next)
    }

    /// What it is being switched to has no picture, or not in time.
    fn finish_switch(&mut self, ctx: &mut Context<Self>) {
        // Unless it has just come.
        self.look(ctx);
        if self.changes_rendition() {
            self.stay(ctx);
        } else {
            self.commit_switch(ctx);
        }
    }
}

impl Handler<Switch> for Peer {
    type Result = Result<(), UnknownStream>;

    fn handle(&mut self, Switch(stream): Switch, ctx: &mut Self::Context) -> Self::Result {
        self.look(ctx);
        let entry = self.directory.get(&stream).cloned().ok_or_else(|| UnknownStream(stream.clone()))?;
        if self.next.as_ref().is_some_and(|(next, _)| *next.stream() == stream) {
            self.tell_again();
            return Ok(());
        }
        // Who stays, or comes back in time, stays in the rendition that its link can carry.
        let present = self.watching.as_ref().filter(|watching| *watching.stream() == stream);
        let stays = present.is_some();
        let entry = present.map_or(entry, |watching| watching.entry().clone());
        self.go_to(stream, entry, ctx);
        if stays {
            self.tell_again();
        }
        Ok(())
    }
}
