//! A viewer written out by hand on the library's parts: it offers, checks, shakes hands, receives, and asks again for what
//! is missing. What it gets is judged here, too.

use super::link::Chance;
use super::reports;
use lenscap_actors::transport::stun::{self, Message, MessageKind, Role};
use rtc_crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_rtcp::packet::Packet;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers};
use rtc_shared::TransportProtocol;
use rtc_shared::marshal::Unmarshal;
use rtc_srtp::config::{Config, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

const TUNNEL: &str = "127.0.0.1:1";
const CHECK_EVERY: Duration = Duration::from_millis(200);
const FLIGHT_EVERY: Duration = Duration::from_millis(200);
const REPORT_EVERY: Duration = Duration::from_millis(60);
const NACK_EVERY: Duration = Duration::from_millis(40);

pub static CRYPTO: LazyLock<Arc<dyn RTCCryptoProvider>> = LazyLock::new(|| rtc_crypto::default_provider().unwrap());

/// One certificate for all viewers of a run: making them is slow.
static CERTIFICATE: LazyLock<(Certificate, String)> = LazyLock::new(|| {
    let certificate = Certificate::generate_self_signed(vec!["viewer".to_owned()], CRYPTO.crypto()).unwrap();
    let hash = CRYPTO.crypto().hash(HashAlgorithm::Sha256, &certificate.certificate[0]).unwrap();
    let fingerprint = hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
    (certificate, fingerprint)
});

fn configuration(profiles: &[SrtpProtectionProfile], is_client: bool) -> Arc<HandshakeConfig> {
    let builder = ConfigBuilder::default()
        .with_crypto_provider(CRYPTO.clone())
        .with_certificates(vec![CERTIFICATE.0.clone()])
        .with_srtp_protection_profiles(profiles.to_vec())
        .with_client_auth(ClientAuthType::RequireAnyClientCert)
        .with_insecure_skip_verify(true)
        .with_extended_master_secret(ExtendedMasterSecretType::Require)
        .with_flight_interval(Duration::from_millis(200))
        .with_server_name("lenscap".to_owned());
    Arc::new(builder.build(is_client, None).unwrap())
}

/// What kind of viewer it is.
#[derive(Clone, Copy, Debug)]
pub struct Kindness {
    pub gcm: bool,
    pub rtx: bool,
    /// `setup:passive`: the server says ClientHello.
    pub passive: bool,
    /// Whether it says goodbye.
    pub polite: bool,
}

pub struct Viewer {
    pub kindness: Kindness,
    /// It asks nothing, and answers where its offer says.
    pub lite: bool,
    pub address: SocketAddr,
    server: SocketAddr,
    generation: u32,
    remote: (String, String),
    /// The credentials before a restart, until a check with the new ones is answered.
    former: Option<(u32, (String, String))>,
    pending: Vec<([u8; 12], u32)>,
    next_check: Option<Instant>,
    endpoint: Endpoint,
    shaking: bool,
    /// The last flight of its handshake, when it was sent, and how often it was made anew: the library alone would give
    /// up, or forget its timer.
    flight: (Vec<Vec<u8>>, Option<Instant>, u32),
    contexts: Option<(Context, Context)>,
    pub connected_at: Option<Instant>,
    pub first_packet_at: Option<Instant>,
    pub closed: bool,
    ssrcs: [u32; 2],
    /// Payloads by extended number.
    pub received: BTreeMap<u64, Vec<u8>>,
    highest: Option<u64>,
    first: Option<u64>,
    /// Since when they are missing, and when they were asked for last.
    missing: BTreeMap<u64, (Instant, Option<Instant>)>,
    /// Numbers that were asked for and did not come, of those that are missing since then.
    pub unanswered: BTreeSet<u64>,
    pub judged_since: Option<Instant>,
    pub resent: u64,
    pub reports: u64,
    pub out: Vec<(SocketAddr, Vec<u8>)>,
    chance: Chance,
    /// Packets that came since the last transport-wide report, by the number and when; none if it gives none.
    pub arrivals: Option<BTreeMap<u64, Instant>>,
    next_report: Option<Instant>,
    reports_sent: u8,
    highest_wide: u64,
    reported_wide: u64,
    /// The last packets of frames: the second byte of the payload, and when it came for the first time.
    pub ends: Vec<(u8, Instant)>,
}

impl Viewer {
    pub fn new(kindness: Kindness, address: SocketAddr, server: SocketAddr, seed: u64) -> Self {
        let (gcm, cm) =
            (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
        let profiles = if kindness.gcm { vec![cm, gcm] } else { vec![cm] };
        LazyLock::force(&reports::EPOCH);
        let tunnel = TUNNEL.parse().unwrap();
        let server_config = kindness.passive.then(|| configuration(&profiles, false));
        Self {
            kindness,
            lite: false,
            address,
            server,
            generation: 0,
            remote: Default::default(),
            former: None,
            pending: vec![],
            next_check: None,
            endpoint: Endpoint::new(tunnel, TransportProtocol::UDP, server_config),
            shaking: false,
            flight: (vec![], None, 0),
            contexts: None,
            connected_at: None,
            first_packet_at: None,
            closed: false,
            ssrcs: [0; 2],
            received: BTreeMap::new(),
            highest: None,
            first: None,
            missing: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            judged_since: None,
            resent: 0,
            reports: 0,
            out: vec![],
            chance: Chance(seed),
            arrivals: None,
            next_report: None,
            reports_sent: 0,
            highest_wide: 0,
            reported_wide: 0,
            ends: vec![],
        }
    }

    fn ufrag(generation: u32) -> String {
        format!("view{generation}")
    }

    fn password(generation: u32) -> String {
        format!("a password for the viewer {generation}").replace(' ', "/")
    }

    pub fn offer(&self) -> String {
        let (ufrag, password) = (Self::ufrag(self.generation), Self::password(self.generation));
        let rtx = if self.kindness.rtx { "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" } else { "" };
        let setup = if self.kindness.passive { "passive" } else { "actpass" };
        let (ip, port) = (self.address.ip(), self.address.port());
        let candidate = format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\n");
        let (lite, candidate) = if self.lite { ("a=ice-lite\r\n", &*candidate) } else { ("", "") };
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n{lite}\
             m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\n{candidate}a=mid:0\r\na=recvonly\r\na=rtcp-mux\r\n\
             a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {}\r\na=setup:{setup}\r\n\
             a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n\
             a=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\na=rtcp-fb:102 transport-cc\r\n{rtx}\
             a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
             a=extmap:4 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\r\n",
            CERTIFICATE.1
        )
    }

    /// What the answer, or the fragment, says.
    pub fn accept(&mut self, answer: &str, now: Instant) {
        let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        self.remote = (value("a=ice-ufrag:").unwrap(), value("a=ice-pwd:").unwrap());
        let ssrcs: Vec<u32> =
            answer.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok()).collect();
        if let Some(ssrc) = ssrcs.first() {
            self.ssrcs = [*ssrc, ssrcs.get(1).copied().unwrap_or_default()];
        }
        self.next_check = (!self.lite).then_some(now);
    }

    /// New credentials for the next offer.
    pub fn begin_restart(&mut self) {
        if self.former.is_none() {
            self.former = Some((self.generation, self.remote.clone()));
        }
        self.generation += 1;
    }

    /// A fragment instead of an offer.
    pub fn fragment(&self) -> String {
        let (ufrag, password) = (Self::ufrag(self.generation), Self::password(self.generation));
        format!("a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n")
    }

    pub fn move_to(&mut self, address: SocketAddr, now: Instant) {
        self.address = address;
        self.next_check = Some(now);
    }

    pub fn close(&mut self, now: Instant) {
        if self.kindness.polite {
            self.endpoint.stop(now, TUNNEL.parse().unwrap());
            self.flush(now);
        }
        self.closed = true;
        self.next_check = None;
    }

    fn send(&mut self, datagram: Vec<u8>) {
        self.out.push((self.server, datagram));
    }

    fn flush(&mut self, now: Instant) {
        let sent: Vec<Vec<u8>> =
            std::iter::from_fn(|| self.endpoint.poll_transmit()).map(|it| it.message.to_vec()).collect();
        if sent.iter().any(|it| matches!(it[0], 20 | 22)) {
            self.flight = (sent.clone(), Some(now), 0);
        }
        sent.into_iter().for_each(|it| self.send(it));
    }

    fn flight_due(&self) -> Option<Instant> {
        self.flight.1.filter(|_| self.contexts.is_none()).map(|at| at + FLIGHT_EVERY)
    }

    /// As it was, and a few times with new record numbers, too.
    fn repeat_flight(&mut self, now: Instant) {
        self.flight.1 = Some(now);
        self.flight.0.clone().into_iter().for_each(|it| self.send(it));
        self.flight.2 += 1;
        if self.flight.2 < 7 {
            let _ = self.endpoint.handle_timeout(TUNNEL.parse().unwrap(), now);
            while let Some(datagram) = self.endpoint.poll_transmit() {
                self.send(datagram.message.to_vec());
            }
        }
    }

    fn check(&mut self, now: Instant) {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.chance.next().to_be_bytes());
        let username = format!("{}:{}", self.remote.0, Self::ufrag(self.generation));
        let request = stun::request(id, &username, &self.remote.1, Role::Controlling(1), true, CRYPTO.crypto());
        if self.pending.len() > 32 {
            self.pending.remove(0);
        }
        self.pending.push((id, self.generation));
        self.send(request.unwrap());
        self.next_check = Some(now + CHECK_EVERY);
    }

    pub fn read(&mut self, datagram: &[u8], now: Instant) {
        if self.closed {
            return;
        }
        match datagram[0] {
            0..=3 => self.stun(datagram, now),
            20..=63 => self.dtls(datagram, now),
            _ if datagram[1] >= 192 && datagram[1] < 224 => {
                let Some((remote, _)) = &mut self.contexts else { return };
                self.reports += u64::from(remote.decrypt_rtcp(datagram).is_ok());
            }
            _ => self.media(datagram, now),
        }
    }

    fn stun(&mut self, datagram: &[u8], now: Instant) {
        let Some(mut message) = Message::read(datagram) else { return };
        if message.kind() == Some(MessageKind::Request) {
            let receiver = message.receiver().map(str::to_owned);
            let Some(generation) = (0..=self.generation).rev().find(|it| receiver == Some(Self::ufrag(*it))) else {
                return;
            };
            let password = Self::password(generation);
            if message.verify(&password, CRYPTO.crypto()).is_some() {
                let answer = stun::success(message.id(), self.server, &password, CRYPTO.crypto()).unwrap();
                self.send(answer);
                if self.lite {
                    self.has_path(now);
                }
            }
            return;
        }
        let Some(nth) = self.pending.iter().position(|(id, _)| *id == message.id()) else { return };
        let (_, generation) = self.pending[nth];
        let password = match &self.former {
            Some((former, remote)) if *former == generation => remote.1.clone(),
            _ => self.remote.1.clone(),
        };
        if message.verify(&password, CRYPTO.crypto()).is_none() {
            return;
        }
        self.pending.remove(nth);
        if generation == self.generation {
            self.former = None;
        }
        self.has_path(now);
    }

    fn has_path(&mut self, now: Instant) {
        if !self.shaking && !self.kindness.passive {
            self.shaking = true;
            let (gcm, cm) =
                (SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80);
            let profiles = if self.kindness.gcm { vec![cm, gcm] } else { vec![cm] };
            self.endpoint.connect(now, TUNNEL.parse().unwrap(), configuration(&profiles, true), None).unwrap();
            self.flush(now);
        }
    }

    fn dtls(&mut self, datagram: &[u8], now: Instant) {
        let events = self.endpoint.read(now, TUNNEL.parse().unwrap(), None, datagram.into()).unwrap_or_default();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.keys(now),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
        self.flush(now);
    }

    fn keys(&mut self, now: Instant) {
        let state = self.endpoint.get_connection_state(TUNNEL.parse().unwrap()).unwrap();
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => ProtectionProfile::AeadAes128Gcm,
            _ => ProtectionProfile::Aes128CmHmacSha1_80,
        };
        // The server prefers the cheap one; where it is the client, the viewer chooses.
        let is_gcm = matches!(profile, ProtectionProfile::AeadAes128Gcm);
        assert_eq!(is_gcm, self.kindness.gcm, "{:?}", self.kindness);
        let mut config = Config { profile, ..Default::default() };
        let length = config.keying_material_len();
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length).unwrap();
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client()).unwrap();
        let keys = &config.keys;
        let context = |key: &[u8], salt: &[u8]| Context::new(key, salt, profile, None, None, CRYPTO.crypto()).unwrap();
        self.contexts = Some((
            context(&keys.remote_master_key, &keys.remote_master_salt),
            context(&keys.local_master_key, &keys.local_master_salt),
        ));
        self.connected_at = Some(now);
    }

    fn media(&mut self, datagram: &[u8], now: Instant) {
        let Some((remote, _)) = &mut self.contexts else { return };
        let Ok(plain) = remote.decrypt_rtp(datagram) else { return };
        let mut rest = &plain[..];
        let header = rtc::rtp::header::Header::unmarshal(&mut rest).unwrap();
        self.first_packet_at.get_or_insert(now);
        if let (Some(arrivals), Some(wide)) = (&mut self.arrivals, header.get_extension(3)) {
            let wide = u16::from_be_bytes([wide[0], wide[1]]);
            let wide =
                self.highest_wide.wrapping_add_signed(i64::from(wide.wrapping_sub(self.highest_wide as u16) as i16));
            self.highest_wide = self.highest_wide.max(wide);
            arrivals.insert(wide, now);
            self.next_report.get_or_insert(now + REPORT_EVERY);
        }
        let (number, payload) = if header.ssrc == self.ssrcs[1] {
            self.resent += 1;
            (u16::from_be_bytes([rest[0], rest[1]]), &rest[2..])
        } else {
            assert_eq!(header.ssrc, self.ssrcs[0]);
            (header.sequence_number, rest)
        };
        // Short runs, and far from the beginning of their space.
        let near = self.highest.unwrap_or(u64::from(number));
        let number = near.wrapping_add_signed(i64::from(number.wrapping_sub(near as u16) as i16));
        self.first.get_or_insert(number);
        if number > near {
            for missing in near + 1..number {
                self.missing.insert(missing, (now, None));
            }
        }
        self.highest = Some(near.max(number));
        self.missing.remove(&number);
        self.unanswered.remove(&number);
        if header.marker && !self.received.contains_key(&number) {
            self.ends.push((payload[1], now));
        }
        let before = self.received.insert(number, payload.to_vec());
        assert!(before.is_none_or(|before| before == payload), "the same number, another payload");
    }

    /// Asks again for the last so many packets, though they have come.
    pub fn want_all_again(&mut self, count: u64) {
        let highest = self.highest.unwrap_or_default();
        let numbers: Vec<u16> = (highest.saturating_sub(count)..highest).map(|number| number as u16).collect();
        self.send_nack(&numbers);
    }

    /// What is missing and was not asked for lately is asked for, as long as the server has to have it.
    fn nack(&mut self, now: Instant) {
        let (unanswered, judged) = (&mut self.unanswered, self.judged_since);
        self.missing.retain(|number, (since, asked)| {
            let keeps = now.saturating_duration_since(*since) < Duration::from_millis(1000);
            if !keeps && asked.is_some() && judged.is_some_and(|judged| *since >= judged) {
                unanswered.insert(*number);
            }
            keeps
        });
        let mut numbers = vec![];
        for (number, (_, asked)) in &mut self.missing {
            if asked.is_none_or(|at| now.saturating_duration_since(at) >= NACK_EVERY) && numbers.len() < 100 {
                *asked = Some(now);
                numbers.push(*number as u16);
            }
        }
        if !numbers.is_empty() {
            self.send_nack(&numbers);
        }
    }

    fn send_nack(&mut self, numbers: &[u16]) {
        let nacks = nack_pairs_from_sequence_numbers(numbers);
        self.feed_back(TransportLayerNack { sender_ssrc: 1, media_ssrc: self.ssrcs[0], nacks });
    }

    fn feed_back(&mut self, packet: impl Packet + 'static) {
        let plain = rtc_rtcp::packet::marshal(&[Box::new(packet)]).unwrap();
        if let Some((_, local)) = &mut self.contexts {
            let sealed = local.encrypt_rtcp(&plain).unwrap();
            self.send(sealed.to_vec());
        }
    }

    /// A receiver report: what came as a retransmission only was lost.
    pub fn report_losses(&mut self) {
        let block = ReceptionReport {
            ssrc: self.ssrcs[0],
            total_lost: self.holes().len() as u32 + self.resent as u32,
            last_sequence_number: self.highest.unwrap_or_default() as u32,
            ..Default::default()
        };
        self.feed_back(ReceiverReport { ssrc: 1, reports: vec![block], ..Default::default() });
    }

    pub fn due(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let nack = self.missing.values().map(|(since, asked)| asked.map_or(*since, |at| at + NACK_EVERY)).min();
        [self.next_check, self.flight_due(), nack, self.next_report].into_iter().flatten().min()
    }

    pub fn wake(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now);
        }
        if self.flight_due().is_some_and(|at| at <= now) {
            self.repeat_flight(now);
        }
        if self.next_report.is_some_and(|at| at <= now) {
            self.report_arrivals();
        }
        self.nack(now);
    }

    /// As browsers do, some times a second, while packets come.
    fn report_arrivals(&mut self) {
        self.next_report = None;
        let Some(arrivals) = &mut self.arrivals else { return };
        let arrivals = std::mem::take(arrivals);
        let (Some((&first, _)), Some((&last, _))) = (arrivals.first_key_value(), arrivals.last_key_value()) else {
            return;
        };
        let first = first.min(self.reported_wide);
        self.reported_wide = last + 1;
        let report = reports::transport_wide(&arrivals, first, self.ssrcs[0], self.reports_sent);
        self.reports_sent = self.reports_sent.wrapping_add(1);
        self.feed_back(report);
    }

    /// Numbers between the first and the last that came which never came.
    pub fn holes(&self) -> BTreeSet<u64> {
        let (Some(first), Some(last)) = (self.first, self.highest) else { return BTreeSet::new() };
        (first..last).filter(|number| !self.received.contains_key(number)).collect()
    }
}
