//! OpenH264 goes astray where its arrays lie across a multiple of 4 GiB, and the system places heaps at random: wherever it
//! does, the encoder works. A process has but one heap, and a failure is the end of it, so each place is tried in a child;
//! and since a child has only the thread that made it, this test does without the usual harness.

#![allow(clippy::unwrap_used)]

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod places {
    use lenscap::codec::{H264Encoder, I420};
    use lenscap::memory;

    const SIZE: (usize, usize) = (1280, 720);

    /// An encoder's arrays lie within this many bytes of the heap's end, and each is larger than a step.
    const REACH: usize = 768 << 10;
    const STEP: usize = 8 << 10;

    pub fn every_one_of_them() {
        memory::give_back();
        for before in (0..REACH).step_by(STEP) {
            // SAFETY: there is no other thread whose locks the child could miss.
            let child = unsafe { libc::fork() };
            assert!(child >= 0, "fork failed");
            if child == 0 {
                let fine = std::panic::catch_unwind(|| encode_with_heap(before));
                // SAFETY: ends the child at once, as nothing of it is to be undone.
                unsafe { libc::_exit(i32::from(fine.is_err())) }
            }
            let mut status = 0;
            // SAFETY: the child is ours, and `status` is there to be written to.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(status, 0, "the encoder crashed with a heap {before} bytes before a multiple of 4 GiB");
        }
    }

    /// With a heap that ended this many bytes before a multiple of 4 GiB when the program started.
    fn encode_with_heap(before: usize) {
        // SAFETY: glibc takes it into account that others move the program break up.
        unsafe {
            let room = (1 << 32) - libc::sbrk(0).addr() % (1 << 32);
            libc::sbrk((room - before) as libc::intptr_t);
        }
        memory::avoid_carry();
        let mut encoder = H264Encoder::new(SIZE, 30.0, 1_000_000).unwrap();
        let image = I420 {
            width: SIZE.0,
            height: SIZE.1,
            y: vec![80; 1280 * 720],
            u: vec![90; 640 * 360],
            v: vec![100; 640 * 360],
        };
        for _ in 0..2 {
            encoder.force_keyframe();
            assert!(encoder.encode(&image).unwrap().is_some());
        }
    }
}

fn main() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    places::every_one_of_them();
    println!("test an_encoder_works_wherever_the_system_puts_the_heap ... ok");
}
