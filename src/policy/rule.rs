//! What a policy file says.

use crate::quantity::{Cpu, FlinkDuration, Memory};
use crate::snapshot::JobKey;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What Plimsoll may do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing at all.
    Ignore,
    /// Say what would be proposed.
    #[default]
    Report,
    /// Open pull requests.
    Propose,
}

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
    /// Whether a job of a tier is meant.
    pub fn matches(&self, job: &JobKey, tier: Option<&str>) -> bool {
        let any =
            |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        any(&self.clusters, &job.cluster)
            && any(&self.namespaces, &job.namespace)
            && any(&self.jobs, &job.short())
            && (self.tiers.is_empty() || tier.is_some_and(|tier| any(&self.tiers, tier)))
    }
}

/// What a rule limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Limit {
    /// Total slots, CPU and memory may each go down by at most this share in one change.
    StepDown {
        /// 0 < share <= 1; 1 is no limit.
        share: f64,
    },
    /// After a merged change, shrink again only when this time has passed; by default the observation window.
    Cooldown {
        /// How long; absent: as long as the observation window.
        #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
        duration: Option<FlinkDuration>,
    },
    /// Hold a smaller size that falls short of its load with a higher probability than this.
    Probability {
        /// 0..=1.
        at_most: f64,
    },
    /// Hold changes that save less than this.
    MinSaving {
        /// Share of the present cost, 0..=1.
        #[serde(default)]
        share: f64,
        /// Amount a month, in the currency of the prices.
        #[serde(default)]
        per_month: f64,
    },
    /// Hold a smaller size while the job completes no checkpoints.
    CheckpointHealth {
        /// The last completed one may be this old.
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
        min: Option<u32>,
        /// At most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
    },
    /// At least so many TaskManagers.
    TaskManagers {
        /// At least.
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
    /// Why it is there, one sentence; shown to those whom it holds.
    pub reason: String,
    /// Which jobs; absent: all.
    #[serde(default)]
    pub when: Selector,
    /// What it limits.
    pub limit: Limit,
}

/// A policy that can't be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// Two files of the user's hold the same id.
    #[error("rule `{0}` stands in two policy files: give one of them another id")]
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
    /// A shipped rule does not parse (a defect of Plimsoll's own).
    #[error("shipped policy does not parse: {0}")]
    Shipped(String),
}

impl Rule {
    /// Refuses numbers that make no sense.
    pub fn validate(&self) -> Result<(), RuleError> {
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
            yaml_serde::from_str(text).map_err(|error| RuleError::Shipped(error.to_string()))
        })
        .collect()
}

/// The shipped rules with the user's in place of those with the same id, and the user's others behind them.
pub fn with_overrides(own: Vec<Rule>) -> Result<Vec<Rule>, RuleError> {
    let mut rules = shipped()?;
    let shipped_count = rules.len();
    for rule in own {
        rule.validate()?;
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
