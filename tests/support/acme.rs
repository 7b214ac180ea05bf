//! A small certificate authority that speaks ACME (RFC 8555) and checks names by TLS-ALPN-01 (RFC 8737). It checks the steps, their order, their nonces
//! and the proof, but not the signatures of requests: those are between the client's library and a real authority.

use super::{Folder, tls};
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, ServerConfig, SignatureScheme};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use time::OffsetDateTime;

/// `id-pe-acmeIdentifier` (RFC 8737, section 3), as DER.
const ACME_IDENTIFIER: [u8; 10] = [6, 8, 43, 6, 1, 5, 5, 7, 1, 31];

/// An authority that runs as long as the test does.
pub struct Authority {
    pub address: std::net::SocketAddr,
    /// The certificate by which it, and all that it signs, are trusted.
    pub root: CertificateDer<'static>,
    pub folder: Folder,
    state: Arc<State>,
}

struct State {
    /// Where the server is whose names are checked.
    port: u16,
    lasts: Duration,
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    nonces: HashSet<String>,
    counted: u64,
    /// The account's key, once there is one.
    key: Option<Value>,
    names: Vec<String>,
    is_valid: bool,
    issued: Vec<String>,
}

impl Authority {
    /// Checks names at this port of this machine, and gives certificates that last so long.
    pub async fn start(port: u16, lasts: Duration) -> Self {
        let folder = Folder::new();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let root = params.self_signed(&key).unwrap();
        let (root_pem, root_der) = (root.pem(), root.der().clone());
        folder.file("root.pem", &root_pem);
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&own_key, &issuer).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(own_key.serialize_der()).unwrap())
            .unwrap();
        let state = Arc::new(State { port, lasts, issuer, root_pem, seen: Mutex::default() });
        let shared = web::Data::from(state.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .route("/directory", web::get().to(directory))
                .route("/nonce", web::head().to(nonce))
                .route("/nonce", web::get().to(nonce))
                .route("/account", web::post().to(account))
                .route("/order", web::post().to(order))
                .route("/order/1", web::post().to(order_state))
                .route("/authorization", web::post().to(authorization))
                .route("/check", web::post().to(check))
                .route("/finalize", web::post().to(finalize))
                .route("/certificate", web::post().to(certificate))
        })
        .workers(1)
        .disable_signals()
        .bind_rustls_0_23("127.0.0.1:0", tls)
        .unwrap();
        let address = server.addrs()[0];
        actix_web::rt::spawn(server.run());
        Self { address, root: root_der, folder, state }
    }

    /// What a server has to be told of it.
    pub fn section(&self, name: &str, kept: &std::path::Path) -> String {
        let (root, address) = (self.root_file(), self.address);
        format!(
            "[tls.acme]\nnames = [{name:?}]\nfolder = {kept:?}\ncontact = \"mailto:ann@example.org\"\n\
             directory = \"https://{address}/directory\"\nroots = {root:?}\n"
        )
    }

    fn root_file(&self) -> PathBuf {
        self.folder.0.join("root.pem")
    }

    /// How many certificates it has given.
    pub fn issued(&self) -> usize {
        self.state.seen.lock().unwrap().issued.len()
    }
}

impl State {
    fn url(&self, request: &HttpRequest, path: &str) -> String {
        format!("https://{}{path}", request.connection_info().host())
    }

    /// A new nonce; each can be used once.
    fn nonce(&self) -> String {
        let mut seen = self.seen.lock().unwrap();
        seen.counted += 1;
        let nonce = format!("nonce-{}", seen.counted);
        seen.nonces.insert(nonce.clone());
        nonce
    }

    fn answer(&self, mut response: actix_web::HttpResponseBuilder, body: Value) -> HttpResponse {
        response.insert_header(("Replay-Nonce", self.nonce())).json(body)
    }

    /// What a request says, if its head is as it has to be (RFC 8555, section 6.2 to 6.5).
    fn read(&self, request: &HttpRequest, body: &Value) -> (Value, Value) {
        let part = |name: &str| {
            let text = body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"));
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
        };
        let (head, payload) = (part("protected"), part("payload"));
        assert_eq!(request.headers().get(header::CONTENT_TYPE).unwrap(), "application/jose+json");
        assert_eq!(head["alg"], "ES256");
        assert_eq!(head["url"], self.url(request, request.path()), "a request is for its own address only");
        assert!(self.seen.lock().unwrap().nonces.remove(head["nonce"].as_str().unwrap()), "a nonce is used once");
        assert_eq!(head["jwk"].is_object(), request.path() == "/account", "all others are for an account");
        assert!(!body["signature"].as_str().unwrap().is_empty());
        (head, payload)
    }

    fn order(&self, request: &HttpRequest) -> Value {
        let seen = self.seen.lock().unwrap();
        let status = if seen.is_valid { "ready" } else { "pending" };
        json!({
            "status": status,
            "identifiers": seen.names.iter().map(|name| json!({ "type": "dns", "value": name })).collect::<Vec<_>>(),
            "authorizations": [self.url(request, "/authorization")],
            "finalize": self.url(request, "/finalize"),
        })
    }

