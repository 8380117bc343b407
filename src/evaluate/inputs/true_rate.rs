//! A window of a history → what the Flink autoscaler would decide from it.

use super::graph::{GraphVertex, slots, topology};
use super::recent::{recent, restarts_ms};
use super::{EvaluatorError, autoscaler_options};
use crate::evaluate::true_rate::columns::Columns;
use crate::evaluate::true_rate::decision::{Cluster, Hold, JobCase, decide};
use crate::evaluate::true_rate::delay::DelayedScaleDowns;
use crate::evaluate::true_rate::evaluate::{EvaluatedVertex, Evaluation, evaluate_window};
use crate::evaluate::true_rate::input::{ScalingHistory, VertexId};
use crate::evaluate::true_rate::options::{BusyAggregator, Options, Profile};
use crate::evaluate::true_rate::rounding::round3;
use crate::evaluate::true_rate::sample::{GlobalSample, VertexSample};
use crate::evaluate::true_rate::series::mean;
use crate::evaluate::true_rate::topology::Topology;
use crate::evaluate::true_rate::tracking::{RestartRecords, restart_time_s};
use crate::flink::options::Configuration;
use crate::snapshot::{History, Point, Stat, VertexPoint};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Neighbouring points lie no further apart than this, milliseconds.
const SEAM_MS: i64 = 2_000;

/// What the autoscaler collects of a vertex at a time. Absent is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VertexReading {
    /// Busy share of time of the subtask that the aggregator picks, 0..=1.
    pub busy: Option<f64>,
    /// Busy time of all subtasks so far, ms (a counter).
    pub accumulated_busy_ms: Option<f64>,
    /// Records read so far (a counter).
    pub records_in: Option<f64>,
    /// Records written so far (a counter).
    pub records_out: Option<f64>,
    /// Records read per second just then.
    pub records_in_per_second: Option<f64>,
    /// Backpressured share of time, mean over subtasks, 0..=1.
    pub backpressured: Option<f64>,
    /// Records that wait outside; sources only.
    pub lag: Option<f64>,
}

/// One look. Bytes are those of the TaskManager with the most.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WindowSample {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// By vertex id.
    pub vertices: BTreeMap<String, VertexReading>,
    /// Longest garbage collection, a share of time.
    pub gc_share: Option<f64>,
    /// Heap in use.
    pub heap_used: Option<f64>,
    /// Largest heap.
    pub heap_max: Option<f64>,
    /// Managed memory in use.
    pub managed_used: Option<f64>,
    /// Metaspace in use.
    pub metaspace_used: Option<f64>,
    /// Slots of the cluster that hold a task.
    pub slots_used: Option<f64>,
}

/// Everything the autoscaler is asked with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrueRateInput {
    /// Whose generation answers.
    #[serde(default)]
    pub profile: Profile,
    /// The deployment's Flink configuration; `job.autoscaler.*` is read under both prefixes.
    pub configuration: BTreeMap<String, String>,
    /// The job graph.
    pub vertices: Vec<GraphVertex>,
    /// Looks of the window, by time.
    pub samples: Vec<WindowSample>,
    /// How long restarts took, milliseconds, as far as seen.
    #[serde(default)]
    pub restarts_ms: Vec<i64>,
    /// Cores of a TaskManager, if known.
    #[serde(default)]
    pub task_manager_cpu: Option<f64>,
    /// Memory of a TaskManager, bytes, if known.
    #[serde(default)]
    pub task_manager_memory_bytes: Option<u64>,
    /// What could not be read from the history, one sentence each.
    #[serde(default)]
    pub missing: Vec<String>,
}

/// What the autoscaler makes of a vertex. Rates in records/s of the whole vertex; absent is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VertexSizing {
    /// Subtasks now.
    pub parallelism: u32,
    /// Subtasks wanted; the same when nothing changes.
    pub wanted: u32,
    /// Mean busy share.
    pub load: Option<f64>,
    /// What it could process; absent when unknown or without limit (idle).
    pub true_rate_per_second: Option<f64>,
    /// What is taken to arrive.
    pub target_per_second: Option<f64>,
    /// It grows when its true rate is below.
    pub grows_below_per_second: Option<f64>,
    /// It shrinks when its true rate is above.
    pub shrinks_above_per_second: Option<f64>,
}

