//! Living with the operator's autoscaler: what its own options should say for this job, and whether it pays to switch it on.
//!
//! Parallelism stays the autoscaler's where it is on. Its bounds, its target and its assumed restart are nobody's until
//! someone derives them from data.

use super::Present;
use super::autoscaler_limits::{growth_begins, heap_over_mean, longest_catch_up_s};
use crate::evaluate::inputs::{autoscaler_options, restarts_ms};
use crate::evaluate::true_rate::options::{Options, Profile};
use crate::evaluate::{self, Swing, VertexCapacity, swing};
use crate::snapshot::History;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Highest share that a vertex may be busy at the end of a rise.
const FULL: f64 = 0.95;
/// Limits of a utilization target that is proposed.
const TARGET: (f64, f64) = (0.3, 0.85);
/// A target is left alone while it is as near as this.
const NEAR: f64 = 0.1;
/// Factor between an assumed and a seen restart from which the assumption is wrong.
const WRONG_RESTART: f64 = 1.5;
/// Time that the autoscaler takes at least to answer a rise beside its window: a pass, and the rescale, milliseconds.
const ANSWER_MS: i64 = 2 * 60_000;
/// Mean saving from which following the load pays, a share.
const WORTH: f64 = 0.25;
/// 95 % over 5 % quantile of the load from which it swings.
const SWINGS: f64 = 2.0;
/// By how much ln(capacity) rises with ln(parallelism).
const SCALING: f64 = 0.8;

/// An option of the autoscaler that the data speaks against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OptionAdvice {
    /// Its key, with the prefix that the manifest uses for it.
    pub option: String,
    /// What is in force, as the autoscaler reads it.
    pub before: String,
    /// What it should be.
    pub after: String,
    /// The numbers that say so, one sentence.
    pub why: String,
}

/// What the data says about the operator's autoscaler for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AutoscalerAdvice {
    /// Whether it decides on parallelism now.
    pub on: bool,
    /// Options to change; where it is off, those to switch it on with.
    pub options: Vec<OptionAdvice>,
    /// Where it is off: why it would pay, one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch_on: Option<String>,
    /// What is not known, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// The advice; absent where there is none to give.
pub fn autoscaler_advice(
    history: &History,
    present: &Present,
    load: &evaluate::Settings,
) -> Option<AutoscalerAdvice> {
    let options = autoscaler_options(&present.configuration, Profile::Next).options;
    let on = options.enabled && options.scaling_enabled;
    let within_ms = options.metrics_window_ms + ANSWER_MS;
    let swing = swing(history, load, within_ms);
    let swings = |swing: &Swing| swing.high_per_second >= swing.low_per_second * SWINGS;
    if !on && !swing.as_ref().is_some_and(swings) {
        return None;
    }
    let mut demand = evaluate::demand(history, load).ok()?;
    let mut capacities = evaluate::capacities(history, &demand);
    load.told.apply(&mut demand, &mut capacities);
    let needed = capacities.iter().filter_map(needed).max()?;
    let mut advice = AutoscalerAdvice {
        on,
        options: Vec::new(),
        switch_on: None,
        unknown: Vec::new(),
    };
    let restart = longest_restart_s(history);
    if swing.is_none() {
        advice
            .unknown
            .push("how fast the load rises: less than a day was seen".to_owned());
    }
    if restart.is_none() {
        advice
            .unknown
            .push("how long a restart takes: none was seen".to_owned());
    }
    if on {
        let set = Set {
            present,
            options: &options,
        };
        advice
            .options
            .extend(bounds(&set, needed, demand.required_per_second));
        advice.options.extend(
            swing
                .as_ref()
                .and_then(|swing| target(&set, swing, within_ms)),
        );
        advice
            .options
            .extend(restart.and_then(|seen| restart_time(&set, seen)));
        advice
            .options
            .extend(restart.and_then(|seen| catch_up(&set, seen, load)));
        advice
            .options
            .extend(swing.as_ref().and_then(|swing| growth_edge(&set, swing)));
        if options.memory_tuning {
            advice.options.extend(overhead(&set, history));
        }
    } else {
        let swing = swing?;
        let mean = following(
            &swing,
            needed,
            demand.required_per_second,
            wanted_target(&swing),
        );
        let share = 1.0 - mean / f64::from(needed);
        if share < WORTH {
            return None;
        }
        advice.switch_on = Some(format!(
            "the load swings between {:.0} and {:.0} records/s: following it takes {mean:.1} subtasks on average, a static size {needed}",
            swing.low_per_second, swing.high_per_second
        ));
        let set = Set {
            present,
            options: &options,
        };
        advice.options = settings_to_switch_on(&set, &swing, needed, restart);
    }
    (!advice.options.is_empty()).then_some(advice)
}

