//! How players are told of STUN and TURN servers: `Link` with `rel="ice-server"` (RFC 9725, section 4.6).

use crate::config::IceServer;
use actix_web::http::header::HeaderValue;

/// One value for each server, in the form that clients look for letter by letter (MediaMTX).
pub fn all(servers: &[IceServer]) -> impl Iterator<Item = HeaderValue> {
    servers.iter().filter_map(value)
}

fn value(server: &IceServer) -> Option<HeaderValue> {
    let mut text = format!("<{}>; rel=\"ice-server\"", server.url);
    if let Some(login) = &server.login {
        let (username, credential) = (quoted(&login.username), quoted(&login.credential));
        text += &format!("; username={username}; credential={credential}; credential-type=\"password\"");
    }
    // The configuration is checked: all of it can stand in a header.
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(server.login.is_some());
    Some(value)
}

/// As a quoted string of HTTP (RFC 9110, section 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Login;

    #[test]
    fn servers_are_told_with_what_is_needed_to_use_them() {
        let stun = IceServer { url: "stun:stun.example:3478".to_owned(), login: None };
        let login = Login { username: "me".to_owned(), credential: r#"a"b\c"#.to_owned() };
        let turn = IceServer { url: "turn:turn.example?transport=udp".to_owned(), login: Some(login) };
        let links: Vec<HeaderValue> = all(&[stun, turn]).collect();
        assert_eq!(links[0], r#"<stun:stun.example:3478>; rel="ice-server""#);
        let expected = r#"<turn:turn.example?transport=udp>; rel="ice-server"; username="me"; credential="a\"b\\c"; credential-type="password""#;
        assert_eq!(links[1], expected);
        assert!(!format!("{links:?}").contains("credential"), "not into any log");
    }
}
