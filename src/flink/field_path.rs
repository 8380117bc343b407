//! Paths of fields in a manifest: `spec.flinkConfiguration["taskmanager.numberOfTaskSlots"]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The key below which everything is one flat map of Flink options, however it is nested.
const CONFIGURATION: &str = "flinkConfiguration";

/// One step of a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A position in a list, counted from 0.
    Index(usize),
}

/// A path from the root of an object to one of its fields.
///
/// Written with dots (`spec.job.parallelism`); keys that hold a dot stand in brackets and quotes, list
/// positions in brackets. Below `flinkConfiguration` there is always exactly one key: the *flattened*
/// Flink option, whatever spelling the file uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath {
    segments: Vec<Segment>,
}

/// Why a text is not a [`FieldPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldPathError {
    /// Nothing between two dots, at the start or at the end.
    #[error("field path `{0}` has an empty part: write it as `spec.job.parallelism`")]
    Empty(String),
    /// A bracket without its partner, or with something else than a quoted key or a number in it.
    #[error("field path `{0}` has a broken bracket: write keys with dots as `[\"a.b\"]`")]
    Bracket(String),
}

impl FieldPath {
    /// A path of the given steps. Steps below `flinkConfiguration` become one flattened key.
    pub fn new(segments: Vec<Segment>) -> FieldPath {
        FieldPath {
            segments: flatten(segments),
        }
    }

    /// A path of plain keys, e.g. `FieldPath::of(&["spec", "job", "parallelism"])`.
    pub fn of(keys: &[&str]) -> FieldPath {
        FieldPath::new(
            keys.iter()
                .map(|key| Segment::Key((*key).to_owned()))
                .collect(),
        )
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// This path with one more key at its end.
    pub fn child(&self, key: &str) -> FieldPath {
        let mut segments = self.segments.clone();
        segments.push(Segment::Key(key.to_owned()));
        FieldPath::new(segments)
    }

    /// This path with one more list position at its end.
    pub fn item(&self, index: usize) -> FieldPath {
        let mut segments = self.segments.clone();
        segments.push(Segment::Index(index));
        FieldPath::new(segments)
    }

    /// This path with all steps of `rest` at its end.
    pub fn join(&self, rest: &FieldPath) -> FieldPath {
        let mut segments = self.segments.clone();
        segments.extend(rest.segments.iter().cloned());
        FieldPath::new(segments)
    }

    /// The steps below `prefix`, or nothing when this path does not lie below it (or is it).
    pub fn below(&self, prefix: &FieldPath) -> Option<FieldPath> {
        let rest = self.segments.strip_prefix(prefix.segments.as_slice())?;
        (!rest.is_empty()).then(|| FieldPath {
            segments: rest.to_vec(),
        })
    }

    /// The last key, if the path ends in one.
    pub fn last_key(&self) -> Option<&str> {
        match self.segments.last() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The flattened Flink option that this path names, if it lies in a `flinkConfiguration`.
    pub fn option(&self) -> Option<&str> {
        let [.., Segment::Key(parent), Segment::Key(option)] = self.segments.as_slice() else {
            return None;
        };
        (parent == CONFIGURATION).then_some(option)
    }

    /// The keys as words, for comparing with a pattern; list positions are `*`.
    pub fn words(&self) -> Vec<&str> {
        self.segments
            .iter()
            .map(|segment| match segment {
                Segment::Key(key) => key.as_str(),
                Segment::Index(_) => "*",
            })
            .collect()
    }
}

/// Joins everything below the first `flinkConfiguration` into one key.
fn flatten(segments: Vec<Segment>) -> Vec<Segment> {
    let configuration = Segment::Key(CONFIGURATION.to_owned());
    let Some(at) = segments
        .iter()
        .position(|segment| *segment == configuration)
    else {
        return segments;
    };
    let (head, tail) = segments.split_at(at + 1);
    let keys: Option<Vec<&str>> = tail
        .iter()
        .map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
        .collect();
    match keys {
        Some(keys) if keys.len() > 1 => {
            let mut flat = head.to_vec();
            flat.push(Segment::Key(keys.join(".")));
            flat
        }
        _ => segments,
    }
}

impl FromStr for FieldPath {
    type Err = FieldPathError;

    fn from_str(text: &str) -> Result<FieldPath, FieldPathError> {
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            if let Some(inside) = rest.strip_prefix('[') {
                let (segment, after) =
                    bracket(inside).ok_or_else(|| FieldPathError::Bracket(text.to_owned()))?;
                segments.push(segment);
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let key = &rest[..end];
                if key.is_empty() {
                    return Err(FieldPathError::Empty(text.to_owned()));
                }
                segments.push(Segment::Key(key.to_owned()));
                rest = &rest[end..];
            }
            if rest.is_empty() {
                return Ok(FieldPath::new(segments));
            }
            if let Some(after) = rest.strip_prefix('.') {
                rest = after;
                if rest.is_empty() {
                    return Err(FieldPathError::Empty(text.to_owned()));
                }
            } else if !rest.starts_with('[') {
                return Err(FieldPathError::Bracket(text.to_owned()));
            }
        }
    }
}

/// Reads what stands behind an opening bracket, and gives back the rest behind the closing one.
fn bracket(inside: &str) -> Option<(Segment, &str)> {
    let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        let (number, after) = inside.split_once(']')?;
        return Some((Segment::Index(number.parse().ok()?), after));
    };
    let mut key = String::new();
    let mut characters = inside[1..].char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => key.push(characters.next()?.1),
            c if c == quote => {
                let after = inside[1 + at + 1..].strip_prefix(']')?;
                return Some((Segment::Key(key), after));
            }
            c => key.push(c),
        }
    }
    None
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) => {
                    write!(f, "{}{key}", if position > 0 { "." } else { "" })?;
                }
                Segment::Key(key) => {
                    write!(
                        f,
                        "[\"{}\"]",
                        key.replace('\\', "\\\\").replace('"', "\\\"")
                    )?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a key can stand between dots.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '$'))
}

impl TryFrom<String> for FieldPath {
    type Error = FieldPathError;

    fn try_from(text: String) -> Result<FieldPath, FieldPathError> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> String {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_are_read() {
        for text in [
            "spec.job.parallelism",
            "spec.flinkConfiguration[\"taskmanager.numberOfTaskSlots\"]",
            "items[2].spec.taskManager.resource.memory",
            "metadata.annotations[\"plimsoll.dev/mode\"]",
            "[\"a\\\"b\"].c",
        ] {
            assert_eq!(text.parse::<FieldPath>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn everything_below_flink_configuration_is_one_key() {
        let dotted: FieldPath = "spec.flinkConfiguration.parallelism.default"
            .parse()
            .expect("path");
        assert_eq!(
            dotted.to_string(),
            "spec.flinkConfiguration[\"parallelism.default\"]"
        );
        assert_eq!(dotted.option(), Some("parallelism.default"));
        let plain: FieldPath = "spec.job.parallelism".parse().expect("path");
        assert_eq!(plain.option(), None);
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a[",
            "a[x]",
            "a[\"b]",
            "a[\"b\"",
            "a[\"b\"]c",
        ] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }
}
