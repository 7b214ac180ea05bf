//! The pages.

use super::authorize::{Guest, comes_from_another_site};
use super::files::{file, html, text};
use super::problem::Problem;
use super::site::Site;
use crate::access::needs::FILES;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

/// The pages load nothing from elsewhere, and send nothing there.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'";

/// The content security policy (W3C CSP 3). In frames pages are shown only by our own pages and those of allowed origins: a
/// frame that nobody sees would turn a camera on.
pub fn content_security_policy(allowed_origins: &[String]) -> String {
    format!(
        "{CONTENT_SECURITY_POLICY}; frame-ancestors {}",
        ["'self'".to_owned(), allowed_origins.join(" ")].join(" ").trim_end()
    )
}

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/").get(|| async { file("index.html") }));
    for path in FILES {
        app.service(web::resource(path).get(move || async move { file(&path[1..]) }));
    }
    app.service(web::resource("/view/{stream}").get(view));
}

async fn view(
    request: HttpRequest,
    guest: Guest,
    site: web::Data<Site>,
    stream: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = guest.stream(&site, &stream)?;
    let waits = if comes_from_another_site(&request) { " data-waits" } else { "" };
    let picture = site.pictures.of(&id).map(|picture| picture.at.to_string()).unwrap_or_default();
    let page = text("view.html").replace(" data-waits", waits);
    Ok(html(StatusCode::OK, page.replace("data-picture=\"\"", &format!("data-picture=\"{picture}\""))))
}
