//! Who may come in.

use crate::support::keys::*;
use crate::support::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Every route, with a method that it answers.
const ROUTES: [(&str, &str); 20] = [
    ("GET", "/"),
    ("GET", "/view/front"),
    ("GET", "/streams"),
    ("GET", "/streams/events"),
    ("GET", "/streams/front/picture.jpg"),
    ("GET", "/ws"),
    ("POST", "/whep/front"),
    ("GET", "/cameras/front/controls"),
    ("PUT", "/cameras/front/controls"),
    ("GET", "/debug"),
    ("GET", "/debug/events"),
    ("POST", "/debug/actors/root/cameras/restart"),
    ("POST", "/debug/actors/root/cameras/kill"),
    ("GET", "/metrics"),
    // Other ways to write some of these.
    ("GET", "/%64ebug"),
    ("GET", "/debug?x=/login"),
    ("GET", "/debug%3f"),
    ("POST", "/whep/%66ront"),
    ("GET", "/login/../debug"),
    ("GET", "/nothing/of/this/name"),
];

/// What anybody may have: it shows nothing of cameras.
const PUBLIC: [(&str, &str); 7] = [
    ("GET", "/login"),
    ("GET", "/lenscap.js"),
    ("GET", "/style.css"),
    ("GET", "/healthz"),
    ("POST", "/peers/0123/leave"),
    ("DELETE", "/whep/front/0123"),
    ("POST", "/logout"),
];

#[test]
fn every_route_of_the_reference_is_tried() {
    // `{…}` of a pattern is whatever stands there; the path of an actor has several parts.
    let is_one_of = |path: &str, pattern: &str| {
        let fixed: Vec<&str> = pattern.split(['{', '}']).step_by(2).collect();
        let parts = |path: &str| path.matches('/').count();
        match &fixed[..] {
            [whole] => path == *whole,
            [first, .., last] => path.starts_with(first) && path.ends_with(last) && parts(path) >= parts(pattern),
            [] => false,
        }
    };
    for pattern in crate::routes::documented().into_keys() {
        let tried = ROUTES.iter().chain(&PUBLIC).any(|(_, path)| is_one_of(path, &pattern));
        assert!(tried, "{pattern} is neither in ROUTES nor in PUBLIC");
    }
}

#[actix::test]
async fn a_foreign_name_that_points_here_reaches_nothing() {
    let server = Server::start(CAMERAS, "");
    for (method, path) in ROUTES.iter().chain(&PUBLIC) {
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"] {
            let origin = format!("http://{host}");
            let request =
                request(&server, method, path).insert_header(("Host", host)).insert_header(("Origin", origin));
            assert_eq!(status(request).await, 421, "{method} {path} as {host}");
        }
    }
    let report = server.debug().await;
    assert!(report["cameras"].as_array().unwrap().iter().all(|camera| camera["opens"] == 0), "{report:#}");
}

#[actix::test]
async fn without_accounts_only_this_machine_may_come() {
    let server = Server::start(CAMERAS, "trusted_proxies = [\"127.0.0.1\"]");
    for (method, path) in ROUTES {
        let from_elsewhere = request(&server, method, path).insert_header(("X-Forwarded-For", "192.0.2.1"));
        let (code, problem) = answer(from_elsewhere).await;
        assert_eq!((code, problem["code"].as_str()), (403, Some("unauthorised")), "{method} {path}: {problem}");
        assert!(problem["message"].as_str().unwrap().contains("[access]"), "{problem}");
    }
    let from_here = request(&server, "GET", "/debug").insert_header(("X-Forwarded-For", "127.0.0.1"));
    assert_eq!(status(from_here).await, 200);
    // What a proxy does not say, or says so that it cannot be read, is not believed; nor is what is no proxy.
    assert_eq!(status(request(&server, "GET", "/debug")).await, 403);
    for unreadable in [&b"\xff"[..], b"unknown", b"127.0.0.1, \xff", b"unix:", b""] {
        let value = actix_web::http::header::HeaderValue::from_bytes(unreadable).unwrap();
        let request = request(&server, "GET", "/debug").insert_header(("X-Forwarded-For", value));
        assert_eq!(status(request).await, 403, "{unreadable:?}");
    }
    let server = Server::start(CAMERAS, "");
    assert_eq!(status(request(&server, "GET", "/debug")).await, 200);
    for header in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Host"] {
        let passed_on = request(&server, "GET", "/debug").insert_header((header, "127.0.0.1"));
        assert_eq!(status(passed_on).await, 403, "{header}");
    }
}

