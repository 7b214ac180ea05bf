//! What a program says on standard error, line by line into the log: without the secrets of its command, and not more
//! than a log can take.

mod limit;

use crate::secrets::Secrets;
use limit::{Admission, Limit};
use std::io::{ErrorKind, Read};
use std::time::Instant;

/// Standard error, line by line into the log.
pub struct LogLines {
    camera: String,
    secrets: Secrets,
    partial: Vec<u8>,
    /// The rest of this line is left out.
    too_long: bool,
    limit: Limit,
}

impl LogLines {
    /// Of longer lines only the beginning is said, so that a program cannot fill the memory, in bytes.
    const LINE_MAX: usize = 4096;

    /// Of this camera's program.
    pub fn new(camera: &str, secrets: &Secrets) -> Self {
        Self {
            camera: camera.to_owned(),
            secrets: secrets.clone(),
            partial: vec![],
            too_long: false,
            limit: Limit::new(Instant::now()),
        }
    }

    /// Whether there may be more to read.
    pub fn read(&mut self, pipe: &mut impl Read, buffer: &mut [u8]) -> bool {
        match pipe.read(buffer) {
            Ok(0) => false,
            Ok(length) => {
                let lines = self.take(&buffer[..length], Instant::now());
                lines.iter().for_each(|line| self.say(line));
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    fn say(&self, line: &str) {
        ::log::info!("root/cameras/{}/device: {line}", self.camera);
    }

    /// What is to be said of these bytes.
    fn take(&mut self, bytes: &[u8], now: Instant) -> Vec<String> {
        let mut lines = vec![];
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.line(now, &mut lines);
                self.too_long = false;
            } else if !self.too_long {
                self.partial.push(byte);
                if self.partial.len() >= Self::LINE_MAX + self.secrets.longest() {
                    self.too_long = true;
                    self.line(now, &mut lines);
                }
            }
        }
        lines
    }

    /// The line is complete, or as long as it may be.
    fn line(&mut self, now: Instant, lines: &mut Vec<String>) {
        let partial = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&partial);
        let text = self.secrets.mask(text.trim());
        let text = if self.too_long { cut(&text, Self::LINE_MAX, self.secrets.longest()) } else { &text };
        if text.is_empty() {
            return;
        }
        match self.limit.admit(now) {
            Admission::LeftOut => return,
            Admission::Said { left_out: 0 } => {}
            Admission::Said { left_out } => lines.push(left_out_words(left_out)),
        }
        let more = if self.too_long { " …" } else { "" };
        lines.push(format!("program says: {text}{more}"));
    }

    /// What is still to be said when it has ended.
    fn rest(&mut self, now: Instant) -> Vec<String> {
        let mut lines = vec![];
        self.line(now, &mut lines);
        lines.extend(Some(self.limit.left_out()).filter(|count| *count > 0).map(left_out_words));
        lines
    }
}

impl Drop for LogLines {
    fn drop(&mut self) {
        let rest = self.rest(Instant::now());
        rest.iter().for_each(|line| self.say(line));
    }
}

fn left_out_words(count: u64) -> String {
    format!("{count} lines of what the program says were left out: it says more than {} a second", limit::PER_SECOND)
}

/// At most so many bytes of a text that was cut off somewhere, to the end of a word. Its last `unsure` bytes may be
/// the beginning of a secret that nobody could know by that.
fn cut(text: &str, bytes: usize, unsure: usize) -> &str {
    let sure = text.len().saturating_sub(unsure).min(bytes);
    let end = (0..=sure).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let text = &text[..end];
    text.rfind(char::is_whitespace).map_or("", |end| text[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn log(command: &str) -> LogLines {
        LogLines::new("cam", &Secrets::of_command(command))
    }

    #[test]
    fn lines_are_put_together_from_pieces_and_say_no_secret() {
        let mut log = log("cam --password hunter2");
        let now = Instant::now();
        assert_eq!(log.take(b"\n  \r\nlogin hun", now), Vec::<String>::new());
        assert_eq!(
            log.take(b"ter2 failed\rrtsp://a:b@c\n", now),
            ["program says: login *** failed", "program says: rtsp://***@c"]
        );
        assert_eq!(log.take(b"last words", now), Vec::<String>::new());
        assert_eq!(log.rest(now), ["program says: last words"]);
        assert_eq!(log.rest(now), Vec::<String>::new());
    }

    #[test]
    fn a_line_without_end_is_cut_once_and_not_within_a_secret() {
        // Wherever the secret lies with respect to the cut.
        for before in LogLines::LINE_MAX - 60..LogLines::LINE_MAX + 60 {
            let mut log = log("cam --password 'correct horse'");
            let now = Instant::now();
            let text = format!("words {} correct horse {}\nnext\n", "x".repeat(before), "y".repeat(20_000));
            let lines = log.take(text.as_bytes(), now);
            assert_eq!(lines.len(), 2, "{before}");
            assert!(lines[0].starts_with("program says: words") && lines[0].ends_with(" …"));
            assert!(lines[0].len() < LogLines::LINE_MAX + 40);
            assert!(!lines[0].contains("corr") && !lines[0].contains("horse"), "{before}");
            assert_eq!(lines[1], "program says: next");
        }
        let mut log = log("cam");
        assert_eq!(log.take(&[b'x'; 20_000], Instant::now()), Vec::<String>::new(), "one word is all or nothing");
        assert!(log.partial.is_empty());
    }

    #[test]
    fn who_says_too_much_is_heard_in_part_and_told_how_much_was_left_out() {
        let mut log = log("cam");
        let start = Instant::now();
        let mut lines = vec![];
        for nth in 0..10_000u32 {
            lines.extend(log.take(b"again and again\n", start + Duration::from_millis(3) * nth));
        }
        let said = lines.iter().filter(|line| line.starts_with("program says")).count();
        let counts = lines.iter().filter(|line| line.contains("left out")).count();
        assert!((200..=300).contains(&said), "{said} in 30 s");
        assert!((2..=4).contains(&counts), "{counts} in 30 s");
        let left_out: u64 =
            lines.iter().chain(&log.rest(start)).filter_map(|line| line.split(' ').next()?.parse::<u64>().ok()).sum();
        assert_eq!(left_out + said as u64, 10_000, "every line is said or counted");
    }
}
