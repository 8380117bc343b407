//! The ledger: one small JSON file per change and event on the branch `plimsoll-ledger`, append-only.

use super::canonical::document;
use super::file::{evidence_digest, evidence_path};
use super::heartbeat::is_heartbeat;
use super::stance::Stance;
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the schema field of an entry says.
pub const LEDGER_SCHEMA: &str = "plimsoll.ledger/1";

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
    /// A person closed its pull request without merging: their no, with what was advised.
    Declined {
        /// The pull request.
        pull_request: String,
        /// Why, by label: `later`, `wontfix`, `wrong-data`; absent where none says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Until when, Unix milliseconds, where the label names a date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until_ms: Option<i64>,
        /// What was advised.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stance: Option<Box<Stance>>,
    },
    /// A person closed the pull request of its revert: it stays, and is watched no longer.
    Kept {
        /// The revert's pull request.
        pull_request: String,
    },
    /// It was merged, and the cluster did not run it for too long.
    NeverApplied {
        /// What was waited for, one sentence.
        reason: String,
    },
    /// Its job is gone from cluster and repository: there is nothing to watch.
    Gone,
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

/// A file of the ledger that is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry `{path}` is not read: {reason}")]
pub struct LedgerError {
    /// The file on the ledger branch.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Event {
    /// Its name, as in the file: `merged`, `live`, `settled`, `regressed`, `reverted`, `superseded`, `declined`, `kept`,
    /// `never-applied`, `gone`, `blind`.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Merged { .. } => "merged",
            Event::Live => "live",
            Event::Settled { .. } => "settled",
            Event::Regressed { .. } => "regressed",
            Event::Reverted { .. } => "reverted",
            Event::Superseded { .. } => "superseded",
            Event::Declined { .. } => "declined",
            Event::Kept { .. } => "kept",
            Event::NeverApplied { .. } => "never-applied",
            Event::Gone => "gone",
            Event::Blind { .. } => "blind",
        }
    }
}

impl LedgerEntry {
    /// An entry of today's schema.
    pub fn new(change: &str, job: &JobKey, at_ms: i64, event: Event) -> LedgerEntry {
        LedgerEntry {
            schema: LEDGER_SCHEMA.to_string(),
            change: change.to_string(),
            job: job.clone(),
            at_ms,
            event,
        }
    }

    /// `<change>/<at_ms>-<event>.json`: entries of a change lie together, in order of time.
    pub fn path(&self) -> String {
        format!(
            "{}/{:013}-{}.json",
            self.change,
            self.at_ms,
            self.event.name()
        )
    }

    /// Its bytes, canonical JSON.
    ///
    /// # Errors
    /// When an amount of money is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LedgerError> {
        let failed = |reason: String| LedgerError {
            path: self.path(),
            reason,
        };
        let value = serde_json::to_value(self).map_err(|error| failed(error.to_string()))?;
        Ok(document(&value).into_bytes())
    }

    /// Reads one entry, which must be what its path says.
    ///
    /// # Errors
    /// When it is no JSON of this schema, or lies under another change, time or event than it tells of.
    pub fn from_file(path: &str, bytes: &[u8]) -> Result<LedgerEntry, LedgerError> {
        let failed = |reason: String| LedgerError {
            path: path.to_string(),
            reason,
        };
        let entry: LedgerEntry =
            serde_json::from_slice(bytes).map_err(|error| failed(error.to_string()))?;
        if entry.schema != LEDGER_SCHEMA {
            return Err(failed(format!(
                "its schema is `{}`, this Plimsoll reads `{LEDGER_SCHEMA}`; use a newer Plimsoll",
                entry.schema
            )));
        }
        if evidence_digest(&evidence_path(&entry.change)).is_none() {
            return Err(failed(format!(
                "`{}` is not a digest of evidence",
                entry.change
            )));
        }
        if entry.path() != path {
            return Err(failed(format!(
                "it says what belongs into `{}`",
                entry.path()
            )));
        }
        Ok(entry)
    }
}

/// Reads a whole ledger: entries in order of time, then path; and what could not be read.
pub fn read_ledger(files: &BTreeMap<String, Vec<u8>>) -> (Vec<LedgerEntry>, Vec<LedgerError>) {
    let mut entries = Vec::new();
    let mut errors = Vec::new();
    for (path, bytes) in files {
        if is_heartbeat(path) {
            continue;
        }
        match LedgerEntry::from_file(path, bytes) {
            Ok(entry) => entries.push(entry),
            Err(error) => errors.push(error),
        }
    }
    entries.sort_by_key(|entry| (entry.at_ms, entry.path()));
    (entries, errors)
}
