//! The newest quarter of an hour of a history → the backlog rule.

use super::EvaluatorError;
use super::recent::recent;
use crate::evaluate::backlog::{Advice, Job, Limits, advise};
use crate::flink::options::{Configuration, SCHEDULER_MODE};
use crate::snapshot::{History, Point};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Looks of this long back count, milliseconds.
const WINDOW_MS: i64 = 15 * 60_000;

/// What the backlog rule is asked with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BacklogInput {
    /// The job.
    pub job: Job,
    /// The rule's constants.
    #[serde(default)]
    pub limits: Limits,
    /// What could not be read from the history, one sentence each.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// The input from a job's history.
///
/// # Errors
/// [`EvaluatorError::NotRunning`] without a graph, [`EvaluatorError::NoPoints`] without undisturbed points.
pub fn backlog_input(
    history: &History,
    configuration: &Configuration,
) -> Result<BacklogInput, EvaluatorError> {
    let seen = history
        .latest_running
        .as_ref()
        .ok_or(EvaluatorError::NotRunning)?;
    let points = recent(history, WINDOW_MS, 2);
    let last = points.last().ok_or(EvaluatorError::NoPoints)?;
    let sources: Vec<&str> = seen
        .vertices
        .iter()
        .filter(|vertex| vertex.is_source())
        .map(|vertex| vertex.id.as_str())
        .collect();
    let lag = |point: &Point| sum(&sources, point, |seen| seen.pending.map(|lag| lag.mean));
    let read = |point: &Point| {
        let rate = |seen: &crate::snapshot::VertexPoint| seen.in_per_second.or(seen.out_per_second);
        sum(&sources, point, |seen| rate(seen).map(|rate| rate.mean))
    };
    let seconds = |point: &Point| (point.to_ms - point.from_ms).max(0) as f64 / 1000.0;
    let measured: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|point| Some((read(point)?, seconds(point))))
        .collect();
    let time: f64 = measured.iter().map(|(_, seconds)| seconds).sum();
    let throughput = (time > 0.0).then(|| {
        measured
            .iter()
            .map(|(rate, seconds)| rate * seconds)
            .sum::<f64>()
            / time
    });
    let first_lag = points
        .iter()
        .find_map(|point| Some((point.to_ms, lag(point)?)));
    let last_lag = points
        .iter()
        .rev()
        .find_map(|point| Some((point.to_ms, lag(point)?)));
    let growth = first_lag
        .zip(last_lag)
        .and_then(|((from, before), (to, after))| {
            (to > from).then(|| (after - before) * 1000.0 / (to - from) as f64)
        });
    let limit = last.shape.cpu_millis as f64 / 1000.0;
    let cores = if limit > 0.0 {
        Some(limit)
    } else {
        last.task_managers.cpus_seen
    };
    let used: Vec<f64> = points
        .iter()
        .filter_map(|point| Some(point.task_managers.cpu_cores?.mean))
        .collect();
    let used = (!used.is_empty()).then(|| used.iter().sum::<f64>() / used.len() as f64);
    let all = cores.map(|cores| cores * f64::from(last.shape.task_managers));
    let cpu = used
        .zip(all)
        .filter(|(_, all)| *all > 0.0)
        .map(|(used, all)| used / all);
    let mut missing = Vec::new();
    for (absent, what) in [
        (throughput.is_none(), "the sources' rates are not reported"),
        (
            last_lag.is_none(),
            "the sources report no lag: how much waits is unknown",
        ),
        (
            growth.is_none() && last_lag.is_some(),
            "one look at the lag: its growth is unknown",
        ),
        (cpu.is_none(), "the CPU in use is unknown"),
    ] {
        if absent {
            missing.push(what.to_owned());
        }
    }
    let mode = configuration.get(SCHEDULER_MODE.key);
    Ok(BacklogInput {
        job: Job {
            throughput,
            backlog: last_lag.map(|(_, lag)| lag),
            backlog_growth: growth,
            cpu,
            task_managers: last.shape.task_managers,
            slots_per_task_manager: last.shape.slots_per_task_manager,
            partitions: seen
                .vertices
                .iter()
                .filter_map(|vertex| vertex.source_partitions)
                .max(),
            max_parallelism: seen
                .vertices
                .iter()
                .filter_map(|vertex| vertex.max_parallelism)
                .min(),
            reactive: mode.is_some_and(|mode| mode.trim().eq_ignore_ascii_case("reactive")),
        },
        limits: Limits::default(),
        missing,
    })
}

/// A reading of all sources together; absent as soon as one does not tell.
fn sum(
    sources: &[&str],
    point: &Point,
    pick: impl Fn(&crate::snapshot::VertexPoint) -> Option<f64>,
) -> Option<f64> {
    let each = sources
        .iter()
        .map(|id| point.vertices.get(*id).and_then(&pick));
    each.sum::<Option<f64>>().filter(|_| !sources.is_empty())
}

/// What the backlog rule says.
///
/// # Errors
/// Where a signal is missing, or the job processes nothing.
pub fn backlog(input: &BacklogInput) -> Result<Advice, EvaluatorError> {
    Ok(advise(&input.job, &input.limits)?)
}
