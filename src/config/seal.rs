//! How the files that go from one job to another are signed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `seal:` in `plimsoll.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SealConfig {
    /// The environment variable with the key that both jobs share, at least 16 bytes. Where it is set, `--out` signs its file, and
    /// `propose --from` takes no file that was not signed with the same key.
    pub key_env: String,
    /// Whether a key has to be set.
    pub required: bool,
}

impl Default for SealConfig {
    fn default() -> Self {
        SealConfig {
            key_env: "PLIMSOLL_SEAL_KEY".to_string(),
            required: false,
        }
    }
}
