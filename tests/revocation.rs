//! What happens to who may not watch any more.

use crate::support::keys::*;
use crate::support::*;
use serde_json::Value;

#[actix::test]
async fn whoever_loses_the_right_is_let_go_at_once() {
    let keys = Keys::new();
    let server = keys.server();
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let (_, mut socket) = visitor().ws(server.url("/ws")).header("Cookie", bob.as_str()).connect().await.unwrap();
    say(&mut socket, &serde_json::json!({ "type": "watch", "stream": "front", "sdp": OFFER })).await;
    hear(&mut socket, "answer").await.unwrap();
    let by_token = request(&server, "POST", "/whep/front")
        .insert_header(("Authorization", format!("Bearer {}", keys.token)))
        .send_body(OFFER)
        .await
        .unwrap();
    assert_eq!(by_token.status(), 201);
    let debug = || request(&server, "GET", "/debug").insert_header(("Cookie", ann.as_str()));
    let viewers = |report: &Value| report["peers"].as_array().unwrap().len();
    assert_eq!(viewers(&answer(debug()).await.1), 2);
    // A file that is wrong changes nothing.
    server.rewrite("[server]\nlisten = \"127.0.0.1:0\"\n[access]\nnonsense = 1\n");
    server.signal(libc::SIGHUP);
    server.until_logged("[access] stays as it was").await;
    assert_eq!(viewers(&answer(debug()).await.1), 2);
    // bob is gone from it, and the token, too.
    let section = keys.section.split("[[access.user]]\nname = \"bob\"").next().unwrap();
    server.rewrite(&format!("[server]\nlisten = \"127.0.0.1:0\"\n{section}{CAMERAS}"));
    server.signal(libc::SIGHUP);
    assert_eq!(hear(&mut socket, "closed").await.unwrap()["cause"], "revoked");
    server.until_logged("[access] was read again").await;
    let report = loop {
        let (_, report) = answer(debug()).await;
        if viewers(&report) == 0 && report["releases"].as_array().is_some_and(|all| all.len() == 2) {
            break report;
        }
    };
    assert!(report["releases"].as_array().unwrap().iter().all(|it| it["cause"] == "revoked"), "{report:#}");
    assert_eq!(status(request(&server, "GET", "/streams").insert_header(("Cookie", bob.as_str()))).await, 401);
}

#[actix::test]
async fn what_was_proved_by_a_secret_ends_with_it() {
    let keys = Keys::new();
    let server = keys.server();
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let bearer = format!("Bearer {}", keys.token);
    let folder = Folder::new();
    let file = folder.file("config.toml", &format!("{}{CAMERAS}", keys.section));
    let link = lenscap_with(&["link", "front", "--for", "2h", "--config", file.to_str().unwrap()], "");
    let by_link = format!("/whep/front?{}", link.split_once('?').unwrap().1);
    for (path, header, value) in [
        ("/whep/front", "Cookie", &bob),
        ("/whep/front", "Authorization", &"Basic Ym9iOm9wZW4gc2VzYW1l".to_owned()),
        ("/whep/front", "Authorization", &bearer),
        (by_link.as_str(), "X-Nothing", &String::new()),
    ] {
        assert_eq!(status(request(&server, "POST", path).insert_header((header, value.as_str()))).await, 201);
    }
    // The same names with other secrets; only ann's is what it was.
    let (bobs, of_bob) = keys.section.split_once("name = \"bob\"\npassword = \"").unwrap();
    let (_, rest) = of_bob.split_once('"').unwrap();
    let changed = format!("{bobs}name = \"bob\"\npassword = \"{}\"{rest}", lenscap_with(&["passwd"], "another one\n"));
    let changed = changed.replace("0123456789abcdef0123456789abcdef", "another key of thirty-two characters");
    let old = changed.split("hash = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let new = new_token("tv").0.split("hash = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    server.rewrite(&format!("[server]\nlisten = \"127.0.0.1:0\"\n{}{CAMERAS}", changed.replace(&old, &new)));
    server.signal(libc::SIGHUP);
    server.until_logged("[access] was read again").await;
    let debug = || request(&server, "GET", "/debug").insert_header(("Cookie", ann.as_str()));
    while !answer(debug()).await.1["peers"].as_array().unwrap().is_empty() {}
    for (header, value) in
        [("Cookie", &bob), ("Authorization", &"Basic Ym9iOm9wZW4gc2VzYW1l".to_owned()), ("Authorization", &bearer)]
    {
        let request = request(&server, "GET", "/streams").insert_header((header, value.as_str()));
        assert_eq!(status(request).await, 401, "{value}");
    }
    assert_eq!(status(request(&server, "POST", &by_link)).await, 401);
}

#[actix::test]
async fn a_link_plays_its_stream_until_its_time_and_no_longer() {
    let keys = Keys::new();
    let server = keys.server();
    let folder = Folder::new();
    let file = folder.file("config.toml", &format!("{}{CAMERAS}", keys.section));
    let link = |stream: &str, lasts: &str| {
        lenscap_with(&["link", stream, "--for", lasts, "--config", file.to_str().unwrap()], "")
    };
    let of = |path: &str, link: &str| {
        let carried = link.split_once('?').unwrap().1;
        request(&server, if path.starts_with("/whep") { "POST" } else { "GET" }, &format!("{path}?{carried}"))
    };
    let front = link("front", "2h");
    assert!(front.starts_with("/view/front?link="), "{front}");
    for (path, expected) in
        [("/view/front", 200), ("/whep/front", 201), ("/whep/back", 403), ("/debug", 403), ("/", 200)]
    {
        assert_eq!(status(of(path, &front)).await, expected, "{path}");
    }
    assert_eq!(status(of("/whep/front", &front.replace("front.", "back."))).await, 401);
    assert_eq!(status(of("/whep/front", &link("front", "0s"))).await, 401);
    // Who watches when it ends is let go.
    let short = link("front", "2s");
    let (_, mut socket) =
        visitor().ws(server.url(&format!("/ws?{}", short.split_once('?').unwrap().1))).connect().await.unwrap();
    say(&mut socket, &serde_json::json!({ "type": "watch", "stream": "front", "sdp": OFFER })).await;
    hear(&mut socket, "answer").await.unwrap();
    assert_eq!(hear(&mut socket, "closed").await.unwrap()["cause"], "revoked");
    assert_eq!(status(of("/whep/front", &short)).await, 401);
}
