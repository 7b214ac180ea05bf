//! Errors of the signalling protocol: a code for programs, words for people.

use crate::access::limits::Full;
use crate::access::policy::Refusal;
use crate::capture::controls::ControlError;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use lenscap_actors::peer::RestartError;
use lenscap_actors::peers::Refused;
use lenscap_actors::supervisor::tree::OperationError;
use lenscap_actors::transport::OfferError;
use serde_json::json;
use std::time::Duration;

/// When whoever finds no place may ask again, in seconds: by then a viewer that has vanished has given up its own, and a password
/// can be tried again.
const RETRY_AFTER_SECONDS: u32 = 5;

/// No words of ours are longer, in characters. What was sent may be: a name that there is not is repeated in them.
const WORDS_MAX: usize = 2000;

/// What is said of a camera's failure to who may not know more: the words for the operator name devices, processes, and
/// other cameras.
pub fn general(code: &str) -> &'static str {
    match code {
        "camera_absent" => "The camera is not plugged in. It comes back by itself when it is.",
        "camera_busy" => "The camera is in use elsewhere. It comes back by itself when it is free.",
        _ => "The camera cannot be had just now.",
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// A code of the protocol.
    pub code: &'static str,
    /// In words.
    pub message: String,
    status: StatusCode,
}

impl Problem {
    /// What was sent cannot be understood.
    pub fn bad_message(message: impl Into<String>) -> Self {
        Self { code: "bad_message", message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    /// What was sent is of a kind that is not read here.
    pub fn wrong_type(expected: &str) -> Self {
        let message = format!("expected Content-Type: {expected}");
        Self { code: "bad_message", message, status: StatusCode::UNSUPPORTED_MEDIA_TYPE }
    }

    /// What was begun to be sent did not come to its end.
    pub fn too_slow(timeout: Duration) -> Self {
        let message = format!("the request has not come whole within {} s", timeout.as_secs());
        Self { code: "bad_message", message, status: StatusCode::REQUEST_TIMEOUT }
    }

    /// The ICE session that is meant was not named.
    pub fn no_condition() -> Self {
        let message = "expected If-Match with the ETag that the ICE session has, or with * to begin it anew".to_owned();
        Self { code: "bad_message", message, status: StatusCode::PRECONDITION_REQUIRED }
    }

    /// Another ICE session was meant.
    pub fn other_session() -> Self {
        let message = "ICE has begun anew since: If-Match does not name its present session".to_owned();
        Self { code: "other_session", message, status: StatusCode::PRECONDITION_FAILED }
    }

    /// The session of a viewer that has been let go.
    pub fn session_ended() -> Self {
        Self::unknown_stream("this session has ended")
    }

    /// What HTTP itself has a status for, and no route of ours says in words of its own.
    pub fn of_http(status: StatusCode, message: impl Into<String>) -> Self {
        let code = match status {
            StatusCode::NOT_FOUND => "unknown_path",
            StatusCode::METHOD_NOT_ALLOWED => "wrong_method",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "unauthorised",
            status if status.is_server_error() => "camera_failed",
            _ => "bad_message",
        };
        Self { code, message: message.into(), status }
    }

    /// This order is not allowed.
    pub fn unauthorised(message: impl Into<String>) -> Self {
        Self { code: "unauthorised", message: message.into(), status: StatusCode::FORBIDDEN }
    }

    /// There is no stream of this name.
    pub fn unknown_stream(message: impl Into<String>) -> Self {
        Self { code: "unknown_stream", message: message.into(), status: StatusCode::NOT_FOUND }
    }

    /// The stream has not been watched yet.
    pub fn no_picture(stream: &str) -> Self {
        let message =
            format!("there is no picture of {stream:?} yet: nobody has watched it since the server was started");
        Self { code: "no_picture", message, status: StatusCode::NOT_FOUND }
    }

    /// There is no viewer of this token, or none any more.
    pub fn unknown_peer(message: impl Into<String>) -> Self {
        Self { code: "unknown_peer", message: message.into(), status: StatusCode::NOT_FOUND }
    }

    /// There is no camera of this name.
    pub fn unknown_camera(id: &str) -> Self {
        let message = format!("there is no camera {id:?}");
        Self { code: "unknown_camera", message, status: StatusCode::NOT_FOUND }
    }

    /// The camera is of a kind without controls.
    pub fn no_controls(id: &str) -> Self {
        let message = format!("camera {id:?} has no controls: only V4L2 cameras have");
        Self { code: "not_possible", message, status: StatusCode::CONFLICT }
    }

    /// Controls cannot be read or set. Of a device that cannot be had administrators are told in full, others in general.
    pub fn controls(error: &ControlError, is_admin: bool) -> Self {
        let (code, status) = match error {
            ControlError::Device(device) => (device.code(), StatusCode::CONFLICT),
            ControlError::Unknown { .. } | ControlError::Value { .. } => ("bad_message", StatusCode::BAD_REQUEST),
            ControlError::Refused { .. } => ("not_possible", StatusCode::CONFLICT),
        };
        let message = match error {
            ControlError::Device(_) if !is_admin => general(code).to_owned(),
            error => error.to_string(),
        };
        Self { code, message, status }
    }

    /// There is no such actor, or it cannot be given this order now.
    pub fn operation(error: OperationError) -> Self {
        let (code, status) = match error {
            OperationError::Unknown => ("unknown_actor", StatusCode::NOT_FOUND),
            OperationError::NotRunning | OperationError::Once => ("not_possible", StatusCode::CONFLICT),
        };
        Self { code, message: error.to_string(), status }
    }

    /// Somebody asks to watch again and again.
    pub fn too_many_offers(per_second: impl std::fmt::Display) -> Self {
        let message = format!(
            "more than {per_second} offers and switches a second have come from this address (limits.offers_per_second)"
        );
        Self { code: "too_many_offers", message, status: StatusCode::TOO_MANY_REQUESTS }
    }

    /// The server itself cannot go on.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: "camera_failed", message: message.into(), status: StatusCode::INTERNAL_SERVER_ERROR }
    }

    /// As a message of the signalling protocol.
    pub fn to_json(&self) -> serde_json::Value {
        let words = match self.message.char_indices().nth(WORDS_MAX) {
            Some((at, _)) => &format!("{}…", &self.message[..at]),
            None => &self.message,
        };
        json!({ "type": "error", "code": self.code, "message": words })
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::NoHost => StatusCode::BAD_REQUEST,
            Refusal::UnknownHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Unidentified | Refusal::WrongCredentials | Refusal::LinkExpired => StatusCode::UNAUTHORIZED,
            Refusal::TooManyTries(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::ForeignOrigin(_) | Refusal::OnlyHere | Refusal::UnknownProxy | Refusal::Lacking(_) => {
                StatusCode::FORBIDDEN
            }
        };
        Self { code: "unauthorised", message: refusal.to_string(), status }
    }
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        Self { code: "too_many_viewers", message: full.to_string(), status: StatusCode::SERVICE_UNAVAILABLE }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let message = refused.to_string();
        match refused {
            Refused::UnknownStream(_) => Self::unknown_stream(message),
            Refused::TooManyViewers(_) | Refused::TooManyOfOneAddress(_) => {
                Self { code: "too_many_viewers", message, status: StatusCode::SERVICE_UNAVAILABLE }
            }
            Refused::ShuttingDown => Self { code: "camera_failed", message, status: StatusCode::SERVICE_UNAVAILABLE },
        }
    }
}

impl From<OfferError> for Problem {
    fn from(error: OfferError) -> Self {
        match error {
            OfferError::Internal(_) => Self::internal(error.to_string()),
            _ => Self::bad_message(error.to_string()),
        }
    }
}

impl From<RestartError> for Problem {
    fn from(error: RestartError) -> Self {
        match error {
            RestartError::Offer(error) => error.into(),
            RestartError::Superseded => Self::other_session(),
            RestartError::Unnamed => Self::no_condition(),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status).json(self.to_json());
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Not Basic: browsers would ask for a password by a window of their own, and send it for ever.
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"lenscap\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_short_however_long_the_name_is_that_it_repeats() {
        for (name, expected) in [("a", WORDS_MAX + 1), ("ä", WORDS_MAX + 1), ("\u{1}", WORDS_MAX + 1), ("", 18)] {
            let json = Problem::unknown_stream(format!("there is no stream {}", name.repeat(60_000))).to_json();
            assert_eq!(
                json["message"].as_str().map(|words| words.trim_end().chars().count()),
                Some(expected),
                "{name:?}"
            );
        }
    }
}
