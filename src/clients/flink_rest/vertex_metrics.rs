//! The metrics of one vertex.

use super::answers::{List, Number, Object, Text, kept};
use super::metric_names::{MetricNames, OF_TASKS, SourceNames, Tasks, encoded, requests_of};
use super::pass::{Pass, ReadError};
use super::subtasks::{Live, live};
use super::{Rest, Settings, latency};
use crate::snapshot::{Gap, Spread, Vertex};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Metrics that an answer may hold: more than fit into one request line.
const MOST_VALUES: usize = 1_000;
/// Subtasks that a backpressure answer may list: Flink's largest parallelism.
const MOST_LISTED: usize = 32_768;

/// A metric over subtasks as Flink writes it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Aggregated {
    id: Text,
    min: Number,
    avg: Number,
    max: Number,
    sum: Number,
}

/// `/jobs/:id/vertices/:id/backpressure`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Backpressure {
    subtasks: List<Object<Ratios>, MOST_LISTED>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ratios {
    subtask: Number,
    ratio: Number,
    #[serde(rename = "busyRatio")]
    busy: Number,
    #[serde(rename = "idleRatio")]
    idle: Number,
}

/// A metric over the subtasks of a vertex. All finite.
#[derive(Debug, Clone, Copy)]
struct Aggregate {
    min: f64,
    mean: f64,
    max: f64,
    sum: f64,
}

type Values = BTreeMap<String, Aggregate>;

/// Fills in what can be measured at a vertex, and says what could not; latencies where sources send `markers`.
pub(super) async fn measured<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
    job_id: &str,
    mut vertex: Vertex,
    markers: bool,
) -> (Vertex, Vec<Gap>) {
    let place = format!("/jobs/{}/vertices/{}", encoded(job_id), encoded(&vertex.id));
    let mut gaps = Vec::new();
    let live = live(pass, &place, &vertex).await;
    let result = if vertex.is_source() {
        source_values(pass, &place, live.chosen()).await
    } else {
        task_values(pass, &place, live.chosen())
            .await
            .map(|values| (values, None))
    };
    match result {
        Ok((values, names)) => {
            let subtasks = live.counted(&vertex);
            fill(&mut vertex, &values, subtasks);
            if let Some(names) = names {
                fill_source(&mut vertex, &values, &names, subtasks);
            }
            gaps.extend(missing(&vertex, &values));
            if let Live::Untold(reason) = &live {
                live.forget_gauges(&mut vertex);
                gaps.push(Gap::new(
                    format!("busy time and lag of {}", vertex.name),
                    format!(
                        "{} of its {} subtasks have finished, Flink keeps their last values, and which they are is not known ({reason}): only counters count",
                        vertex.finished_subtasks, vertex.parallelism
                    ),
                ));
            }
        }
        Err(error) => gaps.push(Gap::new(
            format!("metrics of {}", vertex.name),
            error.to_string(),
        )),
    }
    if markers && !vertex.is_source() {
        match latency::p95_ms(pass, &place, &vertex.id).await {
            Ok(found) => vertex.latency_ms = found,
            Err(error) => gaps.push(Gap::new(
                format!("latency of {}", vertex.name),
                error.to_string(),
            )),
        }
    }
    if matches!(live, Live::Untold(_)) {
        return (vertex, gaps);
    }
    // Mean and median of two subtasks are the same.
    if vertex.parallelism > 2 || vertex.busy_ms_per_second.is_none() {
        gaps.extend(by_subtask(pass, settings, &place, &live, &mut vertex).await);
    } else {
        vertex.busy_median_ms_per_second = vertex.busy_ms_per_second.map(|busy| busy.mean);
    }
    (vertex, gaps)
}

/// A task reports all of these as soon as it runs; an answer without any means that one of them was missing, which empties it.
async fn task_values<R: Rest>(
    pass: &Pass<'_, R>,
    place: &str,
    chosen: Option<&str>,
) -> Result<Values, ReadError> {
    let metrics = format!("{place}/subtasks/metrics");
    let values = values(pass, requests_of(&metrics, chosen, OF_TASKS)).await?;
    if !values.is_empty() {
        return Ok(values);
    }
    let names = names(pass, &metrics).await?;
    let listed = OF_TASKS.into_iter().filter(|name| names.contains(*name));
    self::values(pass, requests_of(&metrics, chosen, listed)).await
}

/// The operators of a source name their metrics after themselves, so the names are asked for first.
async fn source_values<R: Rest>(
    pass: &Pass<'_, R>,
    place: &str,
    chosen: Option<&str>,
) -> Result<(Values, Option<SourceNames>), ReadError> {
    let metrics = format!("{place}/subtasks/metrics");
    let names = names(pass, &metrics).await?;
    let source = SourceNames::pick(&names);
    let listed = OF_TASKS.into_iter().filter(|name| names.contains(*name));
    let wanted: Vec<&str> = listed.chain(source.wanted()).collect();
    let values = values(pass, requests_of(&metrics, chosen, wanted)).await?;
    Ok((values, Some(source)))
}

