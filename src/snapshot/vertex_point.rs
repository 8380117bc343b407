//! A vertex over the time between two snapshots.

use super::between::{Window, execution_age_ms, growth};
use super::{Snapshot, Spread, Stat, Vertex, VertexPoint};
use std::collections::BTreeMap;

/// Shares may come out a little above one (subtasks are not read at the same instant); more is no share.
const LARGEST_SHARE: f64 = 1.05;
/// No subtask moves more records in a second than this; a larger number is a broken counter.
const FASTEST_SUBTASK: f64 = 1e9;
/// A task that has just started reads as busy until its first record; after this time it is taken at its word.
const FIRST_RECORD_GRACE_MS: f64 = 60_000.0;

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

/// Time that passed by the metrics themselves: the median over the vertices of the growth of busy + backpressured + idle time
/// of a subtask. `None` when no vertex reports all three.
pub(super) fn metric_time_ms(
    before: &Snapshot,
    after: &Snapshot,
    same_execution: bool,
) -> Option<f64> {
    let mut times: Vec<f64> = after
        .vertices
        .iter()
        .filter_map(|vertex| {
            let now = task_time_ms(vertex)?;
            if !same_execution {
                return Some(now);
            }
            let earlier = before.vertices.iter().find(|then| then.id == vertex.id)?;
            Some(growth(task_time_ms(earlier)?, now))
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
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
    let before = before.filter(|before| before.parallelism == after.parallelism);
    let shares = Shares::counted(window, before, after);
    let drop_busy = reads_busy_without_a_record(window, after);
    let gauge = |spread: Option<Spread>, pick: fn(&Spread) -> f64| {
        spread.and_then(|spread| share(pick(&spread) / 1000.0))
    };
    let mean = |spread: &Spread| spread.mean;
    let max = |spread: &Spread| spread.max;
    let busy = shares
        .busy
        .or_else(|| gauge(after.busy_ms_per_second, mean));
    let backpressured = shares
        .backpressured
        .or_else(|| gauge(after.backpressured_ms_per_second, mean));
    let idle = shares
        .idle
        .or_else(|| gauge(after.idle_ms_per_second, mean));
    let at_least = |largest: Option<f64>, mean: Option<f64>| match (largest, mean) {
        (Some(largest), Some(mean)) => Some(largest.max(mean)),
        (largest, _) => largest,
    };
    let keep_busy = |value: Option<f64>| value.filter(|_| !drop_busy).and_then(Stat::one);
    VertexPoint {
        busy: keep_busy(busy),
        busy_max: keep_busy(at_least(gauge(after.busy_ms_per_second, max), busy)),
        busy_median: keep_busy(
            after
                .busy_median_ms_per_second
                .and_then(|median| share(median / 1000.0)),
        ),
        backpressured: backpressured.and_then(Stat::one),
        backpressured_max: at_least(gauge(after.backpressured_ms_per_second, max), backpressured)
            .and_then(Stat::one),
        idle: keep_busy(idle),
        in_per_second: rate(
            window,
            after,
            before.map(|before| before.records_in),
            after.records_in,
            after.records_in_per_second,
        ),
        out_per_second: rate(
            window,
            after,
            before.map(|before| before.records_out),
            after.records_out,
            after.records_out_per_second,
        ),
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
    fn counted(window: &Window, before: Option<&Vertex>, after: &Vertex) -> Shares {
        if !window.moved || after.parallelism == 0 {
            return Shares::default();
        }
        let grown = |counter: fn(&Vertex) -> Option<f64>| {
            window.task_growth(before.and_then(counter), counter(after))
        };
        let busy = grown(|vertex| vertex.accumulated_busy_ms);
        let backpressured = grown(|vertex| vertex.accumulated_backpressured_ms);
        let idle = grown(|vertex| vertex.accumulated_idle_ms);
        let total = match (busy, backpressured, idle) {
            (Some(busy), Some(backpressured), Some(idle)) => Some(busy + backpressured + idle),
            _ => window
                .counter_ms
                .map(|time| time * f64::from(after.parallelism)),
        };
        let Some(total) = total.filter(|total| *total > 0.0) else {
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

fn reads_busy_without_a_record(window: &Window, vertex: &Vertex) -> bool {
    let young = execution_age_ms(window.after).is_none_or(|age| age < FIRST_RECORD_GRACE_MS);
    let none = |count: Option<u64>| count.unwrap_or(0) == 0;
    let still = |rate: Option<f64>| rate.unwrap_or(0.0) == 0.0;
    young
        && none(vertex.records_in)
        && none(vertex.records_out)
        && still(vertex.records_in_per_second)
        && still(vertex.records_out_per_second)
}

/// Records per second: by the counter over the time of the metrics, else the gauge.
fn rate(
    window: &Window,
    vertex: &Vertex,
    before: Option<Option<u64>>,
    after: Option<u64>,
    gauge: Option<f64>,
) -> Option<Stat> {
    let plausible = |rate: f64| {
        rate.is_finite()
            && rate >= 0.0
            && rate <= FASTEST_SUBTASK * f64::from(vertex.parallelism.max(1))
    };
    let counted = window.counter_ms.and_then(|time| {
        let grown = window.task_growth(
            before.flatten().map(|count| count as f64),
            after.map(|count| count as f64),
        )?;
        Some(grown / time * 1000.0)
    });
    counted
        .filter(|rate| plausible(*rate))
        .or_else(|| gauge.filter(|rate| plausible(*rate)))
        .and_then(Stat::one)
}
