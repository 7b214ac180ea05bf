//! How a peer goes to the small rendition of what it watches, and back.
//!
//! That is a [switch](super::Switch) of which the page is told nothing: the stream keeps its name, and its camera stays
//! open. The old picture goes on until the new one's first keyframe, and if none comes, it just goes on.

use super::choice::{Step, View};
use super::messages::{Carry, Signal};
use super::subscription::Subscription;
use super::told::Carried;
use super::{Peer, outbox};
use crate::board::CameraState;
use crate::media::Size;
use crate::stream::{LinkCarries, StreamNotice};
use crate::supervisor::context::Context;
use actix::prelude::*;
use std::time::Instant;

impl Peer {
    /// Goes to the full rendition of what it watches, or is being switched to, or to the small one. Nothing happens if
    /// there is none, or if it is there already.
    pub(super) fn carry(&mut self, full: bool, ctx: &mut Context<Self>) {
        self.look(ctx);
        let Some(present) = self.destination() else { return };
        let stream = present.stream().clone();
        let Some(entry) = self.directory.get(&stream) else { return };
        let wanted = if full { Some(entry) } else { entry.small.as_deref() };
        if let Some(wanted) = wanted.cloned() {
            self.go_to(stream, wanted, ctx);
        }
    }

    /// Goes to the rendition that the viewer's link carries, and tells the page and the stream what it does carry.
    pub(super) fn follow_link(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let Some(watching) = self.watching.as_ref().filter(|_| self.next.is_none()) else { return };
        let small = watching.entry().size == Size::Small;
        let mut state = self.connection.lock();
        let transport = &mut state.transport;
        let Some(link) = transport.congestion().filter(|link| link.is_reported(now)) else { return };
        let view = View {
            small,
            stream: transport.stream_rate(),
            capacity: link.capacity(),
            late: transport.dropped().late,
            queues: link.queues(),
            first: transport.catching_up_takes(now),
            shown: link.shown(),
            unprovable: !transport.can_burst(),
        };
        let has_choice = small || watching.entry().small.is_some();
        let step = if has_choice { self.choice.step(&view, now) } else { None };
        let full = if small { self.choice.full() } else { view.stream };
        if let Some(carried) = self.told.news(Carried::new(watching.entry().size, view.capacity, full), now) {
            let _ = self.signals.try_send(Signal::Link(carried));
        }
        if let Some(bps) = self.carries.news(view.capacity.map(|bytes| bytes * 8.0), now) {
            watching.addr().do_send(LinkCarries { peer: self.id.clone(), bps });
        }
        if step == Some(Step::Burst) {
            outbox::send(&*self.datagrams, transport, now, |transport, batch| transport.burst(now, batch));
        }
        if step == Some(Step::Small) && view.first.is_some() {
            state.abandon();
        }
        drop(state);
        match step {
            Some(Step::Small) => self.carry(false, ctx),
            Some(Step::Full) => self.carry(true, ctx),
            Some(Step::Burst) | None => {}
        }
    }

    /// What it will watch when all that is under way is done.
    fn destination(&self) -> Option<&Subscription> {
        self.next.as_ref().map(|(next, _)| next).or(self.watching.as_ref())
    }

    /// Whether what it is being switched to is what it watches, in another rendition.
    pub(super) fn changes_rendition(&self) -> bool {
        let next = self.next.as_ref().map(|(next, _)| next.stream());
        next.is_some() && next == self.watching.as_ref().map(Subscription::stream)
    }

    /// Goes on with the rendition that it has.
    pub(super) fn stay(&mut self, ctx: &mut Context<Self>) {
        let Some(next) = self.take_next(ctx) else { return };
        log::info!("root/peers/{}: no picture of {}", self.id, next.id());
        if let Some(watching) = &self.watching {
            self.status.rendition = watching.entry().size;
            self.show();
        }
        ctx.spawn(next.leave_for_another().into_actor(self));
    }

    /// The page knows the state that the old rendition was in: it is told if the new one is in another.
    pub(super) fn tell_of_rendition(&self, old: &Subscription) {
        let Some(new) = self.watching.as_ref().filter(|new| new.stream() == old.stream()) else { return };
        let [old, state] = [old.id(), new.id()].map(|id| self.board.read(|board| Some(board.streams.get(id)?.state)));
        if let Some(state) = state.filter(|_| old != state) {
            let _ = self.signals.try_send(Signal::State(new.stream().clone(), state));
        }
    }

    /// Takes note of what the rendition says to which it is about to go: whether it says so, and the page need not know.
    pub(super) fn hears_of_rendition(&mut self, notice: &StreamNotice, ctx: &mut Context<Self>) -> bool {
        if !self.changes_rendition() || !self.is_next(notice.stream()) {
            return false;
        }
        if let StreamNotice::Trouble { .. } = notice {
            self.stay(ctx);
        }
        true
    }

    /// What it watches is in trouble. If that is a small rendition and its camera is not, the full one may be had.
    pub(super) fn escape_from_small(&mut self, ctx: &mut Context<Self>) {
        let Some(watching) = self.watching.as_ref().filter(|it| it.entry().size == Size::Small) else { return };
        let camera = &watching.entry().camera_id;
        let state = self.board.read(|board| board.cameras.get(camera).map(|camera| camera.state));
        if state == Some(CameraState::Capturing) && self.next.is_none() {
            self.carry(true, ctx);
        }
    }
}

impl Handler<Carry> for Peer {
    type Result = ();

    fn handle(&mut self, Carry { full }: Carry, ctx: &mut Self::Context) {
        self.carry(full, ctx);
    }
}
