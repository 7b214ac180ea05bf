//! What RTP payloads of H.264 hold (RFC 6184), without putting them together.

/// A single-time aggregation of several whole NAL units.
const STAP_A: u8 = 24;
/// A fragment of one NAL unit.
const FU_A: u8 = 28;

/// A payload that is not as the RFC has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The NAL units that begin in a payload: their types, and their bytes as far as they are in it
/// (without the header that is spread over a fragment's first bytes).
pub fn nal_units(payload: &[u8]) -> Result<Vec<(u8, &[u8])>, Malformed> {
    let (&header, rest) = payload.split_first().ok_or(Malformed)?;
    match header & 0x1f {
        kind @ 1..STAP_A => Ok(vec![(kind, payload)]),
        STAP_A => aggregated(rest),
        FU_A => {
            let (&fragment, rest) = rest.split_first().ok_or(Malformed)?;
            let starts = fragment & 0x80 != 0;
            Ok(if starts { vec![(fragment & 0x1f, rest)] } else { vec![] })
        }
        _ => Err(Malformed),
    }
}

fn aggregated(mut rest: &[u8]) -> Result<Vec<(u8, &[u8])>, Malformed> {
    let mut units = vec![];
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (unit, after) = after.split_at_checked(length).ok_or(Malformed)?;
        let header = unit.first().ok_or(Malformed)?;
        units.push((header & 0x1f, unit));
        rest = after;
    }
    if rest.is_empty() { Ok(units) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_where_they_begin() {
        assert_eq!(nal_units(&[0x41, 1, 2]), Ok(vec![(1, &[0x41, 1, 2][..])]));
        assert_eq!(nal_units(&[0x7c, 0x85, 9]), Ok(vec![(5, &[9][..])]));
        assert_eq!(nal_units(&[0x7c, 0x05, 9]), Ok(vec![]), "in the middle of an IDR slice");
        assert_eq!(nal_units(&[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]), Ok(vec![(7, &[0x67, 1][..]), (8, &[0x68][..])]));
    }

    #[test]
    fn rubbish_is_malformed() {
        for rubbish in [&[][..], &[0], &[0x1f, 1], &[0x7c], &[0x78, 0], &[0x78, 0, 5, 1], &[0x78, 0, 0]] {
            assert_eq!(nal_units(rubbish), Err(Malformed), "{rubbish:?}");
        }
    }
}
