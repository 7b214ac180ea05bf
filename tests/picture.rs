//! The last picture of a stream: it stays when the camera is closed, whoever may not watch does not see it, and no camera is
//! opened for it.

use crate::support::keys::Keys;
use crate::support::raw::{Reply, ask};
use crate::support::*;
use serde_json::{Value, json};
use std::time::Instant;

const CAMERAS: &str = "[[camera]]\nid = \"front\"\nsource = \"test\"\nsize = [1280, 720]\n\
                       [[camera]]\nid = \"never\"\nsource = \"test\"\nsize = [320, 240]\n";

const PICTURE: &str = "/streams/front/picture.jpg";

/// What visitors are told of the stream "front".
async fn front(server: &Server) -> Value {
    let mut reply = client().get(server.url("/streams")).send().await.unwrap();
    let all: Value = reply.json().await.unwrap();
    all["streams"].as_array().unwrap().iter().find(|it| it["id"] == json!("front")).unwrap().clone()
}

/// Somebody watches until there is a picture, and leaves.
async fn watch_for_a_moment(server: &Server) -> u64 {
    let session = watch_by_whep(server, "front").await;
    let deadline = Instant::now() + PATIENCE;
    while front(server).await["picture_at"].is_null() {
        assert!(Instant::now() < deadline, "there is no picture");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(ask(server, "DELETE", &session, &[], "").status, 200);
    front(server).await["picture_at"].as_u64().unwrap()
}

#[actix::test]
async fn the_last_picture_stays_when_the_camera_is_closed_and_opens_none() {
    let server = Server::start(CAMERAS, "");
    let none = ask(&server, "GET", PICTURE, &[], "");
    assert_eq!((none.status, none.code().as_str()), (404, "no_picture"));
    assert_eq!(ask(&server, "GET", "/streams/nothing/picture.jpg", &[], "").code(), "unknown_stream");
    watch_for_a_moment(&server).await;
    let opens = server.debug().await["cameras"].clone();
    assert_eq!(opens[0]["state"], json!("closed"));
    let mut reply = client().get(server.url(PICTURE)).send().await.unwrap();
    assert_eq!(reply.headers().get("content-type").unwrap(), "image/jpeg");
    assert_eq!(reply.headers().get("cache-control").unwrap(), "no-store");
    assert_eq!(reply.headers().get("cross-origin-resource-policy").unwrap(), "same-origin");
    let jpeg = reply.body().await.unwrap();
    let mut image = lenscap::codec::I420::default();
    lenscap::codec::JpegDecoder::new().decode(&jpeg, &mut image).unwrap();
    assert_eq!((image.width, image.height), (640, 360));
    let after = server.debug().await["cameras"].clone();
    for (nth, expected) in [(0, 1), (1, 0)] {
        assert_eq!((&after[nth]["opens"], &after[nth]["state"]), (&json!(expected), &json!("closed")));
    }
}

#[actix::test]
async fn whoever_has_the_picture_is_not_sent_it_again() {
    let server = Server::start(CAMERAS, "");
    watch_for_a_moment(&server).await;
    let get = |header: &[(&str, &str)]| -> Reply { ask(&server, "HEAD", PICTURE, header, "") };
    // The last one of all is made when nobody watches any more.
    let mut tag = get(&[]).header("etag").unwrap().to_owned();
    let deadline = Instant::now() + PATIENCE;
    while get(&[("If-None-Match", &tag)]).status != 304 {
        assert!(Instant::now() < deadline);
        tag = get(&[]).header("etag").unwrap().to_owned();
    }
    let taken = get(&[]).header("last-modified").unwrap().to_owned();
    for (header, status) in [
        (("If-None-Match", "*"), 304),
        (("If-None-Match", "\"1\""), 200),
        (("If-Modified-Since", taken.as_str()), 304),
        (("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"), 200),
        (("If-Modified-Since", "rubbish"), 200),
    ] {
        assert_eq!(get(&[header]).status, status, "{header:?}");
    }
    let both = [("If-None-Match", "\"1\""), ("If-Modified-Since", taken.as_str())];
    assert_eq!(get(&both).status, 200, "the tag knows better");
}

#[actix::test]
async fn whoever_may_not_watch_a_stream_sees_no_picture_of_it_and_is_not_told_of_any() {
    let keys = Keys::new();
    let server = keys.server();
    let bearer = format!("Bearer {}", keys.token);
    let bearer = [("Authorization", bearer.as_str())];
    assert_eq!(ask(&server, "GET", PICTURE, &[], "").status, 401);
    assert_eq!(ask(&server, "GET", PICTURE, &bearer, "").code(), "no_picture");
    for back in ["/streams/back/picture.jpg", "/streams/nothing/picture.jpg"] {
        let refused = ask(&server, "GET", back, &bearer, "");
        assert_eq!((refused.status, refused.code().as_str()), (403, "unauthorised"), "{back}");
    }
}
