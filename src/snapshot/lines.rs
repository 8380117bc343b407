//! The format in which snapshots travel: one JSON document a line.

use super::{SCHEMA, Snapshot};
use serde::Deserialize;

/// A line that holds no snapshot that this version can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is not JSON, or was cut off.
    #[error(
        "line {line} is not a whole JSON document ({reason}): delete the line, or take the file again"
    )]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// It is of another format or a newer version.
    #[error(
        "line {line} has the schema `{found}`, this version reads `plimsoll.snapshot/1`: use the version that wrote it"
    )]
    Schema {
        /// Counted from 1.
        line: usize,
        /// What stands there; empty when nothing does.
        found: String,
    },
    /// It says that it is a snapshot and is none.
    #[error(
        "line {line} is not a valid snapshot ({reason}): delete the line, or take the file again"
    )]
    Invalid {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// Only what says how to read the rest.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: String,
}

/// Reads snapshots, one a line. Empty lines are skipped, bad ones are returned as errors, the rest goes on.
pub fn read_lines(text: &str) -> (Vec<Snapshot>, Vec<LineError>) {
    let mut snapshots = Vec::new();
    let mut errors = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        match read_line(index + 1, line) {
            Ok(snapshot) => snapshots.push(snapshot),
            Err(error) => errors.push(error),
        }
    }
    (snapshots, errors)
}

fn read_line(line: usize, text: &str) -> Result<Snapshot, LineError> {
    let head: Head = serde_json::from_str(text).map_err(|error| LineError::NotJson {
        line,
        reason: error.to_string(),
    })?;
    if head.schema != SCHEMA {
        return Err(LineError::Schema {
            line,
            found: head.schema,
        });
    }
    serde_json::from_str(text).map_err(|error| LineError::Invalid {
        line,
        reason: error.to_string(),
    })
}

/// Writes one snapshot as a line with its line end.
///
/// # Errors
/// None in practice: every field of a snapshot can be written.
pub fn write_line(snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    serde_json::to_string(snapshot).map(|text| text + "\n")
}

/// The JSON Schema of a snapshot.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Snapshot)
}
