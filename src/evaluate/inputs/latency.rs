//! A history → the latency rule. Flink's latency markers tell the time from the sources to each vertex; they are off by default, and
//! a history that was read from Prometheus has none. Then the rule says so, unless whoever asks fills latencies in.
//!
//! ```text
//! latency of the job   = largest latency of its vertices, at each look
//! part of a vertex     = max(0, its latency − largest latency of its inputs)       a source's is 0
//! ```

use super::EvaluatorError;
use super::recent::recent;
use crate::evaluate::latency_violation::{Advice, Job, Limits, Operator, advise};
use crate::snapshot::{History, Point, Snapshot, Vertex, VertexPoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Looks of this long back count, milliseconds.
const WINDOW_MS: i64 = 15 * 60_000;
/// Looks may be further apart than the window is long; the rule wants three of them.
const LEAST_LOOKS: usize = 3;
/// The option that makes sources send markers.
const INTERVAL: &str = "metrics.latency.interval";

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
    let points = recent(history, WINDOW_MS, LEAST_LOOKS);
    let last = points.last().ok_or(EvaluatorError::NoPoints)?;
    Ok(LatencyInput {
        job: Job {
            latencies_ms: points.iter().map(of_job).collect(),
            operators: operators(seen, last),
            // Natively Flink asks Kubernetes for TaskManagers as it needs slots: those that are free now are not all there are to have.
            free_slots: seen
                .slots
                .map(|slots| slots.available)
                .filter(|_| !is_native(seen)),
        },
        limits: Limits::of(bound_ms),
        missing: missing(seen, points),
    })
}

/// Whether TaskManagers come as slots are asked for (native mode), by the configuration or the custom resource.
fn is_native(seen: &Snapshot) -> bool {
    let target = seen.configuration.get("execution.target");
    if let Some(target) = target {
        return target.trim().starts_with("kubernetes");
    }
    let mode = |resource: &crate::snapshot::LiveResource| {
        let mode = resource.spec.get("spec.mode");
        mode.is_none_or(|mode| mode == "native")
    };
    seen.resource.as_deref().is_some_and(mode)
}

/// What is not there, and what would bring it.
fn missing(seen: &Snapshot, points: &[Point]) -> Vec<String> {
    let looks = points
        .iter()
        .filter(|point| of_job(point).is_some())
        .count();
    if looks == points.len() {
        return Vec::new();
    }
    if looks > 0 {
        let without = points.len() - looks;
        return vec![format!(
            "no latency at {without} of the last {} looks: what is not seen is not a violation",
            points.len()
        )];
    }
    vec![match seen.configuration.get(INTERVAL) {
        Some(_) => format!(
            "no latency markers, though `{INTERVAL}` is in the configuration: it may be 0, or no vertex behind a source has \
             seen one yet"
        ),
        None => format!(
            "no latency markers: Flink's configuration, as far as it was read, sets no `{INTERVAL}`"
        ),
    }]
}

/// The latency that a vertex had over a point, milliseconds.
fn of_vertex(point: &Point, id: &str) -> Option<f64> {
    Some(point.vertices.get(id)?.latency_ms?.mean)
}

/// The largest latency of a job's vertices over a point, milliseconds.
fn of_job(point: &Point) -> Option<f64> {
    let each = point.vertices.keys();
    each.filter_map(|id| of_vertex(point, id)).reduce(f64::max)
}

/// A vertex's own part of the latency, milliseconds; `None` where its own or that of an input which is no source is not known.
fn own_part(seen: &Snapshot, point: &Point, vertex: &Vertex) -> Option<f64> {
    let mut before = 0.0_f64;
    for input in &vertex.inputs {
        let source = seen
            .vertices
            .iter()
            .any(|other| other.id == input.vertex && other.is_source());
        if !source {
            before = before.max(of_vertex(point, &input.vertex)?);
        }
    }
    Some((of_vertex(point, &vertex.id)? - before).max(0.0))
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
            latency_ms: own_part(seen, point, vertex),
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
