//! What watching answers with.

use crate::quantity::codes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is compared.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// The job does not come up, or failed for good.
    NotRunning,
    /// Failures that say memory ran out.
    OutOfMemory,
    /// Restarts within a time.
    Restarts,
    /// Backpressured share of a vertex, 0..=1.
    Backpressure,
    /// Lag, milliseconds of input.
    Lag,
    /// Checkpoint duration, milliseconds.
    CheckpointDuration,
    /// Share of failed checkpoints, 0..=1.
    CheckpointFailures,
    /// Share of the time in garbage collection, 0..=1.
    GarbageCollection,
}

/// A threshold that was passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Breach {
    /// Of what.
    pub signal: Signal,
    /// Name of the vertex, where it is one's. Foreign text: escape it.
    pub vertex: Option<String>,
    /// What was seen, in the signal's unit: the mean over the time it lasted, or a count.
    pub value: f64,
    /// The threshold, in the same unit.
    pub limit: f64,
    /// What it was before the change, in the same unit, if known.
    pub before: Option<f64>,
    /// Since when, Unix milliseconds.
    pub since_ms: i64,
    /// Until when it was seen, Unix milliseconds.
    pub until_ms: i64,
    /// The load meanwhile, records/s of the sources together, if known.
    pub load_per_second: Option<f64>,
    /// The load that the change was sized for, if the evidence says so.
    pub sized_for_per_second: Option<f64>,
    /// Whether the load was beyond what was sized for: the size may be right, and the job still needs the old one back.
    pub beyond_sized: bool,
    /// One sentence with the numbers. Holds foreign text: escape it.
    pub message: String,
}

/// How a signal moved since the change, medians.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shift {
    /// Which one, in the reader's words: `load`, `backpressure`, …
    pub name: String,
    /// Unit: `records/s`, `share`, `ms`, `a day`.
    pub unit: String,
    /// Before the change; absent is unknown.
    pub before: Option<f64>,
    /// Since it is live; absent is unknown.
    pub after: Option<f64>,
}

codes! {
    /// What a merged change that does not run yet waits for.
    pub enum WaitingFor {
        /// The cluster runs what was merged.
        NotLive = "not-live",
        /// The cluster runs again what was merged: it did, and does not any more.
        NotInForce = "not-in-force",
        /// The job runs: it is stopped.
        Stopped = "stopped",
        /// The job runs: it is starting.
        Starting = "starting",
    }
}

/// What became of a merged change so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "assessment")]
pub enum Assessment {
    /// It is merged, and the cluster does not run it yet.
    Waiting {
        /// What is waited for.
        reason: WaitingFor,
        /// One sentence: what is waited for. May hold foreign text.
        message: String,
        /// Since when, Unix milliseconds.
        since_ms: i64,
    },
    /// It is live, and nothing hurts so far.
    Watching {
        /// Since when it is live, Unix milliseconds.
        live_since_ms: i64,
        /// When the window ends, Unix milliseconds.
        until_ms: i64,
        /// Time since then with data, milliseconds.
        seen_ms: i64,
        /// How the signals moved so far.
        shifts: Vec<Shift>,
        /// One sentence when something keeps it from settling at the window's end.
        note: Option<String>,
    },
    /// It survived its window.
    Settled {
        /// Since when it was live, Unix milliseconds.
        live_since_ms: i64,
        /// When the window ended, Unix milliseconds.
        at_ms: i64,
        /// How the signals moved.
        shifts: Vec<Shift>,
        /// What it was said to save, a month.
        predicted_per_month: Option<f64>,
        /// What it saved: the predicted amount times the share of the watched time in which the merged size ran.
        realised_per_month: Option<f64>,
        /// Currency of both.
        currency: Option<String>,
    },
    /// It hurts: its revert is due.
    Regressed {
        /// Since when it was live, Unix milliseconds; absent when the job never came up with it.
        live_since_ms: Option<i64>,
        /// What was passed, hard failures first.
        breaches: Vec<Breach>,
    },
    /// There is no data: no verdict, and no settling either.
    Blind {
        /// Since when, Unix milliseconds.
        since_ms: i64,
        /// One sentence.
        message: String,
    },
    /// A later change of the same fields took its place.
    Superseded {
        /// What did: a digest or a commit.
        by: String,
    },
    /// Its revert is merged.
    Reverted {
        /// Digest of the revert's evidence, or a commit.
        by: String,
    },
}
