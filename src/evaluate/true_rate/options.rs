//! The options `job.autoscaler.*` of a deployment, with Flink's defaults, old names and ranges.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alignment::{Alignment, LegacyAdjust};
use super::option_text::{
    Reader, boolean, choice, double, duration_ms, integer, list, memory_bytes,
};
use super::periods;

/// Which generation of the Flink Kubernetes Operator is asked.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Profile {
    /// The development head of July 2026 (1.16): what a new installation does.
    #[default]
    #[serde(rename = "next")]
    Next,
    /// Release 1.10.0 (October 2024), for installations that have not moved.
    #[serde(rename = "1.10")]
    V1_10,
}

/// Over which aggregate of the subtasks busy time is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BusyAggregator {
    /// The busiest subtask.
    #[default]
    Max,
    /// The mean, from the accumulated busy time.
    Avg,
    /// The least busy subtask.
    Min,
}

/// Why an option cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// The value has another type.
    #[error("option `{key}` has the value `{value}`; write {expected}")]
    Unreadable {
        /// The key it was found under.
        key: String,
        /// What was written.
        value: String,
        /// What is expected.
        expected: &'static str,
    },
    /// The value is outside its range.
    #[error("option `job.autoscaler.{key}` is `{value}`; write a number from {least} to {most}")]
    OutOfRange {
        /// The key behind `job.autoscaler.`.
        key: &'static str,
        /// The value.
        value: f64,
        /// The smallest allowed value.
        least: f64,
        /// The largest allowed value.
        most: f64,
    },
    /// An excluded period does not parse.
    #[error("option `job.autoscaler.excluded.periods`: {0}")]
    Period(#[source] periods::PeriodError),
}

/// All options that take part in a decision. Durations in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Whose semantics.
    pub profile: Profile,
    /// `enabled`: whether the autoscaler runs at all.
    pub enabled: bool,
    /// `scaling.enabled`: false means recommend only.
    pub scaling_enabled: bool,
    /// `metrics.window`: length of the averaging window.
    pub metrics_window_ms: i64,
    /// `stabilization.interval`: quiet time after RUNNING.
    pub stabilization_ms: i64,
    /// `excluded.periods`: times without scaling, as written.
    pub excluded_periods: Vec<String>,
    /// `utilization.target` (old name `target.utilization`): wanted load.
    pub utilization_target: f64,
    /// `target.utilization.boundary`: half width of the band.
    pub utilization_boundary: f64,
    /// `utilization.max`: upper band edge, if set.
    pub utilization_max: Option<f64>,
    /// `utilization.min`: lower band edge, if set.
    pub utilization_min: Option<f64>,
    /// `scale-down.interval`: delay of shrinking; 0 shrinks at once.
    pub scale_down_interval_ms: i64,
    /// `vertex.min-parallelism`.
    pub min_parallelism: i32,
    /// `vertex.max-parallelism`.
    pub max_parallelism: i32,
    /// `scale-down.max-factor`: largest loss per step, as a fraction of the parallelism.
    pub max_scale_down_factor: f64,
    /// `scale-up.max-factor`: largest gain per step, as a fraction of the parallelism.
    pub max_scale_up_factor: f64,
    /// `catch-up.duration`: time to work off a backlog; 0 turns it off.
    pub catch_up_ms: i64,
    /// `restart.time`: assumed time of a restart.
    pub restart_time_ms: i64,
    /// `restart.time-tracking.enabled`: whether measured restart times are used.
    pub restart_tracking: bool,
    /// `restart.time-tracking.limit`: cap on measured restart times.
    pub restart_tracking_limit_ms: i64,
    /// `backlog-processing.lag-threshold`: lag, in time of input, that counts as backlog.
    pub backlog_lag_threshold_ms: i64,
    /// `observed-true-processing-rate.lag-threshold`: lag that counts as catching up.
    pub observed_lag_threshold_ms: i64,
    /// `observed-true-processing-rate.switch-threshold`: disagreement that prefers the observed rate.
    pub observed_switch_threshold: f64,
    /// `observed-true-processing-rate.min-observations`.
    pub observed_min_observations: i32,
    /// `scaling.effectiveness.detection.enabled`: block after an ineffective scale-up.
    pub effectiveness_detection: bool,
    /// `scaling.effectiveness.threshold`: part of the expected gain that must appear.
    pub effectiveness_threshold: f64,
    /// `memory.gc-pressure.threshold`: no scaling above.
    pub gc_pressure_threshold: f64,
    /// `memory.heap-usage.threshold`: no scaling above.
    pub heap_usage_threshold: f64,
    /// `memory.tuning.enabled`: whether memory recommendations are applied.
    pub memory_tuning: bool,
    /// `memory.tuning.scale-down-compensation.enabled`.
    pub memory_scale_down_compensation: bool,
    /// `memory.tuning.overhead`: fraction added to measured use.
    pub memory_overhead: f64,
    /// `memory.tuning.maximize-managed-memory`.
    pub maximize_managed_memory: bool,
    /// `history.max.count`: scalings remembered per vertex, and restart records.
    pub history_max_count: i32,
    /// `history.max.age`.
    pub history_max_age_ms: i64,
    /// `metrics.busy-time.aggregator`.
    pub busy_aggregator: BusyAggregator,
    /// `vertex.exclude.ids`: vertices never changed, as written.
    pub excluded_vertices: BTreeSet<String>,
    /// `scaling.event.interval`: repeat time of equal events.
    pub event_interval_ms: i64,
    /// `flink.rest-client.timeout`.
    pub rest_timeout_ms: i64,
    /// `quota.memory`: bytes of all TaskManagers together.
    pub quota_memory_bytes: Option<u64>,
    /// `quota.cpu`: cores of all TaskManagers together.
    pub quota_cpu: Option<f64>,
    /// How parallelism is aligned to key groups and partitions.
    pub alignment: Alignment,
    /// `observed-scalability.enabled`.
    pub observed_scalability: bool,
    /// `observed-scalability.min-observations`.
    pub scalability_min_observations: i32,
    /// `observed-scalability.coefficient-min`.
    pub scalability_coefficient_min: f64,
    /// `metrics.custom-evaluators`: names of the user's evaluators.
    pub custom_evaluators: Vec<String>,
    /// `scaling.custom-executors`: names of the user's executors.
    pub custom_executors: Vec<String>,
    /// `taskmanager.numberOfTaskSlots`: slots of a TaskManager.
    pub slots_per_task_manager: i32,
    /// `taskmanager.memory.process.size`, if set.
    pub process_memory_bytes: Option<u64>,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

