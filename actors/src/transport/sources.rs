//! What of a viewer's media and feedback is let through to `rtc`. Pure.
//!
//! `rtc` keeps something for every source (SSRC) that it hears of, before it looks whether the packet is authentic. So
//! whoever makes up packets from ever new sources would fill the memory.

/// Sources of feedback that a viewer may have. Browsers have one.
const SOURCES_MAX: usize = 32;

/// The sources that a viewer's feedback has come from.
#[derive(Debug, Default)]
pub struct Sources(Vec<u32>);

impl Sources {
    /// Whether a datagram may pass.
    pub fn pass(&mut self, datagram: &[u8]) -> bool {
        // The first byte tells media from STUN and DTLS (RFC 7983), the second feedback from media (RFC 5761).
        match datagram {
            [128..=191, 192..=223, _, _, a, b, c, d, ..] => self.is_one(u32::from_be_bytes([*a, *b, *c, *d])),
            // A viewer watches and sends no media.
            [128..=191, ..] => false,
            _ => true,
        }
    }

    fn is_one(&mut self, source: u32) -> bool {
        if self.0.contains(&source) {
            return true;
        }
        let room = self.0.len() < SOURCES_MAX;
        if room {
            self.0.push(source);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feedback(source: u32) -> Vec<u8> {
        [&[0x8f, 205, 0, 5][..], &source.to_be_bytes(), &[0; 12]].concat()
    }

    #[test]
    fn the_first_sources_pass_for_ever_and_a_flood_of_others_does_not() {
        let mut sources = Sources::default();
        let passed = (1..100_000).filter(|source| sources.pass(&feedback(*source))).count();
        assert_eq!((passed, sources.0.len()), (SOURCES_MAX, SOURCES_MAX));
        assert!(sources.pass(&feedback(1)));
    }

    #[test]
    fn stun_and_dtls_pass_and_media_does_not() {
        let mut sources = Sources::default();
        assert!(sources.pass(&[0, 1, 0, 0]) && sources.pass(&[22, 254, 253]) && sources.pass(&[]));
        assert!(!sources.pass(&[0x80, 102, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9]) && !sources.pass(&[0x80, 230]));
        assert!(!sources.pass(&feedback(1)[..7]), "cut off");
    }
}
