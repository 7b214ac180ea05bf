//! Server-sent events, as all who follow something are answered.

use actix_web::http::header;
use actix_web::{Error, HttpResponse};
use bytes::Bytes;
use futures_util::Stream;

/// What is sent where there is nothing to say, so that it is noticed when nobody reads any more, or may not; and by who reads, when
/// nothing comes any more: comments are seen by no page.
pub const BEAT: Bytes = Bytes::from_static(b"event: beat\ndata: {}\n\n");

/// An answer that goes on as long as these events do.
pub fn answer(events: impl Stream<Item = Result<Bytes, Error>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(events)
}
