//! The job before a change.

use super::signals::{
    Graph, busiest, checkpoint_duration_ms, gc_share, length_ms, median, weighted_median,
    worst_backpressure,
};
use crate::record::Baseline;
use crate::snapshot::{History, Point};

const DAY_MS: f64 = 24.0 * 3_600_000.0;

/// Medians over a history, each point by its length; checkpoint durations by the number of checkpoints. What was never measured is
/// absent.
pub fn baseline(history: &History) -> Baseline {
    let points: Vec<&Point> = history.points.iter().collect();
    measure(&Graph::of(history), &points)
}

/// The same over some of the points.
pub(super) fn measure(graph: &Graph, points: &[&Point]) -> Baseline {
    let days = points
        .iter()
        .map(|point| length_ms(point) as f64)
        .sum::<f64>()
        / DAY_MS;
    let restarts: f64 = points.iter().map(|point| f64::from(point.restarts)).sum();
    let completed: f64 = points
        .iter()
        .map(|point| f64::from(point.checkpoints.completed))
        .sum();
    let failed: f64 = points
        .iter()
        .map(|point| f64::from(point.checkpoints.failed))
        .sum();
    let durations = points.iter().filter_map(|point| {
        Some((
            checkpoint_duration_ms(point)?,
            f64::from(point.checkpoints.completed.max(1)),
        ))
    });
    Baseline {
        load_per_second: median(points, |point| graph.load(point)),
        load_highest_per_second: points
            .iter()
            .filter_map(|point| graph.load(point))
            .reduce(f64::max),
        backpressure_share: median(points, worst_backpressure),
        lag_ms: median(points, |point| graph.lag_ms(point)),
        restarts_per_day: (days > 0.0).then(|| restarts / days),
        checkpoint_duration_ms: weighted_median(durations),
        checkpoint_failure_share: (completed + failed > 0.0).then(|| failed / (completed + failed)),
        gc_share: median(points, gc_share),
        busy_share: median(points, busiest),
    }
}
