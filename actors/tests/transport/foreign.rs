//! A viewer that is not ours: the library's whole `RTCPeerConnection`, with its own SDP, ICE, interceptors and reports.

use super::link::{Chance, Link, Way};
use super::pair::{IDENTITY, TIMEOUTS, server, viewer_at};
use bytes::{Bytes, BytesMut};
use lenscap_actors::media::{Codec, Cuts, Frame, Origin};
use lenscap_actors::transport::{Batch, News, Secrets, Transport, answer};
use rtc::interceptor::Registry;
use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::MediaEngine;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEPS_MAX: usize = 100_000;

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub connected_ms: u128,
    pub sent: u64,
    pub received: usize,
    pub resent: u64,
    pub round_trips: usize,
    pub lost: Option<u64>,
    pub proofs: usize,
}

/// Connects it, and plays three seconds over a link that loses one packet in so many.
pub fn play(kinds: &[RtpCodecKind], loses_one_in: u64) -> Outcome {
    let start = Instant::now();
    let mut media = MediaEngine::default();
    media.register_default_codecs().unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
    let settings =
        SettingEngineBuilder::new().with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled).build();
    let mut viewer = RTCPeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .with_setting_engine(settings)
        .build(start)
        .unwrap();
    kinds.iter().for_each(|kind| _ = viewer.add_transceiver_from_kind(*kind, None).unwrap());
    let here = viewer_at(1000);
    let candidate = format!("candidate:1 1 udp 2130706431 {} {} typ host", here.ip(), here.port());
    viewer.add_local_candidate(RTCIceCandidateInit { candidate, ..Default::default() }).unwrap();
    let offer = viewer.create_offer(None).unwrap();
    viewer.set_local_description(start, offer).unwrap();
    let offer = viewer.local_description().unwrap().sdp;
    let secrets = Secrets {
        ufrag: "lens0".into(),
        password: "a/password/of/the/server/0".into(),
        ssrcs: [0x1111_1111, 0x2222_2222],
        sequence: 9,
        timestamp: 9,
        tie_breaker: 9,
    };
    let (text, terms) =
        answer(&offer, &IDENTITY, &[server()], secrets).unwrap_or_else(|error| panic!("{error}\n{offer}"));
    viewer.set_remote_description(start, RTCSessionDescription::answer(text).unwrap()).unwrap();
    let unix = Duration::from_secs(1_700_000_000);
    let mut transport = Transport::new(terms, IDENTITY.clone(), TIMEOUTS, start, unix);

    let (mut down, mut up) = (Link::new(Way { loses_one_in, ..Way::clean(10) }), Link::new(Way::clean(10)));
    let (mut chance, mut batch, mut outcome) = (Chance(3), Batch::default(), Outcome::default());
    let (mut next_frame, mut number, mut now) = (None, 0u64, start);
    let mut received = BTreeSet::new();
    let end = start + Duration::from_secs(5);
    for step in 0.. {
        assert!(step < STEPS_MAX, "it hangs {:?} after the start", now - start);
        while let Some(packet) = viewer.poll_write() {
            up.send(here, packet.transport.peer_addr, &packet.message, now, &mut chance);
        }
        while viewer.poll_event().is_some() {}
        while let Some(message) = viewer.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message.message {
                received.insert(packet.header.sequence_number);
            }
        }
        transport.transmit(now, &mut batch);
        batch.datagrams().for_each(|(to, datagram)| down.send(server(), to, datagram, now, &mut chance));
        batch.clear();
        let dues = [transport.due(), viewer.poll_timeout(), down.due(), up.due(), next_frame];
        let Some(due) = dues.into_iter().flatten().min().filter(|due| *due <= end) else { break };
        now = now.max(due);
        while let Some((from, _, datagram)) = up.receive(now) {
            transport.read(from, &datagram, now);
        }
        while let Some((from, _, datagram)) = down.receive(now) {
            let transport = TransportContext {
                local_addr: here,
                peer_addr: from,
                ecn: None,
                transport_protocol: TransportProtocol::UDP,
            };
            // What it does not understand is its own affair.
            let _ = viewer.handle_read(TaggedBytesMut { now, transport, message: BytesMut::from(&datagram[..]) });
        }
        if viewer.poll_timeout().is_some_and(|due| due <= now) {
            viewer.handle_timeout(now).unwrap();
        }
        transport.wake(now, &mut batch);
        let News { connected, proof, round_trips, lost, leaving, .. } = transport.poll(now);
        assert_eq!(leaving, None);
        if connected {
            outcome.connected_ms = (now - start).as_millis();
            next_frame = Some(now);
        }
        outcome.proofs += usize::from(proof.is_some());
        outcome.round_trips += round_trips.len();
        outcome.resent = transport.resent();
        outcome.lost = lost.or(outcome.lost);
        if next_frame.is_some_and(|at| at <= now) {
            number += 1;
            // The last second is for what is still missing.
            next_frame = (number < 90).then(|| now + Duration::from_millis(33));
            let unit = Bytes::from([&[0, 0, 0, 1, 0x65][..], &[number as u8; 3000]].concat());
            let mut cuts = Cuts::default();
            cuts.push(&[0x7c, 0x85], 5..1005);
            cuts.push(&[0x7c, 0x05], 1005..2005);
            cuts.push(&[0x7c, 0x45], 2005..3005);
            let (keyframe, origin, codec) = (number == 1, Origin::Encoder, Codec::H264);
            let frame = Frame { number, captured: now, keyframe, origin, codec, unit, cuts };
            outcome.sent += transport.write(&Arc::new(frame), now, &mut batch).1;
        }
    }
    outcome.received = received.len();
    outcome
}
