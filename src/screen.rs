//! How people are spoken to in a terminal: a heading, then lines behind labels, in color where colors are wanted.
//!
//! What programs read (JSON, sections of a configuration, exit codes) goes through [`out`] as it is.

mod progress;

pub use progress::Progress;

use anstyle::{AnsiColor, Style};
use std::fmt::{self, Display, Write as _};
use std::io::{self, ErrorKind, Write};

/// Labels have at least this many columns, so that screens look alike.
const LABEL: usize = 9;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As things are.
    Plain,
    /// As they should be.
    Good,
    /// As somebody may not have meant them.
    Caution,
    /// What to look at first.
    Strong,
    /// An explanation.
    Faint,
}

impl Tone {
    /// A text that is meant so, for a place of its own: [`err`] or [`out`].
    pub fn of(self, text: impl Display) -> String {
        let style = self.style();
        format!("{style}{text}{style:#}")
    }

    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Caution => AnsiColor::Yellow.on_default(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
        }
    }
}

/// What is shown at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    Sentence(String, Tone),
    Labeled(String, String, Tone),
    Gap,
}

impl Screen {
    /// Begins with this line, and a gap.
    pub fn new(heading: impl Into<String>, tone: Tone) -> Self {
        Self { rows: vec![Row::Sentence(heading.into(), tone), Row::Gap] }
    }

    /// A line behind a label; the label of a line that goes on with the one above is empty.
    pub fn line(&mut self, label: impl Into<String>, text: impl Into<String>, tone: Tone) -> &mut Self {
        self.rows.push(Row::Labeled(label.into(), text.into(), tone));
        self
    }

    /// Some lines, of which the first has the label.
    pub fn lines(&mut self, label: &str, texts: impl IntoIterator<Item = String>) -> &mut Self {
        for (nth, text) in texts.into_iter().enumerate() {
            self.line(if nth == 0 { label } else { "" }, text, Tone::Plain);
        }
        self
    }

    /// A line of its own.
    pub fn sentence(&mut self, text: impl Into<String>, tone: Tone) -> &mut Self {
        self.rows.push(Row::Sentence(text.into(), tone));
        self
    }

    /// An empty line.
    pub fn gap(&mut self) -> &mut Self {
        self.rows.push(Row::Gap);
        self
    }
}

/// With colors: whoever writes it takes them out again where none are wanted.
impl Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.rows.iter().map(|row| match row {
            Row::Labeled(label, ..) => label.chars().count(),
            Row::Sentence(..) | Row::Gap => 0,
        });
        let width = labels.max().unwrap_or(0).max(LABEL);
        for row in &self.rows {
            match row {
                Row::Gap => f.write_char('\n')?,
                Row::Sentence(text, tone) => writeln!(f, "  {}", tone.of(text))?,
                Row::Labeled(label, text, tone) => {
                    writeln!(f, "  {} {}", Tone::Faint.of(format_args!("{label:width$}")), tone.of(text))?;
                }
            }
        }
        Ok(())
    }
}

/// So many of them, in words.
pub fn counted(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Names beside what is said of them, in columns.
pub fn columns<'a>(rows: impl Iterator<Item = (&'a str, String)> + Clone) -> impl Iterator<Item = String> {
    let width = rows.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.map(move |(name, text)| format!("{name:width$}  {text}"))
}

/// Writes what was asked for to standard output. That nobody reads on is no error: whoever closes a pipe has what they wanted.
///
/// # Errors
///
/// If it cannot be written for another reason, as on a full disk.
pub fn out(text: impl Display) -> io::Result<()> {
    written(&mut anstream::stdout().lock(), text)
}

/// Writes to standard error. If that fails there is nobody left to be told.
pub fn err(text: impl Display) {
    let _ = written(&mut anstream::stderr().lock(), text);
}

fn written(to: &mut impl Write, text: impl Display) -> io::Result<()> {
    match write!(to, "{text}").and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(screen: &Screen) -> String {
        anstream::adapter::strip_str(&screen.to_string()).to_string()
    }

    #[test]
    fn labels_are_in_line_with_those_of_other_screens_and_long_ones_move_all() {
        let mut screen = Screen::new("my.toml is right", Tone::Good);
        screen.lines("Cameras", ["front  test".to_owned(), "back   test".to_owned()]);
        let expected = "  my.toml is right\n\n  Cameras   front  test\n            back   test\n";
        assert_eq!(plain(&screen), expected);
        screen.gap().line("/dev/video0", "a camera", Tone::Strong).sentence("bye", Tone::Faint);
        let shown = plain(&screen);
        assert!(shown.contains("  Cameras     front  test\n"), "{shown}");
        assert!(shown.ends_with("\n\n  /dev/video0 a camera\n  bye\n"), "{shown}");
    }

    #[test]
    fn a_line_that_is_meant_so_has_a_color_and_a_plain_one_none() {
        let mut screen = Screen::default();
        screen.line("HTTPS", "on", Tone::Good).line("Video", "UDP", Tone::Plain);
        let shown = screen.to_string();
        assert!(shown.contains("\u{1b}[32mon\u{1b}[0m\n"), "{shown:?}");
        assert!(shown.contains(" UDP\n"), "{shown:?}");
    }

    #[test]
    fn who_reads_no_further_is_no_error_and_a_full_disk_is_one() {
        struct Fails(ErrorKind);
        impl Write for Fails {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(written(&mut Fails(ErrorKind::BrokenPipe), "x").is_ok());
        assert!(written(&mut Fails(ErrorKind::StorageFull), "x").is_err());
    }

    #[test]
    fn one_is_no_plural_and_names_are_in_columns() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "camera")), ["0 cameras", "1 camera", "2 cameras"]);
        let rows = [("front", "test".to_owned()), ("b", "exec".to_owned())];
        assert_eq!(columns(rows.iter().cloned()).collect::<Vec<_>>(), ["front  test", "b      exec"]);
    }
}
