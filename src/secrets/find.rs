//! Where secrets are in a text, by the look of their places.

use super::words::{self, Word};
use std::ops::Range;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// A command: quotes and operators mean what they mean to a shell.
    Shell,
    /// What a program says: an apostrophe is an apostrophe, and `-p` may be anything.
    Prose,
}

/// A secret in a text.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub at: Range<usize>,
    /// What is secret about it, in all its forms: a longer one and its part, if it is not clear where it ends.
    pub values: Vec<String>,
}

/// Commands within commands, as in `sh -c "…"`, are looked into so deep.
const DEPTH_MAX: usize = 4;

/// All secrets of a text.
pub fn all(text: &str, grammar: Grammar) -> Vec<Found> {
    within(text, grammar, DEPTH_MAX)
}

fn within(text: &str, grammar: Grammar, depth: usize) -> Vec<Found> {
    let words = match grammar {
        Grammar::Shell => words::of_shell(text),
        Grammar::Prose => words::of_prose(text),
    };
    let mut found = vec![];
    for (nth, word) in words.iter().enumerate() {
        let mut inside = vec![];
        urls(&word.text, &mut inside);
        assignments(&word.text, &mut inside);
        headers(&word.text, &mut inside);
        if depth > 0 && grammar == Grammar::Shell && word.text.contains(char::is_whitespace) {
            // Another command, or a header.
            inside.extend(within(&word.text, Grammar::Shell, depth - 1));
            inside.extend(within(&word.text, Grammar::Prose, depth - 1));
        }
        found.extend(inside.into_iter().map(|it| Found { at: word.from(it.at), values: it.values }));
        followed(word, &words[nth + 1..], grammar, &mut found);
    }
    found
}

/// The user information of every URL (RFC 3986, section 3.2.1). A password that should have been encoded, and has a `/`,
/// `?` or `#`, is found if something before it says that it is one.
fn urls(text: &str, found: &mut Vec<Found>) {
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        from = start;
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len());
        let end = rest[..end].find("://").map_or(end, |next| {
            // Another URL in its query begins with its scheme.
            let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
            rest[..next].trim_end_matches(scheme).len()
        });
        let url = &rest[..end];
        let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
        let user = match authority.rfind('@') {
            None if authority.contains(':') && !authority.starts_with('[') => url.rfind('@'),
            within => within,
        };
        if let Some(user) = user {
            let information = &url[..user];
            let secret = match information.split_once(':') {
                None => information,
                Some((token, "")) => token,
                Some((_, password)) => password,
            };
            let values = vec![information.to_owned(), secret.to_owned()];
            found.push(Found { at: start..start + user, values });
        }
    }
}

/// `password=…` with and without dashes, in a query, in a list, and `"password":"…"`.
fn assignments(text: &str, found: &mut Vec<Found>) {
    for (at, sign) in text.match_indices(['=', ':']) {
        let before = &text[..at];
        let unquoted = before.strip_suffix(['"', '\'']);
        if sign == ":" && unquoted.is_none() {
            continue;
        }
        let before = unquoted.unwrap_or(before);
        let name = &before[before.trim_end_matches(is_of_name).len()..];
        let rest = text[at + 1..].trim_start();
        let start = text.len() - rest.len();
        let (start, rest, quote) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => (start + 1, &rest[1..], Some(quote)),
            _ => (start, rest, None),
        };
        let part = match quote {
            Some(quote) => &rest[..rest.find(quote).unwrap_or(rest.len())],
            None => &rest[..rest.find(|c: char| c.is_whitespace() || ENDS.contains(&c)).unwrap_or(rest.len())],
        };
        // A word that is one assignment is a secret to its end, whatever that is made of.
        let value = if name.len() == before.len() && quote.is_none() { rest } else { part };
        if names_user(name) {
            if let Some((user, password)) = value.split_once(':').filter(|(_, rest)| !rest.starts_with("//")) {
                found
                    .push(Found { at: start + user.len() + 1..start + value.len(), values: vec![password.to_owned()] });
            }
        } else if names_secret(name) || name.eq_ignore_ascii_case("key") {
            found.push(Found { at: start..start + value.len(), values: vec![value.to_owned(), part.to_owned()] });
        }
    }
}

/// What ends a value within a query or a list.
const ENDS: [char; 9] = ['&', ';', ',', '#', '"', '\'', ')', '}', ']'];

/// `Authorization:…` in one word.
fn headers(text: &str, found: &mut Vec<Found>) {
    for (at, _) in text.match_indices(':') {
        let value = until_line_end(&text[at + 1..]);
        if names_header(name_before(text, at)) && !value.starts_with(char::is_whitespace) && !is_scheme(value) {
            found.push(Found { at: at + 1..at + 1 + value.len(), values: vec![value.to_owned()] });
        }
    }
}

