//! Users, tokens and links, and requests of those who have them.

use super::{OFFER, PATIENCE, Server, lenscap};
use actix_web::http::StatusCode;
use awc::ClientRequest;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// What they may watch, or may not.
pub const CAMERAS: &str =
    "[[camera]]\nid = \"front\"\nsource = \"test\"\n[[camera]]\nid = \"back\"\nsource = \"test\"\n";

/// Goes where it is sent, and no further.
pub fn visitor() -> awc::Client {
    awc::Client::builder().timeout(PATIENCE).disable_redirects().finish()
}

pub fn request(server: &Server, method: &str, path: &str) -> ClientRequest {
    let method = method.parse().unwrap();
    visitor().request(method, server.url(path)).insert_header(("Content-Type", "application/sdp"))
}

pub async fn status(request: ClientRequest) -> u16 {
    request.send_body(OFFER).await.unwrap().status().as_u16()
}

/// The answer's status and its JSON.
pub async fn answer(request: ClientRequest) -> (u16, Value) {
    let mut response = request.send_body(OFFER).await.unwrap();
    let body = response.body().await.unwrap();
    (response.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
}

/// Runs the program with this on its standard input.
pub fn lenscap_with(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lenscap"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Its section of the configuration, and its secret, which stands elsewhere.
pub fn new_token(name: &str) -> (String, String) {
    let made = lenscap(&["token", name]);
    let [section, words] = [made.stdout, made.stderr].map(|text| String::from_utf8(text).unwrap());
    let secret = words.split("Bearer ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(!section.contains(&secret), "what is put into a file keeps no secret");
    (section, secret)
}

/// `[access]` with the users ann (all), bob (front only) and a token for front.
pub struct Keys {
    pub section: String,
    pub token: String,
}

pub const PASSWORD: &str = "open sesame";

impl Keys {
    pub fn new() -> Self {
        let hash = lenscap_with(&["passwd"], &format!("{PASSWORD}\n"));
        let (made, token) = new_token("tv");
        let section = format!(
            "[access]\nlink_key = \"0123456789abcdef0123456789abcdef\"\n\
             [[access.user]]\nname = \"ann\"\npassword = \"{hash}\"\nadmin = true\n\
             [[access.user]]\nname = \"bob\"\npassword = \"{hash}\"\nview = [\"front\"]\n{}\n",
            made.replace("view = [\"*\"]", "view = [\"fr*\"]")
        );
        Self { section, token }
    }

    pub fn server(&self) -> Server {
        Server::start(&format!("{}{CAMERAS}[debug]\nallow_kill = true\n", self.section), "")
    }
}

/// Logs in and gives the cookie.
pub async fn log_in(server: &Server, name: &str) -> String {
    let form = format!("name={name}&password={}&next=%2Fview%2Ffront", PASSWORD.replace(' ', "+"));
    let post = visitor().post(server.url("/login")).content_type("application/x-www-form-urlencoded");
    let response = post.send_body(form).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers().get("Location").unwrap(), "/view/front");
    let cookie = response.headers().get("Set-Cookie").unwrap().to_str().unwrap().to_owned();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}