impl Options {
    /// Reads the options of a Flink configuration. A value of the wrong type is refused, as upstream
    /// refuses it; a value outside its range is not (see [`Options::violations`]).
    pub fn read(config: &BTreeMap<String, String>, profile: Profile) -> Result<Self, OptionError> {
        let from = Reader::new(config);
        let flag = |key, default: bool| Ok(boolean(from.text(key))?.unwrap_or(default));
        let count = |key, default: i32| Ok(integer(from.text(key))?.unwrap_or(default));
        let number = |key, default: f64| Ok(double(from.text(key))?.unwrap_or(default));
        let time = |key, default: i64| Ok(duration_ms(from.text(key))?.unwrap_or(default));
        Ok(Options {
            profile,
            enabled: flag("enabled", false)?,
            scaling_enabled: flag("scaling.enabled", true)?,
            metrics_window_ms: time("metrics.window", 15 * MINUTE)?,
            stabilization_ms: time("stabilization.interval", 5 * MINUTE)?,
            excluded_periods: list(from.text("excluded.periods")),
            utilization_target: utilization_target(&from, profile)?,
            utilization_boundary: number("target.utilization.boundary", 0.3)?,
            utilization_max: double(from.text("utilization.max"))?,
            utilization_min: double(from.text("utilization.min"))?,
            scale_down_interval_ms: scale_down_interval(&from)?,
            min_parallelism: count("vertex.min-parallelism", 1)?,
            max_parallelism: count("vertex.max-parallelism", 200)?,
            max_scale_down_factor: number("scale-down.max-factor", 0.6)?,
            max_scale_up_factor: number("scale-up.max-factor", 100_000.0)?,
            catch_up_ms: time("catch-up.duration", 30 * MINUTE)?,
            restart_time_ms: time("restart.time", 5 * MINUTE)?,
            restart_tracking: flag("restart.time-tracking.enabled", false)?,
            restart_tracking_limit_ms: time("restart.time-tracking.limit", 15 * MINUTE)?,
            backlog_lag_threshold_ms: time("backlog-processing.lag-threshold", 5 * MINUTE)?,
            observed_lag_threshold_ms: time(
                "observed-true-processing-rate.lag-threshold",
                30 * SECOND,
            )?,
            observed_switch_threshold: number(
                "observed-true-processing-rate.switch-threshold",
                0.15,
            )?,
            observed_min_observations: count("observed-true-processing-rate.min-observations", 2)?,
            effectiveness_detection: flag("scaling.effectiveness.detection.enabled", false)?,
            effectiveness_threshold: number("scaling.effectiveness.threshold", 0.1)?,
            gc_pressure_threshold: number("memory.gc-pressure.threshold", 1.0)?,
            heap_usage_threshold: number("memory.heap-usage.threshold", 1.0)?,
            memory_tuning: flag("memory.tuning.enabled", false)?,
            memory_scale_down_compensation: flag(
                "memory.tuning.scale-down-compensation.enabled",
                true,
            )?,
            memory_overhead: number("memory.tuning.overhead", 0.2)?,
            maximize_managed_memory: flag("memory.tuning.maximize-managed-memory", false)?,
            history_max_count: count("history.max.count", 3)?,
            history_max_age_ms: time("history.max.age", 24 * HOUR)?,
            busy_aggregator: busy_aggregator(&from)?,
            excluded_vertices: list(from.text("vertex.exclude.ids")).into_iter().collect(),
            event_interval_ms: time("scaling.event.interval", 30 * MINUTE)?,
            rest_timeout_ms: time("flink.rest-client.timeout", 10 * SECOND)?,
            quota_memory_bytes: memory_bytes(from.text("quota.memory"))?,
            quota_cpu: double(from.text("quota.cpu"))?,
            alignment: alignment(&from, profile)?,
            observed_scalability: profile == Profile::Next
                && flag("observed-scalability.enabled", false)?,
            scalability_min_observations: count("observed-scalability.min-observations", 3)?,
            scalability_coefficient_min: number("observed-scalability.coefficient-min", 0.5)?,
            custom_evaluators: list(from.text("metrics.custom-evaluators")),
            custom_executors: list(from.text("scaling.custom-executors")),
            slots_per_task_manager: integer(from.plain("taskmanager.numberOfTaskSlots"))?
                .unwrap_or(1),
            process_memory_bytes: memory_bytes(from.plain("taskmanager.memory.process.size"))?,
        })
    }

