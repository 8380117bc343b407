//! What sizing answers with.

use super::reason::SizingReason;
use crate::evaluate::{Demand, VertexCapacity};
use crate::model::{Holds, Size};
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Money over a month of 730 hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// Amount per month. Finite.
    pub per_month: f64,
    /// ISO 4217 code or symbol as configured: `USD`.
    pub currency: String,
}

/// What a change saves (negative: what it costs).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Saving {
    /// Amount per month.
    pub per_month: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
    /// Share of the present cost, for example 0.41; negative when it grows.
    pub share: f64,
    /// ISO 4217 code or symbol as configured.
    pub currency: String,
}

/// What a job is short of at the size in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shortage {
    /// A vertex is likelier to carry less than the load than not.
    Capacity,
    /// The busiest TaskManager would use all its cores.
    Cores,
    /// Memory: the heap is nearly full after collections, or tasks died of it.
    Memory,
    /// Checkpoints take longer than they may.
    Checkpoints,
}

/// Which way a recommendation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Cheaper.
    Shrink,
    /// Dearer, because the job is short.
    Grow,
}

/// The memory a TaskManager needs at the proposed size, and what was seen. Bytes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MemoryNeed {
    /// By pool (`heap`, `managed`, `network`, `metaspace`, `off-heap`): highest seen.
    pub seen: BTreeMap<String, u64>,
    /// By pool: what is needed at the proposed size (tolerance limit, factor over the peak, Flink's minimum).
    pub needed: BTreeMap<String, u64>,
    /// By pool: the most that may be seen at the proposed size.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// Process memory that results.
    pub process_bytes: u64,
    /// The highest process memory in use that was seen (the sum of what was measured), if measured.
    pub process_seen_bytes: Option<u64>,
}

/// A part of the margin between the load and what is provided, a share of D.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Margin {
    /// `restart headroom`, `model uncertainty`, `rounding to whole slots`, …
    pub name: String,
    /// Share of D.
    pub share: f64,
}

/// Something a reviewer should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Risk {
    /// A stable code: `skew`, `state-growth`, `short-history`, `not-tested`, `external-wait`, …
    pub code: String,
    /// One sentence. May hold foreign text: escape it.
    pub message: String,
}

/// One step of the computation, for `explain` and the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What was computed: `demand`, `true rate of Join`, `heap needed`, …
    pub name: String,
    /// The number or choice with its unit and how it came about, one line.
    pub result: String,
}

/// A size that is cheaper, or that a short job needs, with everything that backs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Which job.
    pub job: JobKey,
    /// Which way.
    pub direction: Direction,
    /// The size in force.
    pub now: Size,
    /// The size proposed.
    pub proposed: Size,
    /// What the size in force costs.
    pub cost_now: Money,
    /// What the proposed one costs.
    pub cost_proposed: Money,
    /// The difference, with its interval.
    pub saving: Saving,
    /// Probability that the proposed size cannot carry D*, 0..=1.
    pub probability_short: f64,
    /// The limit it was held to, for example 0.05.
    pub probability_limit: f64,
    /// The load it is sized for.
    pub demand: Demand,
    /// What each vertex carries and must carry.
    pub capacities: Vec<VertexCapacity>,
    /// Load that the proposed size carries, records/s of the sources together: the median of `holds.capacity`.
    pub carries_per_second: f64,
    /// What the proposed size carries, limit by limit, the tightest first: every number of a page about capacity is one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Holds>,
    /// The same for the size in force, against what arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_now: Option<Holds>,
    /// Where the steps lead, when the rules bound this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub towards: Option<Towards>,
    /// What the job is short of at the size in force; empty where it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub short_of: Vec<Shortage>,
    /// Memory of a TaskManager.
    pub memory: MemoryNeed,
    /// Cores of a TaskManager: highest seen in use.
    pub cpu_seen_cores: Option<f64>,
    /// Where the margin comes from.
    pub margins: Vec<Margin>,
    /// What a reviewer should know.
    pub risks: Vec<Risk>,
    /// How it was computed.
    pub steps: Vec<Step>,
    /// Which model: `true-rate` (observed only), later `experiment`.
    pub model: String,
    /// Whether the proposed size was ever run: `not tested`, or how often.
    pub tested: String,
}

/// The size that a bounded step is taken towards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Towards {
    /// The size that would be proposed without rules.
    pub size: Size,
    /// What it costs.
    pub cost: Money,
    /// Steps that lead there, this one included, where each goes as far as the rules let it and nothing else changes.
    pub steps: u32,
}

/// Nothing to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Keep {
    /// Why.
    pub reason: SizingReason,
    /// One sentence with the numbers.
    pub message: String,
    /// How it was computed.
    pub steps: Vec<Step>,
}

/// No recommendation can be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Undetermined {
    /// Why.
    pub reason: SizingReason,
    /// One sentence: what is missing.
    pub message: String,
    /// What would settle it.
    pub settles: String,
}

/// The answer of sizing for one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "advice")]
pub enum Advice {
    /// Change it.
    Change(Box<Recommendation>),
    /// Leave it.
    Keep(Keep),
    /// Nothing can be said.
    Undetermined(Undetermined),
}

/// Limits that a policy sets on the search: the cheapest size *within them* is what it amends a recommendation to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bounds {
    /// Largest share that total slots, total CPU and total memory may each go down in one change, for example 0.25; absent: no limit.
    pub step_down: Option<f64>,
    /// Smallest parallelism.
    pub min_parallelism: Option<u32>,
    /// Largest parallelism.
    pub max_parallelism: Option<u32>,
    /// Smallest process memory of a TaskManager, bytes.
    pub min_memory_bytes: Option<u64>,
    /// Largest process memory of a TaskManager, bytes.
    pub max_memory_bytes: Option<u64>,
    /// Smallest CPU of a TaskManager, thousandths of a core.
    pub min_cpu_millis: Option<u64>,
    /// Largest CPU of a TaskManager, thousandths of a core.
    pub max_cpu_millis: Option<u64>,
    /// Fewest TaskManagers.
    pub min_task_managers: Option<u32>,
    /// Sizes that were reverted: they and anything no larger in every total are out, unless the load fell below the one noted.
    pub reverted: Vec<RevertedSize>,
    /// Parallelism is somebody else's (the operator's autoscaler): keep it.
    pub keep_parallelism: bool,
    /// What else must stay as it is, because nothing that may be edited sets it.
    pub kept: Kept,
}

/// Parts of a size that must stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// Parallelism and the number of TaskManagers.
    pub parallelism: bool,
    /// Slots of a TaskManager.
    pub slots: bool,
    /// Memory of a TaskManager's process.
    pub memory: bool,
    /// CPU of a TaskManager.
    pub cpu: bool,
    /// Options of the memory pools.
    pub options: bool,
}

/// A size that was reverted, and the load it failed at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertedSize {
    /// The size.
    pub size: Size,
    /// The load it was sized for, records/s.
    pub load_per_second: f64,
}
