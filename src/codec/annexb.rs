//! H.264 byte streams (ITU-T H.264, Annex B): where NAL units and access units begin and end.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use std::ops::Range;

/// NAL unit types (ITU-T H.264, table 7-1) that matter here.
pub mod nal {
    /// Coded slice of a picture that is no IDR.
    pub const SLICE: u8 = 1;
    /// Coded slice of an IDR picture.
    pub const IDR: u8 = 5;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const DELIMITER: u8 = 9;
    /// Filler data.
    pub const FILLER: u8 = 12;
}

/// An access unit that is larger than this is no video but a mistake.
const UNIT_BYTES_MAX: usize = 16 << 20;

/// Where the NAL units of a byte stream are, without their start codes, with their types.
pub fn nal_ranges(stream: &[u8]) -> impl Iterator<Item = (u8, Range<usize>)> {
    let mut starts = memmem::find_iter(stream, &[0, 0, 1]).map(|at| at + 3).peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        let end = starts.peek().map_or(stream.len(), |next| next - 3);
        let length = stream[start..end].without_trailing_zeros().len();
        Some((stream[start..start + length].first().map_or(0, |header| header & 0x1f), start..start + length))
    })
}

/// The NAL units of a byte stream, without their start codes, with their types.
pub fn nal_units(stream: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    nal_ranges(stream).map(|(kind, range)| (kind, &stream[range]))
}

trait TrimZeros {
    fn without_trailing_zeros(&self) -> &Self;
}

impl TrimZeros for [u8] {
    /// Without trailing zero bytes, which belong to the next start code or are padding.
    fn without_trailing_zeros(&self) -> &[u8] {
        let end = self.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        &self[..end]
    }
}

/// Whether decoding can start at this access unit.
pub fn is_keyframe(unit: &[u8]) -> bool {
    nal_units(unit).any(|(kind, _)| kind == nal::IDR)
}