/// What the autoscaler would do with the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrueRateAnswer {
    /// By vertex id.
    pub vertices: BTreeMap<String, VertexSizing>,
    /// Why nothing would be applied; absent when it would be.
    pub hold: Option<Hold>,
    /// Whether a source is taken to work off a backlog.
    pub processing_backlog: bool,
    /// How long a wish to shrink waits before it is applied, milliseconds; 0 when nothing shrinks.
    pub waits_ms: i64,
    /// Slots of the job afterwards, by slot sharing group.
    pub slots: u32,
    /// TaskManagers that hold them.
    pub task_managers: u32,
    /// Memory of a TaskManager that its tuning would set, bytes; absent when tuning is off or says nothing.
    pub tuned_memory_bytes: Option<u64>,
    /// What a reader should know: options with bad values, what was missing.
    pub notes: Vec<String>,
}

/// The input from a job's history, for the configuration in force.
///
/// # Errors
/// [`EvaluatorError::NotRunning`] without a graph, [`EvaluatorError::NoPoints`] without undisturbed points.
pub fn true_rate_input(
    history: &History,
    configuration: &Configuration,
    profile: Profile,
) -> Result<TrueRateInput, EvaluatorError> {
    let seen = history
        .latest_running
        .as_ref()
        .ok_or(EvaluatorError::NotRunning)?;
    let options = autoscaler_options(configuration, profile).options;
    let points = recent(history, options.metrics_window_ms, 1);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Err(EvaluatorError::NoPoints);
    };
    let vertices: Vec<GraphVertex> = seen.vertices.iter().map(GraphVertex::from).collect();
    let mut samples: Vec<WindowSample> = Vec::with_capacity(points.len() + 1);
    // The counters start at the first point's begin.
    samples.push(WindowSample {
        at_ms: first.from_ms,
        ..WindowSample::default()
    });
    samples.extend(points.iter().map(job_sample));
    // What waited at the begin is what waited at the end of the point before.
    let before = history.points.len() - points.len();
    let before = before.checked_sub(1).map(|place| &history.points[place]);
    let before = before.filter(|before| (first.from_ms - before.to_ms).abs() <= SEAM_MS);
    for vertex in &vertices {
        for (sample, reading) in samples
            .iter_mut()
            .zip(readings(vertex, before, points, &options))
        {
            sample.vertices.insert(vertex.id.clone(), reading);
        }
    }
    let shape = &last.shape;
    Ok(TrueRateInput {
        profile,
        configuration: configuration.clone(),
        missing: missing(&vertices, points, &options),
        vertices,
        samples,
        restarts_ms: restarts_ms(history),
        task_manager_cpu: (shape.cpu_millis > 0).then(|| shape.cpu_millis as f64 / 1000.0),
        task_manager_memory_bytes: (shape.memory_bytes > 0).then_some(shape.memory_bytes),
    })
}

fn job_sample(point: &Point) -> WindowSample {
    let used = &point.task_managers;
    let mean = |stat: Option<Stat>| stat.map(|stat| stat.mean);
    WindowSample {
        at_ms: point.to_ms,
        vertices: BTreeMap::new(),
        gc_share: mean(used.gc_share),
        heap_used: mean(used.heap_used),
        heap_max: used.heap_max,
        managed_used: mean(used.managed_used),
        metaspace_used: mean(used.metaspace_used),
        slots_used: mean(used.slots_used),
    }
}