    /// Values the operator's validation refuses since 1.14. Only an enabled autoscaler is validated, and
    /// an option of a feature only while the feature is on.
    pub fn violations(&self) -> Vec<OptionError> {
        if !self.enabled {
            return Vec::new();
        }
        let outside = self
            .ranges()
            .into_iter()
            .filter(|(_, value, range)| *value < range.0 || *value > range.1)
            .map(|(key, value, (least, most))| OptionError::OutOfRange {
                key,
                value,
                least,
                most,
            });
        let periods = self.excluded_periods.iter();
        let periods = periods.filter_map(|text| periods::read(text).err().map(OptionError::Period));
        outside.chain(periods).collect()
    }

    /// Numbers in force with the range each must keep.
    fn ranges(&self) -> Vec<(&'static str, f64, (f64, f64))> {
        const SHARE: (f64, f64) = (0.0, 1.0);
        const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);
        let target = self.utilization_target;
        let scalability = self.scalability_coefficient_min;
        let when = |on: bool, value: f64| on.then_some(value);
        let all = [
            (
                "scale-down.max-factor",
                Some(self.max_scale_down_factor),
                POSITIVE,
            ),
            (
                "scale-up.max-factor",
                Some(self.max_scale_up_factor),
                POSITIVE,
            ),
            ("utilization.target", Some(target), SHARE),
            (
                "target.utilization.boundary",
                Some(self.utilization_boundary),
                POSITIVE,
            ),
            ("utilization.max", self.utilization_max, (target, 1.0)),
            ("utilization.min", self.utilization_min, (0.0, target)),
            (
                "memory.gc-pressure.threshold",
                Some(self.gc_pressure_threshold),
                SHARE,
            ),
            (
                "memory.heap-usage.threshold",
                Some(self.heap_usage_threshold),
                SHARE,
            ),
            (
                "observed-scalability.coefficient-min",
                when(self.observed_scalability, scalability),
                (0.01, 1.0),
            ),
            (
                "scaling.effectiveness.threshold",
                when(self.effectiveness_detection, self.effectiveness_threshold),
                SHARE,
            ),
            (
                "memory.tuning.overhead",
                when(self.memory_tuning, self.memory_overhead),
                SHARE,
            ),
        ];
        let in_force = all.into_iter();
        in_force
            .filter_map(|(key, value, range)| Some((key, value?, range)))
            .collect()
    }
}

fn utilization_target(from: &Reader<'_>, profile: Profile) -> Result<f64, OptionError> {
    let found = match profile {
        Profile::Next => {
            let names = ["utilization.target", "target.utilization"];
            from.first_of(&names, &names)
        }
        Profile::V1_10 => from.text("target.utilization"),
    };
    Ok(double(found)?.unwrap_or(0.7))
}

fn scale_down_interval(from: &Reader<'_>) -> Result<i64, OptionError> {
    let names = ["scale-down.interval", "scale-up.grace-period"];
    let found = from.first_of(&names, &["scale-up.grace-period", "scale-down.interval"]);
    Ok(duration_ms(found)?.unwrap_or(HOUR))
}

fn busy_aggregator(from: &Reader<'_>) -> Result<BusyAggregator, OptionError> {
    let values = [
        ("MAX", BusyAggregator::Max),
        ("AVG", BusyAggregator::Avg),
        ("MIN", BusyAggregator::Min),
    ];
    let found = from.text("metrics.busy-time.aggregator");
    Ok(choice(found, "`MAX`, `AVG` or `MIN`", &values)?.unwrap_or_default())
}

