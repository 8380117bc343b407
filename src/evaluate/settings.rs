//! How the demand is taken from a history.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the demand is taken from a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// History needed before a demand is named, seconds. Default: 24 hours.
    #[serde(skip)]
    pub minimum_history_seconds: u64,
    /// History from which quantiles are used instead of the highest observed, seconds. Default: 7 days.
    #[schemars(range(min = 1))]
    pub full_history_seconds: u64,
    /// How far back is looked, seconds. Default: 14 days.
    #[serde(skip)]
    pub window_seconds: u64,
    /// What is added for growth, a share: 0.1 sizes for 110 %.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub growth: f64,
    /// Quantile of the 5-minute rates that is bounded with a full history, below 1.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub quantile: f64,
    /// Confidence of that bound, below 1.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub confidence: f64,
    /// Headroom for catching up after a restart, at least; a share of the load.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub headroom_floor: f64,
    /// Pause of a restart where none was observed, seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub downtime_seconds: f64,
    /// Time in which a restart's backlog must be worked off at the load sized for, seconds.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub catch_up_seconds: f64,
    /// Time in which a backlog that waits now must be worked off, seconds. Default: 3 hours.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub backlog_seconds: f64,
    /// Lag that the job's users accept, seconds: a backlog beyond it counts.
    #[serde(skip)]
    pub lag_limit_seconds: f64,
    /// Latency that the job promises, milliseconds; absent: none, and the lag's limit is the bound of the latency rule.
    #[serde(skip)]
    pub latency_limit_ms: Option<f64>,
    /// The latency rule's constants, without its bound.
    pub latency_rule: LatencyRule,
    /// The backlog rule's constants.
    pub backlog_rule: super::backlog::Limits,
    /// What plug-in evaluators said of the job.
    #[serde(skip)]
    pub told: super::plugin::Told,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            minimum_history_seconds: 24 * 3600,
            full_history_seconds: 7 * 24 * 3600,
            window_seconds: 14 * 24 * 3600,
            growth: 0.10,
            quantile: 0.99,
            confidence: 0.95,
            headroom_floor: 0.05,
            downtime_seconds: 60.0,
            catch_up_seconds: 1800.0,
            backlog_seconds: 10_800.0,
            lag_limit_seconds: 120.0,
            latency_limit_ms: None,
            latency_rule: LatencyRule::default(),
            backlog_rule: super::backlog::Limits::default(),
            told: super::plugin::Told::default(),
        }
    }
}

/// The latency rule's constants; the defaults are those of its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyRule {
    /// So many violations in a row before it acts, at least 1.
    #[schemars(range(min = 1))]
    pub violations: usize,
    /// How many operators grow at once: the k slowest.
    #[schemars(range(min = 1))]
    pub top: usize,
    /// Channels that a window gets more.
    pub window_channels: u32,
}

impl Default for LatencyRule {
    fn default() -> Self {
        LatencyRule {
            violations: 3,
            top: 1,
            window_channels: 2,
        }
    }
}

impl Settings {
    /// The latency rule's limits for the job: what it promises, else the lag's limit.
    pub fn latency_limits(&self) -> super::latency_violation::Limits {
        super::latency_violation::Limits {
            bound_ms: self
                .latency_limit_ms
                .unwrap_or(self.lag_limit_seconds * 1000.0),
            violations: self.latency_rule.violations.max(1),
            top: self.latency_rule.top.max(1),
            window_channels: self.latency_rule.window_channels,
        }
    }
}
