//! What was observed, when, and what is missing.
//!
//! A `Snapshot` is one look at one job: everything that was read, with a `Gap` for each thing that could not be.
//! Two neighbouring snapshots give a `Point` (rates and differences over the time between them); points make a
//! `History`, older ones merged into blocks. Everything after this room is a function of histories.

mod between;
mod flow;
mod gap;
mod history;
mod job;
mod lines;
mod merge;
mod point;
mod redact;
mod resource;
mod stat;
mod task_manager;
mod task_manager_point;
mod vertex;
mod vertex_point;

pub use flow::mark_inputs;
pub use gap::Gap;
pub use history::History;
pub use job::{
    Checkpoints, Failure, JobKey, JobKind, JobState, KeyError, OutOfMemory, Slots, Workload,
};
pub use lines::{LineError, read_lines, schema, write_line};
pub use point::{CheckpointPoint, Point, Shape, Stat, TaskManagerPoint, VertexPoint};
pub use redact::{RedactKey, redact};
pub use resource::{Lifecycle, LiveResource, Owner, Role, SpecFields, kept_path, spec_fields};
pub use task_manager::{MemoryPools, TaskManager};
pub use vertex::{Input, Spread, Vertex};

use vertex::parallelism_of;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version written into each snapshot.
pub const SCHEMA: &str = "plimsoll.snapshot/1";

/// One look at one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// Always [`SCHEMA`]; anything else is refused when read.
    pub schema: String,
    /// Which job.
    pub job: JobKey,
    /// When, in Unix milliseconds, by the JobManager's clock (its `now`), or as told by `--now`.
    pub taken_at_ms: i64,
    /// Flink's version as the JobManager gives it, for example `1.20.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flink_version: Option<String>,
    /// Flink's id of the job: it changes with each redeployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// What the job was doing.
    pub state: JobState,
    /// What runs: a streaming job of its own, one job of a session cluster, a batch job, a finished one.
    #[serde(default, skip_serializing_if = "Workload::is_streaming")]
    pub workload: Workload,
    /// Since when it is RUNNING, Unix milliseconds; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since_ms: Option<i64>,
    /// Restarts since the job was submitted (`numRestarts`), a counter that a redeployment resets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// Rescales since the job was submitted (`numRescales`), a counter; `restarts` counts them too. Absent where Flink has no such metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescales: Option<u64>,
    /// The job's graph with what was measured at each vertex, in topological order. Vertices that have finished are not among them: Flink keeps
    /// their last values for ever.
    #[serde(default)]
    pub vertices: Vec<Vertex>,
    /// Names of vertices that have finished, in the order of the graph. Foreign text: escape it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<String>,
    /// The TaskManagers that the job (or its session cluster) has.
    #[serde(default)]
    pub task_managers: Vec<TaskManager>,
    /// Slots of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Slots>,
    /// Checkpoint counters, the latest ones, and their settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Checkpoints>,
    /// Exceptions that failed the job lately, newest first.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// The options in force at the JobManager that sizing depends on; secrets never.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
    /// What Kubernetes says of its custom resource, where the cluster was asked through Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<LiveResource>>,
    /// Metrics from elsewhere that collectors named, at most 64. Finite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external: BTreeMap<String, f64>,
    /// What could not be read, each with its reason.
    #[serde(default)]
    pub gaps: Vec<Gap>,
}

impl Snapshot {
    /// A snapshot of which nothing is known yet but the job, the time and the state.
    pub fn new(job: JobKey, taken_at_ms: i64, state: JobState) -> Self {
        Snapshot {
            schema: SCHEMA.to_string(),
            job,
            taken_at_ms,
            flink_version: None,
            job_id: None,
            state,
            workload: Workload::Streaming,
            running_since_ms: None,
            restarts: None,
            rescales: None,
            vertices: Vec::new(),
            finished: Vec::new(),
            task_managers: Vec::new(),
            slots: None,
            checkpoints: None,
            failures: Vec::new(),
            configuration: BTreeMap::new(),
            resource: None,
            external: BTreeMap::new(),
            gaps: Vec::new(),
        }
    }
}
