//! What a policy file says.

use super::Ruling;
use super::case::{Case, JobFacts};
use super::condition::Condition;
use crate::quantity::{Cpu, FlinkDuration, Memory};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which jobs a rule is about: all conditions that are given must hold; an empty selector is about every job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Clusters by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// Namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Jobs as `namespace/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
    /// Tiers, as the annotation `plimsoll.dev/tier` or the configuration says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
}

impl Selector {
    /// Whether a job is meant.
    pub fn matches(&self, job: &JobFacts) -> bool {
        let any =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        any(&self.clusters, &job.cluster)
            && any(&self.namespaces, &job.namespace)
            && any(&self.jobs, &format!("{}/{}", job.namespace, job.name))
            && (self.tiers.is_empty() || self.tiers.iter().any(|tier| is_tier(tier, &job.tier)))
    }
}

/// Whether a job's tier is the one that a selector names: case and surrounding blanks aside. No tier is none.
fn is_tier(named: &str, tier: &str) -> bool {
    let tier = tier.trim();
    !tier.is_empty() && named.trim().to_lowercase() == tier.to_lowercase()
}

/// What a rule limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Limit {
    /// Total slots, CPU and memory may each go down by at most this share in one change.
    StepDown {
        /// 0 < share <= 1; 1 is no limit.
        #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
        share: f64,
    },
    /// After a merged change, shrink again only when this time has passed; by default the observation window.
    Cooldown {
        /// How long; absent: as long as the observation window.
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        #[schemars(extend("shortest" = "1 ms"))]
        duration: Option<FlinkDuration>,
    },
    /// Hold a smaller size that falls short of its load with a higher probability than this.
    Probability {
        /// 0..=1.
        #[schemars(range(min = 0.0, max = 1.0))]
        at_most: f64,
    },
    /// Hold changes that save less than this.
    MinSaving {
        /// Share of the present cost, 0..=1.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 1.0))]
        share: f64,
        /// Amount a month, in the currency of the prices.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        per_month: f64,
    },
    /// Hold a smaller size while the job completes no checkpoints.
    CheckpointHealth {
        /// The last completed one may be this old.
        #[schemars(extend("shortest" = "1 ms"))]
        completed_within: FlinkDuration,
    },
    /// Process memory of a TaskManager stays within.
    Memory {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<Memory>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<Memory>,
    },
    /// CPU of a TaskManager stays within.
    Cpu {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<Cpu>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<Cpu>,
    },
    /// Parallelism stays within.
    Parallelism {
        /// At least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        min: Option<u32>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(range(min = 1))]
        max: Option<u32>,
    },
    /// At least so many TaskManagers.
    TaskManagers {
        /// At least.
        #[schemars(range(min = 1))]
        min: u32,
    },
    /// Nothing is proposed between two times (a freeze).
    Freeze {
        /// Begin, RFC 3339.
        #[schemars(with = "String")]
        from: Timestamp,
        /// End, RFC 3339.
        #[schemars(with = "String")]
        to: Timestamp,
    },
    /// Nothing is proposed for these jobs.
    Hold,
    /// The rule is switched off: an override that takes a shipped rule away.
    Off,
}

/// One rule; one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its id, which every decision names. A rule of yours with a shipped rule's id takes its place.
    pub id: String,
    /// Why it is there, one sentence.
    pub reason: String,
    /// What is said to those whom it holds; absent: the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which jobs; absent: all.
    #[serde(default)]
    pub when: Selector,
    /// A condition in CEL over the facts of a change (`plimsoll schema policy` names them): the rule applies only where it holds.
    #[serde(default, rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What it limits.
    pub limit: Limit,
    /// Changes and what the rule must say of them; `plimsoll check` runs them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<RuleTest>,
}

/// A change and what the rule must say of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTest {
    /// What it shows.
    pub name: String,
    /// The change; facts that are left out are those of the sample, a smaller size that saves a third.
    #[serde(default)]
    pub given: Case,
    /// What the rule must say; a rule that is not about the change passes it.
    pub expect: Ruling,
}

/// A policy that can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Two files of the user's hold the same id.
    #[error("rule `{0}` is in two policy files: give one of them another id")]
    Twice(String),
    /// A share or probability outside its range.
    #[error("rule `{id}`: {field} is {value}, and must lie within {range}")]
    Range {
        /// The rule.
        id: String,
        /// Which number.
        field: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A lower limit above the upper one.
    #[error("rule `{0}`: min is above max")]
    Inverted(String),
    /// A condition that can't be used, with its place in the condition's text.
    #[error("rule `{id}`: `if`, line {line}, column {column}: {message}")]
    Condition {
        /// The rule.
        id: String,
        /// Line in the condition's text, from 1.
        line: usize,
        /// Column in that line, from 1.
        column: usize,
        /// What is wrong and what was meant.
        message: String,
    },
    /// A shipped rule does not parse (a defect of Plimsoll's own).
    #[error("shipped policy does not parse: {0}")]
    Shipped(String),
}

