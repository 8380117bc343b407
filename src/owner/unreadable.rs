//! A word of the owner that is not understood.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Characters of a foreign text that are shown.
const SHOWN: usize = 64;

/// An annotation (or a label) of ours that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Unreadable {
    /// Its key. Foreign text: escape it.
    pub annotation: String,
    /// What it says, cut to 64 characters. Foreign text: escape it.
    pub value: String,
    /// What is wrong and what may be there, a part of a sentence.
    pub allowed: String,
}

impl Unreadable {
    /// One that is not understood; long texts are cut.
    pub(super) fn new(annotation: &str, value: &str, allowed: impl Into<String>) -> Unreadable {
        Unreadable {
            annotation: cut(annotation),
            value: cut(value),
            allowed: allowed.into(),
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the annotation {} is `{}`: {}",
            self.annotation, self.value, self.allowed
        )
    }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
