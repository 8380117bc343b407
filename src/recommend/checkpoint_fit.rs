//! Whether checkpoints still fit: fewer TaskManagers write the same state with less bandwidth.

use super::Settings;
use crate::snapshot::{History, Point};

/// Checkpoints of a job at its present size.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CheckpointsSeen {
    /// Duration that 95 % stay below, where nothing was backpressured if possible, milliseconds.
    pub(super) duration_ms: f64,
    /// Duration that they may take, milliseconds.
    pub(super) limit_ms: f64,
}

/// Seeds the limit where neither interval nor timeout are known, milliseconds.
const LIMIT_MS: f64 = 10_000.0;
/// A checkpoint that takes no longer than this is short whatever the interval, milliseconds.
const SHORT_MS: f64 = 30_000.0;
/// Backpressured share from which a barrier waits behind records: that is capacity's matter, not bandwidth's.
const HELD_BACK: f64 = 0.2;

/// Reads the checkpoints off a history; absent when none was completed at the present size.
pub(super) fn checkpoints_seen(history: &History, settings: &Settings) -> Option<CheckpointsSeen> {
    let shape = history
        .points
        .iter()
        .rev()
        .find(|point| point.running > 0.0)
        .map(|point| &point.shape)?;
    let same: Vec<&Point> = history
        .points
        .iter()
        .filter(|point| &point.shape == shape)
        .collect();
    let durations = |points: &mut dyn Iterator<Item = &&Point>| {
        let mut found: Vec<f64> = points
            .filter_map(|point| Some(point.checkpoints.duration_ms?.p95))
            .collect();
        found.retain(|duration| duration.is_finite());
        found.sort_by(f64::total_cmp);
        found
    };
    let flowing = durations(&mut same.iter().filter(|point| {
        !point.vertices.values().any(|seen| {
            seen.backpressured
                .is_some_and(|share| share.mean >= HELD_BACK)
        })
    }));
    let found = if flowing.is_empty() {
        durations(&mut same.iter())
    } else {
        flowing
    };
    let last = same.last()?;
    let share = settings.checkpoint_share.clamp(0.01, 1.0);
    let part = |ms: Option<u64>| ms.map(|ms| ms as f64 * share);
    // A short interval is a wish to lose little, not a limit of the job's: the next checkpoint waits for the one before.
    let interval = part(last.checkpoints.interval_ms).map(|ms| ms.max(SHORT_MS));
    let limit = [interval, part(last.checkpoints.timeout_ms)]
        .into_iter()
        .flatten()
        .reduce(f64::min);
    Some(CheckpointsSeen {
        duration_ms: *found.get(found.len() * 19 / 20)?,
        limit_ms: limit.unwrap_or(LIMIT_MS),
    })
}

impl CheckpointsSeen {
    /// Duration when the fullest TaskManager holds `work` times the state that it holds now, and the state has grown.
    pub(super) fn duration_at(&self, work: f64, growth: f64) -> f64 {
        // Part of it is latency, which does not shrink with the state: only what grows is taken in full.
        self.duration_ms
            * if work * growth >= 1.0 {
                work * growth
            } else {
                0.5 + 0.5 * work * growth
            }
    }

    /// Whether that fits, or is at least no worse than now.
    pub(super) fn fits(&self, work: f64, growth: f64) -> bool {
        work <= 1.0 + 1e-9 || self.duration_at(work, growth) <= self.limit_ms
    }
}
