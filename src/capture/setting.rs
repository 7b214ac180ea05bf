//! What a control of a camera is set to.

/// A value as the configuration and HTTP write it: a number, a switch, or a choice by its label.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// On or off.
    Switch(bool),
    /// A number, or a choice by its number.
    Number(i64),
    /// A choice by its label, in any case.
    Choice(String),
}
