//! The thresholds that verdicts are held against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Thresholds of the verdicts. Shares are 0..=1; a verdict quotes the threshold that it was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// History needed before sizes are judged, seconds. Default: 24 hours.
    #[serde(skip)]
    pub minimum_history_seconds: u64,
    /// How far back is looked, seconds. Default: 14 days.
    #[serde(skip)]
    pub window_seconds: u64,
    /// CPU used over CPU paid for: below it there is too much.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cpu_low: f64,
    /// The same: above it there is too little.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub cpu_high: f64,
    /// Heap left in use after collections over the largest heap: below it there is too much.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub heap_low: f64,
    /// The same: above it there is too little.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub heap_high: f64,
    /// Share of the time in garbage collection above which memory is short.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub gc_high: f64,
    /// Share of failed checkpoints above which they thrash.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub checkpoint_failures: f64,
    /// Checkpoints needed before that share says anything.
    #[schemars(range(min = 1))]
    pub checkpoint_minimum: u32,
    /// Checkpoint duration from which it is held against half its interval, milliseconds.
    #[schemars(range(min = 1))]
    pub checkpoint_duration_ms: u64,
    /// Slots needed over slots paid for: below it there are too many.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub slots_low: f64,
    /// Backpressured share up to which a vertex counts as free.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub backpressure_low: f64,
    /// Backpressured share from which a vertex counts as held back.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub backpressure_high: f64,
    /// Busy share of the busiest subtask from which a vertex counts as busy.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub busy_high: f64,
    /// Share of the time that a bottleneck must have been one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bottleneck_time: f64,
    /// Cores used per busy thread from which busy time is computing.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub computing: f64,
    /// Cores used per busy thread below which busy time is waiting.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub waiting: f64,
    /// Busiest subtask over the median one (busy time), or over the mean one (records), from which load is skewed.
    #[schemars(range(min = 1.0))]
    pub skew: f64,
    /// Records per second of all sources together below which a job is idle.
    #[schemars(range(min = 0.0))]
    pub idle_records_per_second: f64,
    /// Restarts within a day that make a job unstable.
    #[schemars(range(min = 1))]
    pub restarts_per_day: u32,
    /// Lag, in seconds of the present rate, from which it counts as lag.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lag_seconds: f64,
    /// Lag that the job's users accept, seconds: above it and not falling, the job falls behind.
    #[serde(skip)]
    pub lag_limit_seconds: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            minimum_history_seconds: 24 * 3600,
            window_seconds: 14 * 24 * 3600,
            cpu_low: 0.30,
            cpu_high: 0.80,
            heap_low: 0.40,
            heap_high: 0.80,
            gc_high: 0.10,
            checkpoint_failures: 0.05,
            checkpoint_minimum: 20,
            checkpoint_duration_ms: 10_000,
            slots_low: 0.50,
            backpressure_low: 0.10,
            backpressure_high: 0.50,
            busy_high: 0.80,
            bottleneck_time: 0.05,
            computing: 0.70,
            waiting: 0.40,
            skew: 2.0,
            idle_records_per_second: 1.0,
            restarts_per_day: 3,
            lag_seconds: 5.0,
            lag_limit_seconds: 120.0,
        }
    }
}
