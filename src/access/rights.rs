//! What somebody may do.

use std::fmt;

/// Something that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To watch, whichever stream.
    View,
    /// To set what a camera can be set to.
    Control,
    /// To see all that `/debug` shows, and to restart actors.
    Admin,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::View => "view",
            Right::Control => "control",
            Right::Admin => "administer",
        })
    }
}

/// Names of streams, each exact or with `*` for any run of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams(Vec<String>);

impl Streams {
    /// Those of these names.
    pub fn named(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// All, also those that are found later.
    pub fn all() -> Self {
        Self::named(["*"])
    }

    /// Whether this one is among them.
    pub fn contain(&self, stream: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, stream))
    }

    /// Whether none can be.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a name is what the pattern says: `*` stands for any run of characters, also for none.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    // The first place of each piece is the best: it leaves most to the others.
    for piece in middle.split('*') {
        match left.find(piece) {
            Some(at) => left = &left[at + piece.len()..],
            None => return false,
        }
    }
    left.ends_with(end)
}

/// What one visitor may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// What may be watched.
    pub view: Streams,
    /// Whether cameras may be set.
    pub control: bool,
    /// Whether all may be seen and done.
    pub admin: bool,
}

impl Rights {
    /// Nothing is forbidden.
    pub fn all() -> Self {
        Self { view: Streams::all(), control: true, admin: true }
    }

    /// Whether this stream may be watched.
    pub fn may_view(&self, stream: &str) -> bool {
        self.admin || self.view.contain(stream)
    }

    /// Whether this may be done.
    pub fn include(&self, right: Right) -> bool {
        match right {
            Right::View => self.admin || !self.view.is_empty(),
            Right::Control => self.admin || self.control,
            Right::Admin => self.admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name, expected) in [
            ("front", "front", true),
            ("front", "front2", false),
            ("front", "Front", false),
            ("*", "anything", true),
            ("*", "", true),
            ("front*", "front", true),
            ("front*", "front-small", true),
            ("front*", "a-front", false),
            ("*small", "front-small", true),
            ("*small", "small-front", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} and {name:?}");
        }
    }

    #[test]
    fn admin_includes_all_and_nothing_else_includes_admin() {
        let admin = Rights { admin: true, ..Rights::default() };
        assert!([Right::View, Right::Control, Right::Admin].into_iter().all(|right| admin.include(right)));
        assert!(admin.may_view("front"));
        let viewer = Rights { view: Streams::named(["front"]), control: true, admin: false };
        assert!(viewer.include(Right::View) && viewer.include(Right::Control) && !viewer.include(Right::Admin));
        assert!(viewer.may_view("front") && !viewer.may_view("back"));
        assert!(![Right::View, Right::Control, Right::Admin].into_iter().any(|right| Rights::default().include(right)));
    }
}
