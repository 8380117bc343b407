//! The size in force, and what it costs.

use super::Size;
use crate::flink::options::Configuration;
use crate::flink::version::FlinkVersion;
use crate::snapshot::History;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const GIB: f64 = (1u64 << 30) as f64;

/// What a core and a GiB cost a month of 730 hours. Defaults: public list prices of a serverless container platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prices {
    /// One core, a month.
    #[schemars(range(min = 0.0))]
    pub core_month: f64,
    /// One GiB of memory, a month.
    #[schemars(range(min = 0.0))]
    pub gib_month: f64,
    /// ISO 4217 code or symbol.
    pub currency: String,
}

impl Default for Prices {
    fn default() -> Self {
        Prices {
            core_month: 29.55,
            gib_month: 3.24,
            currency: "USD".to_owned(),
        }
    }
}

impl Prices {
    /// What the TaskManagers of a size cost a month.
    pub fn per_month(&self, size: &Size) -> f64 {
        let one = self.core_month * size.cpu_millis as f64 / 1000.0
            + self.gib_month * size.memory_bytes as f64 / GIB;
        one * f64::from(size.task_managers)
    }
}

/// The size in force: what a recommendation starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct Present {
    /// The size; its `options` are those of the memory pools that are set.
    pub size: Size,
    /// What it costs.
    pub prices: Prices,
    /// The job's Flink configuration, flattened.
    pub configuration: Configuration,
    /// Flink's version, for the memory model.
    pub version: FlinkVersion,
}

impl Present {
    /// The size that was observed last, for a job without a manifest at hand; absent when memory, CPU or TaskManagers
    /// are unknown.
    pub fn observed(history: &History, prices: &Prices) -> Option<Present> {
        let point = history
            .points
            .iter()
            .rev()
            .find(|point| point.running > 0.0)?;
        let seen = history.latest_running.as_ref()?;
        let shape = &point.shape;
        // What is paid for is what was asked for; the cores that a JVM sees are its host's.
        let cpu_millis = shape.cpu_millis;
        let parallelism = seen
            .vertices
            .iter()
            .map(|vertex| vertex.parallelism)
            .max()?;
        let known =
            shape.memory_bytes > 0 && cpu_millis > 0 && shape.task_managers > 0 && parallelism > 0;
        let narrower = seen
            .vertices
            .iter()
            .filter(|vertex| vertex.parallelism != parallelism);
        let version = seen
            .flink_version
            .as_deref()
            .and_then(|version| version.parse().ok());
        known.then(|| Present {
            size: Size {
                parallelism,
                vertex_parallelism: narrower
                    .map(|vertex| (vertex.id.clone(), vertex.parallelism))
                    .collect(),
                task_managers: shape.task_managers,
                slots_per_task_manager: shape.slots_per_task_manager.max(1),
                memory_bytes: shape.memory_bytes,
                cpu_millis,
                options: BTreeMap::new(),
            },
            prices: prices.clone(),
            configuration: seen.configuration.clone(),
            version: version.unwrap_or(FlinkVersion::V1_20),
        })
    }
}
