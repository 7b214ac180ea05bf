//! What is said to whoever is refused: targets that refuse something hold it to the same.

use lenscap::http::problem::Problem;
use serde_json::Value;

/// However much was sent, no answer is longer, in bytes: 2000 characters, of which JSON writes some as six.
const ANSWER_BYTES_MAX: usize = 13_000;

/// Looks at the answer to a request that was refused.
pub fn answered(problem: &Problem) {
    looked_at(problem.to_json().to_string().as_bytes());
}

/// Looks at such an answer as it is sent.
pub fn looked_at(json: &[u8]) {
    let text = String::from_utf8_lossy(json);
    assert!(json.len() <= ANSWER_BYTES_MAX, "{} bytes are no short answer: {text:.200}", json.len());
    let answer: Value = serde_json::from_slice(json).unwrap_or_else(|error| panic!("{error}: {text:.200}"));
    let said = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {text:.200}"));
    assert_eq!(said("type"), "error");
    assert!(said("code").bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text:.200}");
    assert!(said("message").len() > 5, "{text:.200}");
}
