//! The pages, embedded in the binary.

use super::Site;
use super::authorize::{Guest, comes_from_another_site};
use super::problem::Problem;
use crate::access::needs::FILES;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

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

#[derive(RustEmbed)]
#[folder = "src/web"]
struct Files;

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
    guest.may_view(&stream)?;
    let id = site.stream(&stream)?;
    let waits = if comes_from_another_site(&request) { " data-waits" } else { "" };
    let picture = site.pictures.of(&id).map(|picture| picture.at.to_string()).unwrap_or_default();
    let page = text("view.html").replace(" data-waits", waits);
    Ok(html(StatusCode::OK, page.replace("data-picture=\"\"", &format!("data-picture=\"{picture}\""))))
}

/// The text of an embedded page.
pub fn text(name: &str) -> String {
    Files::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned()).unwrap_or_default()
}

/// A page that was made for this request.
pub fn html(status: StatusCode, text: String) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    // A page that is not stored is not kept for going back to it, either.
    response.content_type("text/html; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-cache")).body(text)
}

/// One embedded file.
pub fn file(name: &str) -> HttpResponse {
    let Some(file) = Files::get(name) else { return HttpResponse::NotFound().finish() };
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        _ => "text/html; charset=utf-8",
    };
    HttpResponse::Ok()
        .content_type(kind)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(file.data.into_owned())
}
