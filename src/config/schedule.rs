//! How often Plimsoll is to run.

use crate::quantity::FlinkDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often Plimsoll is to run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The interval of the scheduler that starts `run` or `watch`. With it every run leaves a heartbeat in the ledger, and one that comes more
    /// than two intervals late says since when nobody looked. Absent: nothing is left, and nothing missed.
    #[schemars(extend("shortest" = "1 min"))]
    pub every: Option<FlinkDuration>,
}
