//! What one pass of collection leaves in the history.

use std::collections::BTreeMap;

use super::input::VertexId;

/// Collected metrics of one vertex at one time, rounded to three places. NaN is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VertexSample {
    /// Busy time as a share of time, of the chosen aggregate; at least 0, above 1 kept.
    pub load: f64,
    /// Accumulated busy time of all subtasks, ms.
    pub accumulated_busy_ms: f64,
    /// Records read so far.
    pub records_in: f64,
    /// Records written so far, all outputs together.
    pub records_out: f64,
    /// Records read per second now, where the gauge exists (never for sources).
    pub records_in_per_second: Option<f64>,
    /// Pending records, for sources.
    pub lag: Option<f64>,
    /// Capacity seen while catching up, records/s, for sources; infinite without input.
    pub observed_rate: Option<f64>,
}

/// Collected metrics of the whole job at one time, not rounded. `None` where an input is missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GlobalSample {
    /// Longest garbage collection as a share of time.
    pub gc_pressure: Option<f64>,
    /// Largest heap in use, bytes.
    pub heap_used: Option<f64>,
    /// Largest heap in use over the largest heap.
    pub heap_max_usage_ratio: Option<f64>,
    /// Largest managed memory in use, bytes.
    pub managed_used: Option<f64>,
    /// Largest metaspace in use, bytes.
    pub metaspace_used: Option<f64>,
    /// Slots taken in the cluster.
    pub slots_used: Option<f64>,
}

/// One pass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// By vertex.
    pub vertices: BTreeMap<VertexId, VertexSample>,
    /// Of the job.
    pub global: GlobalSample,
}

/// Samples by their time in Unix milliseconds. A second sample of the same time replaces the first.
pub type History = BTreeMap<i64, Sample>;
