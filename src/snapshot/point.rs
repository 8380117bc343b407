//! What happened between two looks, and blocks of many of them.

use super::{MemoryPools, OutOfMemory};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Count, mean and quantiles of a signal over a [`Point`]. A point between two snapshots holds one value (`n` = 1, all equal;
/// of checkpoints as many as ended); a block holds those of its parts. All finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stat {
    /// Values behind it.
    pub n: u32,
    /// Their mean.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// The 95 % quantile.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

/// What ran: the size of a job at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// TaskManagers.
    pub task_managers: u32,
    /// Slots of each.
    pub slots_per_task_manager: u32,
    /// Process memory of each, bytes; 0 when unknown.
    pub memory_bytes: u64,
    /// CPU of each in thousandths of a core, as the manifest or the configuration asks for; 0 when unknown.
    pub cpu_millis: u64,
    /// Parallelism of each vertex, by id.
    pub parallelism: BTreeMap<String, u32>,
}

/// A vertex over a point.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct VertexPoint {
    /// Busy share (0..=1), mean over the subtasks.
    pub busy: Option<Stat>,
    /// Busy share of the busiest subtask.
    pub busy_max: Option<Stat>,
    /// Busy share of the median subtask.
    pub busy_median: Option<Stat>,
    /// Backpressured share, mean over the subtasks.
    pub backpressured: Option<Stat>,
    /// Backpressured share of the most backpressured subtask.
    pub backpressured_max: Option<Stat>,
    /// Idle share, mean over the subtasks.
    pub idle: Option<Stat>,
    /// Records per second into it (for a source: what it emitted).
    pub in_per_second: Option<Stat>,
    /// Records per second out of it.
    pub out_per_second: Option<Stat>,
    /// Largest subtask's input over the mean subtask's, >= 1: data skew.
    pub in_skew: Option<Stat>,
    /// Records waiting outside; sources only.
    pub pending: Option<Stat>,
    /// Partitions read; sources only, the latest known.
    pub partitions: Option<u32>,
    /// Time of latency markers from the sources to it (95 % quantile, slowest subtask), milliseconds; absent without markers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<Stat>,
}

/// The TaskManagers over a point: the highest of them unless said otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TaskManagerPoint {
    /// Cores used by all together.
    pub cpu_cores: Option<Stat>,
    /// Cores used by the busiest.
    pub cpu_cores_max: Option<Stat>,
    /// CPUs that each sees.
    pub cpus_seen: Option<f64>,
    /// Heap in use, bytes, garbage included.
    pub heap_used: Option<Stat>,
    /// Largest heap, bytes.
    pub heap_max: Option<f64>,
    /// Managed memory in use, bytes.
    pub managed_used: Option<Stat>,
    /// Network buffers in use, bytes.
    pub network_used: Option<Stat>,
    /// Metaspace in use, bytes.
    pub metaspace_used: Option<Stat>,
    /// Non-heap in use (metaspace, code cache), bytes.
    pub non_heap_used: Option<Stat>,
    /// Direct buffers in use, bytes.
    pub direct_used: Option<Stat>,
    /// Memory that the container of the fullest TaskManager holds and that can't be taken from it (its working set), bytes. Not among what Flink
    /// reports: from cAdvisor, or a collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_used: Option<Stat>,
    /// The limit of its container, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_limit: Option<f64>,
    /// Share of the time in pauses for garbage collection.
    pub gc_share: Option<Stat>,
    /// Slots of the cluster that hold a task.
    pub slots_used: Option<Stat>,
    /// The pools of the first TaskManager.
    pub pools: Option<MemoryPools>,
}

impl TaskManagerPoint {
    /// Memory of the fullest container that no pool of the JVM explains, bytes: its working set less the largest heap, what is in use outside
    /// the heap, direct memory and managed memory. A lower bound, at least 0, since a heap need not be touched whole. Absent where the container
    /// or the heap is not measured.
    pub fn native_bytes(&self) -> Option<f64> {
        let used = self.container_used?.max;
        let managed = match self.pools {
            Some(pools) => pools.managed as f64,
            None => self.managed_used.map_or(0.0, |stat| stat.max),
        };
        let largest = |stat: Option<Stat>| stat.map_or(0.0, |stat| stat.max);
        let explained =
            self.heap_max? + largest(self.non_heap_used) + largest(self.direct_used) + managed;
        let native = used - explained;
        native.is_finite().then(|| native.max(0.0))
    }
}

/// Checkpoints over a point.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointPoint {
    /// Completed within it.
    pub completed: u32,
    /// Failed within it.
    pub failed: u32,
    /// End-to-end duration of those completed, milliseconds.
    pub duration_ms: Option<Stat>,
    /// State size, bytes.
    pub state_bytes: Option<Stat>,
    /// Bytes written by each.
    pub checkpointed_bytes: Option<Stat>,
    /// Configured interval, milliseconds.
    pub interval_ms: Option<u64>,
    /// Configured timeout, milliseconds.
    pub timeout_ms: Option<u64>,
}

/// What happened between two snapshots, or over a block of such times. Counters are differences; a counter that went down
/// (restart, redeployment) counts from zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Begin, Unix milliseconds.
    pub from_ms: i64,
    /// End, Unix milliseconds; > `from_ms`.
    pub to_ms: i64,
    /// Snapshot pairs merged into it: 1, or more for a block.
    pub pairs: u32,
    /// What ran at its end.
    pub shape: Shape,
    /// Flink's id of the job at its end.
    pub job_id: Option<String>,
    /// Since when the job ran at its end, Unix milliseconds.
    pub running_since_ms: Option<i64>,
    /// Share of its pairs at whose end the job was RUNNING, 0..=1.
    pub running: f64,
    /// Restarts within it (failures; a redeployment or a rescale is none).
    pub restarts: u32,
    /// Rescales of the running job within it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rescales: u32,
    /// Failures within it that say memory ran out.
    pub out_of_memory: u32,
    /// Those of them that tell which memory it was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub memory_failures: BTreeMap<OutOfMemory, u32>,
    /// By vertex id.
    pub vertices: BTreeMap<String, VertexPoint>,
    /// The TaskManagers.
    pub task_managers: TaskManagerPoint,
    /// Checkpoints.
    pub checkpoints: CheckpointPoint,
    /// Metrics from elsewhere that collectors named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external: BTreeMap<String, Stat>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}
