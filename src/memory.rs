//! How the allocator is set up.

use lenscap_actors::board::Board;

/// At multiples of this address OpenH264's `VAACalcSadVar_sse2` and `VAACalcSadSsd_sse2` go astray: they add to the lower
/// half of a 64-bit pointer only, without the carry.
#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
const CARRY: usize = 1 << 32;

/// The heap has room for this much before it could come upon such an address: ten times what a server with many cameras
/// needs.
#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
const HEAP_BYTES: usize = 512 << 20;

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

/// Puts the heap where no array of the H.264 encoder lies across a multiple of 4 GiB, for there it would crash the process.
/// The system places the heap at random, so that it happened to one start in some hundreds, and to it at a keyframe some
/// time. The only other arena is aligned and smaller, and its arrays are too small for a mapping of their own up to 4K.
pub fn avoid_carry() {
    #[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
    // SAFETY: moving the program break up is allowed at any time: glibc takes memory that others have taken into account.
    // Nothing is written there, so that it costs addresses only. If it fails, all is as before.
    unsafe {
        let gap = gap_to_carry(libc::sbrk(0).addr());
        if gap > 0 {
            libc::sbrk(gap as libc::intptr_t);
        }
    }
}

/// How far to move a heap that ends here, in bytes.
#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
fn gap_to_carry(end: usize) -> usize {
    let room = CARRY - end % CARRY;
    if room < HEAP_BYTES { room } else { 0 }
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

#[cfg(all(test, target_env = "gnu", target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn a_heap_near_a_multiple_of_4_gib_is_moved_beyond_it() {
        for (end, gap) in [
            (0x5555_0000_0000, 0),
            (0x5555_0000_1000, 0),
            (0x5555_dfff_f000, 0),
            (0x5555_e000_0000, 0),
            (0x5555_e000_1000, 0x1fff_f000),
            (0x5555_ffff_f000, 0x1000),
        ] {
            assert_eq!(gap_to_carry(end), gap, "{end:x}");
        }
    }
}
