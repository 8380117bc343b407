//! One number a point for each signal. Absent where it was not measured.

use crate::snapshot::{History, Point, Stat, VertexPoint};
use std::collections::BTreeMap;

/// Lag that stands for "nothing is read at all": a week, milliseconds.
pub(super) const ENDLESS_LAG_MS: f64 = 7.0 * 24.0 * 3_600_000.0;

/// Names of vertices, and which are sources: from the newest snapshot that knows the graph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    names: BTreeMap<String, String>,
    sources: Vec<String>,
}

impl Graph {
    pub(super) fn of(history: &History) -> Graph {
        let snapshots = [&history.latest_running, &history.latest];
        let known = snapshots
            .into_iter()
            .flatten()
            .find(|snapshot| !snapshot.vertices.is_empty());
        let Some(snapshot) = known else {
            return Graph::default();
        };
        Graph {
            names: snapshot
                .vertices
                .iter()
                .map(|vertex| (vertex.id.clone(), vertex.name.clone()))
                .collect(),
            sources: snapshot
                .vertices
                .iter()
                .filter(|vertex| vertex.is_source())
                .map(|vertex| vertex.id.clone())
                .collect(),
        }
    }

    /// A vertex's name, or its id where the graph changed meanwhile.
    pub(super) fn name(&self, id: &str) -> String {
        self.names
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    /// Records/s of the sources together.
    pub(super) fn load(&self, point: &Point) -> Option<f64> {
        let rates: Vec<f64> = self
            .sources
            .iter()
            .filter_map(|id| mean(point.vertices.get(id)?.in_per_second))
            .collect();
        (!rates.is_empty()).then(|| rates.iter().sum())
    }

    /// Lag of the source that lags most, milliseconds of input: records waiting over records read per second. Sources are told by
    /// having records waiting, so that it works without a graph too.
    pub(super) fn lag_ms(&self, point: &Point) -> Option<f64> {
        point
            .vertices
            .values()
            .filter_map(vertex_lag_ms)
            .reduce(f64::max)
    }
}

fn vertex_lag_ms(vertex: &VertexPoint) -> Option<f64> {
    let pending = mean(vertex.pending)?;
    if pending <= 0.0 {
        return Some(0.0);
    }
    let rate = mean(vertex.in_per_second)?;
    if rate <= 0.0 {
        return Some(ENDLESS_LAG_MS);
    }
    Some((pending / rate * 1000.0).min(ENDLESS_LAG_MS))
}

/// Backpressured share of one vertex: the mean over its subtasks, or the worst one's where that is all there is.
pub(super) fn backpressure(vertex: &VertexPoint) -> Option<f64> {
    mean(vertex.backpressured).or_else(|| mean(vertex.backpressured_max))
}

/// Backpressured share of the worst vertex.
pub(super) fn worst_backpressure(point: &Point) -> Option<f64> {
    point
        .vertices
        .values()
        .filter_map(backpressure)
        .reduce(f64::max)
}

/// Busy share of the busiest subtask of the busiest vertex.
pub(super) fn busiest(point: &Point) -> Option<f64> {
    let busy = |vertex: &VertexPoint| mean(vertex.busy_max).or_else(|| mean(vertex.busy));
    point.vertices.values().filter_map(busy).reduce(f64::max)
}

/// Share of the time in garbage collection.
pub(super) fn gc_share(point: &Point) -> Option<f64> {
    mean(point.task_managers.gc_share)
}

/// Median checkpoint duration, milliseconds.
pub(super) fn checkpoint_duration_ms(point: &Point) -> Option<f64> {
    let duration = point.checkpoints.duration_ms?;
    duration.p50.is_finite().then_some(duration.p50)
}

/// Length of a point, milliseconds, >= 0.
pub(super) fn length_ms(point: &Point) -> i64 {
    point.to_ms.saturating_sub(point.from_ms).max(0)
}

/// The time between two looks that is usual in a history, milliseconds: the median.
pub(super) fn usual_pair_ms(points: &[Point]) -> f64 {
    weighted_median(points.iter().map(|point| (pair_ms(point), 1.0))).unwrap_or(0.0)
}

/// Whether a point spans so much more than the usual time between two looks that nobody looked in between: its signals may be those
/// of its end only. Counts in it still count.
pub(super) fn is_hole(point: &Point, usual_pair_ms: f64) -> bool {
    pair_ms(point) > 3.0 * usual_pair_ms
}

fn pair_ms(point: &Point) -> f64 {
    length_ms(point) as f64 / f64::from(point.pairs.max(1))
}

fn mean(stat: Option<Stat>) -> Option<f64> {
    stat.map(|stat| stat.mean).filter(|mean| mean.is_finite())
}

/// The median of values that count by their weights; none without weight.
pub(super) fn weighted_median(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let mut values: Vec<(f64, f64)> = values
        .filter(|(value, weight)| value.is_finite() && *weight > 0.0)
        .collect();
    values.sort_by(|one, two| one.0.total_cmp(&two.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (value, weight) in &values {
        below += weight;
        if below >= half {
            return Some(*value);
        }
    }
    None
}

/// The median of a signal over points, by their length.
pub(super) fn median(points: &[&Point], signal: impl Fn(&Point) -> Option<f64>) -> Option<f64> {
    let values = points
        .iter()
        .filter_map(|point| Some((signal(point)?, length_ms(point) as f64)));
    weighted_median(values)
}
