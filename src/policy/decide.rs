//! The rules applied to one job's advice.

use super::case::Case;
use super::rule::{Limit, Rule};
use crate::owner::Mode;
use crate::recommend::{Advice, Bounds, Recommendation, RevertedSize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const HOUR_MS: f64 = 3_600_000.0;

/// How a job stands when it is judged: all that is not a matter of its size.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// What may be done with it (annotation before configuration).
    pub mode: Mode,
    /// The reason that the annotation `plimsoll.dev/reason` gives for it.
    pub mode_reason: Option<String>,
    /// Its tier.
    pub tier: Option<String>,
    /// Labels of its manifest.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    /// Ids of its verdicts.
    pub verdicts: Vec<String>,
    /// What its owner says that is not understood, one sentence: as long as there is any, nothing changes. May hold foreign text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
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

impl std::fmt::Display for Ruling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ruling::Passed => "passed",
            Ruling::Amended => "amended",
            Ruling::Held => "held",
        })
    }
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

/// The limits that rules and standing set on the search for a size. The conditions of rules see the size that is wanted without them.
pub fn bounds(wanted: &Recommendation, standing: &Standing, rules: &[Rule], now_ms: i64) -> Bounds {
    let mut bounds = Bounds {
        keep_parallelism: standing.autoscaler,
        reverted: standing.reverted.clone(),
        ..Bounds::default()
    };
    let case = Case::new(wanted, standing, false, now_ms);
    // A condition that can't be evaluated is taken as met: the tighter limit is the safe one.
    let meant = |rule: &&Rule| rule.applies(&case).unwrap_or(true);
    for rule in rules.iter().filter(meant) {
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
    if let Some(unreadable) = &standing.unreadable {
        outcomes.push(held("owner-unreadable", unreadable, None));
    }
    if let Some(until) = standing.hold_until_ms.filter(|until| *until > now_ms) {
        outcomes.push(held(
            "hold-until",
            "the job's annotation plimsoll.dev/hold-until holds it",
            Some(until),
        ));
    }
    let amended = !matches!(wanted, Advice::Change(wanted) if wanted.proposed == allowed.proposed);
    let case = Case::new(allowed, standing, amended, now_ms);
    outcomes.extend(rules.iter().filter_map(|rule| rule.judge(&case)));
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

impl Rule {
    /// Whether the rule is about a case: its selector and its condition.
    ///
    /// # Errors
    /// A condition that can't be evaluated.
    fn applies(&self, case: &Case) -> Result<bool, String> {
        if !self.when.matches(&case.job) {
            return Ok(false);
        }
        match &self.condition {
            Some(condition) => condition.holds(case),
            None => Ok(true),
        }
    }

    /// What the rule says of a case; nothing when it is not about it. A condition that can't be evaluated holds the change: a rule that is
    /// passed over for a mistake in it protects nobody.
    pub fn judge(&self, case: &Case) -> Option<RuleOutcome> {
        match self.applies(case) {
            Ok(true) => Some(self.limited(case)),
            Ok(false) => None,
            Err(why) => {
                let message =
                    format!("its condition could not be evaluated, so the change is held: {why}");
                Some(held(&self.id, &message, None))
            }
        }
    }

    fn limited(&self, case: &Case) -> RuleOutcome {
        let shrinks = case.change.direction == "shrink";
        let now_ms = case.now.unix_ms;
        match &self.limit {
            Limit::StepDown { share } => {
                let id = format!("{}.{}%", self.id, percent(*share));
                if case.change.amended && shrinks {
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
                let last = &case.last_change;
                let hours = duration.as_ref().map_or(last.window_hours, |duration| {
                    duration.millis() as f64 / HOUR_MS
                });
                let id = format!("{}.{}", self.id, Hours(hours));
                let left_ms = ((hours - last.hours_ago) * HOUR_MS).round() as i64;
                if shrinks && last.known && left_ms > 0 {
                    held(&id, self.said(), Some(now_ms.saturating_add(left_ms)))
                } else {
                    passed(&id)
                }
            }
            Limit::Probability { at_most } => {
                let id = format!("{}.{}%", self.id, percent(*at_most));
                self.hold(&id, shrinks && case.change.probability_short > *at_most)
            }
            Limit::MinSaving { share, per_month } => {
                let id = format!("{}.{}%", self.id, percent(*share));
                let change = &case.change;
                let small = change.saving_share < *share || change.saving_per_month < *per_month;
                self.hold(&id, shrinks && small)
            }
            Limit::CheckpointHealth { completed_within } => {
                let checkpoints = &case.checkpoints;
                let hours = completed_within.millis() as f64 / HOUR_MS;
                let fresh = checkpoints.completed && checkpoints.last_hours_ago <= hours;
                self.hold(&self.id, shrinks && checkpoints.enabled && !fresh)
            }
            Limit::Freeze { from, to } => {
                if (from.as_millisecond()..to.as_millisecond()).contains(&now_ms) {
                    held(&self.id, self.said(), Some(to.as_millisecond()))
                } else {
                    passed(&self.id)
                }
            }
            Limit::Hold => held(&self.id, self.said(), None),
            Limit::Memory { .. }
            | Limit::Cpu { .. }
            | Limit::Parallelism { .. }
            | Limit::TaskManagers { .. } => {
                if case.change.amended {
                    outcome(&self.id, Ruling::Amended, self.said())
                } else {
                    passed(&self.id)
                }
            }
            Limit::Off => passed(&self.id),
        }
    }

    fn hold(&self, id: &str, holds: bool) -> RuleOutcome {
        if holds {
            held(id, self.said(), None)
        } else {
            passed(id)
        }
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
struct Hours(f64);

impl std::fmt::Display for Hours {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let minutes = (self.0 * 60.0).round() as i64;
        if minutes % 60 == 0 {
            write!(f, "{}h", minutes / 60)
        } else {
            write!(f, "{minutes}m")
        }
    }
}