#[actix::test]
async fn another_address_of_this_machine_is_not_this_machine() {
    // It sends nothing, but finds the way there.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("203.0.113.1:9").expect("a network: without one there is no other address");
    let own = socket.local_addr().unwrap().ip();
    assert!(!own.is_loopback());
    for section in ["[access]\nlink_key = \"0123456789abcdef0123456789abcdef\"\n", "[access]\nopen = true\n"] {
        let server = Server::start_everywhere(&format!("{section}{CAMERAS}"));
        let port = server.address.rsplit(':').next().unwrap();
        for (host, expected) in [(own.to_string(), 403), ("127.0.0.1".to_owned(), 200)] {
            let request = visitor().get(format!("http://{host}:{port}/debug"));
            assert_eq!(status(request).await, expected, "{host} with {section}");
        }
    }
}

#[test]
fn a_network_is_served_only_if_somebody_has_an_account_or_everybody_is_meant() {
    let folder = Folder::new();
    let check = |text: &str| {
        let file = folder.file("config.toml", &format!("[server]\nlisten = \"0.0.0.0:0\"\n{text}"));
        let output = lenscap(&["check", "--config", file.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, words) = check("");
    assert_eq!(code, Some(2));
    assert!(words.contains("server.listen") && words.contains("[access]") && words.contains("open = true"), "{words}");
    assert_eq!(check("[access]\nopen = true").0, Some(0));
    assert_eq!(check(&Keys::new().section).0, Some(0));
    for (wrong, word) in [
        ("[access]\nhosts = [\"a b\"]", "access.hosts"),
        ("[[access.user]]\nname = \"a:b\"\npassword = \"x\"", "access.user.name"),
        ("[[access.user]]\nname = \"ann\"\npassword = \"open sesame\"", "lenscap passwd"),
        ("[[access.token]]\nname = \"tv\"\nhash = \"secret\"", "lenscap token"),
        ("[access]\nlink_key = \"short\"", "access.link_key"),
    ] {
        let (code, words) = check(wrong);
        assert!(code == Some(2) && words.contains(word), "{wrong}: {words}");
        assert!(!words.contains("open sesame") && !words.contains("secret"), "{words}");
    }
}

#[actix::test]
async fn every_route_asks_who_comes_but_those_that_show_nothing() {
    let server = Keys::new().server();
    for (method, path) in ROUTES {
        let (code, problem) = answer(request(&server, method, path)).await;
        assert_eq!((code, problem["code"].as_str()), (401, Some("unauthorised")), "{method} {path}");
        for wrong in ["Bearer wrong", "Bearer", "Basic YW5u", "Digest x"] {
            let request = request(&server, method, path).insert_header(("Authorization", wrong));
            assert_eq!(status(request).await, 401, "{method} {path} with {wrong}");
        }
    }
    for (method, path) in PUBLIC {
        let code = status(request(&server, method, path)).await;
        assert!(code < 400, "{method} {path}: {code}");
    }
    // Whoever looks is led to the login, and back.
    let page = request(&server, "GET", "/view/front?a=b").insert_header(("Accept", "text/html"));
    let response = page.send().await.unwrap();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers().get("Location").unwrap(), "/login?next=%2Fview%2Ffront%3Fa%3Db");
}

/// What HTTP libraries would tidy up is sent as it is.
#[test]
fn no_way_to_write_a_path_leads_past_the_door() {
    let server = Keys::new().server();
    for path in [
        "//debug",
        "/./debug",
        "/x/../debug",
        "/%2e%2e/debug",
        "/debug/",
        "/debug%00",
        "/debug%2f",
        "/DEBUG",
        "/debug;x",
        "/login/%2e%2e/debug",
        "/lenscap.js/../debug",
        "/lenscap.js%2f..%2fdebug",
        "/healthz/../metrics",
        "/metrics%20",
        "/peers/x/leave/../../../debug",
        "/%64%65%62%75%67",
        "/debug%",
        "/\u{ff}debug",
        "*",
        "http://x/debug",
    ] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let code = answer.split(' ').nth(1).unwrap_or("none").to_owned();
        assert!(["400", "401", "403", "404", "421"].contains(&&*code), "{path:?}: {answer}");
        assert!(!answer.contains("uptime"), "{path:?}: {answer}");
    }
}

