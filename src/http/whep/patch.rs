//! What a PATCH means: whether it is meant for the present ICE session, and whether it begins another. Pure.

use crate::http::problem::Problem;
use actix_web::http::header::{EntityTag, HeaderMap, IF_MATCH};
use lenscap_actors::peer::Follows;

/// What `If-Match` says (RFC 9110, section 13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Missing,
    /// Whatever session it is.
    Any,
    /// One of these; none, if what it says is no tag.
    Tags(Vec<EntityTag>),
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: there are candidates in it, or what is known.
    Nothing,
    /// ICE begins anew, if its credentials are new ones, and if this is the session that it follows.
    Restart(Follows),
}

impl Condition {
    /// What the headers of a request say.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(IF_MATCH).peekable();
        if values.peek().is_none() {
            return Self::Missing;
        }
        let texts: Vec<&str> =
            values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).map(str::trim).collect();
        // In quotes it is in the draft's examples, and in clients that follow them. No session of ours is called so.
        match texts.iter().any(|text| matches!(*text, "*" | "\"*\"")) {
            true => Self::Any,
            false => Self::Tags(texts.iter().filter_map(|text| text.parse().ok()).collect()),
        }
    }
}

/// What is done about a fragment, while `session` is the present ICE session.
///
/// # Errors
///
/// If another session is meant, or nobody knows which; or if it is no fragment.
pub fn decide(condition: &Condition, session: &str, fragment: &str) -> Result<Step, Problem> {
    let present = EntityTag::new_strong(session.to_owned());
    let follows = match condition {
        // The fragment itself may say, by its credentials. Clients send their candidates like that (whip-whep).
        Condition::Missing => Follows::Unnamed,
        Condition::Any => Follows::Any,
        Condition::Tags(tags) if tags.iter().any(|tag| tag.strong_eq(&present)) => Follows::Only(session.to_owned()),
        Condition::Tags(_) => return Err(Problem::other_session()),
    };
    let lines = || fragment.lines().map(str::trim_end).filter(|line| !line.is_empty());
    if let Some(line) = lines().find(|line| !is_sdp(line)) {
        let start: String = line.chars().take(40).collect();
        return Err(Problem::bad_message(format!("{start:?} is no line of a session description (RFC 8840)")));
    }
    match lines().any(|line| line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:")) {
        true => Ok(Step::Restart(follows)),
        false if follows == Follows::Unnamed => Err(Problem::no_condition()),
        false => Ok(Step::Nothing),
    }
}

/// A letter, and what it says (RFC 8866, section 5).
fn is_sdp(line: &str) -> bool {
    matches!(line.as_bytes(), [letter, b'=', _, ..] if letter.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use actix_web::http::header::HeaderValue;

    fn condition(values: &[&str]) -> Condition {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap()));
        Condition::of(&headers)
    }

    const CANDIDATES: &str =
        "a=mid:0\r\na=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n";
    const CREDENTIALS: &str =
        "a=ice-ufrag:anew\r\na=ice-pwd:a-password-of-22-chars\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n";

    #[test]
    fn a_patch_is_for_the_session_that_it_names() {
        let anew = || Ok(Step::Restart(Follows::Any));
        let anew_from_here = || Ok(Step::Restart(Follows::Only("here".to_owned())));
        for (if_match, fragment, expected) in [
            (&[][..], CANDIDATES, Err(428)),
            (&[], CREDENTIALS, Ok(Step::Restart(Follows::Unnamed))),
            (&["*"], CANDIDATES, Ok(Step::Nothing)),
            (&["*"], CREDENTIALS, anew()),
            (&["\"*\""], CREDENTIALS, anew()),
            (&["\"here\""], CANDIDATES, Ok(Step::Nothing)),
            (&["\"here\""], CREDENTIALS, anew_from_here()),
            (&["\"there\", \"here\""], CREDENTIALS, anew_from_here()),
            (&["\"there\"", "\"here\""], CANDIDATES, Ok(Step::Nothing)),
            (&["\"there\""], CANDIDATES, Err(412)),
            (&["\"there\""], CREDENTIALS, Err(412)),
            (&["W/\"here\""], CANDIDATES, Err(412)),
            (&["here"], CANDIDATES, Err(412)),
            (&[""], CANDIDATES, Err(412)),
            (&["\"here"], CREDENTIALS, Err(412)),
        ] {
            let decided = decide(&condition(if_match), "here", fragment).map_err(|it| it.status_code().as_u16());
            assert_eq!(decided, expected, "If-Match: {if_match:?} with {fragment:?}");
        }
    }

    #[test]
    fn what_is_no_fragment_is_refused_and_a_candidate_is_never_wrong() {
        for (fragment, expected) in [
            ("", Ok(Step::Nothing)),
            ("\r\n", Ok(Step::Nothing)),
            ("a=candidate:rubbish\r\n", Ok(Step::Nothing)),
            ("a=candidate:1 1 tcp 1 fe80::1%eth0 9 typ host tcptype active", Ok(Step::Nothing)),
            ("a=candidate:1 1 udp 1 a6b1.local 9 typ host\n", Ok(Step::Nothing)),
            ("a=ice-ufrag:half\r\n", Ok(Step::Restart(Follows::Any))),
            ("a=ice-pwd:half\r\n", Ok(Step::Restart(Follows::Any))),
            ("hello", Err(400)),
            ("a=mid:0\r\n{\"candidate\":\"\"}", Err(400)),
            ("a=", Err(400)),
            ("\u{1F980}\u{1F980}", Err(400)),
        ] {
            let decided = decide(&Condition::Any, "here", fragment).map_err(|it| it.status_code().as_u16());
            assert_eq!(decided, expected, "{fragment:?}");
        }
    }
}
