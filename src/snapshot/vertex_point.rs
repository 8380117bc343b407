//! A vertex over the time between two snapshots.

use super::between::{Window, execution_age_ms, growth};
use super::{Snapshot, Spread, Stat, Vertex, VertexPoint};
use std::collections::BTreeMap;

/// Shares may come out a little above one (subtasks are not read at the same instant); more is no share.
const LARGEST_SHARE: f64 = 1.05;
/// No subtask moves more records in a second than this; a larger number is a broken counter.
const FASTEST_SUBTASK: f64 = 1e9;
/// A vertex's own time may differ from the time between the looks by this factor (a refresh left out, a long pause before);
/// beyond it, it is no time.
const OWN_TIME_FACTOR: f64 = 5.0;
/// Tasks may start so much later than their job.
const LATE_START_MS: f64 = 120_000.0;
/// A gauge of a young task is believed when it is as near as this to what the counters say.
const YOUNG_GAUGE_TOLERANCE: f64 = 0.25;

pub(super) fn vertices(window: &Window) -> BTreeMap<String, VertexPoint> {
    let before: BTreeMap<&str, &Vertex> = window
        .before
        .vertices
        .iter()
        .map(|vertex| (vertex.id.as_str(), vertex))
        .collect();
    window
        .after
        .vertices
        .iter()
        .map(|vertex| {
            let earlier = before.get(vertex.id.as_str()).copied();
            (vertex.id.clone(), vertex_point(window, earlier, vertex))
        })
        .collect()
}

/// The time between two refreshes of a vertex, by its own counters.
enum OwnTime {
    /// It does not tell: not all three counters are there, or their sum is not the time since its tasks began.
    Untold,
    /// It tells one that cannot be: it was not refreshed in between.
    NotRefreshed,
    /// Milliseconds.
    Known(f64),
}

impl OwnTime {
    fn of(window: &Window, before: Option<&Vertex>, after: &Vertex) -> OwnTime {
        let Some(time) = own_growth_ms(
            window.before,
            window.after,
            window.same_execution,
            before,
            after,
        ) else {
            return OwnTime::Untold;
        };
        let longest = window.wall_ms * OWN_TIME_FACTOR;
        let shortest = if window.same_execution {
            window.wall_ms / OWN_TIME_FACTOR
        } else {
            f64::MIN_POSITIVE
        };
        if (shortest..=longest).contains(&time) {
            OwnTime::Known(time)
        } else {
            OwnTime::NotRefreshed
        }
    }
}

