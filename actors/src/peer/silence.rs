//! What a peer does about silence: asks, tells its stream that it may have gone or is there after all, and
//! ends when [`Silence`](crate::departure::silence) says so.

use super::subscription::SubscriberState;
use super::{GRID, Peer, Signal, outbox};
use crate::board::PeerState;
use crate::departure::Cause;
use crate::stream::{Alive, Suspect};
use crate::supervisor::context::Context;
use crate::transport::News;
use actix::prelude::*;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Hints that nobody is there are heeded no more often: each draws a probe, and anybody can forge them.
const HINTS_APART: Duration = Duration::from_millis(20);

/// All that has arrived is in the mailbox before this: now it can be decided.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Decide;

impl Peer {
    /// How its subscriptions are to count it.
    pub(super) fn subscriber_state(&self) -> SubscriberState {
        match self.silence.is_away() {
            true => SubscriberState::Away,
            false => SubscriberState::Here { ready: self.connected, suspect: !self.holds },
        }
    }

    /// From now on the offer has to lead to something.
    pub(super) fn expect_connection(&mut self, ctx: &mut Context<Self>) {
        let followed = ctx.run_later(self.timeouts.first_packet_timeout, |peer, _| {
            if peer.holds {
                log::info!("root/peers/{}: its offer is not followed by a connection", peer.id);
                peer.seat.iter().for_each(|seat| seat.suspect(Some(peer.clock.now())));
                peer.let_camera_go(peer.presence.silence(peer.clock.now()));
            }
        });
        let connected = ctx.run_later(self.timeouts.connect_timeout, |peer, ctx| {
            peer.leave_by_itself(Cause::IceFailed, ctx);
        });
        self.expected = vec![followed, connected];
    }

    /// Takes in what the connection has heard.
    pub(super) fn hear(&mut self, news: &mut News, now: Instant) {
        for round_trip in news.round_trips.drain(..) {
            self.silence.answered(round_trip, now);
        }
        if news.alive {
            self.presence.alive(now);
            self.seat.iter().for_each(|seat| seat.heard());
            self.silence.heard(now);
        }
        let was_away = self.silence.is_away();
        if let Some(age) = news.proof
            && let Some(since) = self.silence.proven(now, age)
        {
            self.is_back(since, was_away, now);
        }
        if self.silence.take_held_up(now) {
            self.connection.lock().transport.leap();
        }
        if news.leaving == Some(Cause::IceDisconnected) && self.connected {
            // Nothing has come for seconds, perhaps because nothing is sent that calls for an answer: it is asked.
            news.leaving = None;
            self.silence.ask();
        }
        if self.silence.wants_probe(now) {
            self.probe(now);
        }
    }

    /// It was suspect `since`, or away, and is there after all.
    fn is_back(&mut self, since: Instant, was_away: bool, now: Instant) {
        log::info!("root/peers/{}: is there after all, after {:?}", self.id, now.saturating_duration_since(since));
        self.no_picture_since.get_or_insert(since);
        self.seat.iter().for_each(|seat| seat.suspect(None));
        self.status.state = PeerState::Watching;
        self.show();
        self.connection.lock().open = true;
        if was_away {
            self.board.back();
            self.holds = true;
            let subscriber_state = self.subscriber_state();
            self.subscriptions_mut().for_each(|subscription| subscription.renew(subscriber_state));
        } else {
            self.take_camera();
        }
    }

    /// A datagram came back as undeliverable.
    pub(super) fn came_back(&mut self, to: SocketAddr, quoted: &[u8], at: Instant) {
        match self.connection.lock().transport.undeliverable(to, quoted) {
            Some(true) => self.silence.refused(),
            Some(false) if self.hinted_at.is_some_and(|last| at.saturating_duration_since(last) < HINTS_APART) => {}
            Some(false) => {
                self.hinted_at = Some(at);
                self.silence.hinted();
            }
            None => {} // not where media goes: one of the pairs that ICE has tried
        }
    }

