//! The pages, embedded in the binary.

use super::Site;
use super::problem::Problem;
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use lenscap_actors::ids::StreamId;
use rust_embed::RustEmbed;

/// The pages load nothing from elsewhere. They may be shown in frames: `/view` is made for that.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'";

#[derive(RustEmbed)]
#[folder = "src/web"]
struct Files;

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    for (path, name) in [
        ("/", "index.html"),
        ("/lenscap.js", "lenscap.js"),
        ("/session.js", "session.js"),
        ("/connection.js", "connection.js"),
        ("/rescue.js", "rescue.js"),
        ("/presence.js", "presence.js"),
        ("/link-words.js", "link-words.js"),
        ("/gallery.js", "gallery.js"),
        ("/view.js", "view.js"),
        ("/controls.js", "controls.js"),
        ("/debug.js", "debug.js"),
        ("/debug-page.js", "debug-page.js"),
        ("/style.css", "style.css"),
    ] {
        app.service(web::resource(path).get(move || async move { file(name) }));
    }
    app.service(web::resource("/view/{stream}").get(view));
}

async fn view(site: web::Data<Site>, stream: web::Path<String>) -> Result<HttpResponse, Problem> {
    let id = StreamId::from(stream.as_str());
    if !site.root.streams.contains_key(&id) {
        return Err(Problem::unknown_stream(format!("there is no stream {id:?}")));
    }
    Ok(file("view.html"))
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
