//! The plug-in protocol as far as it belongs to evaluation: one request, one answer, both plain data.
//!
//! The parts are those of the Flink autoscaler's own extension points (FLIP-514, FLINK-38283): a metric collector, a metric
//! evaluator and a scaling realizer. What the realizer is asked stands in `plan`, since it is about planned changes.

mod builtin;
mod signals;
mod told;
#[cfg(test)]
mod tests;

pub use builtin::{BUILT_IN, BuiltInError, built_in};
pub use signals::{TaskManagerSignals, VertexSignals};
pub use told::{Replacement, Said, Told, Value};

use super::{Demand, VertexCapacity};
use crate::snapshot::{Gap, History, JobKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version that every request and every answer names.
pub const PROTOCOL: &str = "plimsoll.dev/plugin/v1";

/// Points of the history that a request holds at most: the newest.
pub const MOST_POINTS: usize = 1_000;
/// External metrics of a job at most.
pub const MOST_METRICS: usize = 64;
/// The largest number, in its absolute value, that a plug-in may say: no job has a rate like it.
pub const LARGEST: f64 = 1e15;

/// Asks an evaluator what a job must carry and what its vertices carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluateRequest {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// Always `evaluate`.
    pub ask: EvaluateAsk,
    /// The plug-in's name in the configuration.
    pub plugin: String,
    /// The job.
    pub job: JobKey,
    /// The time that it is asked for, Unix milliseconds.
    pub at_ms: i64,
    /// The job's past: its newest 1,000 points, and its latest snapshots with graph, configuration and external metrics.
    pub history: History,
    /// Older points that were left out.
    #[serde(default)]
    pub points_left_out: u64,
    /// Lag that the job's users accept, seconds.
    #[serde(default = "lag_limit")]
    pub lag_limit_seconds: f64,
    /// History that is needed before a demand is named, seconds; absent: the default of 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_history_seconds: Option<u64>,
    /// Latencies, for `latency_violation`, in place of those from the history's latency markers. Absent for plug-ins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latencies>,
    /// What the job must carry, by the estimate so far: the built-in one, or what earlier plug-ins made of it. Absent where
    /// there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// What each measured vertex carries and must carry, by the estimate so far, in topological order.
    #[serde(default)]
    pub capacities: Vec<VertexCapacity>,
}

fn lag_limit() -> f64 {
    super::Settings::default().lag_limit_seconds
}

/// Latencies that whoever asks has measured, milliseconds, at least 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Of the job, in the order of time; null where a measurement failed.
    pub job_ms: Vec<Option<f64>>,
    /// The part of each vertex, by id.
    #[serde(default)]
    pub vertices_ms: BTreeMap<String, f64>,
}

/// What is asked: `evaluate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluateAsk {
    /// The only one.
    #[default]
    Evaluate,
}

impl EvaluateRequest {
    /// A request; of a long history the newest points.
    pub fn new(plugin: &str, at_ms: i64, mut history: History) -> EvaluateRequest {
        let left_out = history.points.len().saturating_sub(MOST_POINTS);
        history.points.drain(..left_out);
        EvaluateRequest {
            schema: PROTOCOL.to_owned(),
            ask: EvaluateAsk::Evaluate,
            plugin: plugin.to_owned(),
            job: history.job.clone(),
            at_ms,
            history,
            points_left_out: left_out as u64,
            lag_limit_seconds: lag_limit(),
            minimum_history_seconds: None,
            latency: None,
            demand: None,
            capacities: Vec::new(),
        }
    }
}

/// What an evaluator says. What it leaves out stays as it was; numbers must be above 0 and at most 1e15.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateAnswer {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// In place of what the job must carry.
    #[serde(default)]
    pub demand: DemandAnswer,
    /// In place of what a vertex carries, by vertex id.
    #[serde(default)]
    pub vertices: BTreeMap<String, VertexAnswer>,
    /// One sentence for people, shown by `explain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Anything else, for whoever asked: the whole answer of a built-in evaluator stands here. It changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<serde_json::Value>,
}

/// What the job must carry, records/s that its sources emit together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemandAnswer {
    /// The load to carry. The required rate follows it, unless that is said too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_per_second: Option<f64>,
    /// The rate that is needed to carry that load after a restart too; not below the load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_per_second: Option<f64>,
}

/// What a vertex carries and must carry.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VertexAnswer {
    /// Its true processing rate at the parallelism it has, records/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_rate_per_second: Option<f64>,
    /// Standard deviation of the logarithm of that rate, above 0 and at most 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd_ln: Option<f64>,
    /// Its target: the rate it must carry, records/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_per_second: Option<f64>,
}

/// Asks a collector for metrics of a job that Flink does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CollectRequest {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// Always `collect`.
    pub ask: CollectAsk,
    /// The plug-in's name in the configuration.
    pub plugin: String,
    /// The job.
    pub job: JobKey,
    /// When it was looked at, Unix milliseconds.
    pub at_ms: i64,
    /// Flink's id of the job, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The job's options in force that sizing depends on; secrets never.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
}

/// What is asked: `collect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CollectAsk {
    /// The only one.
    #[default]
    Collect,
}

/// What a collector says: at most 64 named numbers, added to the snapshot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectAnswer {
    /// Always `plimsoll.dev/plugin/v1`.
    pub schema: String,
    /// Name → number. A name has 1 to 64 letters, digits, `_`, `-`, `.`, `:` or `/`; a number is between -1e15 and 1e15.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// Standard signals of vertices, by id or name: each is supplied where Flink has none, and replaced where it has.
    #[serde(default)]
    pub vertices: BTreeMap<String, VertexSignals>,
    /// Standard signals of TaskManagers, by id.
    #[serde(default)]
    pub task_managers: BTreeMap<String, TaskManagerSignals>,
}

impl CollectAnswer {
    /// Adds its metrics to those that a job has already; what can't be one becomes a gap that names the plug-in. A metric that
    /// another collector named keeps the number of the first.
    pub fn add_to(&self, plugin: &str, metrics: &mut BTreeMap<String, f64>) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut refused = 0;
        for (name, number) in &self.metrics {
            let Err(reason) = fits(name, *number, metrics) else {
                metrics.insert(name.clone(), *number);
                continue;
            };
            refused += 1;
            if refused <= told::MOST_GAPS {
                let shown: String = name.chars().take(64).collect();
                gaps.push(Gap::new(
                    format!("metric {shown} of collector {plugin}"),
                    reason,
                ));
            }
        }
        if refused > told::MOST_GAPS {
            let more = format!(
                "{} more of its metrics were refused",
                refused - told::MOST_GAPS
            );
            gaps.push(Gap::new(format!("collector {plugin}"), more));
        }
        gaps
    }
}

/// Whether a metric can be added to those that a job has already; else why not.
fn fits(name: &str, number: f64, metrics: &BTreeMap<String, f64>) -> Result<(), String> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "_-.:/".contains(one);
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err("its name is not 1 to 64 letters, digits, _ - . : or /".to_owned());
    }
    if !number.is_finite() || number.abs() > LARGEST {
        return Err(format!("{number} is not a number between -1e15 and 1e15"));
    }
    if metrics.contains_key(name) {
        return Err("another collector has named it already".to_owned());
    }
    if metrics.len() >= MOST_METRICS {
        return Err(format!("a job has {MOST_METRICS} external metrics at most"));
    }
    Ok(())
}
