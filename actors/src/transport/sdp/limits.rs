//! How much an offer may have: more than that nobody needs.

/// Bytes that an offer may have. Chromium's with everything that it can do has 8 kB a section.
pub const OFFER_BYTES_MAX: usize = 64 * 1024;

/// Lines that an offer may have: each costs more than its bytes. Chromium's have some 170 a section of video.
pub const LINES_MAX: usize = 2000;

/// Media sections that an offer may have.
pub const SECTIONS_MAX: usize = 32;

/// ICE candidates that a viewer may name.
pub const CANDIDATES_MAX: usize = 64;
