//! What evaluation answers with.

use super::week::Week;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// From what the demand was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DemandBasis {
    /// 24 h to 7 days: the highest observed × growth.
    ShortHistory,
    /// From 7 days: an upper confidence limit of a quantile × growth.
    Quantile,
    /// A plug-in named the load.
    Plugin,
}

/// The load a job must carry, in records per second that its sources emit together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Demand {
    /// From what it was taken.
    pub basis: DemandBasis,
    /// How long the history is, milliseconds.
    pub history_ms: i64,
    /// Points behind it.
    pub points: u32,
    /// Mean over the history, records/s.
    pub mean_per_second: f64,
    /// Highest seen, records/s.
    pub highest_per_second: f64,
    /// The quantile's estimate, records/s (the highest, with a short history).
    pub quantile_per_second: f64,
    /// Its upper confidence limit, records/s.
    pub upper_per_second: f64,
    /// The smallest rate at which a replay of what arrived stays within the accepted lag, records/s: a short burst is worked off.
    #[serde(default)]
    pub held_per_second: f64,
    /// Where the load leads within the hours that a change takes, records/s.
    #[serde(default)]
    pub ahead_per_second: f64,
    /// The longest pause that a restart was seen to leave in the lag, or the one that is assumed, seconds.
    #[serde(default)]
    pub pause_seconds: f64,
    /// sd of ln(D*): what the hours that were not seen yet may bring.
    #[serde(default)]
    pub uncertainty_ln: f64,
    /// Growth that was multiplied in, for example 1.1.
    pub growth: f64,
    /// D: the load to carry, records/s: upper × growth.
    pub load_per_second: f64,
    /// ρ: headroom for catching up after a restart, a share of D.
    pub restart_headroom: f64,
    /// What a backlog that waits now adds to the arriving rate, if it is to be worked off in time, records/s.
    #[serde(default)]
    pub backlog_per_second: f64,
    /// D* = D × (1 + ρ), records/s; more where a backlog needs more.
    pub required_per_second: f64,
    /// The same split by source vertex: its D, records/s.
    pub by_source: BTreeMap<String, f64>,
    /// Whether more may have come than was seen: the lag is unknown and the sources were held back.
    #[serde(default)]
    pub lower_bound: bool,
    /// What the hours of the week say of the coming one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week: Option<Week>,
}

/// What one vertex carries and must carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VertexCapacity {
    /// Flink's id.
    pub id: String,
    /// Its name; foreign text.
    pub name: String,
    /// Its parallelism when it was measured.
    pub parallelism: u32,
    /// Its key groups.
    pub max_parallelism: Option<u32>,
    /// Records it gets for each record that the sources emit together.
    pub records_per_source_record: f64,
    /// True processing rate of the vertex at that parallelism, records/s: what it would carry if it were busy all the time
    /// (records in / busy share of the busiest subtask).
    pub true_rate_per_second: f64,
    /// Standard deviation of ln(true rate): how well it is known.
    pub sd_ln: f64,
    /// Rate it must carry for D*, records/s.
    pub required_per_second: f64,
    /// Busy share of the busiest subtask: median over the history.
    pub busy_median: f64,
    /// The same, highest.
    pub busy_highest: f64,
    /// Cores that one record/s costs here, if CPU was measured (shared out by busy time).
    pub cores_per_record_per_second: Option<f64>,
    /// Rate while it was busy all the time, or held up a backlog that was read flat out, records/s: a direct measurement of
    /// the true rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_per_second: Option<f64>,
    /// Records over busy share, records/s: what busy time alone promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_busy_per_second: Option<f64>,
    /// Whether the two differ by more than 15 %: then what flowed counts, with more uncertainty.
    #[serde(default)]
    pub disagree: bool,
    /// Records of the busiest subtask over those of the mean one, >= 1.
    #[serde(default = "even")]
    pub skew: f64,
    /// Partitions that a source reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Whether its records are spread by key: then its key groups set what a subtask can carry.
    #[serde(default)]
    pub keyed: bool,
}

fn even() -> f64 {
    1.0
}
