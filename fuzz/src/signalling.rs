//! What pages say over the WebSocket: it is understood for what it says, or refused in words that repeat nothing of it.

use crate::Target;
use crate::problem::answered;
use lenscap::http::ws::request::{Request, read};
use serde_json::{Value, json};

/// The target.
pub const TARGET: Target = Target { name: "signalling", run, seeds };

/// The largest message that is read, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// Stands where a page says its secret, and in no words of ours.
const TOKEN: &str = "5eC2e7ab13";

fn seeds() -> Vec<Vec<u8>> {
    let sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n";
    let mut seeds: Vec<Vec<u8>> = [
        json!({ "type": "watch", "stream": "front", "sdp": sdp }),
        json!({ "type": "watch", "stream": "front", "sdp": sdp, "after": "peer-1" }),
        json!({ "type": "watch", "stream": "\u{1F980}\u{0}\u{1}", "sdp": "", "after": [[{ "a": 1e300 }], null] }),
        json!({ "type": "seek", "token": TOKEN }),
        json!({ "token": TOKEN, "type": "resume" }),
        json!({ "type": "seek", "token": [TOKEN] }),
        json!({ "type": "watch", "stream": TOKEN, "sdp": { "token": TOKEN } }),
        json!({ "type": TOKEN }),
        json!({ "type": "candidate", "candidate": "candidate:1 1 udp 1 a.local 9 typ host", "sdpMLineIndex": 0 }),
        json!({ "type": "restart", "sdp": sdp, "offer": 7 }),
        json!({ "type": "switch", "stream": "back" }),
        json!({ "type": "ping" }),
        json!({ "type": "bye" }),
        json!(["seek", TOKEN]),
        json!(TOKEN),
    ]
    .map(|message| message.to_string().into_bytes())
    .into();
    let long = |bytes: usize| format!("{{\"type\":\"switch\",\"stream\":\"{}\"}}", "\\u0001".repeat(bytes / 6));
    seeds.extend([long(BYTES_MAX - 60), long(BYTES_MAX + 10), "[".repeat(1000)].map(String::into_bytes));
    seeds
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read(&text) {
        Ok(request) => {
            assert!(text.len() <= BYTES_MAX, "{} bytes are too many", text.len());
            let said: Value = serde_json::from_str(&text).unwrap();
            let written = written(&request);
            // What counts is there as it was said; what was not said is nothing.
            for (name, value) in written.as_object().unwrap() {
                assert_eq!(said.get(name).unwrap_or(&Value::Null), value, "{name} of {text}");
            }
            let text = written.to_string();
            // Numbers can be written in fewer bytes, and fractions more exactly, than we do: both only where nothing is made of them.
            if text.len() <= BYTES_MAX && !has_fractions(&written) {
                let again = read(&text).unwrap_or_else(|problem| panic!("{problem}: {text}"));
                assert!(again == request, "{text} is read as something else");
            }
        }
        Err(problem) => {
            answered(&problem);
            assert_eq!(problem.code, "bad_message");
            assert!(problem.message.len() < 200, "{problem}");
            assert!(!problem.message.contains(TOKEN), "{problem}");
        }
    }
}

fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fractions),
        Value::Object(values) => values.values().any(has_fractions),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// A request as a page writes it.
fn written(request: &Request) -> Value {
    match request {
        Request::Watch { stream, sdp, after } => {
            json!({ "type": "watch", "stream": stream, "sdp": sdp, "after": after })
        }
        Request::Seek { token } => json!({ "type": "seek", "token": token }),
        Request::Resume { token } => json!({ "type": "resume", "token": token }),
        Request::Candidate { candidate } => json!({ "type": "candidate", "candidate": candidate }),
        Request::Restart { sdp, offer } => json!({ "type": "restart", "sdp": sdp, "offer": offer }),
        Request::Switch { stream } => json!({ "type": "switch", "stream": stream }),
        Request::Ping => json!({ "type": "ping" }),
        Request::Bye => json!({ "type": "bye" }),
    }
}