/// A secret that is a word of its own: after an option, a header's name or a scheme.
fn followed(word: &Word, rest: &[Word], grammar: Grammar, found: &mut Vec<Found>) {
    let mut hide = |word: &Word, part: Range<usize>| {
        found.push(Found { at: word.from(part.clone()), values: vec![word.text[part].to_owned()] });
    };
    let text = word.text.trim_matches(['"', '\'']);
    if let (Some(option), Some(next)) = (text.strip_prefix('-'), rest.first()) {
        let name = option.trim_start_matches('-');
        let value = match grammar {
            Grammar::Shell => &*next.text,
            Grammar::Prose => next.text.trim_end_matches(['"', '\'']),
        };
        let is_option = value.starts_with("--");
        let is_port = value.len() <= 5 && value.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = name.chars().all(is_of_name);
        if is_name && names_secret(name) && !is_option
            || grammar == Grammar::Shell && text == "-p" && !is_option && !is_port
        {
            hide(next, 0..value.len());
        } else if names_user(name)
            && let Some(colon) = value.find(':').filter(|colon| !value[*colon..].starts_with("://"))
        {
            hide(next, colon + 1..value.len());
        }
    }
    let (name, scheme) = match text.rsplit_once(':') {
        Some((before, after)) => (name_before(before, before.len()), Some(after)),
        None => ("", None),
    };
    if text.eq_ignore_ascii_case("bearer") || names_header(name) && scheme.is_some_and(is_scheme) {
        if let Some(next) = rest.first() {
            hide(next, 0..until_line_end(&next.text).len());
        }
    } else if names_header(name) && scheme == Some("") {
        let mut values = rest.iter();
        if is_scheme(rest.first().map_or("", |next| &next.text)) {
            values.next();
        }
        let many = if name.to_ascii_lowercase().ends_with("cookie") { usize::MAX } else { 1 };
        values.take(many).for_each(|next| hide(next, 0..until_line_end(&next.text).len()));
    } else if text.ends_with(':') && word.text.starts_with(['"', '\'']) && names_secret(text.trim_matches(QUOTES)) {
        // "password": "…"
        if let Some(next) = rest.first() {
            hide(next, 0..next.text.len());
        }
    }
}

const QUOTES: [char; 3] = ['"', '\'', ':'];

/// Headers are often given with their line ends written out.
fn until_line_end(text: &str) -> &str {
    let ends = ["\\r", "\\n", "\r", "\n"].iter().filter_map(|end| text.find(end));
    text[..ends.min().unwrap_or(text.len())].trim_end_matches(['"', '\''])
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn name_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end_matches(is_of_name).len()..]
}

/// How HTTP says who one is (RFC 9110, section 11.1).
fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "token"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Whether what follows this name is `user:password`.
fn names_user(name: &str) -> bool {
    ["u", "U", "user", "proxy-user", "userpwd"].contains(&name.trim_start_matches('-'))
}

fn names_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["authorization", "proxy-authorization", "cookie", "set-cookie"].contains(&&*name)
        || (name.starts_with("x-") && names_secret(&name))
}

/// Whether what belongs to this name of an option, a variable or a parameter is a secret.
pub fn names_secret(name: &str) -> bool {
    const PARTS: [&str; 16] = [
        "password",
        "passwd",
        "passphrase",
        "userpass",
        "secret",
        "token",
        "apikey",
        "credential",
        "privatekey",
        "accesskey",
        "authkey",
        "streamkey",
        "encryptionkey",
        "decryptionkey",
        "cryptokey",
        "sessionid",
    ];
    const LAST: [&str; 12] =
        ["pass", "pw", "pwd", "psk", "pin", "auth", "authorization", "cookie", "jwt", "sig", "signature", "sid"];
    /// Of something that has to do with a secret and is none.
    const HARMLESS: [&str; 11] =
        ["file", "path", "fd", "stdin", "cmd", "command", "type", "length", "mode", "name", "timeout"];
    let name = name.trim_start_matches('-');
    let mut split = String::with_capacity(name.len() + 4);
    let mut small = false;
    for c in name.chars() {
        if small && c.is_ascii_uppercase() {
            split.push('-');
        }
        small = c.is_ascii_lowercase();
        split.push(if matches!(c, '_' | '.') { '-' } else { c.to_ascii_lowercase() });
    }
    let last = split.rsplit('-').next().unwrap_or_default();
    if split.starts_with("no-") || HARMLESS.contains(&last) {
        return false;
    }
    let compact: String = split.chars().filter(|c| *c != '-').collect();
    LAST.contains(&last) || PARTS.iter().any(|part| compact.contains(part))
}
