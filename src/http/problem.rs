//! Errors of the signalling protocol: a code for programs, words for people.

use crate::access::door::Refusal;
use crate::capture::controls::ControlError;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use lenscap_actors::peers::Refused;
use lenscap_actors::supervisor::tree::OrderError;
use lenscap_actors::transport::OfferError;
use serde_json::json;

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

    /// This order is not allowed.
    pub fn unauthorised(message: impl Into<String>) -> Self {
        Self { code: "unauthorised", message: message.into(), status: StatusCode::FORBIDDEN }
    }

    /// There is no stream of this name.
    pub fn unknown_stream(message: impl Into<String>) -> Self {
        Self { code: "unknown_stream", message: message.into(), status: StatusCode::NOT_FOUND }
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

    /// There is no such actor, or it cannot be given this order now.
    pub fn order(error: OrderError) -> Self {
        let (code, status) = match error {
            OrderError::Unknown => ("unknown_actor", StatusCode::NOT_FOUND),
            OrderError::NotRunning | OrderError::Once => ("not_possible", StatusCode::CONFLICT),
        };
        Self { code, message: error.to_string(), status }
    }

    /// The server itself cannot go on.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: "camera_failed", message: message.into(), status: StatusCode::INTERNAL_SERVER_ERROR }
    }

    /// As a message of the signalling protocol.
    pub fn to_json(&self) -> serde_json::Value {
        json!({ "type": "error", "code": self.code, "message": self.message })
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

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let (code, status) = match &error {
            ControlError::Device(device) => (device.code(), StatusCode::CONFLICT),
            ControlError::Unknown { .. } | ControlError::Value { .. } => ("bad_message", StatusCode::BAD_REQUEST),
            ControlError::Refused { .. } => ("not_possible", StatusCode::CONFLICT),
        };
        Self { code, message: error.to_string(), status }
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

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            // Not Basic: browsers would ask for a password by a window of their own, and send it for ever.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"lenscap\""));
        }
        response.json(self.to_json())
    }
}
