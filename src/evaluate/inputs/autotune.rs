//! What the operator's memory tuning would give a TaskManager.

use super::graph::{slots, topology};
use super::true_rate::{TrueRateInput, evaluated};
use super::{EvaluatorError, autoscaler_options};
use crate::evaluate::autotune::{self as tuning, MemoryCase};
use crate::evaluate::true_rate::input::VertexId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the tuning is asked with: the window of `true_rate`, and the parallelisms that the job will have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutotuneInput {
    /// The window and the configuration.
    pub window: TrueRateInput,
    /// Parallelism afterwards, by vertex id; a vertex that is absent keeps its own.
    #[serde(default)]
    pub parallelism: BTreeMap<String, u32>,
}

/// What the tuning would set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutotuneAnswer {
    /// Process memory of a TaskManager, bytes; absent when it says nothing (the configuration does not resolve).
    pub process_memory_bytes: Option<u64>,
    /// Options it sets.
    pub overrides: BTreeMap<String, String>,
    /// Options it takes away.
    pub removals: BTreeSet<String>,
    /// Whether it would be applied: `job.autoscaler.memory.tuning.enabled`.
    pub applied: bool,
}

/// The input for a job with the parallelisms that another evaluator wants.
pub fn autotune_input(window: TrueRateInput, parallelism: BTreeMap<String, u32>) -> AutotuneInput {
    AutotuneInput {
        window,
        parallelism,
    }
}

/// What the operator's memory tuning would set.
///
/// # Errors
/// As [`super::true_rate()`], and where upstream's tuning ends in an exception.
pub fn autotune(input: &AutotuneInput) -> Result<AutotuneAnswer, EvaluatorError> {
    let window = &input.window;
    let options = autoscaler_options(&window.configuration, window.profile).options;
    let topology = topology(&window.vertices)?;
    let evaluation = evaluated(window, &topology, &options)?;
    let mut after = BTreeMap::new();
    for vertex in &window.vertices {
        let wanted = input.parallelism.get(&vertex.id).copied();
        after.insert(
            vertex.id.parse::<VertexId>()?,
            wanted.unwrap_or(vertex.parallelism),
        );
    }
    let mut case = MemoryCase::of_job(
        &topology,
        &evaluation.vertices,
        &evaluation.global,
        &after,
        &window.configuration,
        window.task_manager_memory_bytes.unwrap_or(0),
    );
    if evaluation.global.slots_used.current.is_nan() {
        // Upstream reads unknown slots as none and then divides by them; the graph tells how many there are.
        case.slots_used =
            i32::try_from(slots(&window.vertices, &BTreeMap::new())).unwrap_or(i32::MAX);
        case.slots_after =
            i32::try_from(slots(&window.vertices, &input.parallelism)).unwrap_or(i32::MAX);
    }
    let changes = tuning::recommend(&case, &options)?;
    Ok(AutotuneAnswer {
        process_memory_bytes: changes.process_memory_bytes,
        overrides: changes.overrides,
        removals: changes.removals,
        applied: options.enabled && options.memory_tuning,
    })
}
