//! The middleware that lets requests in or not: reads what they say, and asks [`crate::access`].

use super::cookie::cookie;
use super::problem::Problem;
use super::site::Site;
use super::{client, login};
use crate::access::Credentials;
use crate::access::accounts::Visitor;
use crate::access::links;
use crate::access::needs::{Need, needs};
use crate::access::policy::{self, PageOrigin, Refusal};
use crate::access::rights::Rights;
use actix_web::body::BoxBody;
use actix_web::dev::{Payload, RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lenscap_actors::ids::StreamId;
use std::future::{Ready, ready};

/// The visitor of a request that was let in, and what it may do at that moment. Handlers ask for it as an argument.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Who it is.
    pub visitor: Visitor,
    /// What it may do.
    pub rights: Rights,
}

impl Guest {
    /// The stream of this name, if it may be watched. Whoever may not is not told whether there is one.
    ///
    /// # Errors
    ///
    /// If it may not, or there is none.
    pub fn stream(&self, site: &Site, name: &str) -> Result<StreamId, Problem> {
        self.may_view(name)?;
        site.stream(name)
    }

    /// Nothing, if this stream may be watched.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn may_view(&self, stream: &str) -> Result<(), Problem> {
        self.rights.may_view(stream).then_some(()).ok_or_else(|| Refusal::lacking_view(stream).into())
    }
}

impl FromRequest for Guest {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let guest = request.extensions().get::<Guest>().cloned();
        ready(guest.ok_or_else(|| Problem::internal("nobody has looked at this request")))
    }
}

/// The middleware.
pub async fn authorize(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(site) = request.app_data::<web::Data<Site>>().cloned() else {
        return Ok(request.into_response(Problem::internal("the server has no site").error_response()));
    };
    let pattern = pattern(&request);
    match let_in(&request, &site, needs(pattern.as_deref())).await {
        Ok(guest) => {
            request.extensions_mut().insert(guest);
            next.call(request).await
        }
        Err(refusal) => {
            site.access.count_refusal();
            // Not the path: there may be a secret in it.
            log::debug!("{} {} is refused: {refusal}", request.method(), pattern.unwrap_or_default());
            let response = match login::is_for_people(request.request()) {
                true => login::page_for(request.request(), &site, &refusal),
                false => Problem::from(refusal).error_response(),
            };
            Ok(request.into_response(response))
        }
    }
}

/// Which route a request is for: the router's own reading of the path, and no other.
pub fn pattern(request: &ServiceRequest) -> Option<String> {
    request.resource_map().match_pattern(request.match_info().as_str())
}

async fn let_in(request: &ServiceRequest, site: &Site, need: Need) -> Result<Guest, Refusal> {
    let accounts = site.access.accounts();
    source(request.request()).check(&accounts.hosts, &site.allowed_origins)?;
    let Need::Right(right) = need else {
        // Whatever is sent along: it is not looked at, and so can be neither wrong nor a burden.
        return Ok(Guest { visitor: Visitor::Anybody, rights: Rights::default() });
    };
    let (address, from) = client::whence(request.request());
    let visitor = site.access.identify(credentials(request.request()), address, from).await?;
    let rights = site.access.rights(&visitor);
    policy::may(right, &rights, &visitor, &accounts, from)?;
    Ok(Guest { visitor, rights })
}

/// What a request says of where it was made.
pub fn source(request: &HttpRequest) -> PageOrigin<'_> {
    PageOrigin {
        method: request.method(),
        is_socket: request.headers().contains_key(header::UPGRADE),
        host: host(request.head()),
        origin: text(request, header::ORIGIN),
        fetch_site: text(request, header::HeaderName::from_static("sec-fetch-site")),
        is_https: client::is_https(request),
    }
}

/// The name that a request was sent to: of HTTP/1.1 in `Host`, of HTTP/2 in `:authority` (RFC 9113, section 8.3.1).
pub fn host(head: &RequestHead) -> Option<&str> {
    let named = head.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    named.or_else(|| head.uri.authority().map(|authority| authority.as_str()))
}

fn text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// What a request shows; what is sent on purpose before what browsers send by themselves.
pub fn credentials(request: &HttpRequest) -> Credentials {
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        return value.to_str().map_or(Credentials::Unreadable, of_authorization);
    }
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let link = query.ok().and_then(|query| query.into_inner().into_iter().find(|(name, _)| name == links::PARAMETER));
    if let Some((_, text)) = link {
        return Credentials::Link(text);
    }
    match cookie(request) {
        Some(secret) => Credentials::Cookie(secret),
        None => Credentials::None,
    }
}

/// Bearer (RFC 6750) or Basic (RFC 7617).
fn of_authorization(value: &str) -> Credentials {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("bearer") {
        return Credentials::Bearer(rest.trim().to_owned());
    }
    let pair = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((name, password)) if scheme.eq_ignore_ascii_case("basic") => {
            Credentials::Basic(name.to_owned(), password.to_owned())
        }
        _ => Credentials::Unreadable,
    }
}

/// A page that another site sends a browser to does not turn a camera on by itself.
pub fn comes_from_another_site(request: &HttpRequest) -> bool {
    let of = |name| text(request, header::HeaderName::from_static(name));
    request.method() == Method::GET
        && matches!(of("sec-fetch-site"), Some("cross-site" | "same-site"))
        // In a frame only pages that `frame-ancestors` allows can have it.
        && of("sec-fetch-dest") == Some("document")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn shown(name: &str, value: &str) -> &'static str {
        match credentials(&TestRequest::default().insert_header((name, value)).to_http_request()) {
            Credentials::None => "none",
            Credentials::Cookie(secret) if secret == "abc" => "cookie",
            Credentials::Bearer(secret) if secret == "abc" => "bearer",
            Credentials::Basic(name, password) if (&*name, &*password) == ("ann", "a:b") => "basic",
            Credentials::Link(text) if text == "abc" => "link",
            Credentials::Unreadable => "unreadable",
            _ => "something else",
        }
    }

    #[test]
    fn credentials_are_read_and_rubbish_is_no_credential() {
        for (name, value, expected) in [
            ("authorization", "Bearer abc", "bearer"),
            ("authorization", "bearer  abc ", "bearer"),
            ("authorization", "Basic YW5uOmE6Yg==", "basic"),
            ("authorization", "BASIC YW5uOmE6Yg==", "basic"),
            ("authorization", "Basic YW5u", "unreadable"),
            ("authorization", "Basic ???", "unreadable"),
            ("authorization", "Digest YW5uOmE6Yg==", "unreadable"),
            ("authorization", "", "unreadable"),
            ("cookie", "lenscap=abc", "cookie"),
            ("cookie", "a=b; lenscap=abc; c=d", "cookie"),
            ("cookie", "xlenscap=abc", "none"),
            ("cookie", "lenscap", "none"),
            ("x-other", "lenscap=abc", "none"),
        ] {
            assert_eq!(shown(name, value), expected, "{name}: {value}");
        }
        for (query, expected) in [("link=abc", true), ("a=b&link=abc", true), ("links=abc", false), ("", false)] {
            let request = TestRequest::with_uri(&format!("/ws?{query}")).to_http_request();
            assert_eq!(credentials(&request) == Credentials::Link("abc".into()), expected, "{query}");
        }
    }
}
