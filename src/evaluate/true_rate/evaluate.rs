//! From a window of samples to evaluated metrics.

use std::collections::BTreeMap;

use super::capacity::{Rates, thresholds};
use super::columns::Columns;
use super::input::VertexId;
use super::options::{BusyAggregator, Options, Profile};
use super::ratio::{Edges, Flow};
use super::rounding::{max_or_nan, round3};
use super::sample::{GlobalSample, History, VertexSample};
use super::series::{mean, rate};
use super::topology::Topology;

/// Evaluated metrics of one vertex, each rounded to three places. Rates in records/s of the whole
/// vertex. Upstream keeps two sides of each, current and average; the one it fills is named here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluatedVertex {
    /// Mean busy share of time (average).
    pub load: f64,
    /// What it could process (average); infinite when idle, NaN when unknown.
    pub true_processing_rate: f64,
    /// What arrives (average).
    pub target_data_rate: f64,
    /// What works off the backlog in time (current).
    pub catch_up_data_rate: f64,
    /// Pending records, for sources (current).
    pub lag: Option<f64>,
    /// Subtasks (current).
    pub parallelism: f64,
    /// Key groups (current).
    pub max_parallelism: f64,
    /// Partitions read, 0 when unknown (current).
    pub source_partitions: f64,
    /// Grow below this rate (current).
    pub scale_up_threshold: f64,
    /// Shrink above this rate (current).
    pub scale_down_threshold: f64,
}

/// A global metric now and over the window; NaN is unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The latest value.
    pub current: f64,
    /// The mean over the window.
    pub average: f64,
}

impl Reading {
    /// A value without a mean.
    pub const fn now(current: f64) -> Reading {
        Reading {
            current,
            average: f64::NAN,
        }
    }
}

/// Evaluated metrics of the job, rounded to three places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluatedGlobal {
    /// Longest garbage collection as a share of time (current only).
    pub gc_pressure: Reading,
    /// Largest heap in use over the largest heap.
    pub heap_max_usage_ratio: Reading,
    /// Largest heap in use, bytes.
    pub heap_used: Reading,
    /// Largest managed memory in use, bytes.
    pub managed_used: Reading,
    /// Largest metaspace in use, bytes.
    pub metaspace_used: Reading,
    /// Slots taken (current only).
    pub slots_used: Reading,
}

/// All evaluated metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Whether some source works off a backlog.
    pub processing_backlog: bool,
    /// By vertex.
    pub vertices: BTreeMap<VertexId, EvaluatedVertex>,
    /// Of the job.
    pub global: EvaluatedGlobal,
}

/// Why a window cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// Rates need two samples.
    #[error("the window has {samples} samples; rates need at least 2")]
    TooFewSamples {
        /// How many there are.
        samples: usize,
    },
    /// A source's input or lag is unknown over the window, which upstream takes as the whole job's.
    #[error("source `{vertex}` has no ingestion rate; without it no vertex can be evaluated")]
    NoIngestionRate {
        /// The source.
        vertex: VertexId,
    },
}

/// The rates of every vertex over the window, NaN where unknown.
pub fn flows(window: &Columns, options: &Options) -> BTreeMap<VertexId, Flow> {
    let least_ms = i64::from(options.profile == Profile::Next);
    let each = window.ids().map(|id| {
        let known = window.known(id);
        let over = |pick: fn(&VertexSample) -> f64| {
            let values = known.clone().map(|(at, vertex)| (at, pick(vertex)));
            rate(values, least_ms)
        };
        let flow = Flow {
            records_in: over(|vertex| vertex.records_in),
            records_out: over(|vertex| vertex.records_out),
            lag: over(|vertex| vertex.lag.unwrap_or(f64::NAN)),
            busy_ms: over(|vertex| vertex.accumulated_busy_ms),
        };
        (id, flow)
    });
    each.collect()
}

/// Evaluates a window of at least two samples. `partitions` counts the source partitions found by
/// vertex; `restart_s` is the restart time to plan with.
pub fn evaluate(
    history: &History,
    topology: &Topology,
    partitions: &BTreeMap<VertexId, u32>,
    restart_s: i64,
    options: &Options,
) -> Result<Evaluation, EvaluateError> {
    let window = Columns::of(history, topology);
    evaluate_window(&window, topology, partitions, restart_s, options)
}

