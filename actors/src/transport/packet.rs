//! The packets of a frame: how large they are, and one of them, made from the frame whenever it is sent, which is the only
//! copy of its payload.

use super::history::Sent;
use super::rtp::Head;
use super::sdp::Media;
use super::srtp::Srtp;
use crate::media::Frame;

/// RTP header, extensions and tag of a packet: about so many bytes.
pub const OVERHEAD: usize = 40;

/// Bytes on the wire of a frame's packets from one on.
pub fn bytes_from(frame: &Frame, from: usize) -> usize {
    let payload = match from {
        0 => frame.len(),
        _ => (from..frame.cuts.len()).map(|nth| frame.cuts.packet_bytes(nth)).sum(),
    };
    payload + frame.cuts.len().saturating_sub(from) * OVERHEAD
}

/// So many packets of a frame, from one on, that are not more than these bytes; one at least.
pub fn fitting(frame: &Frame, from: usize, bytes: usize) -> usize {
    let mut left = bytes;
    let fits = (from..frame.cuts.len()).take_while(|&nth| {
        let size = frame.cuts.packet_bytes(nth) + OVERHEAD;
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    });
    fits.count().max(1)
}

/// The header of a packet of a frame.
pub fn head_of(media: &Media, ssrc: u32, sent: &Sent, nth: usize) -> Head {
    Head {
        payload_type: media.payload_type,
        marker: nth + 1 == sent.frame.cuts.len(),
        padded: sent.frame.cuts.padding(nth) > 0,
        index: sent.first + nth as u64,
        timestamp: sent.timestamp,
        ssrc,
        transport_wide: media.transport_wide.map(|id| (id, sent.transport_wide.wrapping_add(nth as u64) as u16)),
        capture_time: media.capture_time.zip(sent.capture_time),
    }
}

/// Appends one packet, sealed; `original` is the number that a retransmission names (RFC 4588, section 4).
pub fn seal(srtp: &mut Srtp, head: &Head, original: Option<u16>, frame: &Frame, nth: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let length = head.write(out);
    if let Some(number) = original {
        out.extend_from_slice(&number.to_be_bytes());
    }
    let (prefix, rest) = frame.packet(nth);
    out.extend_from_slice(prefix);
    out.extend_from_slice(rest);
    if head.padded {
        let padding = frame.cuts.padding(nth);
        out.resize(out.len() + usize::from(padding), 0);
        out.pop();
        out.push(padding);
    }
    if let Err(error) = srtp.seal(head.ssrc, head.index, out, start, length) {
        log::warn!("a packet could not be sealed: {error}");
        out.truncate(start);
    }
}