    fn challenge(&self, request: &HttpRequest) -> Value {
        let status = if self.seen.lock().unwrap().is_valid { "valid" } else { "pending" };
        json!({ "type": "tls-alpn-01", "url": self.url(request, "/check"), "token": "a-token", "status": status })
    }

    /// What the server has to show (RFC 8555, section 8.1; RFC 7638).
    fn proof(&self) -> [u8; 32] {
        let seen = self.seen.lock().unwrap();
        let key = seen.key.as_ref().unwrap();
        let text = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, key["crv"], key["kty"], key["x"], key["y"]);
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(text));
        Sha256::digest(format!("a-token.{thumbprint}")).into()
    }
}

async fn directory(request: HttpRequest, state: web::Data<State>) -> HttpResponse {
    let at = |path| state.url(&request, path);
    HttpResponse::Ok().json(json!({ "newNonce": at("/nonce"), "newAccount": at("/account"), "newOrder": at("/order") }))
}

async fn nonce(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Replay-Nonce", state.nonce())).finish()
}

async fn account(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let (head, payload) = state.read(&request, &serde_json::from_slice(&body).unwrap());
    assert_eq!(payload["termsOfServiceAgreed"], true);
    assert_eq!(payload["contact"], json!(["mailto:ann@example.org"]));
    state.seen.lock().unwrap().key = Some(head["jwk"].clone());
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, state.url(&request, "/account/1")));
    state.answer(response, json!({ "status": "valid" }))
}

async fn order(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let (_, payload) = state.read(&request, &serde_json::from_slice(&body).unwrap());
    {
        let names = payload["identifiers"].as_array().unwrap().iter();
        let mut seen = state.seen.lock().unwrap();
        seen.names = names.map(|it| it["value"].as_str().unwrap().to_owned()).collect();
        seen.is_valid = false;
    }
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, state.url(&request, "/order/1")));
    let order = state.order(&request);
    state.answer(response, order)
}

async fn order_state(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    state.read(&request, &serde_json::from_slice(&body).unwrap());
    let order = state.order(&request);
    state.answer(HttpResponse::Ok(), order)
}

async fn authorization(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    state.read(&request, &serde_json::from_slice(&body).unwrap());
    let challenge = state.challenge(&request);
    let name = state.seen.lock().unwrap().names[0].clone();
    let authorization = json!({
        "status": challenge["status"],
        "identifier": { "type": "dns", "value": name },
        "challenges": [challenge],
    });
    state.answer(HttpResponse::Ok(), authorization)
}

async fn check(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    state.read(&request, &serde_json::from_slice(&body).unwrap());
    let (proof, port) = (state.proof(), state.port);
    let name = state.seen.lock().unwrap().names[0].clone();
    let shown = web::block(move || shown_to_a_check(port, &name)).await.unwrap();
    let holds = |bytes: &[u8]| shown.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(&ACME_IDENTIFIER) && holds(&proof), "the server does not show the proof");
    state.seen.lock().unwrap().is_valid = true;
    let challenge = state.challenge(&request);
    state.answer(HttpResponse::Ok(), challenge)
}

async fn finalize(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    let (_, payload) = state.read(&request, &serde_json::from_slice(&body).unwrap());
    assert!(state.seen.lock().unwrap().is_valid, "nothing before the check");
    let csr = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap()).unwrap();
    let mut wanted = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr)).unwrap();
    // Clocks of test machines agree.
    wanted.params.not_before = OffsetDateTime::now_utc();
    wanted.params.not_after = OffsetDateTime::now_utc() + state.lasts;
    let certificate = wanted.signed_by(&state.issuer).unwrap();
    state.seen.lock().unwrap().issued.push(format!("{}{}", certificate.pem(), state.root_pem));
    let mut order = state.order(&request);
    order["status"] = "valid".into();
    order["certificate"] = state.url(&request, "/certificate").into();
    state.answer(HttpResponse::Ok(), order)
}

async fn certificate(request: HttpRequest, state: web::Data<State>, body: web::Bytes) -> HttpResponse {
    state.read(&request, &serde_json::from_slice(&body).unwrap());
    let chain = state.seen.lock().unwrap().issued.last().unwrap().clone();
    HttpResponse::Ok()
        .insert_header(("Replay-Nonce", state.nonce()))
        .content_type("application/pem-certificate-chain")
        .body(chain)
}

/// The certificate that a server shows to who asks for `acme-tls/1` (RFC 8737, section 3).
fn shown_to_a_check(port: u16, name: &str) -> CertificateDer<'static> {
    let config = tls::client().dangerous().with_custom_certificate_verifier(Arc::new(Anything));
    let stream = tls::connect(("127.0.0.1", port), name, config, &["acme-tls/1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Takes any certificate: what is in it is looked at afterwards.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}
