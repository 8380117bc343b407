//! What a simulated job is, apart from its size: its graph, its true costs, its state, its habits.

use super::load::Load;
use crate::snapshot::JobKey;

/// Where a source reads from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// What arrives.
    pub load: Load,
    /// Topic and partitions, for a source that knows what waits outside; `None` for a legacy source (datagen), which makes its own
    /// records, has no backlog, and whose busy time Flink gives as NaN.
    pub topic: Option<(String, u32)>,
}

/// An edge from an earlier vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the vertex upstream, smaller than the vertex's own.
    pub from: usize,
    /// `FORWARD`, `HASH`, `REBALANCE`, …
    pub strategy: &'static str,
}

/// A vertex and its hidden truth.
#[derive(Debug, Clone, PartialEq)]
pub struct VertexSpec {
    /// Name as Flink shows it.
    pub name: String,
    /// Edges into it; none for a source.
    pub inputs: Vec<Edge>,
    /// For a source: where it reads.
    pub source: Option<Source>,
    /// CPU that one record costs, microseconds of a core.
    pub cpu_us: f64,
    /// Waiting that one record costs (calls, commits, sleeps), microseconds.
    pub wait_us: f64,
    /// Records out for each record in (0 for a sink).
    pub selectivity: f64,
    /// Key groups.
    pub max_parallelism: u32,
    /// Share of the records that go to one key (0 means none stands out).
    pub hot_share: f64,
    /// Contention (σ of the universal scalability law), 0 means linear scaling.
    pub contention: f64,
    /// Crosstalk (κ of the universal scalability law).
    pub crosstalk: f64,
    /// Whether its records touch state: then a cold or small cache makes them dearer.
    pub stateful: bool,
}

impl VertexSpec {
    /// A vertex without inputs yet, that scales well and passes on what it gets.
    pub fn new(name: &str, cpu_us: f64, wait_us: f64) -> VertexSpec {
        VertexSpec {
            name: name.to_string(),
            inputs: Vec::new(),
            source: None,
            cpu_us,
            wait_us,
            selectivity: 1.0,
            max_parallelism: 128,
            hot_share: 0.0,
            contention: 0.004,
            crosstalk: 0.00005,
            stateful: false,
        }
    }
}

/// Where state lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Objects on the heap.
    Heap,
    /// RocksDB: managed memory is its cache.
    RocksDb,
}

/// State of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct StateSpec {
    /// Where it lives.
    pub backend: Backend,
    /// Its size at the start, bytes (as checkpointed).
    pub bytes: f64,
    /// What it grows a day, bytes.
    pub growth_per_day: f64,
    /// Share of it that is touched often: what a cache should hold.
    pub hot_share: f64,
    /// Waiting for one record whose state is not in the cache, microseconds.
    pub miss_wait_us: f64,
    /// CPU for the same, microseconds.
    pub miss_cpu_us: f64,
    /// Share of it that one checkpoint writes (1 for full ones).
    pub changed_share: f64,
}

/// Memory of a TaskManager beside state.
#[derive(Debug, Clone, PartialEq)]
pub struct MemorySpec {
    /// Live heap of the process and the user's classes, bytes.
    pub live_bytes: f64,
    /// Live heap of each slot with tasks, bytes.
    pub live_bytes_per_slot: f64,
    /// Heap bytes for each byte of state, with the heap backend.
    pub heap_per_state_byte: f64,
    /// Garbage that one record of a source leaves over all vertices, bytes.
    pub garbage_per_record: f64,
    /// Metaspace in use, bytes.
    pub metaspace_bytes: f64,
}

/// Checkpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSpec {
    /// Interval, milliseconds.
    pub interval_ms: i64,
    /// Timeout, milliseconds.
    pub timeout_ms: i64,
    /// Whether barriers overtake records.
    pub unaligned: bool,
    /// Bytes a second that a TaskManager writes to the store.
    pub bytes_per_second: f64,
    /// What the smallest one takes, milliseconds.
    pub base_ms: f64,
}

/// What goes wrong of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureSpec {
    /// Task failures a day, on average.
    pub per_day: f64,
    /// Class of their exception.
    pub class: String,
}

/// What its metrics show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telemetry {
    /// All that a recent Flink shows.
    Full,
    /// No busy, backpressured or idle time, no TaskManager metrics: a proxy or a reporter filter took them.
    Blind,
}

/// A job without its size.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// Who it is.
    pub key: JobKey,
    /// All its randomness comes from it.
    pub seed: u64,
    /// `1.20.5` or `2.2.1`: which generation's shapes it shows.
    pub flink_version: String,
    /// In topological order.
    pub vertices: Vec<VertexSpec>,
    /// State.
    pub state: StateSpec,
    /// Memory.
    pub memory: MemorySpec,
    /// Checkpoints.
    pub checkpoints: CheckpointSpec,
    /// Failures.
    pub failures: FailureSpec,
    /// What can be seen.
    pub telemetry: Telemetry,
    /// Slowdown for each doubling of slots in a TaskManager, a share.
    pub slot_interference: f64,
    /// When it was first deployed, Unix milliseconds: nothing is known before.
    pub start_ms: i64,
    /// Lag that its users accept, seconds.
    pub lag_limit_seconds: f64,
    /// The verdict that it stands for in the demo, if any.
    pub stands_for: Option<&'static str>,
}

impl JobSpec {
    /// Flink's id of a vertex: fixed by the job and the place in the graph, so that it survives redeployments.
    pub fn vertex_id(&self, index: usize) -> String {
        let high = super::noise::mix(self.seed, 901, index as u64);
        let low = super::noise::mix(self.seed, 902, index as u64);
        format!("{high:016x}{low:016x}")
    }
}