/// The configuration that options are read from and named in.
struct Set<'a> {
    present: &'a Present,
    options: &'a Options,
}

impl Set<'_> {
    fn say(&self, name: &str, before: String, after: String, why: String) -> OptionAdvice {
        let old = format!("kubernetes.operator.job.autoscaler.{name}");
        let new = format!("job.autoscaler.{name}");
        let configuration = &self.present.configuration;
        let old_only = configuration.contains_key(&old) && !configuration.contains_key(&new);
        OptionAdvice {
            option: if old_only { old } else { new },
            before,
            after,
            why,
        }
    }
}

/// Parallelism at which a vertex surely carries what it must: one-sided 95 %, capacity less than in proportion.
fn needed(vertex: &VertexCapacity) -> Option<u32> {
    let sure = vertex.true_rate_per_second * (-1.645 * vertex.sd_ln).exp();
    let ratio = vertex.required_per_second / sure;
    let wanted = f64::from(vertex.parallelism) * ratio.powf(1.0 / SCALING);
    let most = vertex.max_parallelism.unwrap_or(u32::MAX);
    (wanted.is_finite() && wanted > 0.0).then(|| (wanted.ceil() as u32).clamp(1, most))
}

fn bounds(set: &Set<'_>, needed: u32, required: f64) -> Option<OptionAdvice> {
    let (least, most) = (set.options.min_parallelism, set.options.max_parallelism);
    let wanted = i32::try_from(needed).unwrap_or(i32::MAX);
    let say = |name, before: i32, what| {
        let why = format!(
            "the load to carry, {required:.0} records/s, needs {needed} subtasks, and it {what}"
        );
        set.say(name, before.to_string(), needed.to_string(), why)
    };
    if most < wanted {
        Some(say("vertex.max-parallelism", most, "may not go there"))
    } else if least > wanted {
        Some(say(
            "vertex.min-parallelism",
            least,
            "may never go down to that",
        ))
    } else {
        None
    }
}

/// Room for what the load rises while the autoscaler looks and rescales, rounded down to 0.05.
fn wanted_target(swing: &Swing) -> f64 {
    let room = (FULL / swing.rise).clamp(TARGET.0, TARGET.1);
    // Rounding errors must not take a step.
    ((room + 1e-9) * 20.0).floor() / 20.0
}

fn target(set: &Set<'_>, swing: &Swing, within_ms: i64) -> Option<OptionAdvice> {
    let (now, wanted) = (set.options.utilization_target, wanted_target(swing));
    if (now - wanted).abs() < NEAR - 1e-9 {
        return None;
    }
    let why = format!(
        "within {} minutes, which it takes to see and answer it, the load rises by up to {:.0} % (99 % of the times)",
        within_ms / 60_000,
        (swing.rise - 1.0) * 100.0
    );
    Some(set.say(
        "utilization.target",
        format!("{now}"),
        format!("{wanted:.2}"),
        why,
    ))
}

fn longest_restart_s(history: &History) -> Option<f64> {
    let longest = restarts_ms(history).into_iter().max()?;
    Some((longest as f64 / 10_000.0).ceil() * 10.0)
}

fn restart_time(set: &Set<'_>, seen_s: f64) -> Option<OptionAdvice> {
    let assumed_s = set.options.restart_time_ms as f64 / 1000.0;
    let apart = (seen_s / assumed_s.max(1.0)).ln().abs() > WRONG_RESTART.ln();
    if set.options.restart_tracking || !apart {
        return None;
    }
    let why =
        format!("the longest restart seen took {seen_s:.0} s, and it plans with {assumed_s:.0} s");
    Some(set.say(
        "restart.time",
        format!("{assumed_s:.0} s"),
        format!("{seen_s:.0} s"),
        why,
    ))
}

