//! The rules applied to one job's advice.

use super::rule::{Limit, Mode, Rule};
use crate::recommend::{Advice, Bounds, Direction, Recommendation, RevertedSize};
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a job stands when it is judged: all that is not a matter of its size.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// What may be done with it (annotation before configuration).
    pub mode: Mode,
    /// The reason that the annotation `plimsoll.dev/reason` gives for it.
    pub mode_reason: Option<String>,
    /// Its tier.
    pub tier: Option<String>,
    /// Until when the annotation `plimsoll.dev/hold-until` holds it, Unix milliseconds.
    pub hold_until_ms: Option<i64>,
    /// Whether the operator's autoscaler owns its parallelism.
    pub autoscaler: bool,
    /// When its latest change was merged, Unix milliseconds.
    pub last_merged_ms: Option<i64>,
    /// The observation window of that change, milliseconds.
    pub observation_window_ms: i64,
    /// Sizes that hurt before.
    pub reverted: Vec<RevertedSize>,
    /// When its latest completed checkpoint ended, Unix milliseconds.
    pub last_checkpoint_ms: Option<i64>,
    /// Whether it takes checkpoints at all.
    pub checkpointing: bool,
}

/// What a rule said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// It had nothing against it.
    Passed,
    /// It made the change smaller.
    Amended,
    /// It holds the change.
    Held,
}

/// A rule and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuleOutcome {
    /// The rule's id, with its number where it has one: `cooldown.72h`.
    pub rule: String,
    /// What it said.
    pub ruling: Ruling,
    /// One sentence.
    pub message: String,
    /// When it will say otherwise, if a date does that, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
}

/// The decision on one recommendation: allowed as it is, amended, or held; always with the rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The strongest ruling of all.
    pub ruling: Ruling,
    /// All rules that are about the job, in order.
    pub rules: Vec<RuleOutcome>,
}

impl Decision {
    /// The rule that decided: the first that holds, else the first that amends.
    pub fn decisive(&self) -> Option<&RuleOutcome> {
        let of = |ruling| self.rules.iter().find(|outcome| outcome.ruling == ruling);
        of(Ruling::Held).or_else(|| of(Ruling::Amended))
    }
}

/// The limits that rules and standing set on the search for a size.
pub fn bounds(job: &JobKey, standing: &Standing, rules: &[Rule]) -> Bounds {
    let mut bounds = Bounds {
        keep_parallelism: standing.autoscaler,
        reverted: standing.reverted.clone(),
        ..Bounds::default()
    };
    for rule in about(job, standing, rules) {
        match &rule.limit {
            Limit::StepDown { share } if *share < 1.0 => {
                bounds.step_down = tighter(bounds.step_down, Some(*share), f64::min)
            }
            Limit::Memory { min, max } => {
                bounds.min_memory_bytes = tighter(
                    bounds.min_memory_bytes,
                    min.as_ref().map(|memory| memory.bytes()),
                    u64::max,
                );
                bounds.max_memory_bytes = tighter(
                    bounds.max_memory_bytes,
                    max.as_ref().map(|memory| memory.bytes()),
                    u64::min,
                );
            }
            Limit::Cpu { min, max } => {
                bounds.min_cpu_millis = tighter(
                    bounds.min_cpu_millis,
                    min.as_ref().map(|cpu| cpu.millicores()),
                    u64::max,
                );
                bounds.max_cpu_millis = tighter(
                    bounds.max_cpu_millis,
                    max.as_ref().map(|cpu| cpu.millicores()),
                    u64::min,
                );
            }
            Limit::Parallelism { min, max } => {
                bounds.min_parallelism = tighter(bounds.min_parallelism, *min, u32::max);
                bounds.max_parallelism = tighter(bounds.max_parallelism, *max, u32::min);
            }
            Limit::TaskManagers { min } => {
                bounds.min_task_managers = tighter(bounds.min_task_managers, Some(*min), u32::max);
            }
            _ => {}
        }
    }
    bounds
}

/// Judges what sizing wants (`wanted`, searched without bounds) and what it gives within [`bounds`] (`allowed`).
pub fn decide(
    wanted: &Advice,
    allowed: &Recommendation,
    standing: &Standing,
    rules: &[Rule],
    now_ms: i64,
) -> Decision {
    let mut outcomes = Vec::new();
    if let Some(until) = standing.hold_until_ms.filter(|until| *until > now_ms) {
        outcomes.push(held(
            "hold-until",
            "the job's annotation plimsoll.dev/hold-until holds it",
            Some(until),
        ));
    }
    let amended = !matches!(wanted, Advice::Change(wanted) if wanted.proposed == allowed.proposed);
    for rule in about(&allowed.job, standing, rules) {
        outcomes.push(judge(rule, allowed, standing, amended, now_ms));
    }
    if standing.autoscaler {
        outcomes.push(RuleOutcome {
            rule: "owned-by-autoscaler".to_string(),
            ruling: Ruling::Amended,
            message: "the operator's autoscaler owns the job's parallelism: it stays as it is"
                .to_string(),
            until_ms: None,
        });
    }
    let ruling = if outcomes
        .iter()
        .any(|outcome| outcome.ruling == Ruling::Held)
    {
        Ruling::Held
    } else if outcomes
        .iter()
        .any(|outcome| outcome.ruling == Ruling::Amended)
    {
        Ruling::Amended
    } else {
        Ruling::Passed
    };
    Decision {
        ruling,
        rules: outcomes,
    }
}

