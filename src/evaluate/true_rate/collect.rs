//! From REST values to one sample of collected metrics.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{Aggregate, IoCounters, RawSample, RawVertex, VertexId};
use super::options::{BusyAggregator, Options, Profile};
use super::rounding::{max_or_nan, round3};
use super::sample::{GlobalSample, History, Sample, VertexSample};
use super::series::mean;
use super::topology::Topology;

/// Why a pass of collection fails; it leaves no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// A vertex lacks a metric the computation needs.
    #[error("vertex `{vertex}` has no metric `{metric}`; the pass is skipped")]
    MetricNotFound {
        /// The vertex.
        vertex: VertexId,
        /// Which metric, by its REST name or pattern.
        metric: &'static str,
    },
    /// The same while the job is stabilizing, when metrics may still appear.
    #[error("vertex `{vertex}` has no metric `{metric}` yet; the job is still stabilizing")]
    NotReady {
        /// The vertex.
        vertex: VertexId,
        /// Which metric.
        metric: &'static str,
    },
    /// TaskManagers report no heap, managed memory or metaspace.
    #[error("the TaskManagers report no memory metrics; the pass is skipped")]
    TaskManagerMetricsMissing,
}

impl CollectError {
    /// The class of the exception upstream throws.
    pub fn upstream_name(&self) -> &'static str {
        match self {
            CollectError::MetricNotFound { .. } => "MetricNotFoundException",
            CollectError::NotReady { .. } => "NotReadyException",
            CollectError::TaskManagerMetricsMissing => "RuntimeException",
        }
    }
}

/// A metric of a vertex that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Metric {
    Busy,
    Backpressure,
    SourceInPerSecond,
    SourceIn,
    SourceOut,
    Pending,
    InPerSecond,
}

impl Metric {
    fn matches(self, name: &str) -> bool {
        let source = |end: &str| name.starts_with("Source__") && name.ends_with(end);
        match self {
            Metric::Busy => name == "busyTimeMsPerSecond",
            Metric::Backpressure => name == "backPressuredTimeMsPerSecond",
            Metric::SourceInPerSecond => source(".numRecordsInPerSecond"),
            Metric::SourceIn => source(".numRecordsIn"),
            Metric::SourceOut => source(".numRecordsOut"),
            Metric::Pending => name.ends_with(".pendingRecords"),
            Metric::InPerSecond => name == "numRecordsInPerSecond",
        }
    }

    fn pattern(self) -> &'static str {
        match self {
            Metric::Busy => "busyTimeMsPerSecond",
            Metric::Backpressure => "backPressuredTimeMsPerSecond",
            Metric::SourceInPerSecond => "Source__*.numRecordsInPerSecond",
            Metric::SourceIn => "Source__*.numRecordsIn",
            Metric::SourceOut => "Source__*.numRecordsOut",
            Metric::Pending => "*.pendingRecords",
            Metric::InPerSecond => "numRecordsInPerSecond",
        }
    }
}

type Names = BTreeMap<String, Metric>;
type Values = BTreeMap<Metric, Aggregate>;

/// What the autoscaler remembers between passes about which metrics exist. Emptied when the job
/// restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    names: Option<BTreeMap<VertexId, Names>>,
    has_gc_metric: Option<bool>,
}

/// One collected sample, with the vertices it says not to scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Collected {
    /// The sample.
    pub sample: Sample,
    /// Vertices without a finite busy time in this pass.
    pub without_busy_time: BTreeSet<VertexId>,
}

/// Computes one sample. `history` holds the earlier ones, from which the observed rate falls back.
pub fn collect(
    raw: &RawSample,
    topology: &Topology,
    options: &Options,
    stabilizing: bool,
    listing: &mut Listing,
    history: &History,
) -> Result<Collected, CollectError> {
    let names = list_names(raw, topology, options, stabilizing, listing)?;
    let mut vertices = BTreeMap::new();
    let mut without_busy_time = BTreeSet::new();
    for vertex in topology.vertices() {
        let id = vertex.id;
        let raw_vertex = raw.vertices.get(&id);
        let (values, io) = if vertex.finished {
            (finished_values(), IoCounters::default())
        } else {
            let values = names.get(&id).map(|names| query(names, raw_vertex));
            let io = raw_vertex.map(|vertex| vertex.io).unwrap_or_default();
            (values.unwrap_or_default(), io)
        };
        let is_source = topology.is_source(id);
        let sample = vertex_sample(id, &values, io, is_source, options, history);
        if sample.load.is_nan() {
            without_busy_time.insert(id);
        }
        vertices.insert(id, sample);
    }
    let global = global_sample(raw, listing)?;
    Ok(Collected {
        sample: Sample { vertices, global },
        without_busy_time,
    })
}