/// Catching up takes the time that the users' lag allows: longer leaves them waiting, and none at all leaves the backlog of each
/// rescale to luck.
fn catch_up(set: &Set<'_>, restart_s: f64, load: &evaluate::Settings) -> Option<OptionAdvice> {
    let most_s = longest_catch_up_s(restart_s, load.lag_limit_seconds, load.catch_up_seconds)?;
    let now_s = set.options.catch_up_ms as f64 / 1000.0;
    let off = now_s <= 0.0;
    if !off && now_s <= most_s * WRONG_RESTART {
        return None;
    }
    let wanted_s = (most_s / 60.0).floor().max(1.0) * 60.0;
    let why = format!(
        "a restart leaves {restart_s:.0} s of lag, {:.0} s are accepted, and beyond that lag it may stay for {:.0} s; {}",
        load.lag_limit_seconds,
        load.catch_up_seconds,
        if off {
            "0 plans no room for catching up at all"
        } else {
            "catching up may take longer than that allows"
        }
    );
    Some(set.say(
        "catch-up.duration",
        format!("{now_s:.0} s"),
        format!("{wanted_s:.0} s"),
        why,
    ))
}

/// The upper edge of the band: at 1 growth begins when nothing is left, near the target noise is a reason to rescale.
fn growth_edge(set: &Set<'_>, swing: &Swing) -> Option<OptionAdvice> {
    let options = set.options;
    let moved = (options.utilization_target - wanted_target(swing)).abs() >= NEAR - 1e-9;
    let target = if moved {
        wanted_target(swing)
    } else {
        options.utilization_target
    };
    let (wanted, change) = growth_begins(swing, target, options.metrics_window_ms)?;
    let now = options
        .utilization_max
        .unwrap_or(options.utilization_target + options.utilization_boundary)
        .min(1.0);
    let outside = now <= target || (now - wanted).abs() >= NEAR - 1e-9;
    let why = format!(
        "from one window of {} minutes to the next the load changes by up to {:.0} % (95 % of the times): above a target of {target:.2} that alone is no reason to grow, and growth begins at {now:.2}{}",
        options.metrics_window_ms / 60_000,
        change * 100.0,
        if now >= 1.0 {
            ", when nothing is left"
        } else {
            ""
        }
    );
    outside.then(|| {
        set.say(
            "utilization.max",
            format!("{now:.2}"),
            format!("{wanted:.2}"),
            why,
        )
    })
}

/// What memory tuning adds to the mean heap of a window, where the highest use takes more.
fn overhead(set: &Set<'_>, history: &History) -> Option<OptionAdvice> {
    const MIB: f64 = 1024.0 * 1024.0;
    let (wanted, most, mean) = heap_over_mean(history)?;
    let now = set.options.memory_overhead;
    if wanted <= now + 1e-9 {
        return None;
    }
    let why = format!(
        "memory tuning adds it to the mean heap of a window: {:.0} MiB over the history, and {:.0} MiB at the highest",
        mean / MIB,
        most / MIB
    );
    Some(set.say(
        "memory.tuning.overhead",
        format!("{now:.2}"),
        format!("{wanted:.2}"),
        why,
    ))
}

/// Mean parallelism of a job that follows its load at a utilization target, in proportion, never above what is needed at most.
fn following(swing: &Swing, needed: u32, required: f64, target: f64) -> f64 {
    let at = |rate: &f64| {
        let own = f64::from(needed) * rate / required / target;
        own.ceil().clamp(1.0, f64::from(needed))
    };
    swing.rates.iter().map(at).sum::<f64>() / swing.rates.len().max(1) as f64
}

fn settings_to_switch_on(
    set: &Set<'_>,
    swing: &Swing,
    needed: u32,
    restart_s: Option<f64>,
) -> Vec<OptionAdvice> {
    let say = |name, before: String, after: String, why: &str| {
        set.say(name, before, after, why.to_owned())
    };
    let mut all = vec![
        say(
            "enabled",
            set.options.enabled.to_string(),
            "true".to_owned(),
            "it follows the load",
        ),
        say(
            "vertex.max-parallelism",
            set.options.max_parallelism.to_string(),
            needed.to_string(),
            "what the highest load needs",
        ),
        say(
            "utilization.target",
            set.options.utilization_target.to_string(),
            format!("{:.2}", wanted_target(swing)),
            "room for the fastest rise seen",
        ),
    ];
    if let Some(seen) = restart_s {
        let before = format!("{} s", set.options.restart_time_ms / 1000);
        all.push(say(
            "restart.time",
            before,
            format!("{seen:.0} s"),
            "the longest restart seen",
        ));
    }
    all
}
