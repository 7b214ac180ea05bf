//! Who watches by whose right, so that whoever loses it is let go.

use super::accounts::Visitor;
use std::collections::HashMap;

/// One viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// By whose right.
    pub visitor: Visitor,
    /// The stream.
    pub stream: String,
}

/// All viewers, by their tokens.
#[derive(Debug, Default)]
pub struct Watchers(HashMap<String, Watcher>);

impl Watchers {
    /// One watches, or has switched to another stream.
    pub fn watches(&mut self, token: &str, visitor: &Visitor, stream: &str) {
        let watcher = Watcher { visitor: visitor.clone(), stream: stream.to_owned() };
        self.0.insert(token.to_owned(), watcher);
    }

    /// Whether the viewer of this token watches that stream.
    pub fn is_watching(&self, token: &str, stream: &str) -> bool {
        self.0.get(token).is_some_and(|watcher| watcher.stream == stream)
    }

    /// Forgets those who are no viewers any more.
    pub fn retain(&mut self, is_viewer: impl Fn(&str) -> bool) {
        self.0.retain(|token, _| is_viewer(token));
    }

    /// The tokens of those who may not watch what they watch; they are forgotten.
    pub fn take_unless(&mut self, may: impl Fn(&Watcher) -> bool) -> Vec<String> {
        let (stay, go) = std::mem::take(&mut self.0).into_iter().partition(|(_, watcher)| may(watcher));
        self.0 = stay;
        HashMap::into_keys(go).collect()
    }

    /// When the right of the first of them ends after `now`, as far as that is known: in seconds since the Unix epoch.
    pub fn first_end(&self, now: u64) -> Option<u64> {
        let ends = self.0.values().filter_map(|watcher| match &watcher.visitor {
            Visitor::Link { until, .. } => Some(*until),
            _ => None,
        });
        // Whose right has ended and who is still here may watch by another.
        ends.filter(|end| *end > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::super::digest::Digest;
    use super::*;

    #[test]
    fn whoever_loses_the_right_is_named_once() {
        let proof = Digest::of(b"");
        let tv = Visitor::Token { name: "tv".into(), proof };
        let mut watchers = Watchers::default();
        watchers.watches("a", &tv, "front");
        watchers.watches("b", &Visitor::Link { stream: "front".into(), until: 7, proof }, "front");
        watchers.watches("c", &Visitor::Local, "back");
        watchers.watches("a", &tv, "back");
        assert_eq!((watchers.0.len(), watchers.first_end(6), watchers.first_end(7)), (3, Some(7), None));
        let mut gone = watchers.take_unless(|watcher| watcher.stream == "back" && watcher.visitor != Visitor::Local);
        gone.sort();
        assert_eq!(gone, ["b", "c"]);
        assert!(watchers.take_unless(|_| true).is_empty());
        watchers.retain(|token| token != "a");
        assert_eq!((watchers.0.len(), watchers.first_end(0)), (0, None));
    }
}