async fn names<R: Rest>(pass: &Pass<'_, R>, metrics: &str) -> Result<BTreeSet<String>, ReadError> {
    let names = pass.read::<MetricNames<Tasks>>(metrics).await?;
    Ok(names.into_vec().into_iter().collect())
}

async fn values<R: Rest>(pass: &Pass<'_, R>, requests: Vec<String>) -> Result<Values, ReadError> {
    let mut values = Values::new();
    for request in requests {
        let answered: List<Object<Aggregated>, MOST_VALUES> = pass.read(&request).await?;
        values.extend(answered.iter().filter_map(|metric| aggregate(metric)));
    }
    Ok(values)
}

fn aggregate(metric: &Aggregated) -> Option<(String, Aggregate)> {
    let aggregate = Aggregate {
        min: metric.min.number()?,
        mean: metric.avg.number()?,
        max: metric.max.number()?,
        sum: metric.sum.number()?,
    };
    Some((metric.id.text()?, aggregate))
}

/// Milliseconds a second over the subtasks. More than a second a second, or less than none, is no measurement.
fn milliseconds(values: &Values, name: &str) -> Option<Spread> {
    let found = values.get(name)?;
    (found.min >= 0.0 && found.max <= 1_100.0).then_some(Spread {
        min: found.min.min(1000.0),
        mean: found.mean.min(1000.0),
        max: found.max.min(1000.0),
    })
}

/// The sum of a counter, unless some subtasks have not reported it: then it would seem to fall and rise.
fn whole_sum(values: &Values, name: &str, subtasks: u32) -> Option<f64> {
    let found = values.get(name)?;
    let reported = if found.mean > 0.0 {
        (found.sum / found.mean).round()
    } else {
        f64::from(subtasks)
    };
    (found.min >= 0.0 && reported >= f64::from(subtasks)).then_some(found.sum)
}

fn not_negative(values: &Values, name: &str) -> Option<Aggregate> {
    values.get(name).copied().filter(|found| found.min >= 0.0)
}

fn spread(found: Aggregate) -> Spread {
    Spread {
        min: found.min,
        mean: found.mean,
        max: found.max,
    }
}

fn fill(vertex: &mut Vertex, values: &Values, subtasks: u32) {
    let sum = |name: &str| whole_sum(values, name, subtasks);
    let (records_in, records_out) = (sum("numRecordsIn"), sum("numRecordsOut"));
    let (busy, backpressured, idle) = (
        sum("accumulateBusyTimeMs"),
        sum("accumulateBackPressuredTimeMs"),
        sum("accumulateIdleTimeMs"),
    );
    vertex.busy_ms_per_second = milliseconds(values, "busyTimeMsPerSecond");
    vertex.backpressured_ms_per_second = milliseconds(values, "backPressuredTimeMsPerSecond");
    vertex.idle_ms_per_second = milliseconds(values, "idleTimeMsPerSecond");
    vertex.accumulated_busy_ms = busy.or(vertex.accumulated_busy_ms);
    vertex.accumulated_backpressured_ms = backpressured.or(vertex.accumulated_backpressured_ms);
    vertex.accumulated_idle_ms = idle.or(vertex.accumulated_idle_ms);
    let read = not_negative(values, "numRecordsInPerSecond");
    let written = not_negative(values, "numRecordsOutPerSecond");
    vertex.records_out_per_second = written.map(|found| found.sum);
    vertex.records_out = records_out.map(|sum| sum as u64).or(vertex.records_out);
    // What a source reads is counted as its output; a source chained to a sink writes to no other task, but counts what it read.
    let (counter, gauge) = if vertex.is_source() {
        let larger = |left: Aggregate, right: Aggregate| {
            if right.sum > left.sum { right } else { left }
        };
        let gauge = match (read, written) {
            (Some(read), Some(written)) => Some(larger(written, read)),
            (read, written) => written.or(read),
        };
        (
            records_in.into_iter().chain(records_out).reduce(f64::max),
            gauge,
        )
    } else {
        (records_in, read)
    };
    vertex.records_in = counter.map(|sum| sum as u64).or(vertex.records_in);
    vertex.records_in_per_second = gauge.map(|found| found.sum);
    vertex.records_in_spread = gauge.map(spread);
}

