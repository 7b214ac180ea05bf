//! How a device is let go, and what becomes of one that does not close.

use super::{Camera, CameraNotice, Closing, Detached, OpenDevice};
use crate::board::CameraState;
use crate::ids::StreamId;
use crate::ports::CaptureError;
use crate::shutdown::Budget;
use crate::supervisor::context::Context;
use actix::prelude::*;
use futures_util::FutureExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A device that the incarnation before left while it was being closed. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Unclosed(Arc<Mutex<Option<Closing>>>);

impl Unclosed {
    pub(super) fn keep(&self, closing: &Closing) {
        *self.lock() = Some(closing.clone());
    }

    /// What the next incarnation has to wait for.
    pub(super) fn take(&self) -> Option<Closing> {
        self.lock().take().filter(|closing| closing.peek().is_none())
    }

    /// It is closed. Whether nobody else waits for it.
    pub(super) fn is_closed(&self, closing: &Closing) -> bool {
        self.lock().take_if(|kept| kept.ptr_eq(closing)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Closing>> {
        // Whoever panicked while it held this left a plain value behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera {
    pub(super) fn rest(&mut self) {
        self.closing = None;
        self.attempts.reset(self.clock.now());
        self.show_rest();
        log::info!("root/cameras/{}/device: closed", self.id);
    }

    /// Lets a stream go, if it is attached, and with the last one the device.
    pub(super) fn release(&mut self, stream: &StreamId, ctx: &mut Context<Self>) -> ResponseActFuture<Self, Detached> {
        let ready = |detached| Box::pin(actix::fut::ready(detached));
        let was_attached = self.attached.remove(stream).is_some();
        if !self.attached.is_empty() {
            if let Some(running) = &self.running {
                running.device.detach(stream);
            }
            return ready(Detached::InUse);
        }
        self.cancel_retry(ctx);
        self.stay(ctx);
        if let (true, Some(group)) = (std::mem::take(&mut self.waiting), &self.group) {
            group.withdraw(&self.id);
        }
        if self.running.is_none() {
            if was_attached && self.closing.is_none() {
                self.rest();
            }
            let (stuck, ordered) = (self.closing.is_some(), None);
            return ready(if stuck { Detached::Stuck { ordered } } else { Detached::Closed { ordered } });
        }
        let ordered = Some(self.clock.now());
        let Some(closing) = self.close() else { return ready(Detached::Closed { ordered: None }) };
        self.closing = Some(closing.clone());
        let closed = tokio::time::timeout(Budget::USUAL.closing(), closing.clone());
        Box::pin(closed.into_actor(self).map(move |result, camera, ctx| {
            if result.is_ok() {
                camera.rest();
                return Detached::Closed { ordered };
            }
            camera.stuck(closing, ctx);
            Detached::Stuck { ordered }
        }))
    }

    /// Closes the device, if it is open. What is returned resolves when it is, and when one before it is, too, that had got
    /// stuck; nothing if none is open.
    pub(super) fn close(&mut self) -> Option<Closing> {
        let running = self.running.take().map(OpenDevice::close);
        let closing = match (self.closing.take(), running) {
            (Some(stuck), Some(closing)) => futures_util::future::join(stuck, closing).map(drop).boxed().shared(),
            (stuck, closing) => stuck.or(closing)?,
        };
        self.board.camera(&self.id, |camera| camera.state = CameraState::Closing);
        Some(closing)
    }

    /// The device does not close in time. It is waited for no longer, and not said to be closed before it is.
    fn stuck(&mut self, closing: Closing, ctx: &mut Context<Self>) {
        let words = format!("the device did not close within {} s", Budget::USUAL.closing().as_secs_f32());
        log::error!("root/cameras/{}/device: {words}", self.id);
        self.board.camera(&self.id, |status| status.last_error = Some(words));
        if let Some(group) = &self.group {
            group.stuck(&self.id);
        }
        self.rest_when(closing, ctx);
    }

    /// A device that has failed by itself should be closed by now. If it is not, those who watch are told all the same.
    pub(super) fn still_fails(&self, session: u64, error: CaptureError) {
        if self.running.as_ref().is_none_or(|running| running.session != session) {
            return;
        }
        let words = format!("{error}; and it did not close within {} s", Budget::USUAL.closing().as_secs_f32());
        log::error!("root/cameras/{}/device: {words}", self.id);
        self.board.camera(&self.id, |status| {
            status.state = CameraState::Closing;
            status.last_error = Some(words);
        });
        self.notify(&CameraNotice::Failed(error));
    }

    /// Is at rest when that is over, unless somebody wants it by then.
    pub(super) fn rest_when(&self, closing: Closing, ctx: &mut Context<Self>) {
        ctx.spawn(closing.clone().into_actor(self).map(move |(), camera, _| {
            // Unless another has been opened meanwhile, and is being closed, too.
            if !camera.closing.as_ref().is_some_and(|present| present.ptr_eq(&closing)) {
                return;
            }
            camera.closing = None;
            if camera.running.is_none() && camera.attached.is_empty() {
                camera.rest();
            }
        }));
    }
}
