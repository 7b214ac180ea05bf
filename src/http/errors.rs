//! Every error is answered as JSON, those included that arise before a route of ours is asked: a body that is too long, a
//! path that does not exist, a handshake that is none.

use super::problem::Problem;
use super::site::MESSAGE_BYTES_MAX;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use actix_web::middleware::Next;

/// The middleware. Headers stay as they are.
pub async fn as_json(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let response = next.call(request).await?.map_into_boxed_body();
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() || is_ours(&response) {
        return Ok(response);
    }
    let json = Problem::of_http(status, words(&response)).to_json().to_string();
    Ok(response.map_body(|head, _| {
        head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        BoxBody::new(json)
    }))
}

/// JSON already, or a page for people.
fn is_ours(response: &ServiceResponse<BoxBody>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json") || kind.starts_with("text/html"))
}

fn words(response: &ServiceResponse<BoxBody>) -> String {
    match (response.status(), response.response().error()) {
        (StatusCode::PAYLOAD_TOO_LARGE, _) => format!("expected {MESSAGE_BYTES_MAX} bytes or less"),
        (StatusCode::METHOD_NOT_ALLOWED, None) => {
            let allow = response.headers().get(ALLOW).and_then(|value| value.to_str().ok()).unwrap_or_default();
            format!("this method has no meaning here: expected one of {allow}")
        }
        (StatusCode::NOT_FOUND, None) => format!("there is nothing at {}", response.request().path()),
        (_, Some(error)) => error.to_string(),
        (status, None) => status.canonical_reason().unwrap_or("for no known reason").to_owned(),
    }
}
