//! The first flight of a handshake, held back until it tells which SRTP profiles the viewer has.

use super::record::{HANDSHAKE, records};

/// Datagrams and bytes that a ClientHello may have. Chromium's, with its post-quantum key share, has two and 1.4 kB.
const DATAGRAMS_MAX: usize = 8;
const BYTES_MAX: usize = 8 * 1024;

/// A fragment's header (RFC 6347, section 4.2.2).
const FRAGMENT_HEADER: usize = 12;
const CLIENT_HELLO: u8 = 1;

/// The extension and the profile (RFC 5764, section 4.1.1; RFC 7714, section 14.2).
const USE_SRTP: [u8; 2] = [0, 14];
const AEAD_AES_128_GCM: [u8; 2] = [0, 7];

/// What has come of it.
#[derive(Default)]
pub struct Hello(Vec<Vec<u8>>);

impl Hello {
    /// Adds a datagram. All of them, once they are a whole ClientHello, and whether the viewer has AES-GCM.
    pub fn push(&mut self, datagram: &[u8]) -> Option<(Vec<Vec<u8>>, bool)> {
        if datagram.len() > BYTES_MAX {
            return None;
        }
        let bytes: usize = self.0.iter().map(Vec::len).sum();
        // Repetitions of a flight that never gets whole, or nothing of that kind.
        if self.0.len() == DATAGRAMS_MAX || bytes + datagram.len() > BYTES_MAX {
            self.0.clear();
        }
        self.0.push(datagram.to_vec());
        let hello = assemble(&self.0)?;
        let has_gcm = srtp_profiles(&hello).is_some_and(|all| all.chunks_exact(2).any(|one| one == AEAD_AES_128_GCM));
        Some((std::mem::take(&mut self.0), has_gcm))
    }
}

/// Whether a datagram is part of a ClientHello.
pub fn is_client_hello(datagram: &[u8]) -> bool {
    !fragments(datagram).is_empty()
}

/// The body of the ClientHello in these datagrams, once all its fragments are there.
fn assemble(datagrams: &[Vec<u8>]) -> Option<Vec<u8>> {
    let fragments: Vec<Fragment> = datagrams.iter().flat_map(|datagram| fragments(datagram)).collect();
    let total = fragments.first()?.total;
    let mut body = Vec::with_capacity(total.min(BYTES_MAX));
    while body.len() < total {
        let next = fragments.iter().find(|it| it.total == total && it.offset == body.len() && !it.bytes.is_empty())?;
        body.extend_from_slice(next.bytes);
    }
    Some(body)
}

struct Fragment<'a> {
    total: usize,
    offset: usize,
    bytes: &'a [u8],
}

/// The fragments of a ClientHello in a datagram: a record may have several, a datagram several records.
fn fragments(datagram: &[u8]) -> Vec<Fragment<'_>> {
    let mut found = vec![];
    for record in records(datagram).filter(|record| record.kind == HANDSHAKE) {
        let mut body = record.body;
        while let Some((header, rest)) = body.split_at_checked(FRAGMENT_HEADER)
            && let Some((bytes, after)) = rest.split_at_checked(number(&header[9..12]))
        {
            body = after;
            if header[0] == CLIENT_HELLO {
                found.push(Fragment { total: number(&header[1..4]), offset: number(&header[6..9]), bytes });
            }
        }
    }
    found
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The profiles in a ClientHello (RFC 5246, section 7.4.1.2; RFC 6347, section 4.2.1).
fn srtp_profiles(hello: &[u8]) -> Option<&[u8]> {
    let mut rest = hello.get(2 + 32..)?; // version, random
    let mut vector = |length_bytes: usize| {
        let (length, after) = rest.split_at_checked(length_bytes)?;
        let (value, after) = after.split_at_checked(number(length))?;
        rest = after;
        Some(value)
    };
    vector(1)?; // session
    vector(1)?; // cookie
    vector(2)?; // cipher suites
    vector(1)?; // compression
    let mut extensions = vector(2)?;
    while let Some((header, after)) = extensions.split_at_checked(4) {
        let (value, after) = after.split_at_checked(number(&header[2..]))?;
        if header[..2] == USE_SRTP {
            let (length, profiles) = value.split_at_checked(2)?;
            return profiles.get(..number(length));
        }
        extensions = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello(profiles: &[u8], padding: usize) -> Vec<u8> {
        let mut extensions = vec![0, 21, (padding >> 8) as u8, padding as u8];
        extensions.resize(4 + padding, 0);
        extensions.extend([0, 14, 0, profiles.len() as u8 + 3, 0, profiles.len() as u8]);
        extensions.extend(profiles);
        extensions.push(0);
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    fn datagram(body: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
        let three = |number: usize| (number as u32).to_be_bytes()[1..].to_vec();
        let mut fragment = vec![CLIENT_HELLO];
        fragment.extend(three(body.len()));
        fragment.extend([0, 0]);
        fragment.extend(three(range.start));
        fragment.extend(three(range.len()));
        fragment.extend(&body[range]);
        let mut record = vec![HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend((fragment.len() as u16).to_be_bytes());
        record.extend(fragment);
        record
    }

    #[test]
    fn a_hello_in_one_or_several_datagrams_in_any_order_tells_its_profiles() {
        for (profiles, has_gcm) in [(&[0, 1, 0, 7][..], true), (&[0, 1, 0, 2], false), (&[], false)] {
            let body = hello(profiles, 1500);
            assert_eq!(Hello::default().push(&datagram(&body, 0..body.len())).map(|it| it.1), Some(has_gcm));
            let parts = [datagram(&body, 0..700), datagram(&body, 700..1400), datagram(&body, 1400..body.len())];
            for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
                let mut hello = Hello::default();
                assert!(hello.push(&parts[order[0]]).is_none() && hello.push(&parts[order[1]]).is_none());
                let (datagrams, found) = hello.push(&parts[order[2]]).unwrap();
                assert_eq!((datagrams.len(), found), (3, has_gcm));
            }
        }
    }

    #[test]
    fn what_never_gets_whole_is_bounded() {
        let (mut hello, body) = (Hello::default(), hello(&[0, 7], 6000));
        for _ in 0..1000 {
            assert!(hello.push(&datagram(&body, 100..1200)).is_none());
            assert!(hello.0.len() <= DATAGRAMS_MAX && hello.0.iter().map(Vec::len).sum::<usize>() <= BYTES_MAX);
        }
        assert!(hello.push(&[0; BYTES_MAX + 1]).is_none());
        assert!(hello.0.iter().map(Vec::len).sum::<usize>() <= BYTES_MAX);
    }

    proptest! {
        #[test]
        fn rubbish_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..200, to in any::<u8>()) {
            Hello::default().push(&bytes);
            let body = hello(&[0, 7], 20);
            let mut bent = datagram(&body, 0..body.len());
            if let Some(byte) = bent.get_mut(at) {
                *byte = to;
            }
            Hello::default().push(&bent);
        }
    }
}
