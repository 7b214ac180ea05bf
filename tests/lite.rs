//! A viewer that is an ice-lite agent (RFC 8445, section 2.5): it asks nothing, and answers where its offer says.

use crate::support::raw::{SDP, ask};
use crate::support::*;
use lenscap_actors::transport::stun::{self, Message, MessageKind};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::Endpoint;
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PASSWORD: &str = "lite/lite/lite/lite/lite";

struct Lite {
    crypto: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    socket: UdpSocket,
}

impl Lite {
    fn new() -> Self {
        let crypto = rtc::crypto::default_provider().unwrap();
        let certificate = Certificate::generate_self_signed(vec!["viewer".to_owned()], crypto.crypto()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Self { crypto, certificate, socket }
    }

    fn offer(&self) -> String {
        let hash = self.crypto.crypto().hash(HashAlgorithm::Sha256, &self.certificate.certificate[0]).unwrap();
        let fingerprint = hash.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let port = self.socket.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\na=ice-ufrag:lite\r\na=ice-pwd:{PASSWORD}\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\nm=video {port} UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 127.0.0.1\r\n\
             a=candidate:1 1 UDP 2130706431 127.0.0.1 {port} typ host\r\na=setup:actpass\r\na=rtcp-mux\r\na=recvonly\r\n\
             a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f;packetization-mode=1\r\n"
        )
    }

    /// Answers questions, and begins to shake hands with the first.
    fn answer(&self, over: &AtomicBool) {
        let configuration = ConfigBuilder::default()
            .with_crypto_provider(self.crypto.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_server_name("lenscap".to_owned());
        let mut configuration = Some(Arc::new(configuration.build(true, None).unwrap()));
        let tunnel = "127.0.0.1:1".parse().unwrap();
        let mut endpoint = Endpoint::new(tunnel, TransportProtocol::UDP, None);
        let mut buffer = [0; 2048];
        while !over.load(Ordering::Relaxed) {
            // Nothing for a while: whether it is over.
            let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { continue };
            let (datagram, now) = (&buffer[..length], Instant::now());
            match Message::read(datagram).filter(|it| it.kind() == Some(MessageKind::Request)) {
                Some(question) => {
                    let answer = stun::success(question.id(), from, PASSWORD, self.crypto.crypto()).unwrap();
                    self.socket.send_to(&answer, from).unwrap();
                    if let Some(configuration) = configuration.take() {
                        endpoint.connect(now, tunnel, configuration, None).unwrap();
                    }
                }
                // Media is nothing to it.
                None => _ = endpoint.read(now, tunnel, None, datagram.into()),
            }
            while let Some(packet) = endpoint.poll_transmit() {
                self.socket.send_to(&packet.message, from).unwrap();
            }
        }
    }
}

#[actix::test]
async fn a_viewer_that_only_answers_is_connected_and_sent_video() {
    let server = Server::start("[[camera]]\nid = \"cam\"\nsource = \"test\"\nsize = [320, 240]\n", "");
    let (lite, over) = (Lite::new(), Arc::new(AtomicBool::new(false)));
    let reply = ask(&server, "POST", "/whep/cam", &[SDP], &lite.offer());
    assert_eq!(reply.status, 201, "{reply:?}");
    let ends = over.clone();
    let answering = std::thread::spawn(move || lite.answer(&ends));
    server
        .until("sent video", |report| report["peers"][0]["sent_packets"].as_u64().is_some_and(|sent| sent > 20))
        .await;
    over.store(true, Ordering::Relaxed);
    answering.join().unwrap();
}
