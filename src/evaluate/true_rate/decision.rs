//! The decision for the job: gate, blocks, memory, capacity, overrides.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::autotune::{self, ConfigChanges};
use super::delay::DelayedScaleDowns;
use super::evaluate::{EvaluatedGlobal, Evaluation};
use super::event::Event;
use super::input::{ScalingHistory, VertexId};
use super::options::Options;
use super::periods;
use super::quota::{self, CapacityRequest, TaskManagerSize};
use super::topology::Topology;
use super::vertex::{self, Change, VertexCase, VertexDecision};

/// What ends upstream's pass with an exception.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecisionError {
    /// Observed scalability has no defined fit.
    #[error(
        "observed scalability has no defined fit: a past scaling has an infinite or zero rate; \
         it ages out with `job.autoscaler.history.max.age`"
    )]
    UndefinedScalability,
    /// Alignment would divide by a parallelism of 0.
    #[error(
        "a parallelism of 0 cannot be aligned; set `job.autoscaler.vertex.min-parallelism` to 1"
    )]
    ZeroParallelism,
    /// A vertex would end without subtasks.
    #[error(
        "`{parallelism}` is not a parallelism; set `job.autoscaler.vertex.min-parallelism` to 1"
    )]
    NotPositive {
        /// What came out.
        parallelism: i32,
    },
    /// An excluded period does not parse.
    #[error("excluded periods cannot be read: {0}")]
    Period(#[source] periods::PeriodError),
    /// Memory tuning fails.
    #[error("memory tuning fails: {0}")]
    Memory(#[source] autotune::TuneError),
}

impl DecisionError {
    /// The class of the exception upstream throws.
    pub fn upstream_name(&self) -> &'static str {
        match self {
            DecisionError::UndefinedScalability => "NumberFormatException",
            DecisionError::ZeroParallelism => "ArithmeticException",
            DecisionError::NotPositive { .. } => "IllegalArgumentException",
            DecisionError::Period(_) => "NoSuchElementException",
            DecisionError::Memory(error) => error.upstream_name(),
        }
    }
}

/// What is known about the cluster.
#[derive(Clone, Copy, Default)]
pub struct Cluster<'a> {
    /// Cores of a TaskManager, if known.
    pub task_manager_cpu: Option<f64>,
    /// Memory of a TaskManager in bytes, if known.
    pub task_manager_memory_bytes: Option<u64>,
    /// Whether so many TaskManagers can be scheduled; without an answer they can.
    pub accepts: Option<&'a dyn Fn(&CapacityRequest) -> bool>,
}

/// Everything a decision for the job looks at.
#[derive(Clone, Copy)]
pub struct JobCase<'a> {
    /// The job graph.
    pub topology: &'a Topology,
    /// Evaluated metrics of a full window.
    pub evaluation: &'a Evaluation,
    /// Ids of vertices never changed.
    pub excluded: &'a BTreeSet<String>,
    /// Past scalings.
    pub history: &'a ScalingHistory,
    /// The restart time to plan with, s.
    pub restart_s: i64,
    /// Now, Unix ms.
    pub now_ms: i64,
    /// The user's Flink configuration.
    pub config: &'a BTreeMap<String, String>,
    /// The cluster.
    pub cluster: Cluster<'a>,
}

/// Why nothing is applied.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Garbage collection or heap use forbid scaling.
    MemoryPressure,
    /// No vertex justifies a rescale.
    WithinTarget,
    /// Scaling is switched off.
    ScalingDisabled,
    /// Now is an excluded period.
    ExcludedPeriod,
    /// The cluster has no room.
    ClusterCapacity,
    /// The quota is reached.
    Quota,
}

/// The decision for the job.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Why nothing is applied; `None` when it is.
    pub hold: Option<Hold>,
    /// New parallelism of the vertices that should change, also when it is held later.
    pub recommended: BTreeMap<VertexId, u32>,
    /// Expected rate, records/s, of the vertices whose rule wanted a change.
    pub expected_rates: BTreeMap<VertexId, f64>,
    /// Parallelism of all vertices if applied, else empty.
    pub overrides: BTreeMap<VertexId, u32>,
    /// Memory changes stored with the scaling.
    pub config_changes: ConfigChanges,
    /// What upstream reports.
    pub events: BTreeSet<Event>,
    /// What the cluster was asked.
    pub resource_checks: Vec<CapacityRequest>,
}

impl Decision {
    /// Whether it is applied.
    pub fn scaled(&self) -> bool {
        self.hold.is_none()
    }
}

/// Decides for the job; `delayed` remembers scale-downs that wait.
pub fn decide(
    case: JobCase<'_>,
    delayed: &mut DelayedScaleDowns,
    options: &Options,
) -> Result<Decision, DecisionError> {
    let mut decision = Decision {
        hold: None,
        recommended: BTreeMap::new(),
        expected_rates: BTreeMap::new(),
        overrides: BTreeMap::new(),
        config_changes: ConfigChanges::default(),
        events: BTreeSet::new(),
        resource_checks: Vec::new(),
    };
    decision.hold = hold(case, delayed, options, &mut decision)?;
    if decision.hold.is_none() {
        let vertices = &case.evaluation.vertices;
        decision.overrides = quota::parallelisms_after(vertices, &decision.recommended);
        delayed.clear();
    } else {
        decision.config_changes = ConfigChanges::default();
    }
    Ok(decision)
}

