//! The ledger: one small JSON file per change and event on the branch `plimsoll-ledger`, append-only.

use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened to a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// It was merged.
    Merged {
        /// By whom, as the forge or the commit says.
        by: String,
        /// The commit on the base branch (empty for the forge `dir`).
        commit: String,
        /// The pull request, if any.
        pull_request: Option<String>,
    },
    /// The cluster runs it.
    Live,
    /// It survived its window.
    Settled {
        /// What it was said to save a month.
        predicted_per_month: Option<f64>,
        /// What it saved, from what ran.
        realised_per_month: Option<f64>,
        /// Currency of both.
        currency: Option<String>,
    },
    /// It hurt: a revert was proposed.
    Regressed {
        /// The breaches, one sentence each.
        reasons: Vec<String>,
    },
    /// Its revert was merged.
    Reverted {
        /// Digest of the revert's evidence.
        by: String,
    },
    /// A later change of the same fields took its place, or a person's.
    Superseded {
        /// What did.
        by: String,
    },
    /// Nothing was seen of the job for too long.
    Blind {
        /// Since when, Unix milliseconds.
        since_ms: i64,
    },
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// `plimsoll.ledger/1`.
    pub schema: String,
    /// The digest of the change's evidence: what identifies the change.
    pub change: String,
    /// Which job.
    pub job: JobKey,
    /// When it happened, Unix milliseconds.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}
