//! What must not be shown: finds the secrets of a command, and hides them wherever they turn up.
//!
//! Two things are done. In any text, what *looks* like a secret is hidden: the user information of a URL, the value of
//! `password=`, what follows `Authorization:`. And what *is* a secret of a known command is hidden everywhere, alone or within
//! other words, percent-encoded or not. A value of less than [`SHORTEST`] characters would hide half of every text, so
//! it is hidden only where its place gives it away.
//!
//! What cannot be known is what a program gets to know by itself, from a file or a prompt, or says in another form
//! (base64, a hash).

mod find;
mod words;

use find::{Found, Grammar};
use memchr::memmem;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

/// Shorter values are hidden only where their place gives them away, in characters.
pub const SHORTEST: usize = 4;

/// What is shown instead.
const STARS: &str = "***";

/// The secrets of one command. They can be looked for, and not be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeSet<Vec<u8>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Those of a command as a shell would read it.
    pub fn of_command(command: &str) -> Self {
        Self::of(&find::all(command, Grammar::Shell))
    }

    fn of(found: &[Found]) -> Self {
        Self(found.iter().flat_map(|found| &found.values).flat_map(|value| forms(value)).collect())
    }

    /// These values, too.
    pub fn and<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.extend(values.into_iter().flat_map(forms));
        self
    }

    /// What can be shown of a text: without these secrets, and without what looks like one.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = find::all(text, Grammar::Prose);
        cover(text, found.into_iter().map(|found| found.at).chain(self.places(text)).collect())
    }

    /// How many bytes of a text a secret can take: three for each of its own, if it is percent-encoded.
    pub fn longest(&self) -> usize {
        3 * self.0.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Where they are in a text.
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = vec![];
        for secret in &self.0 {
            let finder = memmem::Finder::new(secret);
            places.extend(finder.find_iter(text.as_bytes()).map(|at| at..at + secret.len()));
        }
        if text.contains('%') {
            let decoded = Decoded::of(text.as_bytes());
            for secret in &self.0 {
                let finder = memmem::Finder::new(secret);
                places.extend(finder.find_iter(&decoded.bytes).map(|at| decoded.from(at..at + secret.len())));
            }
        }
        places
    }
}

/// What can be shown of a command.
pub fn shown(command: &str) -> String {
    let found = find::all(command, Grammar::Shell);
    let elsewhere = Secrets::of(&found).places(command);
    cover(command, found.into_iter().map(|found| found.at).chain(elsewhere).collect()).into_owned()
}

/// Puts stars over these places, which may overlap.
fn cover(text: &str, mut places: Vec<Range<usize>>) -> Cow<'_, str> {
    places.retain(|place| !place.is_empty());
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    places.sort_by_key(|place| place.start);
    let mut out = String::with_capacity(text.len());
    let mut shown = 0;
    for place in places {
        // A secret may begin or end within a character, if its own bytes are no text.
        let start = (0..=place.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (place.end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        if start > shown || (start == 0 && shown == 0) {
            out.push_str(&text[shown..start]);
            out.push_str(STARS);
        }
        shown = shown.max(end);
    }
    out.push_str(&text[shown..]);
    Cow::Owned(out)
}

/// What is looked for where a value may turn up: as it is and decoded, since whatever is said is looked through decoded, too.
fn forms(value: &str) -> impl Iterator<Item = Vec<u8>> + use<> {
    let decoded = Decoded::of(value.as_bytes()).bytes;
    let forms = [spaced(value.as_bytes()), spaced(&decoded), value.as_bytes().to_vec(), decoded];
    forms.into_iter().filter(|form| String::from_utf8_lossy(form).chars().count() >= SHORTEST)
}

/// Spaces as forms write them (application/x-www-form-urlencoded).
fn spaced(secret: &[u8]) -> Vec<u8> {
    secret.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect()
}

/// A text without its percent-encoding (RFC 3986, section 2.1), and where each byte was.
struct Decoded {
    bytes: Vec<u8>,
    at: Vec<usize>,
}

impl Decoded {
    fn of(text: &[u8]) -> Self {
        let mut decoded = Self { bytes: Vec::with_capacity(text.len()), at: Vec::with_capacity(text.len() + 1) };
        let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).map(|digit| digit as u8);
        let mut next = 0;
        while let Some(byte) = text.get(next) {
            decoded.at.push(next);
            match (byte, digit(text.get(next + 1)), digit(text.get(next + 2))) {
                (b'%', Some(high), Some(low)) => {
                    decoded.bytes.push(high << 4 | low);
                    next += 3;
                }
                _ => {
                    decoded.bytes.push(*byte);
                    next += 1;
                }
            }
        }
        decoded.at.push(text.len());
        decoded
    }

    fn from(&self, place: Range<usize>) -> Range<usize> {
        self.at[place.start]..self.at[place.end]
    }
}

#[cfg(test)]
mod tests;
