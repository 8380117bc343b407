//! How sizes are searched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How sizes are searched, and what a size must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Largest probability that the proposed size can't carry the required load.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub probability_limit: f64,
    /// Share of a TaskManager's cores that the required load may take.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub cpu_share: f64,
    /// Share of the heap that may stay in use after collections.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub heap_share: f64,
    /// Factor over the highest heap seen.
    #[schemars(range(min = 1.0))]
    pub heap_factor: f64,
    /// Share of the time that collections may take at the proposed size.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub gc_share: f64,
    /// Share of its interval (and of its timeout) that a checkpoint may take.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub checkpoint_share: f64,
    /// Saving below which nothing is changed, a share of the present cost: a change costs a restart.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub minimum_saving: f64,
    /// Most slots of a TaskManager, unless it has more already.
    #[schemars(range(min = 1))]
    pub max_slots_per_task_manager: u32,
    /// Most cores of a TaskManager in thousandths, unless it has more already.
    #[schemars(range(min = 1))]
    pub max_cpu_millis: u64,
    /// Fewest cores of a TaskManager in thousandths, unless it has fewer already.
    #[schemars(range(min = 1))]
    pub min_cpu_millis: u64,
    /// Most memory of a TaskManager, MiB, unless it has more already.
    #[schemars(range(min = 1))]
    pub max_memory_mib: u64,
    /// Step of memory, MiB, at least 1.
    #[schemars(range(min = 1))]
    pub memory_step_mib: u32,
    /// Largest factor by which parallelism grows at once: the scaling law is not known beyond.
    #[schemars(range(min = 1.0))]
    pub max_growth: f64,
    /// Largest factor by which the cost of a job grows within a month (30 days): `plan.max_growth_per_month`.
    #[serde(skip, default = "month")]
    pub max_growth_per_month: f64,
    /// How long a change is watched, seconds: `watch.window`.
    #[serde(skip, default = "watched")]
    pub window_seconds: f64,
    /// Most parallelism of a vertex by its id or name, for connectors that can't scale further.
    #[serde(skip)]
    pub vertex_max: std::collections::BTreeMap<String, u32>,
}

impl Settings {
    /// The most parallelism that a vertex may have by the configuration.
    pub(super) fn most_of(&self, id: &str, name: &str) -> u32 {
        let named = self
            .vertex_max
            .get(id)
            .or_else(|| self.vertex_max.get(name));
        named.copied().unwrap_or(u32::MAX)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            probability_limit: 0.05,
            cpu_share: 0.95,
            heap_share: 0.70,
            heap_factor: 1.2,
            gc_share: 0.03,
            checkpoint_share: 0.5,
            minimum_saving: 0.08,
            max_slots_per_task_manager: 8,
            max_cpu_millis: 8000,
            min_cpu_millis: 250,
            max_memory_mib: 32 * 1024,
            memory_step_mib: 128,
            max_growth: 3.0,
            max_growth_per_month: month(),
            window_seconds: watched(),
            vertex_max: std::collections::BTreeMap::new(),
        }
    }
}

/// What a job's cost may grow by within a month where nothing else is configured.
fn month() -> f64 {
    3.0
}

/// Three days, as `watch.window` has it.
fn watched() -> f64 {
    72.0 * 3600.0
}