#[actix::test]
async fn a_right_password_that_is_sent_many_times_at_once_is_one_try() {
    let keys = Keys::new();
    let server = keys.server();
    let basic = |words| ("Authorization", format!("Basic {words}"));
    let ask = |words| status(request(&server, "GET", "/streams").insert_header(basic(words)));
    let right = (0..30).map(|_| ask("Ym9iOm9wZW4gc2VzYW1l"));
    assert_eq!(futures_util::future::join_all(right).await, vec![200; 30]);
    // Wrong ones are tries, each of them.
    let wrong = (0..30).map(|_| ask("Ym9iOndyb25n"));
    let answers = futures_util::future::join_all(wrong).await;
    let tried = answers.iter().filter(|status| **status == 401).count();
    assert!((1..=8).contains(&tried) && answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
}

#[actix::test]
async fn each_may_do_what_the_configuration_says_and_no_more() {
    let keys = Keys::new();
    let server = keys.server();
    let (ann, bob) = (log_in(&server, "ann").await, log_in(&server, "bob").await);
    let bearer = format!("Bearer {}", keys.token);
    let basic = "Basic Ym9iOm9wZW4gc2VzYW1l".to_owned();
    for (header, value, expected) in [
        ("Cookie", &ann, [200, 201, 201, 200, 200, 200]),
        ("Cookie", &bob, [200, 201, 403, 403, 403, 403]),
        ("Authorization", &basic, [200, 201, 403, 403, 403, 403]),
        ("Authorization", &bearer, [200, 201, 403, 403, 403, 403]),
    ] {
        let asked = [
            ("GET", "/streams"),
            ("POST", "/whep/front"),
            ("POST", "/whep/back"),
            ("GET", "/cameras/front/controls"),
            ("GET", "/debug"),
            ("GET", "/metrics"),
        ];
        for ((method, path), expected) in asked.into_iter().zip(expected) {
            let request = request(&server, method, path).insert_header((header, value.as_str()));
            assert_eq!(status(request).await, expected, "{method} {path} by {value}");
        }
    }
    // Of a stream that one may not watch nothing is told.
    let (_, streams) = answer(request(&server, "GET", "/streams").insert_header(("Cookie", bob.as_str()))).await;
    let names: Vec<&Value> = streams["streams"].as_array().unwrap().iter().map(|stream| &stream["id"]).collect();
    assert_eq!(names, ["front"]);
    // And by signalling neither, at first or by a switch.
    let (_, mut socket) = visitor().ws(server.url("/ws")).header("Cookie", bob.as_str()).connect().await.unwrap();
    say(&mut socket, &serde_json::json!({ "type": "watch", "stream": "back", "sdp": OFFER })).await;
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "unauthorised");
    say(&mut socket, &serde_json::json!({ "type": "watch", "stream": "front", "sdp": OFFER })).await;
    hear(&mut socket, "answer").await.unwrap();
    say(&mut socket, &serde_json::json!({ "type": "switch", "stream": "back" })).await;
    assert_eq!(hear(&mut socket, "error").await.unwrap()["code"], "unauthorised");
}

#[actix::test]
async fn a_login_is_its_own_and_ends() {
    let server = Keys::new().server();
    let wrong = visitor().post(server.url("/login")).content_type("application/x-www-form-urlencoded");
    let mut response = wrong.send_body("name=ann&password=wrong&next=%22%3E%3Cscript%3E").await.unwrap();
    assert_eq!(response.status(), 401);
    let page = String::from_utf8(response.body().await.unwrap().to_vec()).unwrap();
    assert!(page.contains("is not right") && !page.contains("<script"), "{page}");
    // A cookie that somebody else has chosen is no login, and does not become one (session fixation).
    let chosen = "lenscap=0123456789abcdef";
    let form = format!("name=bob&password={}", PASSWORD.replace(' ', "+"));
    let post = visitor().post(server.url("/login")).content_type("application/x-www-form-urlencoded");
    let response = post.insert_header(("Cookie", chosen)).send_body(form).await.unwrap();
    let cookie = response.headers().get("Set-Cookie").unwrap().to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(cookie, chosen);
    let list = |cookie: &str| request(&server, "GET", "/streams").insert_header(("Cookie", cookie.to_owned()));
    assert_eq!((status(list(chosen)).await, status(list(&cookie)).await), (401, 200));
    let out = visitor().post(server.url("/logout")).insert_header(("Cookie", cookie.as_str()));
    assert_eq!(out.send().await.unwrap().status(), 303);
    assert_eq!(status(list(&cookie)).await, 401);
}