/// Names asked for by vertex. Those of non-sources are listed once as long as the vertices stay.
fn list_names(
    raw: &RawSample,
    topology: &Topology,
    options: &Options,
    stabilizing: bool,
    listing: &mut Listing,
) -> Result<BTreeMap<VertexId, Names>, CollectError> {
    let known = listing.names.as_ref();
    let same = known.is_some_and(|known| known.keys().eq(topology.vertices().map(|v| &v.id)));
    let mut names = match known {
        Some(known) if same => known.clone(),
        _ => BTreeMap::new(),
    };
    for vertex in topology.vertices().filter(|vertex| !vertex.finished) {
        let is_source = topology.is_source(vertex.id);
        if same && !is_source {
            continue;
        }
        let raw_vertex = raw.vertices.get(&vertex.id);
        let listed = vertex_names(raw_vertex, is_source, options.profile).map_err(|metric| {
            let (vertex, metric) = (vertex.id, metric.pattern());
            if stabilizing {
                CollectError::NotReady { vertex, metric }
            } else {
                CollectError::MetricNotFound { vertex, metric }
            }
        })?;
        names.insert(vertex.id, listed);
    }
    names.retain(|id, _| topology.vertex(*id).is_some_and(|vertex| !vertex.finished));
    listing.names = Some(names.clone());
    Ok(names)
}

fn vertex_names(
    raw: Option<&RawVertex>,
    is_source: bool,
    profile: Profile,
) -> Result<Names, Metric> {
    let available = || {
        let with_values = raw.into_iter().flat_map(|raw| raw.metrics.keys());
        with_values.chain(raw.into_iter().flat_map(|raw| &raw.further_names))
    };
    let first = |metric: Metric| available().find(|name| metric.matches(name)).cloned();
    let mut names = Names::new();
    let mut optional = Vec::new();
    let mut required = vec![Metric::Busy];
    if is_source {
        let pending = available().filter(|name| Metric::Pending.matches(name));
        names.extend(pending.map(|name| (name.clone(), Metric::Pending)));
        optional.push(Metric::SourceOut);
        required.extend([
            Metric::Backpressure,
            Metric::SourceInPerSecond,
            Metric::SourceIn,
        ]);
    } else if profile == Profile::Next {
        optional.push(Metric::InPerSecond);
    }
    for metric in optional {
        names.extend(first(metric).map(|name| (name, metric)));
    }
    for metric in required {
        names.insert(first(metric).ok_or(metric)?, metric);
    }
    Ok(names)
}

/// Flink answers a request for several aggregated metrics with nothing if one of them is missing.
fn query(names: &Names, raw: Option<&RawVertex>) -> Values {
    let mut values = Values::new();
    for (name, metric) in names {
        let Some(value) = raw.and_then(|raw| raw.metrics.get(name)) else {
            return Values::new();
        };
        let merged = values
            .get(metric)
            .map_or(*value, |other| merge(other, value));
        values.insert(*metric, merged);
    }
    values
}

fn merge(a: &Aggregate, b: &Aggregate) -> Aggregate {
    Aggregate {
        min: a.min.min(b.min),
        max: a.max.max(b.max),
        // Without the number of subtasks behind each there is no average.
        avg: f64::NAN,
        sum: a.sum + b.sum,
    }
}

fn finished_values() -> Values {
    let read = [
        Metric::Busy,
        Metric::Pending,
        Metric::SourceInPerSecond,
        Metric::SourceIn,
        Metric::SourceOut,
    ];
    read.into_iter()
        .map(|metric| (metric, Aggregate::ZERO))
        .collect()
}

