//! What a pull request advised, in numbers that a later run compares with: whether advice moved is a question of its content, not of
//! the exact values.

use super::evidence::FieldChange;
use serde::{Deserialize, Serialize};

/// How far the share that is saved must move until the advice is another one, percent points of the present cost.
pub const SAVING_POINTS: f64 = 10.0;

/// How far a size may lie from another one and still be the same, a share of it. Estimates of one load differ by as much from day to day.
const EQUAL_SHARE: f64 = 0.10;

/// How far a need may grow beyond a size until that no longer suffices, a share of the size.
const SUFFICES_SHARE: f64 = 0.05;

/// How far the load must rise above the one that was sized for until the risk is another one, a share.
const LOAD_SHARE: f64 = 0.10;

/// How far the probability of being short must rise until the risk is another one.
const RISK_RISE: f64 = 0.05;

/// What a pull request advised.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Stance {
    /// Whether it makes the job bigger because it is short.
    pub grows: bool,
    /// The fields that it sets.
    pub fields: Vec<FieldChange>,
    /// Share of the present cost that it saves, percent; negative costs more.
    pub saving_percent: f64,
    /// What the proposed size costs a month.
    pub cost_per_month: f64,
    /// Probability that the proposed size is short, 0..=1.
    pub probability_short: f64,
    /// The load that it is sized for, records/s.
    pub load_per_second: f64,
    /// Slots of all TaskManagers.
    pub slots: u32,
    /// Cores of all TaskManagers, thousandths.
    pub cpu_millis: u64,
    /// Process memory of one TaskManager, bytes.
    pub memory_bytes: u64,
    /// Process memory of all TaskManagers, bytes.
    pub memory_total_bytes: u64,
    /// Length of the history behind it, milliseconds.
    pub history_ms: i64,
    /// When it was written, Unix milliseconds.
    pub at_ms: i64,
}

impl Stance {
    /// Whether this size still suffices for what is advised now: it is not smaller in any dimension than that by more than the noise of
    /// an estimate, and was sized for the load.
    pub fn suffices_for(&self, now: &Stance) -> bool {
        let enough = |have: f64, need: f64| need <= have * (1.0 + SUFFICES_SHARE);
        enough(f64::from(self.slots), f64::from(now.slots))
            && enough(self.cpu_millis as f64, now.cpu_millis as f64)
            && enough(self.memory_bytes as f64, now.memory_bytes as f64)
            && enough(
                self.memory_total_bytes as f64,
                now.memory_total_bytes as f64,
            )
            && enough(self.load_per_second, now.load_per_second)
    }

    /// Whether the costs of both lie within the noise of an estimate.
    pub fn costs_as_much_as(&self, other: &Stance) -> bool {
        let scale = self.cost_per_month.abs().max(other.cost_per_month.abs());
        (self.cost_per_month - other.cost_per_month).abs() <= EQUAL_SHARE * scale
    }

    /// Whether the risk rose since: the load is beyond the one that was sized for, or the probability of being short rose.
    pub fn risk_rose_since(&self, earlier: &Stance) -> bool {
        self.load_per_second > earlier.load_per_second * (1.0 + LOAD_SHARE)
            || self.probability_short > earlier.probability_short + RISK_RISE
    }

    /// Whether this is advice of the same content as an earlier one: it goes the same way, touches no other dimension, saves as much to
    /// ten points, and, where it grows, answers no higher risk.
    pub fn is_same_advice_as(&self, earlier: &Stance) -> bool {
        self.grows == earlier.grows
            && self.dimensions().is_subset(&earlier.dimensions())
            && (self.saving_percent - earlier.saving_percent).abs() <= SAVING_POINTS
            && !(self.grows && self.risk_rose_since(earlier))
    }

    /// What its fields are about.
    pub fn dimensions(&self) -> std::collections::BTreeSet<Dimension> {
        self.fields
            .iter()
            .map(|field| Dimension::of(&field.path))
            .collect()
    }