/// Whether a slice is its picture's first: `first_mb_in_slice`, ue(v), is 0 (section 7.3.3).
fn starts_picture(unit: &[u8]) -> bool {
    unit.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

/// Whether a NAL unit of this type, if it follows a slice, opens the next access unit (section
/// 7.4.1.2.3).
fn opens_unit(kind: u8) -> bool {
    matches!(kind, 6..=9 | 14..=18)
}

/// Cuts a byte stream, arriving in pieces, into access units. What comes before the first sequence parameter set nobody can decode, and
/// it is left out. So nothing is made of H.265 either, whose NAL unit types, read as those of H.264, are never 7 (H.265, 7.3.1.2: a
/// zero bit stands where they end).
#[derive(Debug, Default)]
pub struct AccessUnits {
    buffer: BytesMut,
    /// Up to here the buffer is known to hold no further start code.
    searched: usize,
    /// Whether a slice begins in the buffer, before `searched`.
    slice: bool,
    /// A sequence parameter set has come.
    known: bool,
    flushed: bool,
    /// And no slice has come since.
    slice_next: bool,
}

impl AccessUnits {
    /// Takes a piece and adds the access units that it completes to `complete`. True if the piece
    /// shows that the last [`AccessUnits::flush`] was premature.
    pub fn push(&mut self, piece: &[u8], complete: &mut Vec<Bytes>) -> bool {
        let mut torn = std::mem::take(&mut self.flushed) && !starts_with_code(piece) && !piece.is_empty();
        self.buffer.extend_from_slice(piece);
        loop {
            let Some(found) = memmem::find(&self.buffer[self.searched..], &[0, 0, 1]) else {
                // The last two bytes may be the beginning of a start code.
                self.searched = self.searched.max(self.buffer.len().saturating_sub(2));
                break;
            };
            let mut code = self.searched + found;
            let Some(&[header, next]) = self.buffer.get(code + 3..code + 5) else {
                self.searched = code;
                break;
            };
            let kind = header & 0x1f;
            let is_slice = self.known && (nal::SLICE..=nal::IDR).contains(&kind);
            let starts = is_slice && starts_picture(&[header, next]);
            if is_slice && std::mem::take(&mut self.slice_next) {
                // A picture that does not begin goes on.
                torn |= !starts;
            }
            if kind == nal::SPS && !self.known {
                self.known = true;
                code -= self.cut_before(code).len();
            }
            let opens = opens_unit(kind) || starts;
            if self.slice && opens {
                let unit = self.cut_before(code);
                code -= unit.len();
                complete.push(unit);
                self.slice = false;
            }
            self.slice |= is_slice;
            self.searched = code + 3;
        }
        if self.buffer.len() > UNIT_BYTES_MAX {
            log::warn!("{UNIT_BYTES_MAX} bytes without an access unit: dropped");
            self.buffer.clear();
            self.searched = 0;
            self.slice = false;
        }
        torn
    }

    /// Takes out what comes before the start code here, to which a zero byte before it belongs.
    fn cut_before(&mut self, code: usize) -> Bytes {
        let is_long = code > 0 && self.buffer[code - 1] == 0;
        self.buffer.split_to(code - usize::from(is_long)).freeze()
    }

    /// Whether at least the beginning of a picture is waiting.
    pub fn has_slice(&self) -> bool {
        self.slice
    }

    /// Gives what is there, in the belief that it is whole.
    pub fn flush(&mut self) -> Option<Bytes> {
        if !self.slice {
            return None;
        }
        self.slice = false;
        self.searched = 0;
        (self.flushed, self.slice_next) = (true, true);
        Some(self.buffer.split().freeze())
    }
}

fn starts_with_code(piece: &[u8]) -> bool {
    let zeros = piece.iter().take_while(|&&byte| byte == 0).count();
    piece.len() < 4 || zeros >= 2 && piece.get(zeros) == Some(&1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f];
    const PPS: &[u8] = &[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80];
    const AUD: &[u8] = &[0, 0, 0, 1, 0x09, 0xf0];
    const IDR: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xa0];
    const IDR_SECOND_SLICE: &[u8] = &[0, 0, 1, 0x65, 0x40, 0x12, 0x34];
    const P: &[u8] = &[0, 0, 0, 1, 0x41, 0x9a, 0x02, 0x00, 0x0b];

    fn cut(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut parser = AccessUnits::default();
        let mut complete = vec![];
        for piece in stream.chunks(piece) {
            assert!(!parser.push(piece, &mut complete));
        }
        complete.extend(parser.flush());
        complete.iter().map(|unit| unit.to_vec()).collect()
    }

    #[test]
    fn units_are_the_same_however_the_stream_arrives() {
        let units = [[SPS, PPS, IDR, IDR_SECOND_SLICE].concat(), P.to_vec(), P.to_vec(), [AUD, SPS, PPS, IDR].concat()];
        let stream = units.concat();
        for piece in 1..=stream.len() {
            assert_eq!(cut(&stream, piece), units, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_was_flushed_too_early_is_noticed() {
        let mut parser = AccessUnits::default();
        let mut complete = vec![];
        parser.push(&[SPS, PPS, IDR].concat(), &mut complete);
        parser.flush();
        assert!(!parser.push(&P[..7], &mut complete));
        assert!(parser.has_slice());
        assert_eq!(parser.flush().as_deref(), Some(&P[..7]));
        assert!(parser.push(&[0x33, 0x44, 0x55, 0x66], &mut complete));
        assert!(!parser.push(P, &mut complete));
        parser.flush();
        assert!(!parser.push(P, &mut complete), "the next unit begins where the last one ended");
        parser.flush();
        assert!(!parser.push(IDR, &mut complete));
        parser.flush();
        assert!(parser.push(IDR_SECOND_SLICE, &mut complete), "the picture goes on in another slice");
        assert!(!parser.push(P, &mut complete));
    }

    #[test]
    fn what_comes_before_the_parameter_sets_is_left_out() {
        let stream = [P, &[0; 3], IDR_SECOND_SLICE, IDR, AUD, SPS, PPS, IDR, P].concat();
        let units = [[SPS, PPS, IDR].concat(), P.to_vec()];
        for piece in 1..=stream.len() {
            assert_eq!(cut(&stream, piece), units, "in pieces of {piece}");
        }
    }

    #[test]
    fn no_picture_is_found_in_h265() {
        // Headers of VPS, SPS, PPS, an IDR_W_RADL and TRAIL_R, each of layer 0 (H.265, table 7-1).
        let unit = |kind: u8| [0, 0, 0, 1, kind << 1, 1, 0x9a, 0x80, 0x33];
        let stream: Vec<u8> = [32, 33, 34, 19, 1, 1, 1, 20, 21, 40].into_iter().flat_map(unit).collect();
        let mut parser = AccessUnits::default();
        let mut complete = vec![];
        parser.push(&stream, &mut complete);
        assert!(complete.is_empty() && !parser.has_slice());
        assert!((0..64).all(|kind| (kind << 1u8) & 0x1f != nal::SPS));
    }

    #[test]
    fn parameter_sets_alone_are_no_picture() {
        let mut parser = AccessUnits::default();
        parser.push(&[SPS, PPS].concat(), &mut vec![]);
        assert!(!parser.has_slice());
        assert_eq!(parser.flush(), None);
    }

    #[test]
    fn nal_units_are_found_with_either_start_code_and_without_padding() {
        let stream = [SPS, IDR, &[0, 0, 0], P].concat();
        let kinds: Vec<(u8, usize)> = nal_units(&stream).map(|(kind, unit)| (kind, unit.len())).collect();
        assert_eq!(kinds, [(7, 4), (5, 5), (1, 5)]);
        assert!(is_keyframe(&stream));
        assert!(!is_keyframe(P));
        assert_eq!(nal_units(&[]).count() + nal_units(&[0, 0, 0, 0]).count(), 0);
        assert_eq!(nal_units(&[0, 0, 1]).next(), Some((0, &[][..])));
    }

    #[test]
    fn endless_rubbish_does_not_eat_the_memory() {
        let mut parser = AccessUnits::default();
        let mut complete = vec![];
        for _ in 0..40 {
            parser.push(&vec![0x55; 1 << 20], &mut complete);
        }
        assert!(complete.is_empty());
        assert!(parser.buffer.len() <= UNIT_BYTES_MAX);
    }
}
