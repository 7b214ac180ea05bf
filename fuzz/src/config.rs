//! The configuration: whatever stands in it is right, or a mistake that is named with its place.

use crate::Target;
use lenscap::config::{Config, DEFAULTS};

/// The target.
pub const TARGET: Target = Target { name: "config", run, seeds };

fn seeds() -> Vec<Vec<u8>> {
    let without_comments =
        DEFAULTS.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect::<Vec<_>>().join("\n");
    let access = "[access]\nopen = true\nhosts = [\"cams.example\"]\nlink_key = \"0123456789abcdef0123456789abcdef\"\n\
                  [[access.user]]\nname = \"ann\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c29tZSBoYXNo\"\nview = [\"f*\"]\n";
    let cameras = "[[camera]]\nid = \"a\"\nsource = \"exec:cat x | y --password z\"\nexclusive_group = \"g\"\n\
                   [[camera]]\nid = \"b\"\nsource = \"usb:046d:0825:X\"\nsize = [640, 480]\n[camera.retry]\nmax = \"3s\"\n\
                   [[stream]]\nid = \"s\"\ncamera = \"a\"\nbitrate = 500_000\n";
    [DEFAULTS, &without_comments, access, cameras].map(|text| text.as_bytes().to_vec()).into()
}

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Config::parse("x.toml", &text) {
        Ok(config) => {
            assert!(config.streams.len() >= config.cameras.len(), "each camera has a stream");
            assert!(config.max_viewers > 0 && !config.webrtc_listen.to_string().is_empty());
        }
        Err(error) => {
            let line = error.line.expect("a mistake in a text has a line");
            assert!(line >= 1 && line <= text.split('\n').count() + 1, "line {line} of\n{text}");
            assert!(error.message.len() > 5, "{error} says too little");
        }
    }
}