/// One reading for the begin of the first point, and one for the end of each. Counters are rates summed up; over a point
/// whose rate is unknown they go on with the window's mean, so that a hole changes no rate, and read as unknown there.
fn readings(
    vertex: &GraphVertex,
    before: Option<&Point>,
    points: &[Point],
    options: &Options,
) -> Vec<VertexReading> {
    let nothing = VertexPoint::default();
    let rows: Vec<(f64, &VertexPoint)> = points
        .iter()
        .map(|point| {
            let seconds = (point.to_ms - point.from_ms).max(0) as f64 / 1000.0;
            (seconds, point.vertices.get(&vertex.id).unwrap_or(&nothing))
        })
        .collect();
    let subtasks = f64::from(vertex.parallelism.max(1));
    let source = vertex.inputs.is_empty();
    let counter = |pick: &dyn Fn(&VertexPoint) -> Option<f64>| counted(&rows, pick);
    let rate = |seen: &VertexPoint| {
        let read = if source {
            seen.in_per_second.or(seen.out_per_second)
        } else {
            seen.in_per_second
        };
        read.map(|read| read.mean)
    };
    let read = counter(&rate);
    let written = counter(&|seen| seen.out_per_second.map(|rate| rate.mean));
    let busy = counter(&|seen| seen.busy.map(|busy| busy.mean * subtasks * 1000.0));
    let pending = |seen: &VertexPoint| seen.pending.map(|lag| lag.mean).filter(|_| source);
    // A look that does not tell the lag is no look at an empty queue: the last one told goes on.
    let told = rows.iter().find_map(|(_, seen)| pending(seen));
    let before = before.and_then(|before| pending(before.vertices.get(&vertex.id)?));
    let mut lag = told.and_then(|told| before.or(Some(told)));
    let first = VertexReading {
        lag,
        accumulated_busy_ms: busy.first().copied().flatten(),
        records_in: read.first().copied().flatten(),
        records_out: written.first().copied().flatten(),
        ..VertexReading::default()
    };
    let ends = rows.iter().enumerate().map(|(place, (_, seen))| {
        let at = |series: &[Option<f64>]| series.get(place + 1).copied().flatten();
        lag = pending(seen).or(lag);
        let share = match options.busy_aggregator {
            BusyAggregator::Max => seen.busy_max.or(seen.busy),
            BusyAggregator::Avg | BusyAggregator::Min => seen.busy,
        };
        VertexReading {
            busy: share.map(|busy| busy.mean),
            accumulated_busy_ms: at(&busy),
            records_in: at(&read),
            records_out: at(&written),
            records_in_per_second: rate(seen),
            backpressured: seen.backpressured.map(|share| share.mean),
            lag,
        }
    });
    std::iter::once(first).chain(ends).collect()
}

/// A rate of each point summed up from 0; nothing where it was never known.
fn counted(
    rows: &[(f64, &VertexPoint)],
    rate: &dyn Fn(&VertexPoint) -> Option<f64>,
) -> Vec<Option<f64>> {
    let known = rows.iter().filter_map(|(seconds, seen)| {
        Some((*seconds, rate(seen).filter(|rate| rate.is_finite())?))
    });
    let (time, sum) = known.fold((0.0, 0.0), |(time, sum), (seconds, rate)| {
        (time + seconds, sum + rate * seconds)
    });
    if time <= 0.0 {
        return vec![None; rows.len() + 1];
    }
    let mut total = 0.0;
    let mut series = vec![Some(0.0)];
    for (seconds, seen) in rows {
        let own = rate(seen).filter(|rate| rate.is_finite());
        total += own.unwrap_or(sum / time) * seconds;
        series.push(own.map(|_| total));
    }
    series
}

fn missing(vertices: &[GraphVertex], points: &[Point], options: &Options) -> Vec<String> {
    let ever = |vertex: &GraphVertex, pick: fn(&VertexPoint) -> Option<Stat>| {
        points
            .iter()
            .any(|point| point.vertices.get(&vertex.id).and_then(pick).is_some())
    };
    let mut said = Vec::new();
    let (first, last) = (points.first(), points.last());
    let span = first
        .zip(last)
        .map_or(0, |(first, last)| last.to_ms - first.from_ms);
    if span < options.metrics_window_ms {
        said.push(format!(
            "the job ran undisturbed for {} of the {} minutes of the window; the autoscaler waits until it is full",
            span / 60_000,
            options.metrics_window_ms / 60_000
        ));
    }
    for vertex in vertices {
        if !ever(vertex, |seen| seen.busy) {
            said.push(format!(
                "no busy time of vertex {}; the autoscaler leaves it alone",
                vertex.id
            ));
        }
        if vertex.inputs.is_empty() && !ever(vertex, |seen| seen.pending) {
            said.push(format!(
                "source {} reports no lag; the autoscaler counts it as none waiting",
                vertex.id
            ));
        }
    }
    if options.busy_aggregator == BusyAggregator::Min {
        said.push("the least busy subtask is not kept in the history; the mean is used".to_owned());
    }
    said
}

