//! How an incarnation is reached: like [`actix::Recipient`], and counted.

use super::vitals::Vitals;
use actix::Message;
use actix::prelude::SendError;
use std::fmt;
use std::sync::Arc;

/// Takes messages of one kind for one incarnation of an actor. When that has ended, messages are
/// lost, as in OTP; whoever cares watches its [`Registered`](super::registered::Registered).
pub struct Recipient<M: Message + Send>
where
    M::Result: Send,
{
    inner: actix::Recipient<M>,
    vitals: Arc<Vitals>,
}

impl<M: Message + Send> Recipient<M>
where
    M::Result: Send,
{
    pub(super) fn new(inner: actix::Recipient<M>, vitals: Arc<Vitals>) -> Self {
        Self { inner, vitals }
    }

    /// Sends, whatever waits already.
    pub fn do_send(&self, message: M) {
        self.vitals.sent();
        self.inner.do_send(message);
    }

    /// Sends unless the mailbox is full or its actor has ended; gives the message back then.
    pub fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        self.inner.try_send(message)?;
        self.vitals.sent();
        Ok(())
    }
}

/// For an actor that nobody supervises, as in tests.
impl<M: Message + Send> From<actix::Recipient<M>> for Recipient<M>
where
    M::Result: Send,
{
    fn from(inner: actix::Recipient<M>) -> Self {
        Self { inner, vitals: Arc::default() }
    }
}

impl<M: Message + Send> Clone for Recipient<M>
where
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), vitals: self.vitals.clone() }
    }
}

impl<M: Message + Send> PartialEq for Recipient<M>
where
    M::Result: Send,
{
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl<M: Message + Send> fmt::Debug for Recipient<M>
where
    M::Result: Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient")
    }
}