/// The same for a window that is turned on its side already.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_window(
    window: &Columns,
    topology: &Topology,
    partitions: &BTreeMap<VertexId, u32>,
    restart_s: i64,
    options: &Options,
) -> Result<Evaluation, EvaluateError> {
    let samples = window.len();
    let latest = match window.global().last() {
        Some(latest) if samples >= 2 => *latest,
        _ => return Err(EvaluateError::TooFewSamples { samples }),
    };
    let flows = flows(window, options);
    let lag_now = |id| window.latest(id).and_then(|vertex| vertex.lag);
    let threshold_s = (options.backlog_lag_threshold_ms / 1000) as f64;
    let processing_backlog = flows.iter().any(|(id, flow)| {
        // Unknown input is no backlog: the quotient is NaN.
        topology.is_source(*id) && lag_now(*id).unwrap_or(0.0) / flow.records_in > threshold_s
    });
    let edges = Edges::new(topology, &flows);
    let mut vertices: BTreeMap<VertexId, EvaluatedVertex> = BTreeMap::new();
    for vertex in topology.in_order() {
        let id = vertex.id;
        let flow = flows.get(&id).copied().unwrap_or(Flow::UNKNOWN);
        let lag = lag_now(id);
        let rates = if vertex.inputs.is_empty() {
            source_rates(id, flow, lag.unwrap_or(0.0), options)?
        } else {
            let inputs = vertex
                .inputs
                .keys()
                .filter_map(|input| vertices.get_key_value(input));
            downstream_rates(id, inputs, &edges)
        };
        let (load, true_rate) = load_and_true_rate(id, vertex.parallelism, flow, window, options);
        let band = thresholds(rates, processing_backlog, restart_s, options);
        let count = partitions.get(&id).copied().unwrap_or(0);
        let evaluated = EvaluatedVertex {
            load: round3(load),
            true_processing_rate: round3(true_rate),
            target_data_rate: rates.target,
            catch_up_data_rate: rates.catch_up,
            lag: lag.map(round3),
            parallelism: f64::from(vertex.parallelism),
            max_parallelism: f64::from(vertex.max_parallelism),
            source_partitions: f64::from(count),
            scale_up_threshold: round3(band.scale_up),
            scale_down_threshold: round3(band.scale_down),
        };
        vertices.insert(id, evaluated);
    }
    Ok(Evaluation {
        processing_backlog,
        vertices,
        global: evaluate_global(window, latest),
    })
}

/// Rates of a source, rounded: what comes in and what piles up.
fn source_rates(
    vertex: VertexId,
    flow: Flow,
    lag: f64,
    options: &Options,
) -> Result<Rates, EvaluateError> {
    let target = max_or_nan(0.0, flow.records_in + flow.lag);
    if target.is_nan() {
        return Err(EvaluateError::NoIngestionRate { vertex });
    }
    let catch_up_s = (options.catch_up_ms / 1000) as f64;
    let catch_up = if catch_up_s == 0.0 {
        0.0
    } else {
        lag / catch_up_s
    };
    Ok(Rates {
        target: round3(target),
        catch_up: round3(catch_up),
    })
}

/// Rates of any other vertex, rounded: those of its inputs times what they emit towards it.
fn downstream_rates<'a>(
    id: VertexId,
    inputs: impl Iterator<Item = (&'a VertexId, &'a EvaluatedVertex)>,
    edges: &Edges<'_>,
) -> Rates {
    let mut rates = Rates {
        target: 0.0,
        catch_up: 0.0,
    };
    for (input, evaluated) in inputs {
        let ratio = edges.output_ratio(*input, id);
        rates.target += evaluated.target_data_rate * ratio;
        rates.catch_up += evaluated.catch_up_data_rate * ratio;
    }
    Rates {
        target: round3(rates.target),
        catch_up: round3(rates.catch_up),
    }
}

/// Busy share of time, and the true processing rate from busy time or from catching up.
fn load_and_true_rate(
    id: VertexId,
    parallelism: u32,
    flow: Flow,
    window: &Columns,
    options: &Options,
) -> (f64, f64) {
    let known = window.known(id);
    let samples = || known.clone().map(|(_, vertex)| vertex);
    let from_counters = options.busy_aggregator == BusyAggregator::Avg;
    let busy_ms = if from_counters {
        flow.busy_ms / f64::from(parallelism)
    } else {
        mean(samples().map(|vertex| vertex.load), 1) * 1000.0
    };
    let input = if from_counters || options.profile == Profile::V1_10 {
        flow.records_in
    } else {
        let gauge = samples().map(|vertex| vertex.records_in_per_second.unwrap_or(f64::NAN));
        let gauge = mean(gauge, 1);
        if gauge.is_finite() {
            gauge
        } else {
            flow.records_in
        }
    };
    let from_busy = if input == 0.0 {
        f64::INFINITY
    } else {
        input / (busy_ms / 1000.0)
    };
    let observed = samples().map(|vertex| vertex.observed_rate.unwrap_or(f64::NAN));
    let observed = mean(observed, options.observed_min_observations);
    let limit = observed * (1.0 + options.observed_switch_threshold);
    let prefer_observed = !observed.is_nan() && (!from_busy.is_finite() || from_busy > limit);
    let true_rate = if prefer_observed { observed } else { from_busy };
    (busy_ms / 1000.0, true_rate)
}

fn evaluate_global(window: &Columns, latest: GlobalSample) -> EvaluatedGlobal {
    let reading = |pick: fn(&GlobalSample) -> Option<f64>| {
        let values = window.global().iter().map(pick);
        Reading {
            current: round3(pick(&latest).unwrap_or(f64::NAN)),
            average: round3(mean(values.map(|value| value.unwrap_or(f64::NAN)), 1)),
        }
    };
    let now = |value: Option<f64>| Reading::now(round3(value.unwrap_or(f64::NAN)));
    EvaluatedGlobal {
        gc_pressure: now(latest.gc_pressure),
        heap_max_usage_ratio: reading(|global| global.heap_max_usage_ratio),
        heap_used: reading(|global| global.heap_used),
        managed_used: reading(|global| global.managed_used),
        metaspace_used: reading(|global| global.metaspace_used),
        slots_used: now(latest.slots_used),
    }
}
