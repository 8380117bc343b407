//! What is missing, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that an observation should hold and does not. Absent is not zero: a verdict that needs it is not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// What is missing, in the reader's words: `GC time`, `lag of orders-source`, `TaskManager tm-3`.
    pub what: String,
    /// Why: `taskmanager metric Status.JVM.GarbageCollector.All.TimeMsPerSecond is not reported`, `503 from …`.
    pub reason: String,
}

impl Gap {
    /// A gap with its reason.
    pub fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Gap {
            what: what.into(),
            reason: reason.into(),
        }
    }

    /// A job whose name in Flink fits several: called after the configuration's key that settles it.
    pub fn ambiguous_job(reason: impl Into<String>) -> Self {
        Gap::new(AMBIGUOUS_JOB, reason)
    }

    /// Whether it is one.
    pub fn is_ambiguous_job(&self) -> bool {
        self.what == AMBIGUOUS_JOB
    }
}

const AMBIGUOUS_JOB: &str = "flink_job";