/// What the Flink autoscaler would decide, whether it is switched on or not. Waiting before it shrinks is left out and
/// told in [`TrueRateAnswer::waits_ms`].
///
/// # Errors
/// Where upstream's pass would end in an exception, and for vertices that make no graph.
pub fn true_rate(input: &TrueRateInput) -> Result<TrueRateAnswer, EvaluatorError> {
    let read = autoscaler_options(&input.configuration, input.profile);
    let mut options = read.options;
    let delay_ms = std::mem::replace(&mut options.scale_down_interval_ms, 0).max(0);
    let topology = topology(&input.vertices)?;
    let evaluation = evaluated(input, &topology, &options)?;
    let no_history = ScalingHistory::new();
    let case = JobCase {
        topology: &topology,
        evaluation: &evaluation,
        excluded: &excluded(input, &options),
        history: &no_history,
        restart_s: restart_s(input, &options),
        now_ms: input.samples.last().map_or(0, |sample| sample.at_ms),
        config: &input.configuration,
        cluster: Cluster {
            task_manager_cpu: input.task_manager_cpu,
            task_manager_memory_bytes: input.task_manager_memory_bytes,
            accepts: None,
        },
    };
    let decision = decide(case, &mut DelayedScaleDowns::new(), &options)?;
    let vertices: BTreeMap<String, VertexSizing> = evaluation
        .vertices
        .iter()
        .map(|(id, vertex)| (id.to_string(), sizing(vertex, decision.recommended.get(id))))
        .collect();
    let wanted = vertices
        .iter()
        .map(|(id, vertex)| (id.clone(), vertex.wanted));
    let slots = slots(&input.vertices, &wanted.collect());
    let per_manager = u32::try_from(options.slots_per_task_manager)
        .unwrap_or(1)
        .max(1);
    let shrinks = vertices
        .values()
        .any(|vertex| vertex.wanted < vertex.parallelism);
    let notes = read.named.into_iter().chain(input.missing.iter().cloned());
    Ok(TrueRateAnswer {
        hold: decision.hold,
        processing_backlog: evaluation.processing_backlog,
        waits_ms: if shrinks { delay_ms } else { 0 },
        slots,
        task_managers: slots.div_ceil(per_manager),
        tuned_memory_bytes: decision.config_changes.process_memory_bytes,
        notes: notes.collect(),
        vertices,
    })
}

fn sizing(vertex: &EvaluatedVertex, wanted: Option<&u32>) -> VertexSizing {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let parallelism = vertex.parallelism as u32;
    VertexSizing {
        parallelism,
        wanted: wanted.copied().unwrap_or(parallelism),
        load: finite(vertex.load),
        true_rate_per_second: finite(vertex.true_processing_rate),
        target_per_second: finite(vertex.target_data_rate),
        grows_below_per_second: finite(vertex.scale_up_threshold),
        shrinks_above_per_second: finite(vertex.scale_down_threshold),
    }
}

fn restart_s(input: &TrueRateInput, options: &Options) -> i64 {
    let measured = input.restarts_ms.iter().enumerate();
    let measured: RestartRecords = measured
        .map(|(place, ms)| (i64::try_from(place).unwrap_or(i64::MAX), Some(*ms)))
        .collect();
    restart_time_s(&measured, options)
}

/// Vertices that are configured to stay as they are, and those without a busy time in the last look.
fn excluded(input: &TrueRateInput, options: &Options) -> BTreeSet<String> {
    let last = input.samples.last();
    let blind = input.vertices.iter().filter(|vertex| {
        let reading = last.and_then(|sample| sample.vertices.get(&vertex.id));
        reading.and_then(|reading| reading.busy).is_none()
    });
    let blind = blind.map(|vertex| vertex.id.to_ascii_lowercase());
    options
        .excluded_vertices
        .iter()
        .cloned()
        .chain(blind)
        .collect()
}

