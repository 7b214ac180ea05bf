//! What a page says over its WebSocket, and the words for what is not understood of it. Pure.

use crate::http::problem::Problem;
use crate::http::site::MESSAGE_BYTES_MAX;
use serde::Deserialize;
use serde_json::Value;

/// What each kind of message has to have, as text.
const KINDS: [(&str, &[&str]); 8] = [
    ("watch", &["stream", "sdp"]),
    ("seek", &["token"]),
    ("resume", &["token"]),
    ("candidate", &["candidate"]),
    ("restart", &["sdp"]),
    ("switch", &["stream"]),
    ("ping", &[]),
    ("bye", &[]),
];

/// A message of a page. Not to be shown: there may be a secret in it.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// It wants to watch.
    Watch {
        /// Which stream.
        stream: String,
        /// Its offer.
        sdp: String,
        /// The peer that the page was before, if it says so. Of any type: what it says is only compared.
        #[serde(default)]
        after: Value,
    },
    /// Does the server still know this viewer? It changes nothing: pages ask over several connections, and one is enough.
    Seek {
        /// The peer's secret, as in the beacon's address.
        token: String,
    },
    /// The page goes on here, because the connection over which it began may be dead.
    Resume {
        /// The peer's secret, as in the beacon's address.
        token: String,
    },
    /// Another way to the viewer. It is found by what comes from there, so what is said here is not used.
    Candidate {
        /// As browsers write it.
        candidate: String,
    },
    /// The viewer's network has changed, and it begins ICE anew over the same connection.
    Restart {
        /// Its new offer.
        sdp: String,
        /// What the page calls this offer, of any type: it is said again with the answer.
        #[serde(default)]
        offer: Value,
    },
    /// Another stream over the same connection.
    Switch {
        /// Which one.
        stream: String,
    },
    /// Is the connection alive? The page asks when it has reason to doubt it.
    Ping,
    /// It leaves.
    Bye,
}

/// Reads a message.
///
/// # Errors
///
/// If it is not understood. Nothing of it is repeated, as serde's own words would: it may be long, or a secret.
pub fn read(text: &str) -> Result<Request, Problem> {
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(Problem::bad_message(format!("the message is larger than {MESSAGE_BYTES_MAX} bytes")));
    }
    // What can be wrong with a value of any kind is its spelling, of which only the place is said.
    let message: Value =
        serde_json::from_str(text).map_err(|error| Problem::bad_message(format!("not understood: {error}")))?;
    let kind = message.get("type").and_then(Value::as_str);
    let Some((kind, needed)) = KINDS.iter().find(|(name, _)| kind == Some(*name)) else {
        let names = KINDS.map(|(name, _)| name).join(", ");
        return Err(Problem::bad_message(format!("not understood: expected an object with a `type` out of {names}")));
    };
    Request::deserialize(message).map_err(|_| {
        let needed = needed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        Problem::bad_message(format!("not understood: `{kind}` has to have {needed}, as text"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_has_all_that_its_kind_needs_is_understood_and_nothing_less_is() {
        for (kind, needed) in KINDS {
            let mut message = json!({ "type": kind, "of tomorrow": [1] });
            for (nth, name) in needed.iter().enumerate() {
                let problem = read(&message.to_string()).map(|_| ()).unwrap_err();
                assert!(needed.iter().all(|name| problem.message.contains(name)), "{kind} without {name}: {problem}");
                message[name] = json!(nth);
                assert!(read(&message.to_string()).is_err(), "{kind} with a number as {name}");
                message[name] = json!("some text");
            }
            assert!(read(&message.to_string()).is_ok(), "{message}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_repeated() {
        let secret = "9a7f41".repeat(10_000);
        for text in [
            json!({ "type": secret }).to_string(),
            json!({ "type": "seek", "token": { "token": secret } }).to_string(),
            json!({ "type": "watch", "stream": [secret], "sdp": "" }).to_string(),
            json!(secret).to_string(),
            json!(["seek", secret]).to_string(),
            format!("{{\"type\":\"seek\",\"token\":\"{secret}"),
            format!("{{\"type\":\"seek\",\"token\":{}", &secret[..200]),
            secret.repeat(2),
        ] {
            let problem = read(&text).map(|_| ()).unwrap_err();
            assert_eq!(problem.code, "bad_message");
            assert!(problem.message.len() < 200 && !problem.message.contains("9a7f41"), "{problem}");
        }
    }

    #[test]
    fn a_message_has_at_most_as_many_bytes_as_are_read() {
        let of = |bytes: usize| format!("{{\"type\":\"ping\"}}{}", " ".repeat(bytes - 15));
        assert!(read(&of(MESSAGE_BYTES_MAX)).is_ok() && read(&of(MESSAGE_BYTES_MAX + 1)).is_err());
    }
}