/// Fills the decision up to where it is held.
fn hold(
    case: JobCase<'_>,
    delayed: &mut DelayedScaleDowns,
    options: &Options,
    decision: &mut Decision,
) -> Result<Option<Hold>, DecisionError> {
    if under_memory_pressure(&case.evaluation.global, options) {
        decision.events.insert(Event::MemoryPressure);
        return Ok(Some(Hold::MemoryPressure));
    }
    let vertices = decide_vertices(case, delayed, options)?;
    for (id, vertex) in &vertices {
        decision.events.extend(&vertex.events);
        decision
            .expected_rates
            .extend(vertex.expected_rate.map(|rate| (*id, rate)));
    }
    if !vertices.values().any(|vertex| vertex.justifies_rescale) {
        return Ok(Some(Hold::WithinTarget));
    }
    // Once one vertex justifies a rescale, all changes ride along.
    let changes = vertices
        .iter()
        .filter(|(_, vertex)| vertex.change != Change::None);
    decision.recommended = changes
        .map(|(id, vertex)| (*id, vertex.new_parallelism))
        .collect();
    let excluded = periods::any_includes(&options.excluded_periods, case.now_ms)
        .map_err(DecisionError::Period)?;
    decision.events.extend(match options.profile {
        // Release 1.10 reports before it knows whether the resources suffice.
        super::options::Profile::V1_10 => Some(Event::ScalingReport),
        super::options::Profile::Next => None,
    });
    if !options.scaling_enabled || excluded {
        decision.events.insert(Event::ScalingReport);
        let disabled = !options.scaling_enabled;
        return Ok(Some(if disabled {
            Hold::ScalingDisabled
        } else {
            Hold::ExcludedPeriod
        }));
    }
    let held = memory_and_room(case, options, decision)?;
    if held.is_none() {
        decision.events.insert(Event::ScalingReport);
    }
    Ok(held)
}

fn decide_vertices(
    case: JobCase<'_>,
    delayed: &mut DelayedScaleDowns,
    options: &Options,
) -> Result<BTreeMap<VertexId, VertexDecision>, DecisionError> {
    let none = BTreeMap::new();
    let mut decisions = BTreeMap::new();
    for (id, metrics) in &case.evaluation.vertices {
        let Some(vertex) = case.topology.vertex(*id) else {
            continue;
        };
        if case.excluded.contains(&id.to_string()) {
            continue;
        }
        let vertex_case = VertexCase {
            vertex,
            metrics,
            history: case.history.get(id).unwrap_or(&none),
            restart_s: case.restart_s,
            now_ms: case.now_ms,
        };
        decisions.insert(*id, vertex::decide(vertex_case, delayed, options)?);
    }
    Ok(decisions)
}

fn under_memory_pressure(global: &EvaluatedGlobal, options: &Options) -> bool {
    // Unknown readings are no pressure.
    global.gc_pressure.current > options.gc_pressure_threshold
        || global.heap_max_usage_ratio.average > options.heap_usage_threshold
}

/// Tunes memory, then asks the cluster and the quota about the tuned TaskManagers.
fn memory_and_room(
    case: JobCase<'_>,
    options: &Options,
    decision: &mut Decision,
) -> Result<Option<Hold>, DecisionError> {
    let vertices = &case.evaluation.vertices;
    let after = quota::parallelisms_after(vertices, &decision.recommended);
    let tuned = tune_memory(case, &after, options)?;
    if !tuned.is_empty() {
        decision.events.insert(Event::ConfigurationRecommendation);
    }
    let mut memory = options
        .process_memory_bytes
        .or(case.cluster.task_manager_memory_bytes);
    if options.memory_tuning {
        memory = tuned.process_memory_bytes.or(memory);
        decision.config_changes = tuned;
    }
    let size = TaskManagerSize {
        cpu: case.cluster.task_manager_cpu.unwrap_or(0.0),
        memory_bytes: memory.unwrap_or(0),
    };
    let slots = options.slots_per_task_manager;
    let request = quota::capacity_request(vertices, &after, &case.evaluation.global, size, slots);
    if let (Some(request), Some(accepts)) = (request, case.cluster.accepts) {
        decision.resource_checks.push(request);
        if !accepts(&request) {
            return Ok(Some(Hold::ClusterCapacity));
        }
    }
    if quota::exceeds_quota(
        case.topology,
        vertices,
        &decision.recommended,
        size,
        options,
    ) {
        decision.events.insert(Event::ResourceQuotaReached);
        return Ok(Some(Hold::Quota));
    }
    Ok(None)
}

fn tune_memory(
    case: JobCase<'_>,
    after: &BTreeMap<VertexId, u32>,
    options: &Options,
) -> Result<ConfigChanges, DecisionError> {
    let Some(process_bytes) = case.cluster.task_manager_memory_bytes else {
        return Ok(ConfigChanges::default());
    };
    let memory_case = autotune::MemoryCase::of_job(
        case.topology,
        &case.evaluation.vertices,
        &case.evaluation.global,
        after,
        case.config,
        process_bytes,
    );
    autotune::recommend(&memory_case, options).map_err(DecisionError::Memory)
}
