//! What is counted by the headers of datagrams, which are in the clear.

use crate::viewer::Counts;
use std::time::Duration;

/// What must be known to count on.
#[derive(Debug, Default)]
pub struct Tally {
    /// The source of the media.
    pub ssrc: Option<u32>,
    /// The highest number so far.
    pub highest: Option<u64>,
    /// The last number before counting began.
    pub window_start: Option<u64>,
    /// When the last packet came, since 1970.
    pub last_arrival: Option<Duration>,
}

impl Tally {
    /// Counts a media packet by its header, which is in the clear (RFC 3550, section 5.1).
    pub fn count(&mut self, counts: &mut Counts, datagram: &[u8], arrived: Option<Duration>) {
        let Some((number, ssrc)) = media(datagram) else { return };
        if *self.ssrc.get_or_insert(ssrc) != ssrc {
            return;
        }
        let highest = self.highest.map_or(u64::from(number), |highest| extend(highest, number));
        self.highest = Some(self.highest.map_or(highest, |before| before.max(highest)));
        self.window_start.get_or_insert(highest.saturating_sub(1));
        counts.packets += 1;
        counts.frames += u64::from(datagram[1] >> 7);
        let Some(arrived) = arrived else { return };
        if let Some(last) = self.last_arrival.replace(arrived) {
            let gap = arrived.saturating_sub(last);
            counts.gap = counts.gap.max(gap);
            counts.gap_ever = counts.gap_ever.max(gap);
        }
    }
}

/// Number and SSRC of an RTP packet; None for everything else (RFC 5761, section 4).
fn media(datagram: &[u8]) -> Option<(u16, u32)> {
    let &[first, kind, high, low, _, _, _, _, a, b, c, d, ..] = datagram else { return None };
    let rtp = first >> 6 == 2 && !(64..96).contains(&(kind & 0x7f));
    rtp.then(|| (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d])))
}

/// The number nearest to `highest` that ends in `number`.
fn extend(highest: u64, number: u16) -> u64 {
    let ahead = number.wrapping_sub(highest as u16) as i16;
    highest.saturating_add_signed(i64::from(ahead))
}

#[cfg(test)]
mod tests {
    use super::{extend, media};

    #[test]
    fn numbers_go_on_past_their_end() {
        assert_eq!(extend(65_535, 0), 65_536);
        assert_eq!(extend(65_536, 65_535), 65_535);
        assert_eq!(extend(70_000, 4_465), 70_001);
    }

    #[test]
    fn only_rtp_is_media() {
        assert_eq!(media(&[0x80, 0xe0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 9, 1]), Some((0x0102, 9)));
        assert_eq!(media(&[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 9]), None, "a sender report");
        assert_eq!(media(&[22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), None, "DTLS");
    }
}
