//! The log, on standard error: a line for people, or one JSON object a line for programs.

use clap::ValueEnum;
use log::Record;
use serde_json::{Map, Value};
use std::io::Write;
use std::time::{Duration, Instant};

/// What is said seldom is said again after so long.
const SELDOM: Duration = Duration::from_secs(60);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// An object a line: `ts`, `level`, `target`, `message`, and `actor` if it is about one.
    Json,
}

/// Lets the same words be said once in a while, for what anybody can cause as often as they like. Pure.
#[derive(Debug, Default)]
pub struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether they are said now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.0.is_none_or(|said| now.saturating_duration_since(said) >= SELDOM);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Starts the log, `RUST_LOG` permitting.
pub fn start(filter: &str, format: Format) {
    // rtc reports each refused packet and each unknown extension: nothing an operator could act on.
    let quiet =
        "rtc=off,rtc_ice=off,rtc_dtls=off,rtc_srtp=off,rtc_sctp=off,rtc_stun=off,rtc_interceptor=off,webrtc=off";
    let environment = env_logger::Env::default().default_filter_or(format!("{filter},{quiet}"));
    let mut builder = env_logger::Builder::from_env(environment);
    match format {
        Format::Text => builder.format_timestamp_millis(),
        Format::Json => builder.format(|line, record| {
            let ts = line.timestamp_millis().to_string();
            writeln!(line, "{}", object(&ts, record))
        }),
    };
    builder.init();
}

/// A record as an object. What is said of an actor begins with its path, which gets a field of its own.
fn object(ts: &str, record: &Record<'_>) -> Value {
    let said = record.args().to_string();
    let (actor, message) = match said.split_once(": ") {
        Some((path, rest)) if path.starts_with("root/") && !path.contains(char::is_whitespace) => (Some(path), rest),
        _ => (None, said.as_str()),
    };
    let mut object = Map::new();
    object.insert("ts".to_owned(), ts.into());
    object.insert("level".to_owned(), record.level().as_str().to_ascii_lowercase().into());
    object.insert("target".to_owned(), record.target().into());
    if let Some(actor) = actor {
        object.insert("actor".to_owned(), actor.into());
    }
    object.insert("message".to_owned(), message.into());
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(message: &str) -> Value {
        let args = format_args!("{message}");
        let record = Record::builder().level(log::Level::Warn).target("lenscap::capture").args(args).build();
        let line = object("2026-05-12T09:30:00.123Z", &record).to_string();
        assert!(!line.contains('\n'), "{line}");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn what_is_said_seldom_is_said_at_first_and_once_a_minute() {
        let (mut seldom, start) = (Seldom::default(), Instant::now());
        let said = (0..180).filter(|second| seldom.is_due(start + Duration::from_secs(*second)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 60, 120]);
    }

    #[test]
    fn whatever_is_said_is_one_object_a_line() {
        for message in ["plain", "with \"quotes\" and \\", "two\nlines\r\n", "\u{0}\u{1b}[31m\u{7f}", "ä → ✓", ""]
        {
            let expected = json!({
                "ts": "2026-05-12T09:30:00.123Z", "level": "warn", "target": "lenscap::capture", "message": message,
            });
            assert_eq!(written(message), expected);
        }
    }

    #[test]
    fn whom_it_is_about_has_a_field() {
        let said = written("root/peers/peer-1: left front (bye)");
        assert_eq!((&said["actor"], &said["message"]), (&json!("root/peers/peer-1"), &json!("left front (bye)")));
        for other in ["camera front: no", "root/peers is full: no", "root: no"] {
            assert_eq!((&written(other)["actor"], &written(other)["message"]), (&Value::Null, &json!(other)));
        }
    }
}
