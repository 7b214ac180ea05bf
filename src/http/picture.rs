//! The last picture of a stream: `GET /streams/{stream}/picture.jpg`. No camera is opened for it.

use super::authorize::Guest;
use super::problem::Problem;
use super::site::Site;
use actix_web::http::header::{
    CACHE_CONTROL, ETag, EntityTag, Header, HeaderName, HttpDate, IfModifiedSince, IfNoneMatch, LastModified,
};
use actix_web::{HttpRequest, HttpResponse, web};
use std::time::{Duration, UNIX_EPOCH};

/// Who may not read our answers may not show this picture, either.
const RESOURCE_POLICY: (HeaderName, &str) = (HeaderName::from_static("cross-origin-resource-policy"), "same-origin");

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/streams/{stream}/picture.jpg").get(show));
}

async fn show(
    request: HttpRequest,
    guest: Guest,
    site: web::Data<Site>,
    stream: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = guest.stream(&site, &stream)?;
    let picture = site.pictures.of(&id).ok_or_else(|| Problem::no_picture(&stream))?;
    let tag = EntityTag::new_strong(picture.at.to_string());
    let taken = HttpDate::from(UNIX_EPOCH + Duration::from_millis(picture.at));
    let known = is_known(&request, &tag, taken);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header(ETag(tag))
        .insert_header(LastModified(taken))
        .insert_header(RESOURCE_POLICY)
        // It shows a room: nothing of it is to stay behind on a visitor's disk.
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("image/jpeg");
    Ok(if known { response.finish() } else { response.body(picture.jpeg) })
}

/// Whether whoever asks has this picture already (RFC 9110, section 13.2.2).
pub fn is_known(request: &HttpRequest, tag: &EntityTag, taken: HttpDate) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) if !tags.is_empty() => tags.iter().any(|it| it.weak_eq(tag)),
        _ => IfModifiedSince::parse(request).is_ok_and(|IfModifiedSince(since)| {
            let seconds = |date: HttpDate| {
                std::time::SystemTime::from(date).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
            };
            seconds(taken) <= seconds(since)
        }),
    }
}
