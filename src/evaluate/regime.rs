//! The observations from which capacity is measured: those of the present size, undisturbed.

use super::arrivals::disturbed;
use crate::snapshot::{History, Point};

/// Fewer undisturbed points of the present size than this measure nothing; older sizes are used instead.
const LEAST_POINTS: usize = 3;
/// The first minutes after a restart are cold: caches fill, code is compiled.
pub(super) const COLD_MS: i64 = 5 * 60_000;

/// Undisturbed points of the present size, by time. Where there are too few, those in which at least the parallelism
/// was the same; else none.
pub(super) fn regime(history: &History) -> Vec<&Point> {
    let mut undisturbed = Vec::new();
    let mut before: Option<&Point> = None;
    let mut restarted_ms = i64::MIN;
    for point in &history.points {
        let previous = before.replace(point);
        if disturbed(point, previous) {
            restarted_ms = point.to_ms;
        } else if point.from_ms >= restarted_ms.saturating_add(COLD_MS) || point.pairs > 1 {
            undisturbed.push(point);
        }
    }
    let Some(last) = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)
    else {
        return Vec::new();
    };
    let of = |same: &dyn Fn(&Point) -> bool| -> Vec<&Point> {
        undisturbed
            .iter()
            .copied()
            .filter(|point| same(point))
            .collect()
    };
    let present = of(&|point| point.shape == last.shape);
    if present.len() >= LEAST_POINTS {
        return present;
    }
    of(&|point| point.shape.parallelism == last.shape.parallelism)
}

/// Seconds of a point.
pub(super) fn seconds(point: &Point) -> f64 {
    (point.to_ms - point.from_ms).max(0) as f64 / 1000.0
}

/// Cores used by the busiest TaskManager over those it has; absent when either is unknown.
pub(super) fn cpu_share(point: &Point) -> Option<f64> {
    let limit = point.shape.cpu_millis as f64 / 1000.0;
    let cores = if limit > 0.0 {
        limit
    } else {
        point.task_managers.cpus_seen?
    };
    let used = point
        .task_managers
        .cpu_cores_max
        .map(|used| used.mean)
        .or_else(|| {
            let all = point.task_managers.cpu_cores?.mean;
            Some(all / f64::from(point.shape.task_managers.max(1)))
        })?;
    (cores > 0.0 && used.is_finite()).then(|| used / cores)
}