fn fill_source(vertex: &mut Vertex, values: &Values, names: &SourceNames, subtasks: u32) {
    let total = |names: &[String]| -> Option<f64> {
        let sums: Option<Vec<f64>> = names
            .iter()
            .map(|name| whole_sum(values, name, subtasks))
            .collect();
        sums.filter(|sums| !sums.is_empty())
            .map(|sums| kept(sums.iter().sum()))
    };
    let emitted = total(&names.emitted);
    // Subtasks without a partition report nothing, so the sum is over those that do.
    let pending: Vec<f64> = names
        .pending
        .iter()
        .filter_map(|name| not_negative(values, name))
        .map(|found| found.sum)
        .collect();
    if let Some(emitted) = emitted {
        vertex.records_in = Some(emitted as u64);
    }
    let rates: Vec<Aggregate> = names
        .emitted_per_second
        .iter()
        .filter_map(|name| not_negative(values, name))
        .collect();
    if !rates.is_empty() {
        vertex.records_in_per_second = Some(kept(rates.iter().map(|rate| rate.sum).sum()));
    }
    if let [only] = rates[..] {
        vertex.records_in_spread = Some(spread(only));
    }
    vertex.pending_records = (!pending.is_empty()).then(|| kept(pending.iter().sum()));
    vertex.source_partitions = partitions(values, names);
}

/// Partitions that are read: the splits that readers hold where they tell, since metrics of partitions that are gone stay; else the distinct
/// ones named, unless several clusters are: of a source that changes clusters nobody knows which of them are left.
fn partitions(values: &Values, names: &SourceNames) -> Option<u32> {
    let splits: Vec<f64> = names
        .active_splits
        .iter()
        .filter_map(|name| not_negative(values, name))
        .map(|found| found.sum)
        .collect();
    if !splits.is_empty() {
        let total = splits.iter().sum::<f64>().round();
        return (total >= 1.0 && total <= f64::from(u32::MAX)).then_some(total as u32);
    }
    (names.partitions > 0 && names.clusters < 2).then_some(names.partitions)
}

fn missing(vertex: &Vertex, values: &Values) -> Vec<Gap> {
    let mut gaps = Vec::new();
    if values.is_empty() {
        gaps.push(Gap::new(
            format!("metrics of {}", vertex.name),
            "the JobManager lists none for it yet (they come some seconds after a start)",
        ));
        return gaps;
    }
    if vertex.busy_ms_per_second.is_none() {
        gaps.push(Gap::new(
            format!("busy time of {}", vertex.name),
            "busyTimeMsPerSecond is absent or not a number (legacy sources measure none)",
        ));
    }
    if vertex.is_source() && vertex.pending_records.is_none() {
        gaps.push(Gap::new(
            format!("lag of {}", vertex.name),
            "no metric ends with .pendingRecords (a source without it, or before its first record)",
        ));
    }
    gaps
}

/// What the backpressure endpoint says of each subtask: the median of busy time, and the means where the gauges are missing.
async fn by_subtask<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
    place: &str,
    live: &Live,
    vertex: &mut Vertex,
) -> Option<Gap> {
    let what = || format!("busy time of each subtask of {}", vertex.name);
    if vertex.parallelism > settings.most_subtasks {
        return Some(Gap::new(
            what(),
            format!(
                "{} subtasks are not listed one by one (limit {})",
                vertex.parallelism, settings.most_subtasks
            ),
        ));
    }
    let path = format!("{place}/backpressure");
    let document = match pass.read::<Object<Backpressure>>(&path).await {
        Ok(document) => document,
        Err(error) => return Some(Gap::new(what(), error.to_string())),
    };
    if document.subtasks.is_empty() {
        return Some(Gap::new(
            what(),
            "the backpressure answer lists no subtasks",
        ));
    }
    let ratios = |of: fn(&Ratios) -> Number| -> Vec<f64> {
        let mut ratios: Vec<f64> = document
            .subtasks
            .iter()
            .filter(|subtask| live.holds(subtask.subtask))
            .filter_map(|subtask| of(subtask).number())
            .filter(|ratio| (0.0..=1.0).contains(ratio))
            .map(|ratio| kept(ratio * 1000.0))
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    };
    let busy = ratios(|one| one.busy);
    vertex.busy_median_ms_per_second = median(&busy);
    let fallback = |ratios: &[f64]| {
        let (min, max) = (ratios.first()?, ratios.last()?);
        Some(Spread {
            min: *min,
            mean: kept(ratios.iter().sum::<f64>() / ratios.len() as f64),
            max: *max,
        })
    };
    vertex.busy_ms_per_second = vertex.busy_ms_per_second.or_else(|| fallback(&busy));
    vertex.backpressured_ms_per_second = vertex
        .backpressured_ms_per_second
        .or_else(|| fallback(&ratios(|one| one.ratio)));
    vertex.idle_ms_per_second = vertex
        .idle_ms_per_second
        .or_else(|| fallback(&ratios(|one| one.idle)));
    None
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(kept((sorted.get(middle.checked_sub(1)?)? + upper) / 2.0))
}
