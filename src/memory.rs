//! How the allocator is set up.

use lenscap_actors::board::Board;

/// Allocations from this size on are given back to the system as soon as they are freed.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 128 << 10;

/// Has glibc give back what viewers leave behind. By itself it gives each thread an arena of its
/// own, and keeps images in the heap after the first was freed; since threads and images come and
/// go with the viewers, both keep what they ever held. After 200 viewers 39 MB were resident so,
/// and slowly growing; with this 15 MB, and not growing at all.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `mallopt` has no preconditions; called before there are other threads.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}

/// Gives back what viewers have left behind when most of them, or the last, have gone: freed, but between what is still
/// in use, it would stay: 350 kB for each of many at a time, and 6 kB for each that comes and goes alone.
pub async fn tidy(board: Board) {
    let mut changes = board.changes();
    let mut most = 0;
    while changes.changed().await.is_ok() {
        let now = board.read(|board| board.peers.len());
        most = most.max(now);
        if most > 0 && now <= most / 4 {
            most = now;
            // Some milliseconds, in which other threads may wait for memory.
            #[cfg(target_env = "gnu")]
            let _ = tokio::task::spawn_blocking(|| {
                // SAFETY: `malloc_trim` has no preconditions, and may be called from any thread.
                unsafe { libc::malloc_trim(0) }
            })
            .await;
        }
    }
}
