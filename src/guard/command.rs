//! A command as it is started: by itself where no shell is needed, else by `/bin/sh`.
//!
//! A shell between us and a program costs a process, and dies of a SIGTERM that the program would
//! have used to end in order.

use rustix::fs::{Access, access};
use std::env;
use std::path::Path;

/// The words to start a command with.
pub fn words(command: &str) -> Vec<String> {
    let shell = || ["/bin/sh", "-c", command].map(str::to_owned).to_vec();
    if needs_shell(command) {
        return shell();
    }
    match shell_words::split(command) {
        // What is no program may be a word of the shell's own.
        Ok(words) if words.first().is_some_and(|word| is_program(word)) => words,
        _ => shell(),
    }
}

/// Whether a text means more to a shell (POSIX.1-2024, Shell Command Language, 2.2 and 2.6) than its words.
fn needs_shell(command: &str) -> bool {
    let mut quote = None;
    let mut at_start = true;
    for c in command.trim().chars() {
        let special = match quote {
            Some('\'') => false,
            Some(_) => matches!(c, '$' | '`' | '\\'),
            None => {
                matches!(c, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\\' | '*' | '?' | '[' | '\n')
                    || (at_start && matches!(c, '~' | '#' | '{' | '!'))
            }
        };
        if special {
            return true;
        }
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        at_start = quote.is_none() && c.is_whitespace();
    }
    // Variables may be set before a program.
    quote.is_some() || command.split_whitespace().next().is_none_or(|word| word.contains('='))
}

fn is_program(word: &str) -> bool {
    let executable = |path: &Path| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if word.contains('/') {
        return executable(Path::new(word));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    env::split_paths(&path).any(|folder| executable(&folder.join(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_command_needs_no_shell() {
        for (command, expected) in [
            ("cat /a/b.h264", &["cat", "/a/b.h264"][..]),
            ("  cat  'a b'  \"c d\" ", &["cat", "a b", "c d"]),
            ("/bin/cat --x=1 -f h264 -", &["/bin/cat", "--x=1", "-f", "h264", "-"]),
            (
                "cat 'testsrc=size=640x480:rate=30,format=yuv420p' '$HOME' '*'",
                &["cat", "testsrc=size=640x480:rate=30,format=yuv420p", "$HOME", "*"],
            ),
        ] {
            assert_eq!(words(command), expected, "{command}");
        }
    }

    #[test]
    fn what_only_a_shell_understands_is_left_to_it() {
        for command in [
            "cat a | cat",
            "cat a & cat b",
            "cat a; cat b",
            "cat $HOME",
            "cat \"$HOME\"",
            "cat `date`",
            "cat < a",
            "cat *.h264",
            "cat ~/a",
            "cat a\\ b",
            "KEY=value cat a",
            "exec cat a",
            "cd / ",
            "while true",
            "there-is-no-such-program a",
            "/there/is/none",
            "cat 'open",
            "cat # a remark",
            "cat a\ncat b",
            "{ cat a",
            "",
        ] {
            assert_eq!(words(command), ["/bin/sh", "-c", command], "{command}");
        }
    }
}
