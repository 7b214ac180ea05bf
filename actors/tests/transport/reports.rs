//! Transport-wide feedback, as browsers give it.

use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
    PacketStatusChunk, RecvDelta, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc, SymbolTypeTcc,
    TransportLayerCc,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

/// The beginning of viewers' clocks.
pub static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What is said of packets from `first` on, of which these have come.
pub fn transport_wide(
    arrivals: &BTreeMap<u64, Instant>,
    first: u64,
    media_ssrc: u32,
    fb_pkt_count: u8,
) -> TransportLayerCc {
    // A clock of its own: units of 64 ms, and 250 us.
    let clock = |at: Instant| (at.duration_since(*EPOCH).as_micros() + 7_000_000) as i64;
    let reference = clock(*arrivals.values().min().unwrap()) / 64_000;
    let (mut at, mut symbols, mut recv_deltas) = (reference * 64_000, vec![], vec![]);
    for number in first..=*arrivals.last_key_value().unwrap().0 {
        let Some(arrived) = arrivals.get(&number) else {
            symbols.push(SymbolTypeTcc::PacketNotReceived);
            continue;
        };
        let delta = (clock(*arrived) - at) / 250 * 250;
        at += delta;
        let symbol = match delta {
            0..=63_750 => SymbolTypeTcc::PacketReceivedSmallDelta,
            _ => SymbolTypeTcc::PacketReceivedLargeDelta,
        };
        symbols.push(symbol);
        recv_deltas.push(RecvDelta { type_tcc_packet: symbol, delta });
    }
    let chunks = symbols.chunks(7).map(|symbols| {
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk {
            type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
            symbol_size: SymbolSizeTypeTcc::TwoBit,
            symbol_list: symbols.to_vec(),
        })
    });
    TransportLayerCc {
        sender_ssrc: 1,
        media_ssrc,
        base_sequence_number: first as u16,
        packet_status_count: symbols.len() as u16,
        reference_time: reference as u32,
        fb_pkt_count,
        packet_chunks: chunks.collect(),
        recv_deltas,
    }
}
