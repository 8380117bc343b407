//! Checkpoints fail, time out, or take as long as their interval.

use super::profile::{Unit, Verdict, VerdictId};
use super::window::{Window, signal};
use crate::snapshot::Point;

pub(super) fn judge(window: &Window<'_>) -> Option<Verdict> {
    let settings = window.settings;
    let recent: Vec<&Point> = recent(window);
    let completed: u32 = recent.iter().map(|point| point.checkpoints.completed).sum();
    // A restart fails the checkpoint under way: that one is the restart's, not the checkpoints'.
    let failed: u32 = recent
        .iter()
        .map(|point| point.checkpoints.failed.saturating_sub(point.restarts))
        .sum();
    let ended = completed + failed;
    let share = if ended > 0 {
        f64::from(failed) / f64::from(ended)
    } else {
        0.0
    };
    let failing = ended >= settings.checkpoint_minimum && share > settings.checkpoint_failures;
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

/// The points of the last day that hold the present shape: an older shape's failures are history.
fn recent<'a>(window: &Window<'a>) -> Vec<&'a Point> {
    let begin = window.to_ms - 24 * 3_600_000;
    let last = window.all.last().map(|point| &point.shape);
    let fits = |point: &&Point| {
        point.to_ms > begin && (Some(&point.shape) == last || point.running <= 0.0)
    };
    window.all.iter().copied().filter(fits).collect()
}
