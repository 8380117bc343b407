//! A change that grew a job answers a shortage. What was short before it is not the growth's doing, and going back to less cures
//! nothing: the old backlog drains, or the job grows again. What is new since it (memory that runs out at another shape, a crash
//! loop, a job that no longer starts) counts as after any change.

use super::assessment::{Breach, Signal};
use super::breach::Watched;
use super::signals::{gc_share, length_ms, worst_backpressure};
use super::sustained::{longest_run, samples};
use crate::record::Evidence;
use crate::snapshot::Point;

/// How far before it came live a growth's shortage is looked for, milliseconds.
const BEFORE_MS: i64 = 24 * 3_600_000;

/// Whether a change made its job bigger, as its evidence says.
pub(super) fn grows(evidence: &Evidence) -> bool {
    let recommendation = evidence.details.get("recommendation");
    recommendation
        .and_then(|recommendation| recommendation.get("direction"))
        .is_some_and(|direction| direction == "grow")
}

/// Whether a breach since a growth says that the job is still short, rather than that the growth hurt.
pub(super) fn is_old_shortage(watched: &Watched<'_>, breach: &Breach) -> bool {
    let before: Vec<&Point> = watched
        .history
        .points
        .iter()
        .filter(|point| point.from_ms < watched.live_since_ms)
        .filter(|point| point.to_ms > watched.live_since_ms.saturating_sub(BEFORE_MS))
        .collect();
    let limits = &watched.evidence.thresholds;
    let above = |signal: &dyn Fn(&Point) -> Option<f64>, limit: f64| {
        before
            .iter()
            .filter_map(|point| signal(point))
            .any(|value| value > limit)
    };
    let counted = |signal: &dyn Fn(&Point) -> u32, limit: u32| {
        before.iter().map(|point| signal(point)).sum::<u32>() >= limit.max(1)
    };
    match breach.signal {
        // One shortage shows as either of them.
        Signal::Lag | Signal::Backpressure => {
            breach.beyond_sized
                || above(&|point| watched.graph.lag_ms(point), limits.lag_ms as f64)
                || above(&worst_backpressure, limits.backpressure_share)
        }
        Signal::GarbageCollection => above(&gc_share, limits.gc_share),
        Signal::OutOfMemory => counted(&|point| point.out_of_memory, limits.out_of_memory),
        Signal::Restarts => counted(&|point| point.restarts, limits.restarts),
        // Barriers wait behind the records of a backlog.
        Signal::CheckpointDuration => {
            breach.before.is_some_and(|before| before > breach.limit)
                || above(&|point| watched.graph.lag_ms(point), limits.lag_ms as f64)
        }
        Signal::CheckpointFailures => breach.before.is_some_and(|before| before > breach.limit),
        Signal::NotRunning => false,
    }
}

/// How much more load than while it hurts still counts as the same load, a share.
const SAME_LOAD_SHARE: f64 = 0.10;

/// Whether the job showed the same before the change came live, as long and at no higher load: then the change did not do it.
pub(super) fn was_so_at_this_load(watched: &Watched<'_>, breach: &Breach) -> bool {
    let Some(load) = breach.load_per_second else {
        return false;
    };
    let before: Vec<&Point> = watched
        .history
        .points
        .iter()
        .filter(|point| point.to_ms <= watched.live_since_ms)
        .filter(|point| {
            let then = watched.graph.load(point);
            then.is_some_and(|then| then <= load * (1.0 + SAME_LOAD_SHARE))
        })
        .collect();
    let limits = &watched.evidence.thresholds;
    // A restart's catching up is over soon: what counts lasted as long as now, or for half of what was seen.
    let seen_ms: i64 = before.iter().map(|point| length_ms(point)).sum();
    let enough_ms = breach
        .until_ms
        .saturating_sub(breach.since_ms)
        .min(seen_ms / 2);
    let lasted = |signal: &dyn Fn(&Point) -> Option<f64>, limit: f64, for_ms: i64| {
        longest_run(&samples(&before, signal), limit, for_ms.max(enough_ms)).is_some()
    };
    let for_ms = limits.backpressure_for_ms;
    match breach.signal {
        Signal::Lag => {
            let lag = |point: &Point| watched.graph.lag_ms(point);
            lasted(&lag, limits.lag_ms as f64, limits.lag_for_ms)
        }
        Signal::Backpressure => lasted(&worst_backpressure, limits.backpressure_share, for_ms),
        Signal::GarbageCollection => lasted(&gc_share, limits.gc_share, for_ms),
        Signal::CheckpointDuration | Signal::CheckpointFailures => {
            breach.before.is_some_and(|before| before > breach.limit)
        }
        Signal::NotRunning | Signal::OutOfMemory | Signal::Restarts => false,
    }
}