fn vertex_sample(
    id: VertexId,
    values: &Values,
    io: IoCounters,
    is_source: bool,
    options: &Options,
    history: &History,
) -> VertexSample {
    let lag = is_source.then(|| {
        values
            .get(&Metric::Pending)
            .map_or(0.0, |pending| pending.sum)
    });
    let gauge = values.get(&Metric::InPerSecond).filter(|_| !is_source);
    let rate = values.get(&Metric::SourceInPerSecond).filter(|_| is_source);
    let rate = rate
        .map(|rate| max_or_nan(0.0, rate.sum))
        .filter(|rate| !rate.is_nan());
    let observed_rate = rate.map(|rate| {
        observed_rate(rate, lag.unwrap_or(0.0), values, options).unwrap_or_else(|| {
            let earlier = history
                .values()
                .filter_map(|sample| sample.vertices.get(&id));
            let earlier = earlier.map(|vertex| vertex.observed_rate.unwrap_or(f64::NAN));
            mean(earlier, options.observed_min_observations)
        })
    });
    VertexSample {
        load: round3(busy_ms(values, options.busy_aggregator) / 1000.0),
        accumulated_busy_ms: round3(io.accumulated_busy_ms),
        records_in: round3(records_in(values, io, is_source)),
        records_out: round3(io.write_records),
        records_in_per_second: gauge.map(|gauge| round3(gauge.sum)),
        lag: lag.map(round3),
        observed_rate: observed_rate.map(round3),
    }
}

fn busy_ms(values: &Values, aggregator: BusyAggregator) -> f64 {
    let busy = values.get(&Metric::Busy).map(|busy| match aggregator {
        BusyAggregator::Max => busy.max,
        BusyAggregator::Avg => busy.avg,
        BusyAggregator::Min => busy.min,
    });
    match busy {
        Some(busy) if busy.is_finite() => busy.max(0.0),
        _ => f64::NAN,
    }
}

/// A source's network counter stands still, so its operator's counters step in.
fn records_in(values: &Values, io: IoCounters, is_source: bool) -> f64 {
    let mut records = io.read_records;
    for fallback in [Metric::SourceIn, Metric::SourceOut] {
        if is_source && records == 0.0 {
            records = values.get(&fallback).map_or(records, |value| value.sum);
        }
    }
    max_or_nan(0.0, records)
}

/// The capacity a source shows while catching up, or infinity without input; `None` otherwise.
fn observed_rate(rate: f64, lag: f64, values: &Values, options: &Options) -> Option<f64> {
    if rate == 0.0 {
        return Some(f64::INFINITY);
    }
    let threshold_s = (options.observed_lag_threshold_ms / 1000) as f64;
    // Unknown lag is no catching up.
    let catching_up = lag >= threshold_s * rate;
    let backpressured_ms = values.get(&Metric::Backpressure)?.avg;
    if !catching_up || backpressured_ms >= 1000.0 {
        return None;
    }
    let observed = rate / (1.0 - backpressured_ms / 1000.0);
    (!observed.is_nan()).then_some(observed)
}

const HEAP_MAX: &str = "Status.JVM.Memory.Heap.Max";
const HEAP_USED: &str = "Status.JVM.Memory.Heap.Used";
const MANAGED_USED: &str = "Status.Flink.Memory.Managed.Used";
const METASPACE_USED: &str = "Status.JVM.Memory.Metaspace.Used";
const GC_TIME: &str = "Status.JVM.GarbageCollector.All.TimeMsPerSecond";

fn global_sample(raw: &RawSample, listing: &mut Listing) -> Result<GlobalSample, CollectError> {
    let has = |name: &str| raw.task_managers.contains_key(name);
    let common = [HEAP_MAX, HEAP_USED, MANAGED_USED, METASPACE_USED]
        .into_iter()
        .all(has);
    let with_gc = *listing.has_gc_metric.get_or_insert(common && has(GC_TIME));
    if !common || (with_gc && !has(GC_TIME)) {
        listing.has_gc_metric = None;
        return Err(CollectError::TaskManagerMetricsMissing);
    }
    let max = |name: &str| raw.task_managers.get(name).map(|value| value.max);
    let slots = |name: &str| raw.job_manager.get(name)?.trim().parse::<f64>().ok();
    // JobManager metrics are asked for together, so that one missing loses both.
    let total_and_free = slots("taskSlotsTotal").zip(slots("taskSlotsAvailable"));
    let ratio = max(HEAP_USED)
        .zip(max(HEAP_MAX))
        .map(|(used, max)| used / max);
    Ok(GlobalSample {
        gc_pressure: max(GC_TIME).filter(|_| with_gc).map(|ms| ms / 1000.0),
        heap_used: max(HEAP_USED),
        heap_max_usage_ratio: ratio,
        managed_used: max(MANAGED_USED),
        metaspace_used: max(METASPACE_USED),
        slots_used: total_and_free.map(|(total, free)| total - free),
    })
}
