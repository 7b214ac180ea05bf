//! A command line of `--name value` and `--name`.

use crate::Failure;
use std::str::FromStr;

/// What was given.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Whether `--name` is there; it takes no value.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|word| word == name);
        found.map(|at| self.0.remove(at)).is_some()
    }

    /// The value of `--name`, if it is there.
    pub fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(at) = self.0.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.0.len() {
            return Err(format!("{name} needs a value").into());
        }
        let value = self.0.drain(at..=at + 1).nth(1).unwrap_or_default();
        Ok(Some(value.parse().map_err(|_| format!("{name} {value:?} is not understood"))?))
    }

    /// The words that no name took.
    pub fn rest(self) -> Result<Vec<String>, Failure> {
        match self.0.iter().find(|word| word.starts_with("--")) {
            Some(unknown) => Err(format!("no option {unknown}").into()),
            None => Ok(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn given(line: &str) -> Arguments {
        Arguments(line.split(' ').map(str::to_owned).collect())
    }

    #[test]
    fn takes_options_and_leaves_words() {
        let mut given = given("--viewers 20 http://host --audio");
        assert_eq!(given.option::<usize>("--viewers").unwrap(), Some(20));
        assert_eq!(given.option::<usize>("--seconds").unwrap(), None);
        assert!(given.flag("--audio") && !given.flag("--audio"));
        assert_eq!(given.rest().unwrap(), ["http://host"]);
    }

    #[test]
    fn names_what_it_does_not_know() {
        assert_eq!(given("--veiwers 20").rest().unwrap_err().to_string(), "no option --veiwers");
        assert!(given("--viewers many").option::<usize>("--viewers").is_err());
        assert!(given("--viewers").option::<usize>("--viewers").is_err());
    }
}
