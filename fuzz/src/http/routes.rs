//! Which route an address leads to: the one that it was let in for, and to the name that stands in it.

use super::head::Head;
use crate::problem::looked_at;
use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::middleware::{Next, from_fn};
use actix_web::rt::Runtime;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, FromRequest, HttpRequest, web};
use lenscap::access::needs::{Need, needs};
use lenscap::http::{authorize, errors, methods, routes};
use std::cell::RefCell;
use std::rc::Rc;

/// Longer names are not asked for again: an address has at most 64 KiB.
const NAME_BYTES_MAX: usize = 20_000;

/// What was answered.
struct Answered {
    /// The route for which it was let in.
    pattern: Option<String>,
    request: HttpRequest,
    status: u16,
    is_json: bool,
    body: Vec<u8>,
}

/// All routes of the server, without a site: they go as far as they can with what the request says.
type Routes = &'static dyn Fn(TestRequest) -> Answered;

fn routes_of_ours() -> Routes {
    let runtime = Runtime::new().unwrap();
    let pattern = Rc::new(RefCell::new(None));
    let seen = pattern.clone();
    let look = move |request: ServiceRequest, next: Next<BoxBody>| {
        *seen.borrow_mut() = authorize::pattern(&request);
        next.call(request)
    };
    let app = App::new()
        .wrap(from_fn(look))
        .wrap(from_fn(methods::complete))
        .wrap(from_fn(errors::as_json))
        .configure(routes);
    let service = runtime.block_on(init_service(app));
    // For as long as the process lives: a runtime cannot end with its thread.
    Box::leak(Box::new(move |request: TestRequest| {
        runtime.block_on(async {
            let response: ServiceResponse = service.call(request.to_request()).await.unwrap();
            let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            let (is_json, status) = (kind == "application/json", response.status().as_u16());
            let (request, response) = response.into_parts();
            let body = to_bytes(response.into_body()).await.unwrap().to_vec();
            Answered { pattern: pattern.take(), request, status, is_json, body }
        })
    }))
}

fn ask(request: TestRequest) -> Answered {
    thread_local!(static ROUTES: Routes = routes_of_ours());
    ROUTES.with(|routes| routes(request))
}

/// Looks at a request.
pub fn look(head: &Head) {
    let answered = ask(head.request());
    let text = String::from_utf8_lossy(&answered.body);
    if answered.status >= 400 && !answered.body.is_empty() {
        assert!(answered.is_json, "{}: {text:.200}", answered.status);
        looked_at(&answered.body);
    }
    // A route that everybody may have asks for nobody's rights: what does is let in as what it is.
    let wants_a_guest = text.contains("nobody has looked at this request");
    assert!(!wants_a_guest || needs(answered.pattern.as_deref()) != Need::Nothing, "{:?}", answered.pattern);
    // The router has found what stands in the pattern, and nothing else.
    let found: Vec<&str> = answered.request.match_info().iter().map(|(name, _)| name).collect();
    let pattern = answered.pattern.as_deref().unwrap_or_default();
    let named: Vec<&str> = pattern.split('{').skip(1).filter_map(|rest| rest.split(['}', ':']).next()).collect();
    assert_eq!(found, named, "{pattern}");
    if pattern == "/login" && answered.status == 200 && !text.is_empty() {
        let marks = |text: &str| text.chars().filter(|letter| "<>\"".contains(*letter)).count();
        let without = ask(TestRequest::with_uri("/login"));
        assert_eq!(marks(&text), marks(&String::from_utf8_lossy(&without.body)), "{}", head.target);
    }
    let name = web::Path::<String>::from_request(&answered.request, &mut Payload::None).into_inner();
    if let Ok(name) = name {
        by_name(&name);
    }
}

/// Whatever a stream is called, its address leads to it: written in full, it is read once.
fn by_name(name: &str) {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return;
    }
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answered = ask(TestRequest::with_uri(&format!("/view/{encoded}")));
    assert_eq!(answered.pattern.as_deref(), Some("/view/{stream}"));
    let found = web::Path::<String>::from_request(&answered.request, &mut Payload::None).into_inner();
    assert_eq!(found.unwrap().as_str(), name);
}
