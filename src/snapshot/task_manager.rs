//! A TaskManager: its shape and what its process used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The memory pools of a TaskManager as it reports them, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MemoryPools {
    /// `taskmanager.memory.framework.heap.size`
    pub framework_heap: u64,
    /// `taskmanager.memory.task.heap.size`
    pub task_heap: u64,
    /// `taskmanager.memory.framework.off-heap.size`
    pub framework_off_heap: u64,
    /// `taskmanager.memory.task.off-heap.size`
    pub task_off_heap: u64,
    /// Network buffers.
    pub network: u64,
    /// Managed memory (RocksDB, batch operators, Python).
    pub managed: u64,
    /// Limit of the JVM's metaspace.
    pub metaspace: u64,
    /// JVM overhead: threads, code cache, native.
    pub overhead: u64,
    /// All but metaspace and overhead.
    pub total_flink: u64,
    /// The whole process: what the container is given.
    pub total_process: u64,
}

/// One TaskManager. What was not reported is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskManager {
    /// Flink's id of it (a pod's name in Kubernetes); it changes with each restart of the pod.
    pub id: String,
    /// Its slots.
    pub slots: u32,
    /// Its slots without a task.
    pub free_slots: u32,
    /// CPUs that its JVM sees (`hardware.cpuCores`): the container's limit rounded up, or the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus_seen: Option<f64>,
    /// CPU time of the process since its start, nanoseconds (a counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time_ns: Option<u64>,
    /// Share of *all CPUs seen* that the process used just then, 0..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_load: Option<f64>,
    /// Heap in use, bytes, garbage included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_used: Option<u64>,
    /// Largest heap, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heap_max: Option<u64>,
    /// Managed memory in use, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_used: Option<u64>,
    /// Managed memory, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_total: Option<u64>,
    /// Network buffers in use, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_used: Option<u64>,
    /// Network buffers, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_total: Option<u64>,
    /// Metaspace in use, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metaspace_used: Option<u64>,
    /// Non-heap in use (metaspace, code cache), bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub non_heap_used: Option<u64>,
    /// Direct buffers in use, bytes; network buffers are among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_used: Option<u64>,
    /// Memory that its container holds (its working set), bytes: none of Flink's metrics, a collector may name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_used: Option<u64>,
    /// The limit of its container, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_limit: Option<u64>,
    /// Time in pauses for garbage collection since the start, milliseconds (a counter).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_time_ms: Option<u64>,
    /// Time in garbage collection, milliseconds a second, as a gauge just then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gc_ms_per_second: Option<f64>,
    /// Its memory pools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<MemoryPools>,
}
