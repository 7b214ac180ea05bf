//! The cookie of a login.

use actix_web::HttpRequest;
use actix_web::http::header;

/// Its name.
pub const COOKIE: &str = "lenscap";

/// The secret of a login's cookie (RFC 6265).
pub fn cookie(request: &HttpRequest) -> Option<String> {
    let pairs = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let mut pieces = pairs.flat_map(|line| line.split(';'));
    pieces.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| value.to_owned())
    })
}
