//! The thresholds of a change: the settings, raised where the job was worse already, so that a change is never blamed for what was
//! there before it.

use super::settings::Settings;
use super::signals::{
    Graph, checkpoint_duration_ms, gc_share, is_hole, usual_pair_ms, weighted_median,
    worst_backpressure,
};
use super::sustained::{
    Sample, failure_shares, highest_sustained, hourly_checkpoint_medians, most_within, samples,
};
use crate::record::Thresholds;
use crate::snapshot::{History, Point};

/// The thresholds for a change of a job with this history. A limit that the history breached is raised above the level that it
/// breached it with: a quarter more, or for shares a quarter of the way to the whole. Restarts of the past and the
/// warm-up after them are left out of that, except from the counts. Checkpoints may take twice their median in any case.
pub fn thresholds(settings: &Settings, history: &History) -> Thresholds {
    let graph = Graph::of(history);
    let all: Vec<&Point> = history.points.iter().collect();
    let usual_ms = usual_pair_ms(&history.points);
    let warm_up = millis(settings.warm_up.millis());
    let calm: Vec<&Point> = all
        .iter()
        .copied()
        .filter(|point| is_calm(point, warm_up) && !is_hole(point, usual_ms))
        .collect();
    let backpressure_for_ms = millis(settings.backpressure_for.millis());
    let lag_for_ms = millis(settings.lag_for.millis());
    let restarts_within_ms = millis(settings.restarts_within.millis());
    let window_ms = millis(settings.window.millis());
    let share = |limit: f64, of: Vec<Sample>| {
        raised(
            limit,
            highest_sustained(&of, backpressure_for_ms),
            share_above,
        )
    };
    let failures_of = settings.checkpoint_failures_of;
    Thresholds {
        window_ms,
        window_weekend_ms: millis(settings.weekend_ms()),
        warm_up_ms: warm_up,
        backpressure_share: share(
            settings.backpressure.fraction(),
            samples(&calm, worst_backpressure),
        ),
        backpressure_for_ms,
        lag_ms: raised(
            settings.lag.millis() as f64,
            highest_sustained(&samples(&calm, |point| graph.lag_ms(point)), lag_for_ms),
            quarter_more,
        )
        .ceil() as i64,
        lag_for_ms,
        restarts: above_count(
            settings.restarts,
            most_within(&all, |point| point.restarts, restarts_within_ms),
        ),
        restarts_within_ms,
        out_of_memory: above_count(
            settings.out_of_memory,
            most_within(&all, |point| point.out_of_memory, window_ms),
        ),
        checkpoint_duration_ms: slowest_checkpoints_ms(settings, &calm),
        checkpoint_failure_share: raised(
            settings.checkpoint_failures.fraction(),
            highest(&failure_shares(&all, failures_of)),
            share_above,
        ),
        checkpoint_failure_of: failures_of,
        gc_share: share(
            settings.garbage_collection.fraction(),
            samples(&calm, gc_share),
        ),
        blind_after_ms: millis(settings.blind_after.millis()),
    }
}

/// The limit of checkpoint durations, milliseconds: twice the median is allowed in any case.
fn slowest_checkpoints_ms(settings: &Settings, calm: &[&Point]) -> i64 {
    let durations = calm.iter().filter_map(|point| {
        let weight = f64::from(point.checkpoints.completed.max(1));
        Some((checkpoint_duration_ms(point)?, weight))
    });
    let twice = weighted_median(durations).map_or(0.0, |median| 2.0 * median);
    let limit = (settings.checkpoint_duration.millis() as f64).max(twice);
    raised(
        limit,
        highest(&hourly_checkpoint_medians(calm)),
        quarter_more,
    )
    .ceil() as i64
}

/// Whether a point lies behind the warm-up of the execution that it ends in.
fn is_calm(point: &Point, warm_up_ms: i64) -> bool {
    point
        .running_since_ms
        .is_some_and(|since| point.from_ms >= since.saturating_add(warm_up_ms))
}

fn highest(samples: &[Sample]) -> Option<f64> {
    samples
        .iter()
        .filter_map(|sample| sample.value)
        .reduce(f64::max)
}

/// The limit, or what stands above the level that was there already.
fn raised(limit: f64, level: Option<f64>, above: impl Fn(f64) -> f64) -> f64 {
    match level {
        Some(level) if level >= limit => above(level),
        _ => limit,
    }
}

fn quarter_more(level: f64) -> f64 {
    level * 1.25
}

/// Between a share and the whole. A limit of one can't be passed: then the signal says nothing about this job.
fn share_above(level: f64) -> f64 {
    let level = level.clamp(0.0, 1.0);
    level + (1.0 - level) * 0.25
}

/// A count above any that was there already.
fn above_count(limit: u32, most: Option<(f64, i64, i64)>) -> u32 {
    match most {
        Some((most, _, _)) if most >= f64::from(limit) => (most.ceil() as u32).saturating_add(1),
        _ => limit,
    }
}

fn millis(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
