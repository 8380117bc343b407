//! Why a configuration or a policy can't be used: where, and what was meant.

use crate::quantity::nearest;

/// A configuration or policy that can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// It does not parse, has an unknown key, or says something that makes no sense.
    #[error("{file}:{line}:{column}: {message}")]
    Parse {
        /// The file.
        file: String,
        /// Line, from 1; 0 when unknown.
        line: usize,
        /// Column, from 1; 0 when unknown.
        column: usize,
        /// What is wrong, and what was meant.
        message: String,
    },
    /// It parses and makes no sense.
    #[error("{file}: {message}")]
    Meaning {
        /// The file.
        file: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// The error of the parser, with the key that may have been meant.
pub(super) fn positioned(file: &str, error: &yaml_serde::Error) -> ConfigError {
    let (line, column) = error
        .location()
        .map_or((0, 0), |location| (location.line(), location.column()));
    let text = error.to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(before, _)| before);
    ConfigError::Parse {
        file: file.to_string(),
        line,
        column,
        message: suggestion(text).map_or_else(
            || text.to_string(),
            |meant| format!("{text}; did you mean `{meant}`?"),
        ),
    }
}

/// The expected key nearest to the unknown one, from a message that names both.
fn suggestion(message: &str) -> Option<String> {
    let (_, rest) = message
        .split_once("unknown field `")
        .or_else(|| message.split_once("unknown variant `"))?;
    let (unknown, expected) = rest.split_once('`')?;
    let expected = expected.split('`').skip(1).step_by(2);
    nearest(unknown, expected).map(str::to_string)
}
