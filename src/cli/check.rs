//! What a configuration comes to, in words.

use crate::config::departure::{Consequences, explain, explain_offers, in_seconds};
use crate::config::{Config, Listen, Stream, of_one_device};
use crate::screen::{Screen, Tone, columns, counted};
use crate::server::welcome::{cameras, https, who, without_sandbox};
use std::net::SocketAddr;
use std::path::Path;

/// Of a configuration that is right.
pub fn screen(config: &Config, file: Option<&Path>) -> Screen {
    let name = file.map_or_else(|| "The configuration that is built in".to_owned(), |file| file.display().to_string());
    let counts = [counted(config.cameras.len(), "camera"), counted(config.streams.len(), "stream")].join(", ");
    let mut screen = Screen::new(format!("{name} is right: {counts}"), Tone::Good);
    let addresses: Vec<SocketAddr> = match &config.listen {
        Listen::Tcp(address) => vec![*address],
        Listen::File(_) => vec![],
    };
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    match &config.listen {
        Listen::Tcp(address) => screen.line("Listens", format!("{scheme}://{address}/"), Tone::Strong),
        Listen::File(_) => screen.line("Listens", config.listen.to_string(), Tone::Strong),
    };
    let found = "and every V4L2 camera that is found when the server starts".to_owned();
    screen.lines("Cameras", cameras(&config.cameras).into_iter().chain(config.discover_v4l2.then_some(found)));
    for words in of_one_device(&config.cameras) {
        screen.line("Beware", words, Tone::Caution);
    }
    screen.lines("Streams", more_streams(config));
    let sandbox =
        if config.sandbox { ("on, as far as the kernel can".to_owned(), Tone::Good) } else { without_sandbox() };
    for (label, (words, tone)) in
        [("Who may", who(&config.access)), ("HTTPS", https(config, &addresses)), ("Sandbox", sandbox)]
    {
        screen.line(label, words, tone);
    }
    screen.line("Video", format!("UDP {}", config.webrtc_listen), Tone::Plain);
    screen.gap().lines("Silence", silences(&explain(&config.departure.timeouts)));
    screen.lines("Offers", explain_offers(&config.departure.timeouts));
    screen.lines("Failures", failures(config));
    screen
}

/// Streams besides the one that each camera has under its own name.
fn more_streams(config: &Config) -> Vec<String> {
    let others = config.streams.iter().filter(|stream| stream.id != stream.camera);
    columns(others.map(|stream| (stream.id.as_str(), what_of(stream)))).collect()
}

fn what_of(stream: &Stream) -> String {
    let size = stream.size.map(|[width, height]| format!("{width}x{height}"));
    let fps = stream.fps.map(|fps| format!("{fps} fps"));
    let made: Vec<String> = [size, fps].into_iter().flatten().collect();
    let made = if made.is_empty() { String::new() } else { format!(": {}", made.join(", ")) };
    format!("of {}{made}", stream.camera)
}

/// What silence leads to, a line for each path beneath what the columns are.
fn silences(paths: &[Consequences]) -> Vec<String> {
    let row = |path: &str, [paused, away, gone]: [&str; 3]| format!("{path:21} {paused:>13} {away:>12} {gone:>8}");
    let head = row("of a viewer", ["camera closed", "place free", "let go"]);
    let paths = paths.iter().map(|Consequences { path, paused, away, gone }| {
        let away = away.map_or_else(|| "–".to_owned(), in_seconds);
        row(path, [&in_seconds(*paused), &away, &in_seconds(*gone)])
    });
    [head].into_iter().chain(paths).collect()
}

fn failures(config: &Config) -> Vec<String> {
    let others = config.cameras.iter().filter(|camera| camera.retry != config.retry);
    let others = others.map(|camera| format!("{} is {}", camera.id, camera.retry));
    [format!("a camera that fails is {}", config.retry)].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let screen = screen(&Config::parse("c.toml", text).unwrap(), Some(Path::new("c.toml")));
        anstream::adapter::strip_str(&screen.to_string()).to_string()
    }

    #[test]
    fn a_configuration_is_said_in_the_words_of_the_first_screen() {
        let text = "[server]\nsandbox = false\n[[camera]]\nid = \"front\"\nsource = \"test\"\n\
                    [[camera]]\nid = \"b\"\nsource = \"exec:x --password y\"\n[camera.retry]\nmax_attempts = 3\n\
                    [[stream]]\nid = \"front-small\"\ncamera = \"front\"\nsize = [640, 360]\nfps = 15\n";
        let said = said(text);
        for line in [
            "  c.toml is right: 2 cameras, 3 streams\n",
            "  Listens   http://127.0.0.1:8080/\n",
            "  Cameras   front  test\n            b      exec:x --password ***\n",
            "  Streams   front-small  of front: 640x360, 15 fps\n",
            "  Who may   only this machine;",
            "  HTTPS     off; not needed",
            "  Sandbox   off, as configured",
            "            b is tried again after",
        ] {
            assert!(said.contains(line), "{line:?} in {said}");
        }
    }

    #[test]
    fn what_silence_leads_to_is_in_columns() {
        let table = said("");
        let lines: Vec<&str> = table.lines().skip_while(|line| !line.contains("Silence")).take(5).collect();
        assert_eq!(lines[0], "  Silence   of a viewer           camera closed   place free   let go");
        assert_eq!(lines[1], "            on a LAN (1 ms)              0.35 s       3.20 s  30.00 s");
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].len()), "{table}");
        assert!(said("[departure]\naway_for = \"0s\"").contains("0.35 s            –   3.20 s\n"));
    }
}
