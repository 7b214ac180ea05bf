//! How long a request may take to come: who sends a byte now and then holds a connection for ever.
//!
//! Heads have a time limit of their own. What is answered piece by piece, and WebSockets, have been answered by then.

use super::problem::Problem;
use super::site::Site;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, web};

/// The middleware.
pub async fn limit(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    let site = request.app_data::<web::Data<Site>>().cloned();
    let answer = next.call(request);
    match site {
        Some(site) => {
            let answered = tokio::time::timeout(site.limits.request_timeout, answer).await;
            answered.unwrap_or_else(|_| Err(Problem::too_slow(site.limits.request_timeout).into()))
        }
        None => answer.await,
    }
}
