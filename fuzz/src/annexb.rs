//! H.264 as a program writes it: in whatever pieces it comes, the same access units come of it.

use crate::Target;
use lenscap::codec::annexb::{AccessUnits, nal_units};

/// The target.
pub const TARGET: Target = Target { name: "annexb", run, seeds };

fn seeds() -> Vec<Vec<u8>> {
    let unit = |kind: u8, body: &[u8]| [&[0, 0, 0, 1, kind], body].concat();
    let (sps, pps) = (unit(0x67, &[0x42, 0xc0, 0x1e]), unit(0x68, &[0xce]));
    let (idr, slice) = (unit(0x65, &[0x88, 0x84, 7, 7]), unit(0x41, &[0x9a, 1, 2, 3]));
    let delimiter = unit(9, &[0xf0]);
    vec![
        [sps.clone(), pps.clone(), idr.clone(), slice.clone(), slice.clone()].concat(),
        [delimiter.clone(), sps.clone(), pps, idr.clone(), delimiter, slice].concat(),
        [idr.clone(), sps, idr, vec![0; 9], unit(0x0c, &[0xff; 20])].concat(),
    ]
}

/// All units of what comes in pieces of these sizes.
fn units(data: &[u8], sizes: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
    let (mut reader, mut complete, mut left) = (AccessUnits::default(), vec![], data);
    for size in sizes {
        if left.is_empty() {
            break;
        }
        let (piece, rest) = left.split_at(size.clamp(1, left.len()));
        assert!(!reader.push(piece, &mut complete), "nothing was taken for whole");
        left = rest;
    }
    complete.extend(reader.flush());
    complete.into_iter().map(|unit| unit.to_vec()).collect()
}

fn run(data: &[u8]) {
    let whole = units(data, std::iter::repeat(data.len().max(1)));
    let bytes = units(data, std::iter::repeat(1));
    let mixed = units(data, data.iter().map(|byte| usize::from(*byte % 13)).chain(std::iter::repeat(7)));
    assert!(whole == bytes && whole == mixed, "{whole:?}\n{bytes:?}\n{mixed:?}");
    for unit in &whole {
        assert!(nal_units(unit).all(|(kind, nal)| nal.first().is_none_or(|header| header & 0x1f == kind)));
    }
}
