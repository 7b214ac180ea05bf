//! Which web pages may connect. Browsers name the page's origin with every request that matters;
//! a page of ours, one that is configured, or a program that is no browser may go on.

use super::Site;
use super::problem::Problem;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{ResponseError, web};

/// The middleware: refuses. What browsers are told of the others, [`cors`](super::cors) does.
pub async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let guarded = request.path() == "/ws" || !matches!(*request.method(), Method::GET | Method::HEAD);
    let (origin, host) = (text(header::ORIGIN), text(header::HOST));
    let allowed = match request.app_data::<web::Data<Site>>() {
        Some(site) => is_allowed(origin.as_deref(), host.as_deref(), &site.allowed_origins),
        None => false,
    };
    if guarded && !allowed {
        let problem = Problem::unauthorised(format!(
            "pages of {} may not connect; `server.allowed_origins` can let them",
            origin.as_deref().unwrap_or("nowhere")
        ));
        return Ok(request.into_response(problem.error_response()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

fn is_own(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    matches!((authority, host), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
}

/// Whether a request with these headers may go on.
pub fn is_allowed(origin: Option<&str>, host: Option<&str>, configured: &[String]) -> bool {
    let Some(origin) = origin else { return true };
    is_own(origin, host) || configured.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_and_configured_ones_may_connect() {
        let configured = ["https://house.example".to_owned()];
        for (origin, host, expected) in [
            (None, Some("cam:8080"), true),
            (Some("http://cam:8080"), Some("cam:8080"), true),
            (Some("https://CAM:8080"), Some("cam:8080"), true),
            (Some("https://house.example"), Some("cam:8080"), true),
            (Some("http://house.example"), Some("cam:8080"), false),
            (Some("http://cam"), Some("cam:8080"), false),
            (Some("http://cam:8080.evil.example"), Some("cam:8080"), false),
            (Some("null"), Some("cam:8080"), false),
            (Some("http://evil.example"), None, false),
        ] {
            assert_eq!(is_allowed(origin, host, &configured), expected, "{origin:?} at {host:?}");
        }
    }
}
