//! What a peer sends is written into one buffer a thread, not into one a viewer: it stays in the cache, and is as large
//! as the largest frame only once.

use crate::ports::Datagrams;
use crate::transport::{Batch, Transport};
use std::cell::Cell;
use std::time::Instant;

thread_local! {
    static BATCH: Cell<Batch> = Cell::default();
}

/// Has `write` fill the buffer, and sends what is in it. What the socket has no room for goes back to the transport.
pub fn send<T>(
    datagrams: &dyn Datagrams,
    transport: &mut Transport,
    now: Instant,
    write: impl FnOnce(&mut Transport, &mut Batch) -> T,
) -> T {
    // If `write` panics the buffer is lost, and the next one begins anew.
    let mut batch = BATCH.take();
    let result = write(transport, &mut batch);
    if !batch.is_empty() {
        let taken = datagrams.send(&batch);
        if taken < batch.count() {
            transport.refused(&batch, taken, now);
        }
        batch.clear();
    }
    BATCH.set(batch);
    result
}
