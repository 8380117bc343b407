//! The memory of a TaskManager: how Flink cuts a process into pools.
//!
//! ```text
//! process = metaspace + overhead + Flink
//! Flink   = framework heap + task heap + framework off-heap + task off-heap + managed + network
//! ```
//!
//! Flink knows three ways to configure it, of which the first that is set counts: task heap and managed
//! size; the size of Flink's part; the size of the process. What is not given follows from fractions
//! between a minimum and a maximum, in whole bytes, and one pool takes what is left. [`pools`] resolves a
//! configuration as Flink 1.20 and 2.2 do (checked against both), and refuses where they do not start;
//! [`minimum_process_size`] is its inverse.
//!
//! A TaskManager in Kubernetes is sized by its custom resource: the operator writes that size over
//! `taskmanager.memory.process.size`.

mod configured;
mod derive;
mod error;
mod minimum;
mod network;

pub use derive::pools;
pub use error::MemoryError;
pub use minimum::{Minimum, MinimumError, Needs, Pool, minimum_process_size};
pub use network::{NetworkBuffers, network_bytes_per_task_manager};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The memory pools of a TaskManager, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pools {
    /// Heap that the framework keeps.
    pub framework_heap: u64,
    /// Heap of the tasks.
    pub task_heap: u64,
    /// Direct and native memory that the framework keeps.
    pub framework_off_heap: u64,
    /// Direct and native memory of the tasks.
    pub task_off_heap: u64,
    /// Managed memory: RocksDB, batch operators, Python.
    pub managed: u64,
    /// Network buffers.
    pub network: u64,
    /// Limit of the JVM's metaspace.
    pub metaspace: u64,
    /// JVM overhead: thread stacks, compiled code, other native memory.
    pub overhead: u64,
}

impl Pools {
    /// The JVM's heap (`-Xmx`), bytes.
    pub fn heap(&self) -> u64 {
        self.framework_heap + self.task_heap
    }

    /// Memory outside the heap of framework and tasks, without managed memory and network, bytes.
    pub fn off_heap(&self) -> u64 {
        self.framework_off_heap + self.task_off_heap
    }

    /// Flink's part: all but metaspace and overhead, bytes.
    pub fn total_flink(&self) -> u64 {
        self.heap() + self.off_heap() + self.managed + self.network
    }

    /// The whole process: what the container is given, bytes.
    pub fn total_process(&self) -> u64 {
        self.total_flink() + self.metaspace + self.overhead
    }
}
