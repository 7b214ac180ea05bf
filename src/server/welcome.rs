//! The screen that a terminal shows when the server is ready: where to look, at which cameras, and what is protected.

use crate::access::accounts::Accounts;
use crate::config::{Camera, Config, Listen};
use crate::net::candidates;
use crate::sandbox::Confinement;
use crate::screen::{Screen, Tone, columns, counted};
use crate::tls::Origin;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A sentence, and how it is meant.
pub type Said = (String, Tone);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Where this machine finds the pages; another address is for others.
    here: String,
    /// Where others find them, if they may come.
    elsewhere: Vec<String>,
    /// Cameras by name, with what they are.
    cameras: Vec<String>,
    /// Who may come.
    who: Said,
    /// Whether what they say can be read on the way.
    https: Said,
    /// What the server cannot do.
    sandbox: Said,
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
            cameras: cameras(&config.cameras),
            who: who(&config.access),
            https: https(config, addresses),
            sandbox: match confinement {
                None => without_sandbox(),
                Some(confinement) if confinement.is_there() => {
                    ("on: the server can open no other files and start no programs".into(), Tone::Good)
                }
                Some(confinement) => (confinement.to_string(), Tone::Caution),
            },
            video,
        }
    }

    fn screen(&self) -> Screen {
        let mut screen = Screen::new(concat!("lenscap ", env!("CARGO_PKG_VERSION")), Tone::Strong);
        screen.line("Watch at", &self.here, Tone::Strong);
        self.elsewhere.iter().for_each(|url| _ = screen.line("", url, Tone::Strong));
        let none = "none: plug one in, or name one in a file (`lenscap run --config my.toml`)".to_owned();
        screen.lines("Cameras", self.cameras.iter().cloned().chain(self.cameras.is_empty().then_some(none)));
        for (label, (words, tone)) in [("Who may", &self.who), ("HTTPS", &self.https), ("Sandbox", &self.sandbox)] {
            screen.line(label, words, *tone);
        }
        screen.line("Video", format!("UDP {}", self.video), Tone::Plain);
        if let Some(url) = self.elsewhere.first() {
            screen.gap();
            code(url).lines().for_each(|line| _ = screen.sentence(format!("  {line}"), Tone::Plain));
            screen.sentence(format!("  {url} for a phone"), Tone::Strong);
        }
        screen.gap().sentence("Cameras are closed while nobody watches. Ctrl+C ends the server.", Tone::Faint).gap();
        screen
    }
}

/// Apart from the log above.
impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.screen())
    }
}

/// Cameras by name, with what they are.
pub fn cameras(cameras: &[Camera]) -> Vec<String> {
    columns(cameras.iter().map(|camera| (camera.id.as_str(), camera.source.to_string()))).collect()
}

/// Who may come.
pub fn who(accounts: &Accounts) -> Said {
    let some = |number: usize, one: &str| (number > 0).then(|| counted(number, one));
    let links = accounts.link_key.as_ref().map(|_| "whoever has a link that holds".to_owned());
    let known = [some(accounts.users.len(), "user"), some(accounts.tokens.len(), "token"), links];
    let known: Vec<String> = known.into_iter().flatten().collect();
    match (accounts.open, known.is_empty()) {
        (true, _) => ("EVERYBODY who can reach this server: `open = true` in [access] says so".into(), Tone::Caution),
        (false, true) => {
            ("only this machine; say in [access] who else may come (`lenscap passwd` helps)".into(), Tone::Plain)
        }
        (false, false) => (format!("{}, as [access] says", known.join(", ")), Tone::Plain),
    }
}

/// Whether what is said to a server at these addresses can be read on the way.
pub fn https(config: &Config, addresses: &[SocketAddr]) -> Said {
    let is_local = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    match (&config.tls, &config.listen) {
        (Some(Origin::Acme(_)), _) => ("on, with a certificate that is renewed by itself".into(), Tone::Good),
        (Some(Origin::Files(_)), _) => ("on".into(), Tone::Good),
        (None, Listen::File(_)) => ("the proxy's to do".into(), Tone::Plain),
        (None, Listen::Tcp(_)) if is_local => ("off; not needed on this machine".into(), Tone::Plain),
        (None, Listen::Tcp(_)) => {
            ("OFF: what is sent can be read and changed on the way (`lenscap cert`, [tls] help)".into(), Tone::Caution)
        }
    }
}

/// What it means that the server does not confine itself.
pub fn without_sandbox() -> Said {
    ("off, as configured: whoever takes the server over has what its user has".into(), Tone::Caution)
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
        let shown = Welcome::new(&config, &addresses, "0.0.0.0:8555".parse().unwrap(), None).to_string();
        anstream::adapter::strip_str(&shown).to_string()
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
