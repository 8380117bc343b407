//! How often Plimsoll is run.

use crate::quantity::FlinkDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rhythm of a cron. With it each run leaves a heartbeat in the ledger, and says so when the one before it is missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// Time between two runs, at least a minute. Absent: nobody is expected.
    pub every: Option<FlinkDuration>,
}
