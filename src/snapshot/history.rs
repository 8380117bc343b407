//! A job's past.

use super::{JobKey, Point, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A job's past: points in order of time (older ones merged into blocks), and the latest snapshot for all that does not
/// average (graph, configuration, pools, gaps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    /// Which job.
    pub job: JobKey,
    /// By time, without overlap; there may be holes.
    pub points: Vec<Point>,
    /// The newest snapshot, if any, whatever the job's state then.
    pub latest: Option<Snapshot>,
    /// The newest snapshot in which the job ran.
    pub latest_running: Option<Snapshot>,
}
