//! The size of a job, as everything that judges or changes one means it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The size of a job: what a recommendation may change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// `job.parallelism`.
    pub parallelism: u32,
    /// Vertices whose parallelism differs from it, by vertex id (`pipeline.jobvertex-parallelism-overrides`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vertex_parallelism: BTreeMap<String, u32>,
    /// TaskManagers that result (or `taskManager.replicas` where that is in force).
    pub task_managers: u32,
    /// `taskmanager.numberOfTaskSlots`.
    pub slots_per_task_manager: u32,
    /// Process memory of a TaskManager, bytes.
    pub memory_bytes: u64,
    /// CPU of a TaskManager, thousandths of a core.
    pub cpu_millis: u64,
    /// Flink options that must change with it (memory pools), key to text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl Size {
    /// Slots that its TaskManagers offer.
    pub fn slots(&self) -> u32 {
        self.task_managers
            .saturating_mul(self.slots_per_task_manager)
    }

    /// Parallelism of a vertex.
    pub fn parallelism_of(&self, vertex: &str) -> u32 {
        let own = self.vertex_parallelism.get(vertex);
        own.copied().unwrap_or(self.parallelism).max(1)
    }
}
