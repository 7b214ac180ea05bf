//! The configuration: whatever stands in it is right, or a mistake that is named with its place.

use crate::Target;
use lenscap::access::accounts::Visitor;
use lenscap::access::rights::Rights;
use lenscap::config::{Config, DEFAULTS, check_id};
use std::collections::BTreeSet;

/// The target.
pub const TARGET: Target = Target { name: "config", run, seeds };

/// Where secrets stand, which are not repeated when they are wrong.
const SECRETS: [&str; 3] = ["access.link_key", "access.user.password", "access.token.hash"];

/// Shorter ones may be words of ours by chance.
const SECRET_BYTES_MIN: usize = 24;

fn seeds() -> Vec<Vec<u8>> {
    let without_comments =
        DEFAULTS.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let access = "[access]\nopen = true\nhosts = [\"cams.example\"]\nlink_key = \"0123456789abcdef0123456789abcdef\"\n\
                  [[access.user]]\nname = \"ann\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c29tZSBoYXNo\"\nview = [\"f*\"]\n";
    let cameras = "[[camera]]\nid = \"a\"\nsource = \"exec:cat x | y --password z\"\nexclusive_group = \"g\"\n\
                   [[camera]]\nid = \"b\"\nsource = \"usb:046d:0825:X\"\nsize = [640, 480]\n[camera.retry]\nmax = \"3s\"\n\
                   [[stream]]\nid = \"s\"\ncamera = \"a\"\nbitrate = 500_000\n";
    let network = "[server]\nlisten = \"0.0.0.0:8080\"\ntrusted_proxies = [\"10.0.0.1\"]\n[[access.token]]\nname = \"tv\"\n\
                   hash = \"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\nadmin = true\n";
    [DEFAULTS, &without_comments, access, cameras, network].map(|text| text.as_bytes().to_vec()).into()
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::parse("x.toml", &text) {
        Ok(config) => {
            assert!(config.max_viewers > 0 && !config.webrtc_listen.to_string().is_empty());
            streams(&config);
            closed(&config);
        }
        Err(error) => {
            let line = error.line.expect("a mistake in a text has a line");
            assert!(line >= 1 && line <= text.split('\n').count() + 1, "line {line} of\n{text}");
            assert!(error.message.len() > 5, "{error} says too little");
            let said = text.split('\n').nth(line - 1).and_then(|line| line.split_once('='));
            let value = said.map_or("", |(_, value)| value.trim().trim_matches('"'));
            let is_secret = SECRETS.contains(&error.key.as_str()) && value.len() >= SECRET_BYTES_MIN;
            assert!(!is_secret || !error.message.contains(value), "{error}");
        }
    }
}

/// Each camera can be watched, and a name stands for one stream, of a camera that there is.
fn streams(config: &Config) {
    let mut names = BTreeSet::new();
    for stream in &config.streams {
        assert!(check_id(&stream.id).is_ok() && names.insert(&stream.id), "{:?} is no name of its own", stream.id);
        assert!(config.cameras.iter().any(|camera| camera.id == stream.camera), "{:?} has no camera", stream.id);
    }
    for camera in &config.cameras {
        assert!(config.streams.iter().any(|stream| stream.camera == camera.id), "{:?} has no stream", camera.id);
    }
}

/// Nobody comes in who is not named, unless that is said in so many words.
fn closed(config: &Config) {
    let access = &config.access;
    let is_opened = access.open || access.is_any() || access.link_key.is_some();
    assert!(config.listen.is_local() || is_opened, "{} would show a network what nobody has opened", config.listen);
    let anybody = access.rights(&Visitor::Anybody, 0);
    assert!(!anybody.admin && (access.open || anybody == Rights::default()), "{anybody:?}");
    assert!(!access.is_any() || access.rights(&Visitor::Local, 0) == anybody, "this machine is worth nothing then");
    let known = |host: &str| access.hosts.know(host);
    assert!(!known("evil.example") && !known("*") && !known(""), "{:?}", access.hosts);
}
