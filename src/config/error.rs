//! What is wrong with a configuration file, and where.

use std::fmt;

/// One mistake in a configuration: file, line, key, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1; none if the file could not be read.
    pub line: Option<usize>,
    /// The key with its section, like `webrtc.ice.profile`; empty if there is none.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Line (from 1) and key, with its section, of what stands at `offset` in a TOML text, also in an array or a table that goes on over
/// several lines. The text need not be valid TOML.
pub fn locate(text: &str, offset: usize) -> (usize, String) {
    // What is missed at the end is missed in the last line.
    let offset = offset.min(text.len().saturating_sub(1));
    let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    let mut section = String::new();
    let mut rest = text;
    loop {
        let is_header = rest.trim_start_matches([' ', '\t']).starts_with('[');
        let length = if is_header { line_end(rest) } else { statement_end(rest) };
        let (statement, next) = rest.split_at(length);
        if is_header {
            section = plain(statement.trim().trim_start_matches('[').split(']').next().unwrap_or_default());
        }
        if offset < text.len() - next.len() || next.is_empty() {
            let key = if is_header { String::new() } else { key_of(statement) };
            let dot = if section.is_empty() || key.is_empty() { "" } else { "." };
            return (line, format!("{section}{dot}{key}"));
        }
        rest = next;
    }
}

/// The key of a statement; empty if it has none.
fn key_of(statement: &str) -> String {
    match statement.split_once(['=', '#']) {
        Some((key, _)) if statement[key.len()..].starts_with('=') => plain(key),
        _ => String::new(),
    }
}

/// A key as it is without quotes: they and the space around dots do not matter (TOML, section "Keys").
fn plain(key: &str) -> String {
    key.chars().filter(|char| !char.is_whitespace() && !matches!(char, '"' | '\'')).collect()
}

/// Where the first line ends.
fn line_end(text: &str) -> usize {
    text.find('\n').map_or(text.len(), |at| at + 1)
}

/// Where the first statement ends: with its line, unless a bracket, a brace or a string is still open.
fn statement_end(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(char) = text[at..].chars().next() {
        at += match char {
            '\n' if depth == 0 => return at + 1,
            '#' => text[at..].find('\n').unwrap_or(text.len() - at),
            '"' | '\'' => string_end(&text[at..], char),
            _ => {
                match char {
                    '[' | '{' => depth += 1,
                    ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                char.len_utf8()
            }
        };
    }
    text.len()
}

/// Where the string ends with which this text begins (TOML, section "String"). One of a line ends with it at the latest.
fn string_end(text: &str, quote: char) -> usize {
    let long: String = [quote; 3].iter().collect();
    let end = if text.starts_with(&long) { &long[..] } else { &long[..1] };
    let mut at = end.len();
    while let Some(char) = text[at..].chars().next() {
        if text[at..].starts_with(end) {
            return at + end.len();
        }
        if char == '\n' && end.len() == 1 {
            return at;
        }
        at += char.len_utf8();
        if char == '\\' && quote == '"' {
            at += text[at..].chars().next().filter(|escaped| *escaped != '\n').map_or(0, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_line_section_and_key() {
        let text = "a = 1\n[server]\nlisten = 2\n\n[[camera]]\nid = \"x\"\n";
        let at = |needle: &str| locate(text, text.find(needle).unwrap());
        assert_eq!(at("1"), (1, "a".into()));
        assert_eq!(at("2"), (3, "server.listen".into()));
        assert_eq!(at("[[cam"), (5, "camera".into()));
        assert_eq!(at("\"x\""), (6, "camera.id".into()));
        assert_eq!(locate(text, 9999), (6, "camera.id".into()));
        assert_eq!(locate("", 0), (1, String::new()));
    }

    #[test]
    fn what_goes_on_over_lines_belongs_to_its_key() {
        let text = "[webrtc]\nservers = [\n  # a = [\n  { urls = \"a]\\\"\" },\n  \"\"\"b = \"c\"\n d\"\"\",\n]\nlisten = 'x'\n\n\
                    \"web\" . 'rtc' = { a = [\n 7 ] }\nodd = 'y\nlast = 9 # z = 1\n[a . \"b\"]\nc = 1";
        let at = |needle: &str| locate(text, text.find(needle).unwrap());
        assert_eq!(at("urls"), (4, "webrtc.servers".into()));
        assert_eq!(at(" d\""), (6, "webrtc.servers".into()));
        assert_eq!(at("]\nlisten"), (7, "webrtc.servers".into()));
        assert_eq!(at("'x'"), (8, "webrtc.listen".into()));
        assert_eq!(at("\n\"web"), (9, "webrtc".into()));
        assert_eq!(at("7"), (11, "webrtc.web.rtc".into()));
        assert_eq!(at("'y"), (12, "webrtc.odd".into()));
        assert_eq!(at("z = 1"), (13, "webrtc.last".into()), "a string that is not closed ends with its line");
        assert_eq!(at("c = 1"), (15, "a.b.c".into()));
        for text in ["[", "a = [", "a = \"", "a = \"\"\"ä", "ä", "#", "# a", "a = \"\\", "\n", "'''\n"] {
            for offset in 0..=text.len() {
                locate(text, offset);
            }
        }
    }
}
