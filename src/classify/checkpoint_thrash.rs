//! Checkpoints fail, time out, or take as long as their interval.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::Point;
use crate::statistics::proportion::one_sided_limits;

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let settings = window.settings;
    let recent: Vec<&Point> = recent(window);
    let completed: u32 = recent.iter().map(|point| point.checkpoints.completed).sum();
    let failed = own_failures(&recent);
    let ended = completed + failed;
    let share = if ended > 0 {
        f64::from(failed) / f64::from(ended)
    } else {
        0.0
    };
    let failing = share > settings.checkpoint_failures
        && (ended >= settings.checkpoint_minimum || surely_above(window, failed, ended));
    let never = completed == 0 && failed >= 3;

    let longest = window
        .series(|point| Some(point.checkpoints.duration_ms?.mean))
        .quantile(0.75);
    let interval = window
        .points
        .last()
        .and_then(|point| point.checkpoints.interval_ms)
        .map(|ms| ms as f64);
    let seed = settings.checkpoint_duration_ms as f64;
    let slow = longest.is_some_and(|duration| {
        let limit = interval.map_or(f64::INFINITY, |interval| {
            if duration >= seed {
                interval / 2.0
            } else {
                interval
            }
        });
        duration >= limit
    });
    if !failing && !never && !slow {
        return None;
    }
    let mut signals = vec![
        signal(
            "checkpoints failed",
            share,
            Unit::Share,
            settings.checkpoint_failures,
        ),
        signal(
            "checkpoints ended",
            f64::from(ended),
            Unit::Count,
            f64::from(settings.checkpoint_minimum),
        ),
    ];
    if let Some(duration) = longest {
        signals.push(signal(
            "checkpoint duration",
            duration,
            Unit::Millis,
            interval.unwrap_or(seed),
        ));
        if slow && !failing && !never {
            signals.rotate_right(1);
        }
    }
    Some(Verdict {
        id: VerdictId::CheckpointThrash,
        vertex: None,
        signals,
    })
}

/// Failures that are the checkpoints' own. A restart also fails the checkpoint that is under way just then, if any: as often as
/// the time is spent in checkpoints, always where that is not known. (A snapshot that throws fails its task and restarts the job: that one is the
/// checkpoint's.)
fn own_failures(points: &[&Point]) -> u32 {
    let failed: u32 = points.iter().map(|point| point.checkpoints.failed).sum();
    let by_restarts: f64 = points
        .iter()
        .map(|point| {
            let of_interval = time_in_checkpoints(points, point).unwrap_or(1.0);
            let restarts = point.restarts.saturating_add(point.rescales);
            f64::from(restarts.min(point.checkpoints.failed)) * of_interval
        })
        .sum();
    failed.saturating_sub(by_restarts.round() as u32)
}

/// Share of the time in which a checkpoint is under way: its duration over its interval, of the point or else of its neighbours.
fn time_in_checkpoints(points: &[&Point], point: &Point) -> Option<f64> {
    let of = |point: &Point| {
        let interval = point
            .checkpoints
            .interval_ms
            .filter(|interval| *interval > 0)?;
        Some((point.checkpoints.duration_ms?.mean / interval as f64).clamp(0.0, 1.0))
    };
    of(point).or_else(|| {
        let known: Vec<f64> = points.iter().filter_map(|point| of(point)).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    })
}

/// Whether fewer checkpoints than the minimum lie in the window, the job is past it all the same, and the share of failures
/// is above the threshold with 95 % confidence (Clopper & Pearson).
fn surely_above(window: &Window<'_>, failed: u32, ended: u32) -> bool {
    window.checkpoints_known >= u64::from(window.settings.checkpoint_minimum)
        && one_sided_limits(u64::from(failed), u64::from(ended), 0.95)
            .is_ok_and(|(lower, _)| lower > window.settings.checkpoint_failures)
}

/// The points of the last day that hold the present shape: an older shape's failures are history.
fn recent<'a>(window: &Window<'a>) -> Vec<&'a Point> {
    let begin = window.to_ms - 24 * 3_600_000;
    let last = window.all.last().map(|point| &point.shape);
    let fits = |point: &&Point| {
        point.to_ms > begin && (Some(&point.shape) == last || point.running <= 0.0)
    };
    window.all.iter().copied().filter(fits).collect()
}
