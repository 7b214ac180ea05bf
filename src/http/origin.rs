//! What pages of configured origins may do: the answers to what browsers ask before they send (the CORS protocol of the Fetch
//! standard). That others may nothing is decided by [`super::guard`].

use super::{Site, guard};
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

/// The middleware.
pub async fn answer(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let source = guard::source(request.request());
    let site = request.app_data::<web::Data<Site>>();
    let allowed = |origin: &&str| {
        site.is_some_and(|site| site.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)))
    };
    let cross = source.origin.filter(|_| !source.is_own()).filter(allowed).map(str::to_owned);
    let mut response = if cross.is_some() && request.method() == Method::OPTIONS {
        request.into_response(HttpResponse::NoContent())
    } else {
        next.call(request).await?
    };
    if let Some(Ok(origin)) = cross.map(|origin| header::HeaderValue::from_str(&origin)) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, header::HeaderValue::from_static("Origin"));
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, PATCH, DELETE"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, If-Match"),
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Location, ETag, Server-Timing"),
        ] {
            headers.insert(name, header::HeaderValue::from_static(value));
        }
    }
    Ok(response)
}