    /// Whether the values that it starts from are those of another one, in the same files: the base is the same.
    pub fn starts_from(&self, other: &Stance) -> bool {
        let before = |stance: &Stance| {
            stance
                .fields
                .iter()
                .map(|field| {
                    let there = (field.file.clone(), field.before.clone());
                    (field.path.clone(), there)
                })
                .collect::<Vec<_>>()
        };
        let (ours, theirs) = (before(self), before(other));
        // A field that only one of them sets says nothing.
        ours.iter().all(|(path, value)| {
            theirs
                .iter()
                .all(|(other, there)| other != path || there == value)
        })
    }
}

/// What a field sizes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// Parallelism, TaskManagers, slots.
    Slots,
    /// Cores.
    Cpu,
    /// Memory and its pools.
    Memory,
    /// Anything else.
    Other,
}

impl Dimension {
    /// The dimension of a field's path.
    pub fn of(path: &str) -> Dimension {
        let path = path.to_ascii_lowercase();
        if path.contains("memory") {
            Dimension::Memory
        } else if path.contains("cpu") {
            Dimension::Cpu
        } else if path.contains("parallelism")
            || path.contains("replicas")
            || path.contains("taskslots")
        {
            Dimension::Slots
        } else {
            Dimension::Other
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Slots => "slots",
            Dimension::Cpu => "CPU",
            Dimension::Memory => "memory",
            Dimension::Other => "other fields",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stance(slots: u32, saving_percent: f64) -> Stance {
        Stance {
            fields: vec![FieldChange {
                file: "a.yaml".into(),
                path: "spec.job.parallelism".into(),
                before: Some(json!(12)),
                after: Some(json!(slots)),
            }],
            saving_percent,
            cost_per_month: f64::from(slots) * 10.0,
            load_per_second: 1000.0,
            slots,
            cpu_millis: u64::from(slots) * 500,
            memory_bytes: 4 << 30,
            memory_total_bytes: u64::from(slots) * (2 << 30),
            ..Stance::default()
        }
    }

    #[test]
    fn advice_is_the_same_until_its_content_moves() {
        let closed = stance(8, 33.0);
        let memory = Stance {
            fields: vec![FieldChange {
                file: "a.yaml".into(),
                path: "spec.taskManager.resource.memory".into(),
                before: None,
                after: Some(json!("2g")),
            }],
            ..closed.clone()
        };
        let riskier = Stance {
            load_per_second: 1200.0,
            ..stance(8, 33.0)
        };
        let grows = |load_per_second| Stance {
            grows: true,
            load_per_second,
            ..stance(16, -33.0)
        };
        for (now, earlier, same) in [
            (stance(8, 33.0), &closed, true),
            (stance(7, 42.0), &closed, true),
            (stance(9, 25.0), &closed, true),
            (stance(6, 50.0), &closed, false),
            (memory, &closed, false),
            // A higher load is no argument for a smaller size.
            (riskier, &closed, true),
            (grows(1000.0), &closed, false),
            (grows(1050.0), &grows(1000.0), true),
            (grows(1200.0), &grows(1000.0), false),
        ] {
            assert_eq!(now.is_same_advice_as(earlier), same, "{now:?}");
        }
    }

    #[test]
    fn a_size_suffices_within_the_noise_of_an_estimate() {
        let open = stance(20, 33.0);
        for (now, suffices, as_dear) in [
            (stance(20, 33.0), true, true),
            (stance(21, 30.0), true, true),
            (stance(22, 27.0), false, true),
            (stance(18, 40.0), true, true),
            (stance(15, 50.0), true, false),
            (
                Stance {
                    load_per_second: 1100.0,
                    ..stance(20, 33.0)
                },
                false,
                true,
            ),
            (
                Stance {
                    memory_bytes: 5 << 30,
                    ..stance(20, 33.0)
                },
                false,
                true,
            ),
        ] {
            assert_eq!(open.suffices_for(&now), suffices, "{now:?}");
            assert_eq!(open.costs_as_much_as(&now), as_dear, "{now:?}");
        }
    }
}
