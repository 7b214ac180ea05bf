//! Values that a command takes from elsewhere, so that a secret stands neither in the configuration nor in its command line:
//! `${file:/path}` is what stands in a file, `${env:NAME}` a variable of the server's environment.
//!
//! Both become variables of the program's own environment, which only its user can read, and a shell puts them where they are
//! wanted. So they work where variables do: not within single quotes.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

/// What our variables are called.
const PREFIX: &str = "LENSCAP_VALUE_";

/// No secret is longer, in bytes; other files are not meant.
const VALUE_BYTES_MAX: usize = 4096;

/// A command whose values have been looked up.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Borrowed {
    /// The command, with variables in place of what it takes from elsewhere.
    pub command: String,
    /// Those variables.
    pub variables: Vec<(String, String)>,
}

/// There are secrets in it.
impl fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Borrowed({})", self.variables.len())
    }
}

/// Looks up all values of a command.
///
/// # Errors
///
/// In words, if one is not to be had.
pub fn look_up(command: &str) -> Result<Borrowed, String> {
    let mut borrowed = Borrowed::default();
    let mut left = command;
    while let Some((before, kind, name, after)) = next(left) {
        let value = match kind {
            "file" => read(name)?,
            _ => std::env::var(name)
                .map_err(|_| format!("the variable {name} is not in the server's environment"))
                .and_then(|value| {
                    fits(&value).then_some(value).ok_or_else(|| format!("the variable {name} is too long"))
                })?,
        };
        let variable = format!("{PREFIX}{}", borrowed.variables.len());
        borrowed.command.push_str(&format!("{before}${{{variable}}}"));
        borrowed.variables.push((variable, value));
        left = after;
    }
    borrowed.command.push_str(left);
    Ok(borrowed)
}

/// The next value that is asked for: what is before it, its kind and name, and what follows.
fn next(text: &str) -> Option<(&str, &str, &str, &str)> {
    ["${file:", "${env:"].iter().filter_map(|opening| text.find(opening).map(|at| (at, *opening))).min().and_then(
        |(at, opening)| {
            let (name, after) = text[at + opening.len()..].split_once('}')?;
            Some((&text[..at], &opening[2..opening.len() - 1], name, after))
        },
    )
}

/// The first line of a file. Others wait for this: a pipe without a writer, or a device, is not waited for.
fn read(path: &str) -> Result<String, String> {
    let cannot = |error: io::Error| format!("{path} cannot be read: {error}");
    let opened =
        File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path).map_err(cannot)?;
    let is_file = opened.metadata().map_err(cannot)?.is_file();
    let mut text = String::new();
    if is_file {
        opened.take(VALUE_BYTES_MAX as u64 + 2).read_to_string(&mut text).map_err(cannot)?;
    }
    let line = text.lines().next().unwrap_or_default();
    match is_file && fits(line) {
        true => Ok(line.to_owned()),
        false => Err(format!("{path} holds no value: it is no file, or its first line is too long")),
    }
}

fn fits(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX && !value.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_variables_and_the_rest_stays() {
        let file = std::env::temp_dir().join(format!("lenscap-borrowed-{}", std::process::id()));
        std::fs::write(&file, "s$cret 'x'\nmore\n").unwrap();
        let path = file.display();
        let borrowed = look_up(&format!("a \"${{file:{path}}}@b\" ${{env:PATH}} ${{HOME}} ${{file:{path}}}")).unwrap();
        assert_eq!(borrowed.command, "a \"${LENSCAP_VALUE_0}@b\" ${LENSCAP_VALUE_1} ${HOME} ${LENSCAP_VALUE_2}");
        let values: Vec<&str> = borrowed.variables.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["s$cret 'x'", &std::env::var("PATH").unwrap(), "s$cret 'x'"]);
        assert_eq!(format!("{borrowed:?}"), "Borrowed(3)");
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn what_is_not_to_be_had_is_said_and_what_is_none_stays() {
        assert!(look_up("x ${file:/no/such/file}").unwrap_err().contains("/no/such/file"));
        assert!(look_up("x ${env:NO_SUCH_VARIABLE}").unwrap_err().contains("NO_SUCH_VARIABLE"));
        for none in ["/dev/null", "/dev/zero", "/tmp", "/proc/self/mem"] {
            assert!(look_up(&format!("x ${{file:{none}}}")).is_err(), "{none}");
        }
        for plain in ["", "ffmpeg -i x", "${PATH}", "${file:never closed", "$file:x}"] {
            let borrowed = look_up(plain).unwrap();
            assert_eq!((borrowed.command.as_str(), borrowed.variables.len()), (plain, 0));
        }
    }
}
