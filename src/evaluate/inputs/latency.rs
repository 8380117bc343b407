//! A history → the latency rule. The history holds no latencies: Flink's latency markers are a histogram for every pair of
//! operator and source, off by default, and the reader does not ask for them. So the rule says that the job has none,
//! unless whoever asks fills them in.

use super::EvaluatorError;
use super::recent::recent;
use crate::evaluate::latency_violation::{Advice, Job, Limits, Operator, advise};
use crate::snapshot::{History, Point, Snapshot, VertexPoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Looks of this long back count, milliseconds.
const WINDOW_MS: i64 = 15 * 60_000;

/// What the latency rule is asked with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyInput {
    /// The job.
    pub job: Job,
    /// The rule's constants.
    pub limits: Limits,
    /// What could not be read from the history, one sentence each.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// The input from a job's history, for a bound in milliseconds.
///
/// # Errors
/// [`EvaluatorError::NotRunning`] without a graph, [`EvaluatorError::NoPoints`] without undisturbed points.
pub fn latency_input(history: &History, bound_ms: f64) -> Result<LatencyInput, EvaluatorError> {
    let seen = history
        .latest_running
        .as_ref()
        .ok_or(EvaluatorError::NotRunning)?;
    let points = recent(history, WINDOW_MS, 1);
    let last = points.last().ok_or(EvaluatorError::NoPoints)?;
    Ok(LatencyInput {
        job: Job {
            latencies_ms: points.iter().map(|_| None).collect(),
            operators: operators(seen, last),
            free_slots: seen.slots.map(|slots| slots.available),
        },
        limits: Limits::of(bound_ms),
        missing: vec![
            "no latency markers: they are not collected, and Flink sends none unless `metrics.latency.interval` is set"
                .to_owned(),
        ],
    })
}

fn operators(seen: &Snapshot, point: &Point) -> Vec<Operator> {
    let each = seen.vertices.iter().map(|vertex| {
        let own = point.vertices.get(&vertex.id);
        let mean = |pick: fn(&VertexPoint) -> Option<crate::snapshot::Stat>| {
            own.and_then(pick).map(|stat| stat.mean)
        };
        let rate = mean(|own| own.in_per_second);
        let busy = mean(|own| own.busy_max.or(own.busy)).filter(|busy| *busy > 0.0);
        let channels = f64::from(vertex.parallelism.max(1));
        Operator {
            id: vertex.id.clone(),
            latency_ms: None,
            input_rate: rate,
            throughput_per_channel: rate.zip(busy).map(|(rate, busy)| rate / busy / channels),
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism.unwrap_or(u32::MAX),
            window: vertex.name.contains("Window"),
        }
    });
    each.collect()
}

/// What the latency rule says.
///
/// # Errors
/// Where no latency was measured or the bound is none.
pub fn latency(input: &LatencyInput) -> Result<Advice, EvaluatorError> {
    Ok(advise(&input.job, &input.limits)?)
}
