//! actix's own recipients, as tests and benchmarks have them, where those of supervised actors are expected.

use super::recipient::{Post, Recipient, SendError};
use actix::prelude::Message;
use std::sync::Arc;

impl<M> Post<M> for actix::Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn do_send(&self, message: M) -> bool {
        actix::Recipient::do_send(self, message);
        self.connected()
    }

    fn try_send(&self, message: M) -> Result<(), SendError<M>> {
        actix::Recipient::try_send(self, message).map_err(|error| match error {
            actix::prelude::SendError::Full(message) => SendError::Full(message),
            actix::prelude::SendError::Closed(message) => SendError::Ended(message),
        })
    }
}

impl<M> From<actix::Recipient<M>> for Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn from(inner: actix::Recipient<M>) -> Self {
        Self::new(Arc::new(inner))
    }
}
