//! What an audit says of a change.

use crate::record::{ChangeKind, FieldChange};
use crate::snapshot::JobKey;
use crate::watch::Merge;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of a change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Merged, and not settled yet.
    Watching,
    /// It survived its window. Also a merged revert: nothing more is waited for.
    Settled,
    /// It was undone.
    Reverted,
    /// A later change took its place before it settled.
    Superseded,
    /// A person's own.
    ByHand,
}

impl Outcome {
    /// As users read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Watching => "watching",
            Outcome::Settled => "settled",
            Outcome::Reverted => "reverted",
            Outcome::Superseded => "superseded",
            Outcome::ByHand => "by-hand",
        }
    }
}

/// One change of a job's resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRecord {
    /// Digest of its evidence; absent for a change by hand.
    pub change: Option<String>,
    /// Which job.
    pub job: JobKey,
    /// A rightsizing or a revert; absent for a change by hand.
    pub kind: Option<ChangeKind>,
    /// The commit on the base branch.
    pub commit: String,
    /// When it was merged, Unix milliseconds. The ledger says, or the commit; where a commit's clock lies outside the time from the
    /// evidence to now, the nearer end of that.
    pub merged_at_ms: i64,
    /// Who merged it, if known. Foreign text.
    pub merged_by: Option<String>,
    /// The pull request, if the ledger names it.
    pub pull_request: Option<String>,
    /// What changed.
    pub fields: Vec<FieldChange>,
    /// Since when the cluster runs it, Unix milliseconds, if the ledger says so.
    pub live_since_ms: Option<i64>,
    /// What it was said to save, a month.
    pub predicted_per_month: Option<f64>,
    /// What it saved, a month, once it settled.
    pub realised_per_month: Option<f64>,
    /// Currency of both.
    pub currency: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Of a revert: the digest of the change that it undid.
    pub reverts: Option<String>,
    /// What undid it: the digest of a revert, or a commit.
    pub reverted_by: Option<String>,
    /// What took its place: the digest of a change, or a commit.
    pub superseded_by: Option<String>,
    /// Why, one sentence each: the breaches of one that hurt. May hold foreign text.
    pub reasons: Vec<String>,
}

impl ChangeRecord {
    /// What the watcher needs to know of it from git.
    pub fn merge(&self) -> Merge {
        Merge {
            at_ms: self.merged_at_ms,
            superseded_by: match self.outcome {
                Outcome::Superseded => self.superseded_by.clone(),
                _ => None,
            },
            reverted_by: self.reverted_by.clone(),
        }
    }
}

/// Every change, and what could not be read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// Oldest first.
    pub changes: Vec<ChangeRecord>,
    /// Evidence that could not be read, one sentence each with the file.
    pub problems: Vec<String>,
}
