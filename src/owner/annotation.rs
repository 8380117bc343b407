//! The annotations that there are.

use crate::quantity::{codes, nearest};

/// What every key of ours begins with.
pub const PREFIX: &str = "plimsoll.dev";

codes! {
    /// What an owner can say of a job: the part of an annotation's key after `plimsoll.dev/`.
    pub enum Annotation {
        /// What may be done with the job: `ignore`, `report` or `propose`.
        Mode = "mode",
        /// Why, in the owner's words.
        Reason = "reason",
        /// How critical the job is, in the owner's words.
        Tier = "tier",
        /// Who is asked about the job.
        Owner = "owner",
        /// Until when nothing is proposed: a date, or a time with its offset.
        HoldUntil = "hold-until",
        /// The evaluators that are asked about the job, separated by commas.
        Evaluator = "evaluator",
        /// The collectors that are asked about the job, separated by commas.
        Collector = "collector",
        /// Who carries its changes out.
        Realizer = "realizer",
    }
}

impl Annotation {
    /// The whole key.
    pub fn key(self) -> String {
        format!("{PREFIX}/{self}")
    }
}

/// What a key of an annotation or a label is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// One of ours.
    Ours(Annotation),
    /// It looks like one of ours, and is none: what may have been meant.
    Mistyped(Option<Annotation>),
    /// Somebody else's.
    Foreign,
}

/// Whose key it is. A prefix that is nearly ours counts as ours: who writes `plimsol.dev/mode: ignore` wants to be left alone.
pub(super) fn key(text: &str) -> Key {
    let (prefix, name) = text.split_once('/').unwrap_or((text, ""));
    let meant = |name: &str| {
        let name = name.trim().to_lowercase();
        let names = Annotation::ALL.iter().map(|annotation| annotation.as_str());
        nearest(&name, names).and_then(|name| name.parse().ok())
    };
    if prefix == PREFIX {
        return match name.parse() {
            Ok(annotation) => Key::Ours(annotation),
            Err(_) => Key::Mistyped(meant(name)),
        };
    }
    if is_nearly_ours(prefix) && text.contains('/') {
        return Key::Mistyped(meant(name));
    }
    Key::Foreign
}

/// Whether a key of an annotation or a label is ours, or was meant to be.
pub fn concerns_us(text: &str) -> bool {
    key(text) != Key::Foreign
}

/// Whether a prefix was meant to be `plimsoll.dev`: another case, another ending, a slip of the finger.
fn is_nearly_ours(prefix: &str) -> bool {
    let prefix = prefix.trim().to_lowercase();
    let slips = |typed: &str, meant: &str| strsim::damerau_levenshtein(typed, meant);
    slips(&prefix, PREFIX) <= 2
        || prefix.ends_with(".plimsoll.dev")
        || prefix
            .split('.')
            .next()
            .is_some_and(|name| slips(name, "plimsoll") <= 1)
}
