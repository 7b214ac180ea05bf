//! What single values of the configuration may be; the words say what is expected instead.

use super::source::Source;
use crate::capture::pixel_format::PixelFormat;
use std::net::{IpAddr, SocketAddr};
use url::Url;

/// A name of a camera, a stream or a token.
///
/// # Errors
///
/// In words, if it is none.
pub fn check_id(id: &str) -> Result<String, String> {
    let fine =
        !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    fine.then(|| id.to_owned())
        .ok_or_else(|| format!("{id:?} is no name: expected 1 to 64 letters, digits, \"-\" or \"_\""))
}

/// Where a page comes from, as browsers write it (RFC 6454, section 6.2): in small letters, without the port that its scheme has
/// anyway, and with other letters than ASCII's in Punycode.
pub(super) fn check_origin(origin: &str) -> Result<String, String> {
    // Of these a parser would make something else, or leave them out.
    let is_odd = |char: char| char.is_whitespace() || char.is_control() || "/\\?#@*%;,\"'".contains(char);
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let is_bare = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains(is_odd));
    let url = Url::parse(origin).ok().filter(|url| is_bare && matches!(url.scheme(), "http" | "https"));
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| format!("{origin:?} is no origin: expected one like \"https://house.example\", without a path"))
}

/// An address, with a port of its own or this one.
pub(super) fn public_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    text.parse::<SocketAddr>()
        .or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port)))
        .map_err(|_| format!("{text:?} is no address: expected one like \"192.0.2.7\" or \"192.0.2.7:8555\""))
}

/// How a camera of this source is to give its pictures.
pub(super) fn pixel_format(text: &str, source: &Source) -> Result<PixelFormat, String> {
    if !source.keys().device {
        return Err("has an effect on \"v4l2\" cameras only".to_owned());
    }
    match text {
        "auto" => Ok(PixelFormat::Auto),
        "h264" => Ok(PixelFormat::H264),
        "mjpeg" => Ok(PixelFormat::Mjpeg),
        "yuyv" => Ok(PixelFormat::Yuyv),
        "nv12" => Ok(PixelFormat::Nv12),
        _ => Err(format!("{text:?} is no pixel format: expected \"auto\", \"h264\", \"mjpeg\", \"yuyv\" or \"nv12\"")),
    }
}
