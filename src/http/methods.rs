//! What holds for every path: `HEAD` wherever `GET` is, and 405 with `Allow` for a method that a path does not have
//! (RFC 9110, sections 9.3.2, 9.3.7 and 15.5.6).
//!
//! It is on the routes to be resources with all their methods, `web::resource(path).get(…).put(…)`: a second resource
//! for the same path would never be asked.

use super::whep;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use bytes::Bytes;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The middleware.
pub async fn complete(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let asked = request.method().clone();
    if asked == Method::HEAD {
        let head = request.head_mut();
        head.method = Method::GET;
        // Or it would open a WebSocket.
        head.headers.remove(UPGRADE);
    }
    let pattern = if asked == Method::OPTIONS { request.match_pattern() } else { None };
    let mut response = next.call(request).await?.map_into_boxed_body();
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let listed = response.headers().get(ALLOW).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Ok(allow) = HeaderValue::from_str(&allow(listed)) {
            response.headers_mut().insert(ALLOW, allow);
        }
        if asked == Method::OPTIONS {
            *response.response_mut().status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().remove(CONTENT_TYPE);
            response = response.map_body(|_, _| BoxBody::new(()));
        }
    }
    if let Some(pattern) = pattern.filter(|_| response.status().is_success()) {
        whep::announce(&pattern, response.headers_mut());
    }
    if asked == Method::HEAD {
        response = response.map_body(|_, body| BoxBody::new(Withheld(body.size())));
    }
    Ok(response)
}

/// The methods of a path, with those that it has through us.
fn allow(listed: &str) -> String {
    let mut methods: Vec<&str> = listed.split(',').map(str::trim).filter(|method| !method.is_empty()).collect();
    if let Some(get) = methods.iter().position(|method| *method == "GET")
        && !methods.contains(&"HEAD")
    {
        methods.insert(get + 1, "HEAD");
    }
    if !methods.contains(&"OPTIONS") {
        methods.push("OPTIONS");
    }
    methods.join(", ")
}

/// A body of which only the size is told.
struct Withheld(BodySize);

impl MessageBody for Withheld {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_head_with_get_and_always_options() {
        for (listed, expected) in [
            ("GET", "GET, HEAD, OPTIONS"),
            ("GET, PUT", "GET, HEAD, PUT, OPTIONS"),
            ("POST", "POST, OPTIONS"),
            ("GET, HEAD, POST, OPTIONS", "GET, HEAD, POST, OPTIONS"),
            ("", "OPTIONS"),
        ] {
            assert_eq!(allow(listed), expected);
        }
    }
}