fn about<'a>(
    job: &'a JobKey,
    standing: &'a Standing,
    rules: &'a [Rule],
) -> impl Iterator<Item = &'a Rule> {
    rules
        .iter()
        .filter(move |rule| rule.when.matches(job, standing.tier.as_deref()))
}

fn judge(
    rule: &Rule,
    change: &Recommendation,
    standing: &Standing,
    amended: bool,
    now_ms: i64,
) -> RuleOutcome {
    let shrinks = change.direction == Direction::Shrink;
    match &rule.limit {
        Limit::StepDown { share } => {
            let id = format!("{}.{}%", rule.id, percent(*share));
            if amended && shrinks {
                let message = format!(
                    "one change takes at most {} % of slots, CPU or memory away",
                    percent(*share)
                );
                outcome(&id, Ruling::Amended, &message)
            } else {
                passed(&id)
            }
        }
        Limit::Cooldown { duration } => {
            let cooldown_ms = duration
                .as_ref()
                .map_or(standing.observation_window_ms, |duration| {
                    duration.millis() as i64
                });
            let id = format!("{}.{}", rule.id, FlinkHours(cooldown_ms));
            match standing
                .last_merged_ms
                .map(|merged| merged.saturating_add(cooldown_ms))
            {
                Some(until) if shrinks && until > now_ms => held(&id, &rule.reason, Some(until)),
                _ => passed(&id),
            }
        }
        Limit::Probability { at_most } => {
            let id = format!("{}.{}%", rule.id, percent(*at_most));
            if shrinks && change.probability_short > *at_most {
                held(&id, &rule.reason, None)
            } else {
                passed(&id)
            }
        }
        Limit::MinSaving { share, per_month } => {
            let id = format!("{}.{}%", rule.id, percent(*share));
            if shrinks && (change.saving.share < *share || change.saving.per_month < *per_month) {
                held(&id, &rule.reason, None)
            } else {
                passed(&id)
            }
        }
        Limit::CheckpointHealth { completed_within } => {
            let limit_ms = completed_within.millis() as i64;
            let fresh = standing
                .last_checkpoint_ms
                .is_some_and(|at| now_ms.saturating_sub(at) <= limit_ms);
            if shrinks && standing.checkpointing && !fresh {
                held(&rule.id, &rule.reason, None)
            } else {
                passed(&rule.id)
            }
        }
        Limit::Freeze { from, to } => {
            if (from.as_millisecond()..to.as_millisecond()).contains(&now_ms) {
                held(&rule.id, &rule.reason, Some(to.as_millisecond()))
            } else {
                passed(&rule.id)
            }
        }
        Limit::Hold => held(&rule.id, &rule.reason, None),
        Limit::Memory { .. }
        | Limit::Cpu { .. }
        | Limit::Parallelism { .. }
        | Limit::TaskManagers { .. } => {
            if amended {
                outcome(&rule.id, Ruling::Amended, &rule.reason)
            } else {
                passed(&rule.id)
            }
        }
        Limit::Off => passed(&rule.id),
    }
}

fn outcome(rule: &str, ruling: Ruling, message: &str) -> RuleOutcome {
    RuleOutcome {
        rule: rule.to_string(),
        ruling,
        message: message.to_string(),
        until_ms: None,
    }
}

fn passed(rule: &str) -> RuleOutcome {
    outcome(rule, Ruling::Passed, "passed")
}

fn held(rule: &str, message: &str, until_ms: Option<i64>) -> RuleOutcome {
    RuleOutcome {
        until_ms,
        ..outcome(rule, Ruling::Held, message)
    }
}

fn tighter<T>(present: Option<T>, new: Option<T>, pick: impl Fn(T, T) -> T) -> Option<T> {
    match (present, new) {
        (Some(present), Some(new)) => Some(pick(present, new)),
        (present, new) => present.or(new),
    }
}

fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// A duration in whole hours where it has them, else in minutes: `72h`, `90m`.
struct FlinkHours(i64);

impl std::fmt::Display for FlinkHours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = self.0 / 60_000;
        if minutes % 60 == 0 {
            write!(f, "{}h", minutes / 60)
        } else {
            write!(f, "{minutes}m")
        }
    }
}
