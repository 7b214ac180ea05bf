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

/// Line (from 1) and key, with its section, of what stands at `offset` in a TOML text. The text
/// need not be valid TOML.
pub fn locate(text: &str, offset: usize) -> (usize, String) {
    let offset = offset.min(text.len());
    let mut section = String::new();
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            section = trimmed.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
        }
        if offset < start + line.len() || start + line.len() == text.len() {
            let key = match trimmed.split_once('=') {
                Some((key, _)) if !trimmed.starts_with('[') && !trimmed.starts_with('#') => key.trim(),
                _ => "",
            };
            let dot = if section.is_empty() || key.is_empty() { "" } else { "." };
            return (number + 1, format!("{section}{dot}{key}"));
        }
        start += line.len();
    }
    (1, String::new())
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
}
