//! What programs read of the log.

use crate::support::*;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Starts the server as `command` says, and reads its log until a line says this; then ends it.
fn log_until(mut command: Command, cameras: &str, words: &str) -> Vec<String> {
    let folder = Folder::new();
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[webrtc]\nlisten = \"127.0.0.1:0\"\n[discovery]\nv4l2 = false\n{cameras}"
    );
    let config = folder.file("config.toml", &text);
    let mut child = command.arg("--config").arg(&config).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = vec![];
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines.last().unwrap().contains(words) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lines
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lenscap"))
}

const CAMERA: &str = "[[camera]]\nid = \"a\"\nsource = \"test\"\n";

#[test]
fn the_log_is_text_unless_it_is_told_otherwise() {
    let lines = log_until(program(), CAMERA, "streams at http");
    assert!(lines.iter().all(|line| line.starts_with('[')), "{lines:?}");
}

#[test]
fn as_json_every_line_is_an_object_by_option_and_by_variable() {
    let by_option = {
        let mut command = program();
        command.args(["--log-format", "json"]);
        command
    };
    let by_variable = {
        let mut command = program();
        command.env("LENSCAP_LOG_FORMAT", "json");
        command
    };
    for command in [by_option, by_variable] {
        let lines = log_until(command, CAMERA, "streams at http");
        let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = read.last().unwrap();
        assert_eq!(last["level"], "info");
        assert_eq!(last["target"], "lenscap::server");
        assert!(last["message"].as_str().unwrap().contains("streams at http://127.0.0.1:"));
        assert!(last["ts"].as_str().unwrap().ends_with('Z'), "{last}");
    }
}

#[actix::test]
async fn secrets_are_hidden_in_json_as_they_are_in_text() {
    let camera = "[[camera]]\nid = \"a\"\nsource = \"exec:sh -c 'echo cannot open \\\"rtsp://ann:hunter2@cam/\\\" >&2; exit 3' --password hunter2\"\n";
    let mut texts = vec![];
    for format in ["text", "json"] {
        let server =
            Server::start_with(&format!("{camera}[departure]\n"), "", &[("LENSCAP_LOG_FORMAT", format.to_owned())]);
        watch_by_whep(&server, "a").await;
        server.until_logged("cannot open").await;
        let log = server.log();
        assert!(!log.contains("hunter2"), "{log}");
        texts.push(log);
    }
    let said = texts[1].lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said =
        said.filter_map(|line| line["message"].as_str().map(str::to_owned)).find(|it| it.contains("cannot open"));
    assert!(said.unwrap().contains("rtsp://***"), "{}", texts[1]);
}