    /// So many packets of media have been sent.
    pub(super) fn on_sent(&mut self, packets: u64, now: Instant) {
        if packets == 0 {
            return;
        }
        self.status.sent_packets += packets;
        self.silence.sent(now);
        if let Some(since) = self.no_picture_since.take_if(|_| !self.silence.is_suspect()) {
            self.board.suspicion_withdrawn(now.saturating_duration_since(since));
        }
    }

    /// It may be time for a decision: what has arrived comes first. Of somebody who is away it is but a question more, and at the
    /// end whoever was heard just now has some time more.
    pub(super) fn consider(&mut self, ctx: &mut Context<Self>) {
        if self.silence.is_away() {
            return self.decide(ctx);
        }
        self.datagrams.drain();
        ctx.mailbox().send_after_traffic(Decide);
    }

    fn decide(&mut self, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let Some(due) = self.silence.due().filter(|due| *due <= now) else { return };
        // As late as is usual is not late.
        let late = now.saturating_duration_since(due).saturating_sub(GRID);
        let acts = self.silence.tick(now, late);
        if acts.suspect {
            self.suspect(now);
        }
        if acts.withhold {
            self.connection.lock().open = false;
        }
        if acts.away {
            self.go_away(now);
        }
        if acts.gone {
            log::info!("root/peers/{}: gone after {:?} of silence", self.id, self.silence.lasts(now));
            let cause = if self.silence.is_refused() { Cause::PortUnreachable } else { Cause::Silence };
            return self.leave_by_itself(cause, ctx);
        }
        if acts.probe {
            self.probe(now);
        }
    }

    fn probe(&mut self, now: Instant) {
        let mut state = self.connection.lock();
        let probed =
            outbox::send(&*self.datagrams, &mut state.transport, now, |transport, batch| transport.probe(now, batch));
        drop(state);
        if probed {
            self.board.probed();
        }
        // Also if there is no path yet: what cannot be asked does not answer.
        self.silence.sent_probe(now);
    }

    fn suspect(&mut self, now: Instant) {
        let silence = self.silence.lasts(now);
        log::info!("root/peers/{}: suspect after {silence:?} of silence", self.id);
        self.board.suspected();
        self.seat.iter().for_each(|seat| seat.suspect(Some(now)));
        self.status.state = PeerState::Suspect;
        self.show();
        // The page may be heard by another way, and can look for one for its video.
        let _ = self.signals.try_send(Signal::Silent);
        self.let_camera_go(silence);
    }

    /// It counts as a viewer no more, and is sent nothing but a question now and then.
    fn go_away(&mut self, now: Instant) {
        let silence = self.silence.lasts(now);
        log::info!("root/peers/{}: away after {silence:?} of silence", self.id);
        self.board.away();
        self.status.state = PeerState::Away;
        self.show();
        self.connection.lock().open = false;
        self.holds = false;
        self.subscriptions_mut().for_each(|subscription| subscription.suspend(now, silence));
    }

    fn let_camera_go(&mut self, silence: Duration) {
        self.holds = false;
        let at = self.clock.now();
        for subscription in self.subscriptions() {
            subscription.addr().do_send(Suspect { peer: self.id.clone(), at, silence });
        }
    }

    /// It is there: its camera is to be open.
    pub(super) fn take_camera(&mut self) {
        if std::mem::replace(&mut self.holds, true) {
            return;
        }
        for subscription in self.subscriptions() {
            subscription.addr().do_send(Alive { peer: self.id.clone() });
        }
    }
}

impl Handler<Decide> for Peer {
    type Result = ();

    fn handle(&mut self, _: Decide, ctx: &mut Self::Context) {
        self.look(ctx);
        if self.presence.verdict().is_none() {
            self.decide(ctx);
        }
        if self.presence.verdict().is_none() {
            self.drain(ctx);
        }
    }
}