/// The evaluated window of an input.
pub(super) fn evaluated(
    input: &TrueRateInput,
    topology: &Topology,
    options: &Options,
) -> Result<Evaluation, EvaluatorError> {
    let mut partitions = BTreeMap::new();
    for vertex in &input.vertices {
        partitions.insert(
            vertex.id.parse::<VertexId>()?,
            vertex.partitions.unwrap_or(0),
        );
    }
    let restart_s = restart_s(input, options);
    let window = window(input, topology, options)?;
    Ok(evaluate_window(
        &window,
        topology,
        &partitions,
        restart_s,
        options,
    )?)
}

/// The looks as samples by vertex. A second look of the same time replaces the first, but its rates were seen.
fn window(
    input: &TrueRateInput,
    topology: &Topology,
    options: &Options,
) -> Result<Columns, EvaluatorError> {
    let looks = input.samples.iter().enumerate();
    let latest: BTreeMap<i64, usize> = looks.map(|(look, sample)| (sample.at_ms, look)).collect();
    let mut rows = vec![None; input.samples.len()];
    for (row, look) in latest.values().enumerate() {
        rows[*look] = Some(row);
    }
    let mut window = Columns::empty(topology, latest.into_keys().collect());
    let sources: Vec<bool> = topology
        .vertices()
        .map(|vertex| vertex.inputs.is_empty())
        .collect();
    let mut observed: Vec<Vec<f64>> = vec![Vec::new(); sources.len()];
    // Looks nearly always name the same vertices in the same order: an id is read where it differs from the look before.
    let mut read: Vec<(&str, Option<usize>)> = Vec::with_capacity(sources.len());
    for (look, row) in input.samples.iter().zip(rows) {
        if let Some(row) = row {
            window.set_global(row, global(look));
        }
        for (position, (id, reading)) in look.vertices.iter().enumerate() {
            let place = match read.get(position) {
                Some((text, place)) if *text == id.as_str() => *place,
                known => {
                    let fresh = (id.as_str(), window.place(id.parse()?));
                    if known.is_some() {
                        read[position] = fresh;
                    } else {
                        read.push(fresh);
                    }
                    fresh.1
                }
            };
            // A vertex that the graph does not have is nobody's.
            let Some(place) = place else { continue };
            let source = sources[place];
            let earlier = &mut observed[place];
            let rate = source
                .then(|| observed_rate(reading, earlier, options))
                .flatten();
            earlier.extend(rate);
            if let Some(row) = row {
                window.set(place, row, vertex_sample(reading, source, rate));
            }
        }
    }
    Ok(window)
}

/// The rules of `true_rate::collect`, over rates instead of REST values.
fn observed_rate(reading: &VertexReading, earlier: &[f64], options: &Options) -> Option<f64> {
    let rate = reading.records_in_per_second?.max(0.0);
    if rate == 0.0 {
        return Some(f64::INFINITY);
    }
    let held = reading.backpressured.unwrap_or(0.0);
    let lag = reading.lag.unwrap_or(0.0);
    let threshold_s = (options.observed_lag_threshold_ms / 1000) as f64;
    if lag >= threshold_s * rate && held < 1.0 {
        return Some(round3(rate / (1.0 - held)));
    }
    Some(mean(
        earlier.iter().copied(),
        options.observed_min_observations,
    ))
}

fn vertex_sample(
    reading: &VertexReading,
    source: bool,
    observed_rate: Option<f64>,
) -> VertexSample {
    let known = |value: Option<f64>| round3(value.unwrap_or(f64::NAN));
    VertexSample {
        load: known(reading.busy.map(|busy| busy.max(0.0))),
        accumulated_busy_ms: known(reading.accumulated_busy_ms),
        records_in: known(reading.records_in.map(|count| count.max(0.0))),
        records_out: known(reading.records_out),
        records_in_per_second: reading
            .records_in_per_second
            .filter(|_| !source)
            .map(round3),
        // As upstream: a source without the metric has nothing waiting.
        lag: source.then(|| round3(reading.lag.unwrap_or(0.0))),
        observed_rate: observed_rate.map(round3),
    }
}

fn global(look: &WindowSample) -> GlobalSample {
    GlobalSample {
        gc_pressure: look.gc_share,
        heap_used: look.heap_used,
        heap_max_usage_ratio: look
            .heap_used
            .zip(look.heap_max)
            .map(|(used, max)| used / max),
        managed_used: look.managed_used,
        metaspace_used: look.metaspace_used,
        slots_used: look.slots_used,
    }
}
