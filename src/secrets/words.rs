//! The words of a text, and where each byte of them was.

use std::ops::Range;

/// One word, without the quotes around and within it.
#[derive(Debug, Default)]
pub struct Word {
    /// What it says.
    pub text: String,
    /// Where each byte of it was.
    at: Vec<usize>,
}

impl Word {
    /// Where a part of the word was, with the quotes within.
    pub fn from(&self, part: Range<usize>) -> Range<usize> {
        match (self.at.get(part.start), part.end.checked_sub(1).and_then(|last| self.at.get(last))) {
            (Some(start), Some(last)) if !part.is_empty() => *start..last + 1,
            _ => 0..0,
        }
    }

    fn push(&mut self, at: usize, char: char) {
        self.text.push(char);
        self.at.extend(at..at + char.len_utf8());
    }
}

/// Whatever is between white space.
pub fn of_prose(text: &str) -> Vec<Word> {
    let mut words = vec![Word::default()];
    for (at, char) in text.char_indices() {
        if char.is_whitespace() {
            words.push(Word::default());
        } else if let Some(word) = words.last_mut() {
            word.push(at, char);
        }
    }
    words.retain(|word| !word.text.is_empty());
    words
}

/// As a shell reads them (POSIX, Shell Command Language, section 2.2), operators left out. What is expanded stays as it is
/// written.
pub fn of_shell(text: &str) -> Vec<Word> {
    let mut words = vec![Word::default()];
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let Some(word) = words.last_mut() else { break };
        match (quote, char) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => quote = Some(char),
            (None, '\\') => {
                if let Some((at, char)) = chars.next() {
                    word.push(at, char);
                }
            }
            (Some('"'), '\\') => {
                let escaped = chars.next_if(|(_, next)| matches!(next, '"' | '\\' | '$' | '`'));
                let (at, char) = escaped.unwrap_or((at, char));
                word.push(at, char);
            }
            (None, char) if char.is_whitespace() || matches!(char, ';' | '|' | '&' | '(' | ')' | '<' | '>') => {
                words.push(Word::default());
            }
            _ => word.push(at, char),
        }
    }
    words.retain(|word| !word.text.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_the_shell_reads_them_and_know_where_they_were() {
        for (text, expected) in [
            ("a b  c", vec!["a", "b", "c"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            (r#"a\ b "c\"d\e" 'f\g'"#, vec!["a b", r#"c"d\e"#, r"f\g"]),
            (r"'it'\''s'", vec!["it's"]),
            ("A=1 cmd|other&&third", vec!["A=1", "cmd", "other", "third"]),
            ("open 'for ever", vec!["open", "for ever"]),
            ("größe 'ü ü'", vec!["größe", "ü ü"]),
            ("end\\", vec!["end"]),
        ] {
            let words = of_shell(text);
            assert_eq!(words.iter().map(|word| &*word.text).collect::<Vec<_>>(), expected, "{text}");
            for word in &words {
                let place = word.from(0..word.text.len());
                let raw: String = text[place].chars().filter(|char| !matches!(char, '\'' | '"' | '\\')).collect();
                let plain: String = word.text.chars().filter(|char| !matches!(char, '\'' | '"' | '\\')).collect();
                assert_eq!(raw, plain, "{text}");
            }
        }
    }
}