impl Rule {
    /// What is said to those whom it holds.
    pub fn said(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.reason)
    }

    /// Refuses what makes no sense, and compiles the condition: a rule is of use only after it.
    ///
    /// # Errors
    /// Numbers out of range; a condition that does not parse, names what does not exist, or gives no truth value.
    pub fn prepare(&mut self) -> Result<(), RuleError> {
        self.validate()?;
        let Some(condition) = &mut self.condition else {
            return Ok(());
        };
        condition.compile().map_err(|misfit| RuleError::Condition {
            id: self.id.clone(),
            line: misfit.line,
            column: misfit.column,
            message: misfit.message,
        })
    }

    /// Runs the rule's own tests: a sentence for each that fails.
    pub fn failed_tests(&self) -> Vec<String> {
        let told = |test: &RuleTest| {
            let outcome = self.judge(&test.given);
            let ruling = outcome.as_ref().map_or(Ruling::Passed, |told| told.ruling);
            let why = outcome.map_or_else(
                || "the rule is not about it".to_owned(),
                |told| told.message,
            );
            (ruling != test.expect).then(|| {
                format!(
                    "rule `{}`, test `{}`: expected {}, got {} ({why})",
                    self.id, test.name, test.expect, ruling
                )
            })
        };
        self.tests.iter().filter_map(told).collect()
    }

    /// Refuses numbers that make no sense.
    fn validate(&self) -> Result<(), RuleError> {
        let range = |field, value: f64, ok: bool, range| {
            if ok && value.is_finite() {
                Ok(())
            } else {
                Err(RuleError::Range {
                    id: self.id.clone(),
                    field,
                    value,
                    range,
                })
            }
        };
        match &self.limit {
            Limit::StepDown { share } => range(
                "share",
                *share,
                *share > 0.0 && *share <= 1.0,
                "0 (excluded) to 1",
            ),
            Limit::Probability { at_most } => {
                range("at_most", *at_most, (0.0..=1.0).contains(at_most), "0 to 1")
            }
            Limit::MinSaving { share, per_month } => {
                range("share", *share, (0.0..=1.0).contains(share), "0 to 1")?;
                range("per_month", *per_month, *per_month >= 0.0, "0 and above")
            }
            Limit::Memory {
                min: Some(min),
                max: Some(max),
            } if min > max => Err(RuleError::Inverted(self.id.clone())),
            Limit::Cpu {
                min: Some(min),
                max: Some(max),
            } if min > max => Err(RuleError::Inverted(self.id.clone())),
            Limit::Parallelism {
                min: Some(min),
                max: Some(max),
            } if min > max => Err(RuleError::Inverted(self.id.clone())),
            Limit::Freeze { from, to } if from > to => Err(RuleError::Inverted(self.id.clone())),
            _ => Ok(()),
        }
    }
}

const SHIPPED: [&str; 5] = [
    include_str!("../../policies/step-down.yaml"),
    include_str!("../../policies/cooldown.yaml"),
    include_str!("../../policies/probability.yaml"),
    include_str!("../../policies/min-saving.yaml"),
    include_str!("../../policies/checkpoint-health.yaml"),
];

/// The rules that Plimsoll ships, in the order in which they are applied.
pub fn shipped() -> Result<Vec<Rule>, RuleError> {
    SHIPPED
        .iter()
        .map(|text| {
            let mut rule: Rule = yaml_serde::from_str(text)
                .map_err(|error| RuleError::Shipped(error.to_string()))?;
            rule.prepare()?;
            Ok(rule)
        })
        .collect()
}

/// The shipped rules with the user's in place of those with the same id, and the user's others behind them.
pub fn with_overrides(own: Vec<Rule>) -> Result<Vec<Rule>, RuleError> {
    let mut rules = shipped()?;
    let shipped_count = rules.len();
    for mut rule in own {
        rule.prepare()?;
        match rules.iter().position(|other| other.id == rule.id) {
            Some(at) if at < shipped_count && rules[at] != rule => rules[at] = rule,
            Some(at) if at < shipped_count => {}
            Some(_) => return Err(RuleError::Twice(rule.id)),
            None => rules.push(rule),
        }
    }
    rules.retain(|rule| rule.limit != Limit::Off);
    Ok(rules)
}
