//! How long a request may take to come: who sends a byte now and then holds a connection for ever.
//!
//! Heads have a time limit of their own. How long an answer takes is another matter: a leaving is answered when the camera is
//! closed.

use super::problem::Problem;
use super::site::Site;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use futures_util::StreamExt;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// The middleware.
pub async fn limit(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    match request.app_data::<web::Data<Site>>().map(|site| site.limits.request_timeout) {
        Some(timeout) => whole_within(timeout, request, next).await,
        None => next.call(request).await,
    }
}

async fn whole_within(
    timeout: Duration,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // What has no body may become a WebSocket, which goes on.
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.call(request).await;
    }
    let late = Rc::new(Cell::new(false));
    let body = in_time(request.take_payload(), Instant::now() + timeout, late.clone());
    request.set_payload(body);
    let answer = next.call(request).await;
    if late.get() { Err(Problem::too_slow(timeout).into()) } else { answer }
}

/// A body that fails if it has not come by then, and says so.
fn in_time(body: Payload, until: Instant, late: Rc<Cell<bool>>) -> Payload {
    let pieces = futures_util::stream::unfold((body, late), move |(mut body, late)| async move {
        let piece = match tokio::time::timeout_at(until, body.next()).await {
            Ok(piece) => piece?,
            Err(_) => {
                late.set(true);
                Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))
            }
        };
        Some((piece, (body, late)))
    });
    Payload::Stream { payload: Box::pin(pieces) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test};

    #[actix_web::test]
    async fn what_has_come_whole_may_take_its_time_to_be_answered() {
        const TIMEOUT: Duration = Duration::from_millis(20);
        let answer = |body: String| async move {
            tokio::time::sleep(TIMEOUT * 5).await;
            body
        };
        let limit = from_fn(|request, next| whole_within(TIMEOUT, request, next));
        let app = test::init_service(App::new().wrap(limit).route("/", web::delete().to(answer))).await;
        let request = test::TestRequest::delete().uri("/").set_payload("whole").to_request();
        assert_eq!(test::call_and_read_body(&app, request).await, "whole");
    }
}