fn alignment(from: &Reader<'_>, profile: Profile) -> Result<Alignment, OptionError> {
    if profile == Profile::V1_10 {
        return Ok(Alignment::V1_10);
    }
    if let Some((_, name)) = from.text("scaling.parallelism-alignment.mode") {
        return Ok(match name {
            "EVENLY_SPREAD" => Alignment::EvenlySpread,
            "OFF" => Alignment::Off,
            // Names of plug-ins, which nobody but their operator can run, fall back as upstream does.
            _ => Alignment::Balanced,
        });
    }
    let values = [
        ("EVENLY_SPREAD", LegacyAdjust::EvenlySpread),
        ("MAXIMIZE_UTILISATION", LegacyAdjust::MaximizeUtilisation),
    ];
    let found = from.text("scaling.key-group.partitions.adjust.mode");
    let legacy = choice(found, "`EVENLY_SPREAD` or `MAXIMIZE_UTILISATION`", &values)?;
    Ok(legacy.map_or(Alignment::Balanced, Alignment::Legacy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)], profile: Profile) -> Result<Options, OptionError> {
        let pairs = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Options::read(&pairs.collect(), profile)
    }

    #[test]
    fn old_keys_answer_and_new_ones_win() {
        let table = [
            (vec![("job.autoscaler.target.utilization", "0.6")], 0.6),
            (
                vec![(
                    "kubernetes.operator.job.autoscaler.utilization.target",
                    "0.5",
                )],
                0.5,
            ),
            (
                vec![
                    ("job.autoscaler.target.utilization", "0.6"),
                    ("job.autoscaler.utilization.target", "0.8"),
                ],
                0.8,
            ),
            (
                vec![
                    ("job.autoscaler.target.utilization", "0.6"),
                    (
                        "kubernetes.operator.job.autoscaler.target.utilization",
                        "0.4",
                    ),
                ],
                0.4,
            ),
        ];
        for (pairs, expected) in table {
            let options = read(&pairs, Profile::Next).unwrap();
            assert_eq!(options.utilization_target, expected, "{pairs:?}");
        }
        let grace = [("job.autoscaler.scale-up.grace-period", "3 min")];
        let options = read(&grace, Profile::Next).unwrap();
        assert_eq!(options.scale_down_interval_ms, 3 * MINUTE);
    }

    #[test]
    fn the_old_profile_does_not_know_the_new_names() {
        let pairs = [
            ("job.autoscaler.utilization.target", "0.8"),
            ("job.autoscaler.observed-scalability.enabled", "true"),
            ("job.autoscaler.scaling.parallelism-alignment.mode", "OFF"),
        ];
        let options = read(&pairs, Profile::V1_10).unwrap();
        assert_eq!(options.utilization_target, 0.7);
        assert!(!options.observed_scalability);
        assert_eq!(options.alignment, Alignment::V1_10);
    }

    #[test]
    fn alignment_names_mind_the_letter_case() {
        let mode = "job.autoscaler.scaling.parallelism-alignment.mode";
        let legacy = "job.autoscaler.scaling.key-group.partitions.adjust.mode";
        let table = [
            (vec![], Alignment::Balanced),
            (vec![(mode, "OFF")], Alignment::Off),
            (vec![(mode, "off")], Alignment::Balanced),
            (
                vec![(mode, "mine"), (legacy, "EVENLY_SPREAD")],
                Alignment::Balanced,
            ),
            (
                vec![(legacy, "maximize_utilisation")],
                Alignment::Legacy(LegacyAdjust::MaximizeUtilisation),
            ),
        ];
        for (pairs, expected) in table {
            assert_eq!(read(&pairs, Profile::Next).unwrap().alignment, expected);
        }
    }

    #[test]
    fn wrong_types_are_refused_with_key_and_value() {
        let error = read(&[("job.autoscaler.metrics.window", "long")], Profile::Next).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`job.autoscaler.metrics.window`") && text.contains("`long`"));
    }

    #[test]
    fn values_out_of_range_are_named_when_enabled() {
        let pairs = [
            ("job.autoscaler.enabled", "true"),
            ("job.autoscaler.utilization.target", "0.7"),
            ("job.autoscaler.utilization.max", "0.6"),
            ("job.autoscaler.memory.tuning.overhead", "7"),
            ("job.autoscaler.excluded.periods", "never"),
        ];
        let violations = read(&pairs, Profile::Next).unwrap().violations();
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations[0].to_string().contains("utilization.max"));
        let disabled = read(&pairs[1..], Profile::Next).unwrap();
        assert!(disabled.violations().is_empty());
    }
}
