//! The screen that a terminal shows when the server is ready: where to look, at which cameras, and what is protected.

use crate::access::accounts::Accounts;
use crate::config::{Config, Listen};
use crate::net::candidates;
use crate::sandbox::Confinement;
use crate::tls::Origin;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Where this machine finds the pages; another address is for others.
    here: String,
    /// Where others find them, if they may come.
    elsewhere: Vec<String>,
    /// Cameras by name, with what they are.
    cameras: Vec<(String, String)>,
    /// Who may come.
    who: String,
    /// Whether what they say can be read on the way.
    https: String,
    /// What the server cannot do.
    sandbox: String,
    /// Where video comes from.
    video: SocketAddr,
}

impl Welcome {
    /// Of a server with this configuration, which is reached at these addresses.
    pub fn new(
        config: &Config,
        addresses: &[SocketAddr],
        video: SocketAddr,
        confinement: Option<&Confinement>,
    ) -> Self {
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let all: Vec<SocketAddr> = addresses.iter().flat_map(|address| candidates(*address, &[], local)).collect();
        let url = |address: &SocketAddr| format!("{scheme}://{address}/");
        let names = match &config.tls {
            Some(Origin::Acme(order)) => order.names.iter().map(|name| format!("https://{name}/")).collect(),
            Some(Origin::Files(_)) | None => vec![],
        };
        let here = all.iter().find(|address| address.ip().is_loopback()).or(all.first());
        let others = all.iter().filter(|address| !address.ip().is_loopback()).map(url);
        Self {
            here: here.map_or_else(|| config.listen.to_string(), url),
            elsewhere: names.into_iter().chain(others).collect(),
            cameras: config.cameras.iter().map(|camera| (camera.id.clone(), camera.source.to_string())).collect(),
            who: who(&config.access),
            https: https(config, addresses),
            sandbox: match confinement {
                None => "off, as configured: whoever takes the server over has what its user has".into(),
                Some(confinement) if confinement.is_there() => {
                    "on: the server can open no other files and start no programs".into()
                }
                Some(confinement) => confinement.to_string(),
            },
            video,
        }
    }
}

fn who(accounts: &Accounts) -> String {
    let count = |number: usize, one: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{number} {one}s")),
    };
    let links = accounts.link_key.as_ref().map(|_| "whoever has a link that holds".to_owned());
    let known: Vec<String> = [count(accounts.users.len(), "user"), count(accounts.tokens.len(), "token"), links]
        .into_iter()
        .flatten()
        .collect();
    match (accounts.open, known.is_empty()) {
        (true, _) => "EVERYBODY who can reach this server: `open = true` in [access] says so".into(),
        (false, true) => "only this machine; say in [access] who else may come (`lenscap passwd` helps)".into(),
        (false, false) => format!("{}, as [access] says", known.join(", ")),
    }
}

fn https(config: &Config, addresses: &[SocketAddr]) -> String {
    let is_local = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    match (&config.tls, &config.listen) {
        (Some(Origin::Acme(_)), _) => "on, with a certificate that is renewed by itself".into(),
        (Some(Origin::Files(_)), _) => "on".into(),
        (None, Listen::File(_)) => "the proxy's to do".into(),
        (None, Listen::Tcp(_)) if is_local => "off; not needed on this machine".into(),
        (None, Listen::Tcp(_)) => {
            "OFF: what is sent can be read and changed on the way (`lenscap cert`, [tls] help)".into()
        }
    }
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  lenscap {}\n", env!("CARGO_PKG_VERSION"))?;
        let mut lines = vec![("Watch at", self.here.clone())];
        lines.extend(self.elsewhere.iter().map(|url| ("", url.clone())));
        let width = self.cameras.iter().map(|(id, _)| id.chars().count()).max().unwrap_or(0);
        let cameras = self.cameras.iter().map(|(id, source)| format!("{id:width$}  {source}"));
        let none = "none: plug one in, or name one in a file (`lenscap run --config my.toml`)".to_owned();
        let cameras: Vec<String> = cameras.chain(self.cameras.is_empty().then_some(none)).collect();
        lines.extend(cameras.into_iter().enumerate().map(|(nth, text)| (if nth == 0 { "Cameras" } else { "" }, text)));
        lines.extend([
            ("Who may", self.who.clone()),
            ("HTTPS", self.https.clone()),
            ("Sandbox", self.sandbox.clone()),
            ("Video", format!("UDP {}", self.video)),
        ]);
        lines.iter().try_for_each(|(name, text)| writeln!(f, "  {name:9} {text}"))?;
        if let Some(url) = self.elsewhere.first() {
            f.write_char('\n')?;
            code(url).lines().try_for_each(|line| writeln!(f, "    {line}"))?;
            writeln!(f, "    {url} for a phone")?;
        }
        writeln!(f, "\n  Cameras are closed while nobody watches. Ctrl+C ends the server.\n")
    }
}

/// An address as a picture that phones read; nothing if it is too long for one.
fn code(url: &str) -> String {
    QrCode::with_error_correction_level(url, EcLevel::L).map_or_else(
        |_| String::new(),
        // Terminals are dark, mostly; phones read it either way.
        |code| code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(text: &str, addresses: &[&str]) -> String {
        let config = Config::parse("x", text).unwrap();
        let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Welcome::new(&config, &addresses, "0.0.0.0:8555".parse().unwrap(), None).to_string()
    }

    #[test]
    fn a_server_for_this_machine_says_so_and_shows_no_code() {
        let text =
            "[[camera]]\nid = \"front\"\nsource = \"test\"\n[[camera]]\nid = \"b\"\nsource = \"exec:x --password y\"\n";
        let shown = screen(text, &["127.0.0.1:8080"]);
        for line in [
            "  Watch at  http://127.0.0.1:8080/\n",
            "  Cameras   front  test\n",
            "            b      exec:x --password ***\n",
            "  Who may   only this machine;",
            "  HTTPS     off; not needed",
        ] {
            assert!(shown.contains(line), "{line:?} in {shown}");
        }
        assert!(!shown.contains("phone"), "{shown}");
    }

    #[test]
    fn a_server_for_others_shows_their_address_as_a_code_and_what_is_missing() {
        let text = "[server]\nlisten = \"192.0.2.7:80\"\n[access]\nopen = true\n";
        let shown = screen(text, &["192.0.2.7:80"]);
        assert!(shown.contains("http://192.0.2.7:80/ for a phone"), "{shown}");
        assert!(shown.contains("EVERYBODY") && shown.contains("OFF: what"), "{shown}");
        assert!(shown.contains('▀') && shown.contains('▄'), "{shown}");
        assert!(shown.contains("none: plug one in"), "{shown}");
        let shown = screen("[server]\nlisten = \"unix:/run/lenscap.sock\"\n", &[]);
        assert!(shown.contains("unix:/run/lenscap.sock") && shown.contains("the proxy's to do"), "{shown}");
    }
}