#[actix::test]
async fn guessing_is_slowed_down() {
    let server = Keys::new().server();
    let mut codes = vec![];
    for nth in 0..12 {
        let post = visitor().post(server.url("/login")).content_type("application/x-www-form-urlencoded");
        codes.push(post.send_body(format!("name=ann&password=guess{nth}")).await.unwrap().status().as_u16());
    }
    assert_eq!(codes[..8], [401; 8]);
    assert!(codes.contains(&429), "{codes:?}");
}

#[actix::test]
async fn tries_through_an_unknown_proxy_do_not_fill_the_log() {
    let server = Keys::new().server();
    let post = || visitor().post(server.url("/login")).insert_header(("Via", "1.1 x"));
    for _ in 0..200 {
        let post = post().content_type("application/x-www-form-urlencoded");
        post.send_body("name=ann&password=wrong").await.unwrap();
    }
    server.until_logged("not in `server.trusted_proxies`").await;
    let log = server.log();
    assert_eq!(log.lines().filter(|line| line.contains("server.trusted_proxies")).count(), 1, "{log}");
    assert!(log.lines().count() < 50, "{log}");
}

#[actix::test]
async fn no_page_of_another_site_changes_anything() {
    let keys = Keys::new();
    let server = keys.server();
    let cookie = log_in(&server, "ann").await;
    let changing = [
        ("GET", "/ws"),
        ("POST", "/whep/front"),
        ("PUT", "/cameras/front/controls"),
        ("POST", "/debug/actors/root/cameras/restart"),
        ("POST", "/debug/actors/root/cameras/kill"),
        ("POST", "/login"),
        ("POST", "/logout"),
        ("POST", "/peers/0123/leave"),
        ("DELETE", "/whep/front/0123"),
        ("PATCH", "/whep/front/0123"),
        ("DELETE", "/whep/front/0123"),
    ];
    for (method, path) in changing {
        for (header, value) in [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            let request = request(&server, method, path)
                .insert_header(("Cookie", cookie.as_str()))
                .insert_header((header, value));
            let request = if path == "/ws" { request.insert_header(("Upgrade", "websocket")) } else { request };
            assert_eq!(status(request).await, 403, "{method} {path} with {header}: {value}");
        }
    }
    // Nor does it show one of ours within its own.
    let page = request(&server, "GET", "/view/front").insert_header(("Cookie", cookie.as_str())).send().await.unwrap();
    let policy = page.headers().get("Content-Security-Policy").unwrap().to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
    // And a browser that it sends here waits for a click.
    for (site, waits) in [("cross-site", true), ("same-origin", false), ("none", false)] {
        let page = request(&server, "GET", "/view/front")
            .insert_header(("Cookie", cookie.as_str()))
            .insert_header(("Sec-Fetch-Site", site))
            .insert_header(("Sec-Fetch-Dest", "document"));
        let text = page.send().await.unwrap().body().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&text).contains("data-waits"), waits, "{site}");
    }
}

#[actix::test]
async fn who_may_set_a_camera_is_not_told_by_which_device_it_is_had() {
    let keys = Keys::new();
    let section = keys.section.replace("[\"front\"]\n", "[\"front\"]\ncontrol = true\n");
    let server = Server::start(&format!("{section}[[camera]]\nid = \"front\"\nsource = \"v4l2:/dev/nothing\"\n"), "");
    for (name, is_told) in [("ann", true), ("bob", false)] {
        let cookie = log_in(&server, name).await;
        for method in ["GET", "PUT"] {
            let request = request(&server, method, "/cameras/front/controls").insert_header(("Cookie", &*cookie));
            let mut response = request.send_body("{}").await.unwrap();
            let words = String::from_utf8(response.body().await.unwrap().to_vec()).unwrap();
            assert_eq!((response.status().as_u16(), words.contains("camera_absent")), (409, true), "{name}: {words}");
            assert_eq!(words.contains("/dev"), is_told, "{method} by {name}: {words}");
        }
    }
}

#[actix::test]
async fn cameras_are_set_only_by_who_may_see_them() {
    let keys = Keys::new();
    let server = Server::start(
        &format!("{}{CAMERAS}", keys.section.replace("[\"front\"]\n", "[\"front\"]\ncontrol = true\n")),
        "",
    );
    let bob = log_in(&server, "bob").await;
    for (camera, expected) in [("front", 200), ("back", 403), ("nothing", 403)] {
        let request = request(&server, "GET", &format!("/cameras/{camera}/controls"));
        assert_eq!(status(request.insert_header(("Cookie", bob.as_str()))).await, expected, "{camera}");
    }
}
