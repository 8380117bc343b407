//! Versions of Flink, as far as behaviour depends on them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A version of Flink: major and minor.
///
/// Reads `1.20`, `1.20.5`, `2.2-SNAPSHOT` and the operator's `v1_20`; prints `1.20`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct FlinkVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl FlinkVersion {
    /// The last of the first generation.
    pub const V1_20: FlinkVersion = FlinkVersion {
        major: 1,
        minor: 20,
    };
    /// The first of the second generation, which dropped what was deprecated.
    pub const V2_0: FlinkVersion = FlinkVersion { major: 2, minor: 0 };
    /// The newest whose behaviour was checked.
    pub const V2_2: FlinkVersion = FlinkVersion { major: 2, minor: 2 };
}

/// A text that is no version of Flink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a Flink version; write it like `1.20`, `2.2.1` or `v1_20`")]
pub struct VersionError(pub String);

impl FromStr for FlinkVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<FlinkVersion, VersionError> {
        let refuse = || VersionError(text.to_owned());
        let numbers = text.trim().trim_start_matches(['v', 'V']);
        let mut parts = numbers.split(['.', '_', '-']);
        let mut number = || parts.next()?.parse::<u32>().ok();
        match (number(), number()) {
            (Some(major), Some(minor)) => Ok(FlinkVersion { major, minor }),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for FlinkVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling() {
        for text in ["1.20", "1.20.5", "v1_20", "1.20-SNAPSHOT"] {
            assert_eq!(text.parse(), Ok(FlinkVersion::V1_20), "{text}");
        }
        assert_eq!("2.2.1".parse(), Ok(FlinkVersion::V2_2));
        assert!(FlinkVersion::V1_20 < FlinkVersion::V2_0);
        for text in ["", "v", "2", "x.y", "<unknown>"] {
            assert_eq!(
                text.parse::<FlinkVersion>(),
                Err(VersionError(text.to_owned()))
            );
        }
    }
}
