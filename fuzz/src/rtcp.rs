//! What a viewer reports, as it is after SRTCP has let it pass: a viewer may send anything. Whatever it is, it is read in
//! bounded memory, and never asks for more packets again than its bytes can name.

use crate::Target;
use lenscap_actors::transport::rtcp;

/// The target.
pub const TARGET: Target = Target { name: "rtcp", run, seeds };

const SSRC: u32 = 0x0102_0304;

/// A receiver report, a NACK, a PLI, an FIR, and transport-wide feedback (RFC 3550, 4585, 5104; draft-holmer-rmcat).
fn seeds() -> Vec<Vec<u8>> {
    let ssrc = SSRC.to_be_bytes();
    let block = [&ssrc[..], &[0, 0, 0, 1], &[0, 0, 1, 0], &[0; 4], &[1; 4], &[2; 4]].concat();
    let report = [&[0x81, 201, 0, 7, 9, 9, 9, 9], &block[..]].concat();
    let nack = [&[0x81, 205, 0, 3, 9, 9, 9, 9], &ssrc[..], &[0, 7, 0x80, 1]].concat();
    let pli = [&[0x81, 206, 0, 2, 9, 9, 9, 9], &ssrc[..]].concat();
    let fir = [&[0x84, 206, 0, 4, 9, 9, 9, 9, 0, 0, 0, 0], &ssrc[..], &[1, 0, 0, 0]].concat();
    let arrivals =
        [&[0x8f, 205, 0, 5, 9, 9, 9, 9], &ssrc[..], &[0, 1, 0, 4, 0, 0, 7, 1, 0x20, 4, 4, 8], &[4, 4, 0, 0]].concat();
    let compound = [&report[..], &nack, &pli].concat();
    vec![report, nack, pli, fir, arrivals, compound]
}

fn run(data: &[u8]) {
    let feedback = rtcp::read(data, SSRC);
    // A pair of a NACK has four bytes and names at most 17 packets.
    assert!(feedback.nacked.len() <= data.len() / 4 * 17, "{} of {} bytes", feedback.nacked.len(), data.len());
    assert!(feedback.arrivals.len() <= data.len() / 4);
}
