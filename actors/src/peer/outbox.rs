//! What a peer sends is written into one buffer a thread, not into one a viewer: it stays in the cache, and is as large
//! as the largest frame only once.

use crate::ports::Datagrams;
use crate::transport::Batch;
use std::cell::Cell;

thread_local! {
    static BATCH: Cell<Batch> = Cell::default();
}

/// Has `write` fill the buffer, and sends what is in it.
pub fn send<T>(datagrams: &dyn Datagrams, write: impl FnOnce(&mut Batch) -> T) -> T {
    // If `write` panics the buffer is lost, and the next one begins anew.
    let mut batch = BATCH.take();
    let result = write(&mut batch);
    if !batch.is_empty() {
        datagrams.send(&batch);
        batch.clear();
    }
    BATCH.set(batch);
    result
}
