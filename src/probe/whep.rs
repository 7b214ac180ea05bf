//! The HTTP of a viewer: POST an offer, DELETE the session.

use super::error::ProbeError;
use super::target::{Login, Target};
use awc::ClientRequest;
use awc::http::{StatusCode, header};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Larger answers are none.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// The variable with a token to be let in by: what is on a command line, everybody on the machine can read.
const TOKEN: &str = "LENSCAP_TOKEN";

/// A session that the server holds for us.
pub struct Session {
    client: awc::Client,
    location: Url,
    answer: String,
}

impl Session {
    /// Sends an offer and waits for the answer.
    pub async fn open(
        target: &Target,
        offer: String,
        trusting: ClientConfig,
        patience: Duration,
    ) -> Result<Self, ProbeError> {
        let client = client(trusting, patience);
        let request = client.post(target.whep().as_str());
        let mut response = identified(request, target)
            .insert_header((header::CONTENT_TYPE, "application/sdp"))
            .send_body(offer)
            .await
            .map_err(|error| ProbeError::Unreachable(error.to_string()))?;
        let status = response.status();
        let location =
            response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.body().limit(ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| ProbeError::NotWhep(error.to_string()))?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if status != StatusCode::CREATED {
            return Err(ProbeError::Refused { status: status.as_u16(), message: reason(status, &body) });
        }
        let location = location.ok_or_else(|| ProbeError::NotWhep("no Location in the answer".to_owned()))?;
        let location =
            target.whep().join(&location).map_err(|error| ProbeError::NotWhep(format!("Location: {error}")))?;
        Ok(Self { client, location, answer: body })
    }

    /// The server's SDP.
    pub fn answer(&self) -> &str {
        &self.answer
    }

    /// Leaves, and says how long it took the server to release what was ours: the camera is closed
    /// by then, if nobody else watches. An error in words if it did not confirm that.
    pub async fn leave(&self) -> Result<Duration, String> {
        let asked = Instant::now();
        let response = self.client.delete(self.location.as_str()).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_success() { Ok(asked.elapsed()) } else { Err(format!("the answer to DELETE is {status}")) }
    }
}

/// With what its address carries, or the environment.
fn identified(request: ClientRequest, target: &Target) -> ClientRequest {
    match (target.login(), std::env::var(TOKEN)) {
        (Some(Login { name, password }), _) => request.basic_auth(name, password),
        (None, Ok(token)) => request.bearer_auth(token),
        (None, Err(_)) => request,
    }
}

fn client(trusting: ClientConfig, patience: Duration) -> awc::Client {
    awc::Client::builder()
        .connector(awc::Connector::new().rustls_0_23(Arc::new(trusting)).timeout(patience))
        .timeout(patience)
        .disable_redirects()
        .finish()
}

/// Why a server refuses: lenscap's own code and words, or what HTTP calls it.
fn reason(status: StatusCode, body: &str) -> String {
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let field = |name| problem.as_ref()?.get(name)?.as_str();
    match (field("code"), field("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => status.canonical_reason().unwrap_or("for no known reason").to_owned(),
    }
}

/// The addresses in an answer, for people.
pub fn addresses(answer: &str) -> String {
    let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let mut addresses: Vec<String> = vec![];
    for candidate in candidates {
        // foundation component transport priority ADDRESS PORT …
        let mut words = candidate.split_ascii_whitespace().skip(4);
        if let (Some(address), Some(port)) = (words.next(), words.next()) {
            let address =
                if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    if addresses.is_empty() { "the server, which names no address".to_owned() } else { addresses.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_named_once() {
        let answer = "v=0\r\nm=video 9 x\r\na=candidate:1 1 udp 9 192.0.2.1 8555 typ host\r\n\
                      a=candidate:1 2 udp 9 192.0.2.1 8555 typ host\r\na=candidate:2 1 udp 8 2001:db8::1 8555 typ host\r\n";
        assert_eq!(addresses(answer), "192.0.2.1:8555, [2001:db8::1]:8555");
        assert_eq!(addresses("v=0\r\na=candidate:1\r\n"), "the server, which names no address");
    }

    #[test]
    fn refusals_are_told_in_the_words_of_the_server() {
        let body = r#"{"type":"error","code":"unknown_stream","message":"there is no stream \"x\""}"#;
        assert_eq!(reason(StatusCode::NOT_FOUND, body), "unknown_stream: there is no stream \"x\"");
        assert_eq!(reason(StatusCode::NOT_FOUND, "<html>"), "Not Found");
    }
}