/// Time that passed by the metrics of each vertex that tells it, milliseconds, sorted.
pub(super) fn metric_times_ms(
    before: &Snapshot,
    after: &Snapshot,
    same_execution: bool,
) -> Vec<f64> {
    let mut times: Vec<f64> = after
        .vertices
        .iter()
        .filter_map(|vertex| {
            let earlier = before.vertices.iter().find(|then| then.id == vertex.id);
            own_growth_ms(before, after, same_execution, earlier, vertex)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Growth of the time since the tasks of a vertex began, milliseconds.
fn own_growth_ms(
    earlier: &Snapshot,
    later: &Snapshot,
    same_execution: bool,
    before: Option<&Vertex>,
    after: &Vertex,
) -> Option<f64> {
    // Those that finished stand still: the sum is no time of all any more.
    if after.finished_subtasks > 0 {
        return None;
    }
    let now = task_time_ms(after)?;
    // The numbers may be about as old as the look before, and tasks start a while after the job.
    if let Some(age) = execution_age_ms(later) {
        let stale = 2.0 * later.taken_at_ms.saturating_sub(earlier.taken_at_ms) as f64;
        let least = 0.8 * (age - stale) - LATE_START_MS;
        if !(least..=age * 1.1 + LATE_START_MS).contains(&now) {
            return None;
        }
    }
    if !same_execution {
        return Some(now);
    }
    Some(growth(task_time_ms(before?)?, now))
}

/// Time since the tasks of a vertex began, by its three counters, milliseconds a subtask.
fn task_time_ms(vertex: &Vertex) -> Option<f64> {
    let total = vertex.accumulated_busy_ms?
        + vertex.accumulated_backpressured_ms?
        + vertex.accumulated_idle_ms?;
    (total.is_finite() && total >= 0.0 && vertex.parallelism > 0)
        .then(|| total / f64::from(vertex.parallelism))
}

fn vertex_point(window: &Window, before: Option<&Vertex>, after: &Vertex) -> VertexPoint {
    // Sums over other subtasks, or of another side of the vertex, are no earlier value of the same counter.
    let before = before.filter(|before| {
        before.parallelism == after.parallelism
            && before.finished_subtasks == after.finished_subtasks
            && before.reads_input == after.reads_input
    });
    let own = OwnTime::of(window, before, after);
    let counted = Shares::counted(window, &own, before, after);
    let busy_gauge = Gauge::of(window, counted.busy, after.busy_ms_per_second);
    let back_gauge = Gauge::of(
        window,
        counted.backpressured,
        after.backpressured_ms_per_second,
    );
    let idle_gauge = Gauge::of(window, counted.idle, after.idle_ms_per_second);
    let prefer = |counted: Option<f64>, gauge: Option<f64>| {
        if window.prefers_gauges() {
            gauge.or(counted)
        } else {
            counted.or(gauge)
        }
    };
    let at_least = |largest: Option<f64>, mean: Option<f64>| match (largest, mean) {
        (Some(largest), Some(mean)) => Some(largest.max(mean)),
        (largest, _) => largest,
    };
    let drop_busy = reads_busy_without_a_record(window, after);
    let keep_busy = |value: Option<f64>| value.filter(|_| !drop_busy).and_then(Stat::one);
    let busy = prefer(counted.busy, busy_gauge.mean);
    let backpressured = prefer(counted.backpressured, back_gauge.mean);
    let median = after
        .busy_median_ms_per_second
        .filter(|_| busy_gauge.mean.is_some() || counted.busy.is_none())
        .and_then(|median| share(median / 1000.0));
    let rate = |counter: fn(&Vertex) -> Option<u64>, gauge: Option<f64>| {
        let grown = window.task_growth(
            before.and_then(counter).map(|count| count as f64),
            counter(after).map(|count| count as f64),
        );
        rate(window, after, &own, grown, gauge)
    };
    VertexPoint {
        busy: keep_busy(busy),
        busy_max: keep_busy(at_least(busy_gauge.max, busy)),
        busy_median: keep_busy(median),
        backpressured: backpressured.and_then(Stat::one),
        backpressured_max: at_least(back_gauge.max, backpressured).and_then(Stat::one),
        idle: keep_busy(prefer(counted.idle, idle_gauge.mean)),
        in_per_second: rate(|vertex| vertex.records_in, after.records_in_per_second),
        out_per_second: rate(|vertex| vertex.records_out, after.records_out_per_second),
        in_skew: after.records_in_spread.and_then(|spread| {
            (spread.mean > 0.0 && spread.max >= spread.mean)
                .then(|| spread.max / spread.mean)
                .and_then(Stat::one)
        }),
        pending: after
            .pending_records
            .filter(|pending| *pending >= 0.0)
            .and_then(Stat::one),
        partitions: after.source_partitions,
        latency_ms: after
            .latency_ms
            .filter(|latency| *latency >= 0.0)
            .and_then(Stat::one),
    }
}

/// Flink's own mean over the last minute, as shares; empty when a task is too young for it and its counters say otherwise.
#[derive(Default)]
struct Gauge {
    mean: Option<f64>,
    max: Option<f64>,
}

impl Gauge {
    fn of(window: &Window, counted: Option<f64>, spread: Option<Spread>) -> Gauge {
        let Some(spread) = spread else {
            return Gauge::default();
        };
        let (mean, max) = (share(spread.mean / 1000.0), share(spread.max / 1000.0));
        let contradicted = mean
            .zip(counted)
            .is_some_and(|(mean, counted)| (mean - counted).abs() > YOUNG_GAUGE_TOLERANCE);
        if window.is_young() && contradicted {
            return Gauge::default();
        }
        Gauge { mean, max }
    }
}

/// Shares of the time by the counters of busy, backpressured and idle time.
#[derive(Default)]
struct Shares {
    busy: Option<f64>,
    backpressured: Option<f64>,
    idle: Option<f64>,
}

impl Shares {
    fn counted(window: &Window, own: &OwnTime, before: Option<&Vertex>, after: &Vertex) -> Shares {
        if !window.moved || after.parallelism == 0 {
            return Shares::default();
        }
        let grown = |counter: fn(&Vertex) -> Option<f64>| {
            window.task_growth(before.and_then(counter), counter(after))
        };
        let busy = grown(|vertex| vertex.accumulated_busy_ms);
        let backpressured = grown(|vertex| vertex.accumulated_backpressured_ms);
        let idle = grown(|vertex| vertex.accumulated_idle_ms);
        let time = match (own, busy, backpressured, idle) {
            (OwnTime::Known(time), ..) => Some(*time),
            (OwnTime::NotRefreshed, ..) => None,
            // Whatever they count, together they are the whole.
            (OwnTime::Untold, Some(busy), Some(backpressured), Some(idle)) => {
                Some((busy + backpressured + idle) / f64::from(after.live_subtasks()))
            }
            _ => Some(window.task_ms()),
        };
        let Some(total) = time
            .map(|time| time * f64::from(after.live_subtasks()))
            .filter(|total| *total > 0.0)
        else {
            return Shares::default();
        };
        let of_total = |part: Option<f64>| part.and_then(|part| share(part / total));
        Shares {
            busy: of_total(busy),
            backpressured: of_total(backpressured),
            idle: of_total(idle),
        }
    }
}

fn share(value: f64) -> Option<f64> {
    (value.is_finite() && (0.0..=LARGEST_SHARE).contains(&value)).then(|| value.min(1.0))
}

/// A task that has just started reads as busy until its first record.
fn reads_busy_without_a_record(window: &Window, vertex: &Vertex) -> bool {
    let none = |count: Option<u64>| count.unwrap_or(0) == 0;
    let still = |rate: Option<f64>| rate.unwrap_or(0.0) == 0.0;
    window.is_young()
        && none(vertex.records_in)
        && none(vertex.records_out)
        && still(vertex.records_in_per_second)
        && still(vertex.records_out_per_second)
}

/// Records per second: by the counter over the vertex's own time; where it tells none, by the gauge over short times, else by the counter.
fn rate(
    window: &Window,
    vertex: &Vertex,
    own: &OwnTime,
    grown: Option<f64>,
    gauge: Option<f64>,
) -> Option<Stat> {
    let plausible = |rate: &f64| {
        rate.is_finite()
            && *rate >= 0.0
            && *rate <= FASTEST_SUBTASK * f64::from(vertex.parallelism.max(1))
    };
    let over = |time: f64| {
        grown
            .map(|grown| grown / time * 1000.0)
            .filter(|_| time > 0.0)
            .filter(plausible)
    };
    let gauge = gauge.filter(plausible);
    let counted = match own {
        OwnTime::Known(time) => over(*time),
        OwnTime::NotRefreshed => None,
        OwnTime::Untold if window.moved => over(window.task_ms()),
        OwnTime::Untold => None,
    };
    let rate = if !matches!(own, OwnTime::Known(_)) && window.prefers_gauges() {
        gauge.or(counted)
    } else {
        counted.or(gauge)
    };
    rate.and_then(Stat::one)
}
