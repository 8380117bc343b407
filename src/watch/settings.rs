//! When a merged change counts as harmful.

use crate::quantity::{FlinkDuration, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// `watch:` in `plimsoll.yaml`. From these and the job's own past the thresholds of a change are made when it is proposed; they go
/// into its evidence, and the watcher uses those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long a change is watched after it is live.
    #[schemars(extend("shortest" = "1 ms"))]
    pub window: FlinkDuration,
    /// How long when a weekend (in UTC) falls into the window; without it 48 h more than the window, where that has 48 h at least.
    #[schemars(extend("shortest" = "1 ms"))]
    pub window_weekend: Option<FlinkDuration>,
    /// Left out at the begin: restart and catching up. While the lag does not grow up to three times as much.
    #[schemars(extend("shortest" = "0 ms"))]
    pub warm_up: FlinkDuration,
    /// Backpressured share of a vertex above which it hurts…
    pub backpressure: Share,
    /// … when it lasts this long.
    #[schemars(extend("shortest" = "1 ms"))]
    pub backpressure_for: FlinkDuration,
    /// Lag above which it hurts: waiting records over the rate at which they are read…
    #[schemars(extend("shortest" = "1 ms"))]
    pub lag: FlinkDuration,
    /// … when it lasts this long.
    #[schemars(extend("shortest" = "1 ms"))]
    pub lag_for: FlinkDuration,
    /// Restarts that are a crash loop…
    #[schemars(range(min = 1))]
    pub restarts: u32,
    /// … within this time.
    #[schemars(extend("shortest" = "1 ms"))]
    pub restarts_within: FlinkDuration,
    /// Out-of-memory failures that are too many.
    #[schemars(range(min = 1))]
    pub out_of_memory: u32,
    /// Checkpoint duration above which it hurts, as the median of an hour.
    #[schemars(extend("shortest" = "1 ms"))]
    pub checkpoint_duration: FlinkDuration,
    /// Share of failed checkpoints above which it hurts…
    pub checkpoint_failures: Share,
    /// … among this many.
    #[schemars(range(min = 1))]
    pub checkpoint_failures_of: u32,
    /// Share of the time in garbage collection above which it hurts, when it lasts as long as `backpressure_for`.
    pub garbage_collection: Share,
    /// How long without data until that is said loudly.
    #[schemars(extend("shortest" = "1 ms"))]
    pub blind_after: FlinkDuration,
    /// How long a merged change may wait for the cluster to run it until that is said with every run.
    #[schemars(extend("shortest" = "1 ms"))]
    pub never_applied_after: FlinkDuration,
}

impl Default for Settings {
    fn default() -> Self {
        let share = |fraction: f64| Share::clamped(fraction).unwrap_or(Share::ZERO);
        Settings {
            window: FlinkDuration::from_millis(72 * HOUR),
            window_weekend: None,
            warm_up: FlinkDuration::from_millis(10 * MINUTE),
            backpressure: share(0.5),
            backpressure_for: FlinkDuration::from_millis(15 * MINUTE),
            lag: FlinkDuration::from_millis(120 * SECOND),
            lag_for: FlinkDuration::from_millis(10 * MINUTE),
            restarts: 3,
            restarts_within: FlinkDuration::from_millis(10 * MINUTE),
            out_of_memory: 1,
            checkpoint_duration: FlinkDuration::from_millis(30 * SECOND),
            checkpoint_failures: share(0.05),
            checkpoint_failures_of: 20,
            garbage_collection: share(0.25),
            blind_after: FlinkDuration::from_millis(HOUR),
            never_applied_after: FlinkDuration::from_millis(24 * HOUR),
        }
    }
}

impl Settings {
    /// The window with a weekend in it, milliseconds.
    pub(super) fn weekend_ms(&self) -> u64 {
        let window = self.window.millis();
        match &self.window_weekend {
            Some(weekend) => weekend.millis().max(window),
            None if window >= 48 * HOUR => window.saturating_add(48 * HOUR),
            None => window,
        }
    }
}
