//! The files of the pages, embedded in the binary.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "src/web"]
struct Files;

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
    let bytes = match file.data {
        // A part of the program: however many ask for it, there is one.
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    HttpResponse::Ok().content_type(kind).insert_header((header::CACHE_CONTROL, "no-cache")).body(bytes)
}
