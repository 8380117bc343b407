//! The evidence of one change: one file in the change's own commit, `.plimsoll/evidence/<digest>.evidence`.

use crate::snapshot::{JobKey, Point};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A rightsizing.
    Rightsize,
    /// A revert of one.
    Revert,
}

/// One field of a manifest, before and after, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Path of the file in the repository.
    pub file: String,
    /// Path of the field in the object: `spec.taskManager.resource.memory`.
    pub path: String,
    /// What stood there; absent when the field is new.
    pub before: Option<serde_json::Value>,
    /// What stands there now; absent when a revert takes a field away again.
    pub after: Option<serde_json::Value>,
}

/// What will revert a change. The watcher uses these, from the evidence of the change, not today's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Thresholds {
    /// How long the change is watched after it is live, milliseconds (72 h by default).
    pub window_ms: i64,
    /// The window when a weekend fell inside, milliseconds (120 h).
    pub window_weekend_ms: i64,
    /// Left out at the begin: restart and catching up, milliseconds.
    pub warm_up_ms: i64,
    /// Backpressured share of a vertex above which it hurts…
    pub backpressure_share: f64,
    /// … when it lasts this long, milliseconds.
    pub backpressure_for_ms: i64,
    /// Lag above which it hurts, milliseconds of input…
    pub lag_ms: i64,
    /// … when it lasts this long, milliseconds.
    pub lag_for_ms: i64,
    /// Restarts that are a crash loop…
    pub restarts: u32,
    /// … within this time, milliseconds.
    pub restarts_within_ms: i64,
    /// Out-of-memory failures that are too many: 1.
    pub out_of_memory: u32,
    /// Checkpoint duration above which it hurts, milliseconds (sustained: median of those of an hour).
    pub checkpoint_duration_ms: i64,
    /// Share of failed checkpoints above which it hurts…
    pub checkpoint_failure_share: f64,
    /// … from this many on.
    pub checkpoint_failure_of: u32,
    /// Share of the time in garbage collection above which it hurts, sustained.
    pub gc_share: f64,
    /// How long without data until that is said loudly, milliseconds.
    pub blind_after_ms: i64,
}

/// The job before the merge: what the watcher compares with. Medians over the history of the evidence; absent is unknown.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Baseline {
    /// Load, records/s of the sources together: median.
    pub load_per_second: Option<f64>,
    /// Load: highest.
    pub load_highest_per_second: Option<f64>,
    /// Backpressured share of the worst vertex.
    pub backpressure_share: Option<f64>,
    /// Lag, milliseconds of input.
    pub lag_ms: Option<f64>,
    /// Restarts per day.
    pub restarts_per_day: Option<f64>,
    /// Checkpoint duration, milliseconds.
    pub checkpoint_duration_ms: Option<f64>,
    /// Share of checkpoints that failed.
    pub checkpoint_failure_share: Option<f64>,
    /// Share of the time in garbage collection.
    pub gc_share: Option<f64>,
    /// Busy share of the busiest subtask of the busiest vertex.
    pub busy_share: Option<f64>,
}

/// What a change was said to save.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SavingRecord {
    /// Cost of the size before, a month.
    pub cost_before_per_month: f64,
    /// Cost of the size after, a month.
    pub cost_after_per_month: f64,
    /// Lower end of the saving's interval.
    pub low_per_month: f64,
    /// Upper end of it.
    pub high_per_month: f64,
    /// Currency.
    pub currency: String,
}

/// All that backs one change. At most 64 KiB as JSON: blocks are merged until it fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// `plimsoll.evidence/1`.
    pub schema: String,
    /// Version of Plimsoll that wrote it.
    pub plimsoll: String,
    /// What it is the evidence of.
    pub kind: ChangeKind,
    /// Which job.
    pub job: JobKey,
    /// When it was computed, Unix milliseconds (`--now`).
    pub at_ms: i64,
    /// The fields that change.
    pub fields: Vec<FieldChange>,
    /// What it saves.
    pub saving: Option<SavingRecord>,
    /// What will revert it.
    pub thresholds: Thresholds,
    /// The job before the merge.
    pub baseline: Baseline,
    /// Of a revert: the digest of the evidence of the change that it undoes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// Digests (SHA-256, hex) of the raw series, by name.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    /// The history, merged into few blocks.
    #[serde(default)]
    pub blocks: Vec<Point>,
    /// The whole answer of the rooms below that page and table are written from: verdicts, recommendation, policy's rules.
    /// Its types belong to those rooms (`JobProfile`, `Recommendation`, `Decision`, …).
    #[serde(default)]
    pub details: BTreeMap<String, serde_json::Value>,
}
