//! A job vertex (a chain of operators) and what was measured at it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Min, mean and max of a metric over a vertex's subtasks. All finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Smallest subtask.
    pub min: f64,
    /// Mean over the subtasks.
    pub mean: f64,
    /// Largest subtask.
    pub max: f64,
}

/// An edge into a vertex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Id of the vertex upstream.
    pub vertex: String,
    /// `FORWARD`, `HASH`, `REBALANCE`, `RESCALE`, `BROADCAST`, … as Flink's plan says.
    pub ship_strategy: String,
}

/// A job vertex and what was measured at it. What Flink did not report is absent, never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Vertex {
    /// Flink's id, 32 hexadecimal digits; stable over restarts of the same graph.
    pub id: String,
    /// Its name: operator names joined with arrows. Foreign text: escape it before it is shown.
    pub name: String,
    /// Subtasks.
    pub parallelism: u32,
    /// Key groups; absent when Flink says -1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// Id of its slot sharing group; vertices without one share the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_sharing_group: Option<String>,
    /// Edges into it; a source has none.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Whether all its subtasks run, or have finished.
    pub running: bool,
    /// Subtasks that have finished, below `parallelism`: what Flink still tells of them is old and counts for nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub finished_subtasks: u32,
    /// Whether its output is what the job reads from outside, where the flow tells otherwise than the graph: true for a reader that gets splits
    /// from another vertex, false for the vertex that hands them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads_input: Option<bool>,
    /// Busy time, milliseconds a second (0..=1000) over subtasks, as a gauge just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_ms_per_second: Option<Spread>,
    /// Backpressured time, milliseconds a second over subtasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backpressured_ms_per_second: Option<Spread>,
    /// Idle time, milliseconds a second over subtasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms_per_second: Option<Spread>,
    /// Median over subtasks of busy time, milliseconds a second: with `busy_ms_per_second.max` it shows skew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_median_ms_per_second: Option<f64>,
    /// Busy time of all subtasks since the execution began, milliseconds (a counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulated_busy_ms: Option<f64>,
    /// Backpressured time of all subtasks since the execution began, milliseconds (a counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulated_backpressured_ms: Option<f64>,
    /// Idle time of all subtasks since the execution began, milliseconds (a counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accumulated_idle_ms: Option<f64>,
    /// Records read by all subtasks since the execution began (a counter); for a source what it emitted. Absent when Flink says that
    /// its sum is incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_in: Option<u64>,
    /// Records written by all subtasks since the execution began (a counter), likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_out: Option<u64>,
    /// Records in per second, summed over subtasks, as a gauge just then; for a source what it emits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_in_per_second: Option<f64>,
    /// Records out per second, summed over subtasks, as a gauge just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_out_per_second: Option<f64>,
    /// Records in per second over subtasks (for skew), as a gauge just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_in_spread: Option<Spread>,
    /// Records that wait in the outside system; sources only. Absent is not zero: Flink reports it after the first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_records: Option<f64>,
    /// Partitions (Kafka, Pulsar) that the source reads; absent when it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_partitions: Option<u32>,
    /// Time of Flink's latency markers from the sources to its head operator, milliseconds, >= 0: the 95 % quantile of the slowest
    /// subtask asked. Absent for sources, and without `metrics.latency.interval`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Vertex {
    /// A vertex of which nothing was measured, that is not known to run, and that reads from nobody.
    pub fn new(id: impl Into<String>, name: impl Into<String>, parallelism: u32) -> Vertex {
        Vertex {
            id: id.into(),
            name: name.into(),
            parallelism,
            max_parallelism: None,
            slot_sharing_group: None,
            inputs: Vec::new(),
            running: false,
            finished_subtasks: 0,
            reads_input: None,
            busy_ms_per_second: None,
            backpressured_ms_per_second: None,
            idle_ms_per_second: None,
            busy_median_ms_per_second: None,
            accumulated_busy_ms: None,
            accumulated_backpressured_ms: None,
            accumulated_idle_ms: None,
            records_in: None,
            records_out: None,
            records_in_per_second: None,
            records_out_per_second: None,
            records_in_spread: None,
            pending_records: None,
            source_partitions: None,
            latency_ms: None,
        }
    }

    /// Whether its output is what the job reads from outside: it has no inputs, or it reads what the splits that it gets stand for.
    pub fn is_source(&self) -> bool {
        self.reads_input.unwrap_or(self.inputs.is_empty())
    }

    /// Subtasks that have not finished, at least 1.
    pub fn live_subtasks(&self) -> u32 {
        self.parallelism
            .saturating_sub(self.finished_subtasks)
            .max(1)
    }
}

/// Parallelism by vertex id.
pub(super) fn parallelism_of(vertices: &[Vertex]) -> std::collections::BTreeMap<String, u32> {
    vertices
        .iter()
        .map(|vertex| (vertex.id.clone(), vertex.parallelism))
        .collect()
}
