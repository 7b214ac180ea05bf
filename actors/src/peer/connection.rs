//! A viewer's connection, shared by its actor and by whoever hands it frames.
//!
//! A frame does not pass through the actor's mailbox. For nearly all of them there is nothing to decide, and a message
//! and a turn of the actor for each would cost as much as sealing it does; nor can frames then pile up before orders and
//! feedback. What there is to decide is noted here, and the actor is told ([`Noted`]). Both are on one thread, so that
//! nobody waits for the lock.

use super::outbox;
use crate::fanout::{Deliver, TakeFrames};
use crate::ids::StreamId;
use crate::ports::{Clock, Datagrams};
use crate::supervisor::incarnation::words;
use crate::supervisor::recipient::Recipient;
use crate::transport::Transport;
use crate::transport::track::Admission;
use actix::prelude::*;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Something has come up while frames were sent.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct Noted;

/// The connection. Clones are the same.
#[derive(Clone)]
pub struct Connection(Arc<Mutex<State>>);

/// What is shared.
pub struct State {
    /// The state machine.
    pub transport: Transport,
    /// Whether frames are taken: from the connection to the leaving.
    pub open: bool,
    /// The stream whose frames are sent.
    pub watching: Option<StreamId>,
    /// The one that takes its place when it has a picture.
    pub next: Option<StreamId>,
    /// When the actor's timer rings.
    pub alarm: Option<Instant>,
    /// Nothing of its stream has been sent.
    fresh: Option<Begun>,
    sent: Sent,
    /// The actor has been told to look, and has not yet.
    told: bool,
}

/// What has been sent since the actor last looked, and what came up.
#[derive(Debug, Default)]
pub struct Sent {
    /// When the first of it was.
    pub since: Option<Instant>,
    /// Packets of media.
    pub packets: u64,
    /// Frames that the viewer could not decode, and was not sent.
    pub skipped: u64,
    /// One was missed: the next is of no use without what came before.
    pub missed: bool,
    /// The first frame of the stream that is watched now.
    pub begun: Option<Begun>,
    /// The words of a panic.
    pub broken: Option<String>,
}

/// A stream's frames follow another's, or none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun {
    /// The RTP timestamp of the last frame before it.
    pub after: Option<u32>,
}

impl Connection {
    /// Of a viewer that is not connected yet.
    pub fn new(transport: Transport) -> Self {
        Self(Arc::new(Mutex::new(State {
            transport,
            open: false,
            watching: None,
            next: None,
            alarm: None,
            fresh: Some(Begun::default()),
            sent: Sent::default(),
            told: false,
        })))
    }

    /// Its state. Not to be held while anything else of this connection is called.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What has been sent since this was last asked.
    pub fn take_sent(&mut self) -> Sent {
        self.told = false;
        std::mem::take(&mut self.sent)
    }

    /// From now on frames are this stream's.
    pub fn switch_to(&mut self, stream: &StreamId) {
        if self.watching.as_ref() != Some(stream) {
            self.transport.switch();
            self.watching = Some(stream.clone());
            self.fresh = Some(Begun { after: self.transport.last_timestamp() });
        }
        self.next = None;
    }

    /// What is under way is not ended, and nothing more of its stream is sent: the next one's first picture comes sooner.
    pub fn abandon(&mut self) {
        self.transport.abandon();
        self.watching = None;
    }

    /// Sends what is delivered, if it is of the right stream; whether the actor has to look.
    fn send(&mut self, deliver: &Deliver, datagrams: &dyn Datagrams, now: Instant) -> bool {
        if !self.open {
            return false;
        }
        let mut look = false;
        let (stream, starts) = match deliver {
            Deliver::Next { stream, frame } => (stream, frame.keyframe),
            Deliver::Replay { stream, .. } => (stream, true),
        };
        if self.watching.as_ref() != Some(stream) {
            if self.next.as_ref() != Some(stream) || !starts {
                return false;
            }
            self.switch_to(stream);
            look = true;
        }
        let transport = &mut self.transport;
        let packets = match deliver {
            Deliver::Next { frame, .. } => {
                let (admission, packets) =
                    outbox::send(datagrams, transport, now, |transport, batch| transport.write(frame, now, batch));
                self.sent.skipped += u64::from(!matches!(admission, Admission::Send(_)));
                if admission == Admission::SkipAndAsk {
                    self.sent.missed = true;
                    look = true;
                }
                packets
            }
            Deliver::Replay { frames, .. } => {
                outbox::send(datagrams, transport, now, |transport, batch| transport.replay(frames.iter(), now, batch))
            }
        };
        if let Some(begun) = self.fresh.take_if(|fresh| fresh.after != transport.last_timestamp()) {
            self.sent.begun = Some(begun);
            look = true;
        }
        if packets > 0 {
            self.sent.packets += packets;
            self.sent.since.get_or_insert(now);
        }
        // What could not go at once waits for its turn.
        look |= self.transport.media_due().is_some_and(|due| self.alarm.is_none_or(|alarm| due < alarm));
        look && !std::mem::replace(&mut self.told, true)
    }
}

/// Where a stream's frames are taken for one viewer.
pub struct FrameSink {
    /// Its connection.
    pub connection: Connection,
    /// Where its packets go.
    pub datagrams: Arc<dyn Datagrams>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Its actor.
    pub actor: Recipient<Noted>,
}

impl TakeFrames for FrameSink {
    fn take(&self, deliver: &Deliver) {
        let send = || self.connection.lock().send(deliver, &*self.datagrams, self.clock.now());
        // A viewer's fault is not to end those of others: its actor is told, and ends by it.
        let look = catch_unwind(AssertUnwindSafe(send)).unwrap_or_else(|panic| {
            let mut state = self.connection.lock();
            state.open = false;
            state.sent.broken = Some(words(&*panic));
            true
        });
        if look {
            self.actor.do_send(Noted);
        }
    }
}

impl fmt::Debug for FrameSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameSink")
    }
}
