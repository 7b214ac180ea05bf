//! Logging in and out: a page that works without JavaScript.

use super::cookie::{COOKIE, cookie};
use super::problem::Problem;
use super::site::Site;
use super::{client, files};
use crate::access::policy::{Place, Refusal};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Deserialize;
use std::time::Duration;

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/login").get(show).post(log_in)).service(web::resource("/logout").post(log_out));
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Form {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn show(next: web::Query<Next>) -> HttpResponse {
    page(StatusCode::OK, "", &next.next)
}

async fn log_in(request: HttpRequest, site: web::Data<Site>, form: web::Form<Form>) -> HttpResponse {
    let form = form.into_inner();
    let (address, from) = client::whence(&request);
    if from == Place::UnknownProxy {
        site.tell_of_unknown_proxy();
    }
    match site.access.log_in(&form.name, &form.password, cookie(&request), address).await {
        Ok((secret, lasts)) => to(&own_path(&form.next), Some(set_cookie(&request, &secret, lasts))),
        Err(refusal) => page(status(&refusal), &refusal.to_string(), &form.next),
    }
}

async fn log_out(request: HttpRequest, site: web::Data<Site>) -> HttpResponse {
    if let Some(secret) = cookie(&request) {
        site.access.log_out(&secret);
    }
    to("/login", Some(set_cookie(&request, "", Duration::ZERO)))
}

fn to(path: &str, cookie: Option<String>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, path)).insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(cookie) = cookie {
        response.insert_header((header::SET_COOKIE, cookie));
    }
    response.finish()
}

/// Scripts cannot read it, other sites' pages cannot have it sent, and over HTTPS it is sent over HTTPS only (RFC 6265bis).
fn set_cookie(request: &HttpRequest, secret: &str, lasts: Duration) -> String {
    let secure = if client::is_https(request) { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", lasts.as_secs())
}

/// A path of ours to go on to: whatever else is asked for could lead elsewhere.
fn own_path(next: &str) -> String {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_ours { next.to_owned() } else { "/".to_owned() }
}

fn status(refusal: &Refusal) -> StatusCode {
    Problem::from(refusal.clone()).status_code()
}

/// Whether an answer will be looked at by somebody, and not by a program.
pub fn is_for_people(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(*request.method(), Method::GET | Method::HEAD)
        && accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/html"))
}

/// What is shown instead of a page that was refused: the login, if that could help.
pub fn page_for(request: &HttpRequest, site: &Site, refusal: &Refusal) -> HttpResponse {
    let helps = matches!(refusal, Refusal::Unidentified) && !site.access.accounts().users.is_empty();
    if helps {
        let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
        let encoded: String = url::form_urlencoded::byte_serialize(asked.as_bytes()).collect();
        return to(&format!("/login?next={encoded}"), None);
    }
    let filled = files::text("refused.html").replace("<!--problem-->", &escaped(&sentence(&refusal.to_string())));
    files::html(status(refusal), filled)
}

fn page(status: StatusCode, problem: &str, next: &str) -> HttpResponse {
    let filled = files::text("login.html")
        .replace("<!--problem-->", &escaped(&sentence(problem)))
        .replace("<!--next-->", &escaped(&own_path(next)));
    files::html(status, filled)
}

/// With a capital letter and a full stop, if there is anything.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// As text of a page, or within double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_nobody_elses_page() {
        for (next, expected) in [
            ("/view/front", "/view/front"),
            ("/debug?x=1#y", "/debug?x=1#y"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("", "/"),
        ] {
            assert_eq!(own_path(next), expected, "{next:?}");
        }
        assert_eq!((sentence("it is so"), sentence("")), ("It is so.".to_owned(), String::new()));
        assert_eq!(escaped("\"><script>&"), "&quot;&gt;&lt;script&gt;&amp;");
    }
}
