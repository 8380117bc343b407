//! The forges: their names, and the settings of each.

use super::GithubConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The forges by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ForgeName {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// A bare repository and a folder of pull request files.
    Local,
    /// A folder of patches.
    Patch,
    /// The files of a folder, edited in place, without git.
    Dir,
}

impl ForgeName {
    /// All of them.
    pub const ALL: [ForgeName; 4] = [
        ForgeName::Github,
        ForgeName::Local,
        ForgeName::Patch,
        ForgeName::Dir,
    ];

    /// Its name as it is typed and configured.
    pub fn as_str(self) -> &'static str {
        match self {
            ForgeName::Github => "github",
            ForgeName::Local => "local",
            ForgeName::Patch => "patch",
            ForgeName::Dir => "dir",
        }
    }

    /// What it is, for the help.
    pub fn about(self) -> &'static str {
        match self {
            ForgeName::Github => "GitHub, or GitHub Enterprise",
            ForgeName::Local => "A bare repository and a folder of pull request files",
            ForgeName::Patch => "A folder of patches",
            ForgeName::Dir => "The files of a folder, edited in place, without git",
        }
    }
}

impl FromStr for ForgeName {
    type Err = String;

    fn from_str(text: &str) -> Result<ForgeName, String> {
        ForgeName::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a forge"))
    }
}

/// Where pull requests go.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForgeConfig {
    /// Which forge; `--forge` wins. Absent: `github` where the remote `origin` is there and a token is, else none until one is named.
    pub kind: Option<ForgeName>,
    /// Settings of `github`.
    pub github: GithubConfig,
    /// Settings of `local`.
    pub local: LocalConfig,
    /// Settings of `patch`.
    pub patch: PatchConfig,
    /// Settings of `dir`.
    pub dir: DirConfig,
}

/// The forge `local`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// Folder of the pull request files, relative to the configuration.
    pub pull_requests: String,
}

impl Default for LocalConfig {
    fn default() -> Self {
        LocalConfig {
            pull_requests: "pull-requests".to_string(),
        }
    }
}

/// The forge `patch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PatchConfig {
    /// Folder of the patches, relative to the configuration.
    pub folder: String,
}

impl Default for PatchConfig {
    fn default() -> Self {
        PatchConfig {
            folder: "patches".to_string(),
        }
    }
}

/// The forge `dir`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DirConfig {
    /// Folder of the manifests that are edited in place, relative to the configuration.
    pub folder: String,
}

impl Default for DirConfig {
    fn default() -> Self {
        DirConfig {
            folder: ".".to_string(),
        }
    }
}
