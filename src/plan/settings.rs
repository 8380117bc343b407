//! How much may change at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which jobs share a blast radius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Those of a namespace.
    #[default]
    Namespace,
    /// Those of a cluster.
    Cluster,
    /// Each job is its own.
    Job,
}

/// `plan:` in `plimsoll.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Open pull requests at most.
    pub open_pull_requests: u32,
    /// New pull requests in 24 hours at most.
    pub pull_requests_per_day: u32,
    /// New pull requests in an hour at most; absent: as many as a day allows.
    #[schemars(range(min = 1))]
    pub pull_requests_per_hour: Option<u32>,
    /// Open pull requests of one owner (`plimsoll.dev/owner`) at most; absent: no limit. A job without an owner counts for nobody.
    #[schemars(range(min = 1))]
    pub open_pull_requests_per_owner: Option<u32>,
    /// Which jobs share a blast radius.
    pub group: Group,
    /// Jobs of a group that may be changed and still watched at once.
    #[schemars(range(min = 1))]
    pub changes_per_group: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            open_pull_requests: 10,
            pull_requests_per_day: 5,
            pull_requests_per_hour: None,
            open_pull_requests_per_owner: None,
            group: Group::Namespace,
            changes_per_group: 1,
        }
    }
}
