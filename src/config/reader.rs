//! How values are read that several sections have, and how a mistake is told.

use super::error::{self, ConfigError};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use toml::Spanned;

/// The text of a configuration, by which every mistake is named with its line and key.
pub(super) struct Reader<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

pub(super) type Checked<T> = Result<T, ConfigError>;

impl Reader<'_> {
    pub fn error(&self, offset: usize, message: String) -> ConfigError {
        let (line, key) = error::locate(self.text, offset);
        ConfigError { file: self.file.to_owned(), line: Some(line), key, message }
    }

    pub fn at<T, V>(&self, value: &Spanned<T>, result: Result<V, String>) -> Checked<V> {
        result.map_err(|message| self.error(value.span().start, message))
    }

    pub fn address(&self, value: Option<&Spanned<String>>, default: &str) -> Checked<SocketAddr> {
        let text = value.map_or(default, |value| value.get_ref());
        let parsed = text.parse().map_err(|_| {
            format!("{text:?} is no address: expected an IP address and a port, like {default:?} or \"[::]:8080\"")
        });
        match value {
            Some(value) => self.at(value, parsed),
            None => parsed.map_err(|message| self.error(0, message)),
        }
    }

    pub fn number(&self, value: &Spanned<i64>, min: i64, max: i64) -> Checked<i64> {
        let number = *value.get_ref();
        let fits = (min..=max).contains(&number);
        self.at(value, fits.then_some(number).ok_or(format!("{number} is out of range: expected {min} to {max}")))
    }

    pub fn duration(&self, value: &Spanned<String>) -> Checked<Duration> {
        let text = value.get_ref();
        let parsed = humantime::parse_duration(text)
            .map_err(|_| format!("{text:?} is no duration: expected one like \"250ms\" or \"2s\""));
        self.at(value, parsed)
    }

    pub fn duration_between(&self, value: &Spanned<String>, [min, max]: [Duration; 2]) -> Checked<Duration> {
        let duration = self.duration(value)?;
        let [least, most] = [min, max].map(humantime::format_duration);
        let message = format!("{} is out of range: expected {least} to {most}", value.get_ref());
        self.at(value, (min..=max).contains(&duration).then_some(duration).ok_or(message))
    }

    pub fn unique(&self, seen: &mut BTreeMap<String, usize>, id: &Spanned<String>, what: &str) -> Checked<()> {
        let (line, _) = error::locate(self.text, id.span().start);
        match seen.insert(id.get_ref().clone(), line) {
            None => Ok(()),
            Some(first) => {
                let message =
                    format!("there is a {what} {:?} in line {first} already: expected another name", id.get_ref());
                Err(self.error(id.span().start, message))
            }
        }
    }

    pub fn size(&self, value: Option<&Spanned<Vec<i64>>>) -> Checked<Option<[u32; 2]>> {
        let Some(value) = value else { return Ok(None) };
        let fits = |side: i64| (16..=8192).contains(&side) && side % 2 == 0;
        let size = match value.get_ref()[..] {
            [width, height] if fits(width) && fits(height) => Ok(Some([width as u32, height as u32])),
            _ => Err("is no size: expected [width, height], both even and 16 to 8192".to_owned()),
        };
        self.at(value, size)
    }

    pub fn fps(&self, value: Option<&Spanned<i64>>) -> Checked<Option<u32>> {
        value.map(|value| self.number(value, 1, 240).map(|fps| fps as u32)).transpose()
    }
}
