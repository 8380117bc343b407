//! What a rule judges: one proposed change with all that is known of its job, as plain facts. The typed limits read the same facts as
//! the conditions, and the tests in a policy file write them.

use super::Standing;
use crate::recommend::{Direction, Recommendation, Size};
use crate::snapshot::JobKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
const HOUR_MS: f64 = 3_600_000.0;

/// One proposed change. Its default is the sample that conditions are checked against and that tests start from: a smaller size that
/// saves a third.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Case {
    /// Which job.
    pub job: JobFacts,
    /// The size in force.
    pub before: SizeFacts,
    /// The size proposed.
    pub after: SizeFacts,
    /// What the change is.
    pub change: ChangeFacts,
    /// What the job carries.
    pub load: LoadFacts,
    /// Ids of the verdicts: `overprovisioned-cpu`, `skewed`, …
    pub verdicts: Vec<String>,
    /// Its checkpoints.
    pub checkpoints: CheckpointFacts,
    /// Its latest merged change.
    pub last_change: LastChangeFacts,
    /// The time to decide at.
    pub now: NowFacts,
}

/// Which job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobFacts {
    /// Its cluster.
    pub cluster: String,
    /// `FlinkDeployment`, `FlinkSessionJob`, `FlinkBlueGreenDeployment`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its tier; empty where none is named.
    pub tier: String,
    /// Whether the operator's autoscaler owns its parallelism.
    pub autoscaler: bool,
    /// Labels of its manifest.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
}

/// A size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SizeFacts {
    /// Parallelism of the job.
    pub parallelism: i64,
    /// TaskManagers.
    pub task_managers: i64,
    /// Slots of a TaskManager.
    pub slots_per_task_manager: i64,
    /// Slots of all TaskManagers.
    pub slots: i64,
    /// Cores of a TaskManager.
    pub cpu: f64,
    /// Cores of all TaskManagers.
    pub cpu_total: f64,
    /// Process memory of a TaskManager, GiB.
    pub memory_gib: f64,
    /// Process memory of all TaskManagers, GiB.
    pub memory_total_gib: f64,
}

/// What the change is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeFacts {
    /// `shrink` or `grow`.
    pub direction: String,
    /// Cost of the present size a month, in the currency of the prices.
    pub cost_before: f64,
    /// Cost of the proposed size a month.
    pub cost_after: f64,
    /// What it saves a month; below zero costs more.
    pub saving_per_month: f64,
    /// The same as a share of the present cost.
    pub saving_share: f64,
    /// Probability that the proposed size can't carry the load it is sized for, 0..=1.
    pub probability_short: f64,
    /// Whether the proposed size ran before.
    pub tested: bool,
    /// Whether it is smaller a change than sizing wanted, because of rules.
    pub amended: bool,
}

/// What the job carries, records/s of its sources together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LoadFacts {
    /// Mean seen.
    pub mean_per_second: f64,
    /// Highest seen.
    pub highest_per_second: f64,
    /// What the size must carry.
    pub required_per_second: f64,
    /// Days of history behind it.
    pub history_days: f64,
}

/// Checkpoints of the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointFacts {
    /// Whether it takes any.
    pub enabled: bool,
    /// Whether one was completed as far as is known.
    pub completed: bool,
    /// Hours since the last completed one; 0 where none is known.
    pub last_hours_ago: f64,
}

/// The latest merged change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LastChangeFacts {
    /// Whether there was one.
    pub known: bool,
    /// Hours since it was merged; 0 where there was none.
    pub hours_ago: f64,
    /// Hours for which a change is watched.
    pub window_hours: f64,
    /// Sizes of this job that were reverted.
    pub reverted: i64,
}

/// The time to decide at, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NowFacts {
    /// Unix milliseconds.
    pub unix_ms: i64,
    /// `monday` to `sunday`.
    pub weekday: String,
    /// 0..=23.
    pub hour: i64,
    /// Day of the month, 1..=31.
    pub day: i64,
    /// 1..=12.
    pub month: i64,
}

impl Case {
    /// The facts of a recommendation; `amended` says that rules made it smaller than what sizing wanted.
    pub fn new(
        recommendation: &Recommendation,
        standing: &Standing,
        amended: bool,
        now_ms: i64,
    ) -> Case {
        let change = recommendation;
        let demand = &change.demand;
        let hours_since = |at_ms: i64| now_ms.saturating_sub(at_ms) as f64 / HOUR_MS;
        Case {
            job: JobFacts::new(&change.job, standing),
            before: SizeFacts::from(&change.now),
            after: SizeFacts::from(&change.proposed),
            change: ChangeFacts {
                direction: match change.direction {
                    Direction::Shrink => "shrink",
                    Direction::Grow => "grow",
                }
                .to_string(),
                cost_before: change.cost_now.per_month,
                cost_after: change.cost_proposed.per_month,
                saving_per_month: change.saving.per_month,
                saving_share: change.saving.share,
                probability_short: change.probability_short,
                tested: change.tested != "not tested",
                amended,
            },
            load: LoadFacts {
                mean_per_second: demand.mean_per_second,
                highest_per_second: demand.highest_per_second,
                required_per_second: demand.required_per_second,
                history_days: demand.history_ms as f64 / HOUR_MS / 24.0,
            },
            verdicts: standing.verdicts.clone(),
            checkpoints: CheckpointFacts {
                enabled: standing.checkpointing,
                completed: standing.last_checkpoint_ms.is_some(),
                last_hours_ago: standing.last_checkpoint_ms.map_or(0.0, hours_since),
            },
            last_change: LastChangeFacts {
                known: standing.last_merged_ms.is_some(),
                hours_ago: standing.last_merged_ms.map_or(0.0, hours_since),
                window_hours: standing.observation_window_ms as f64 / HOUR_MS,
                reverted: i64::try_from(standing.reverted.len()).unwrap_or(i64::MAX),
            },
            now: NowFacts::at(now_ms),
        }
    }
}

impl JobFacts {
    fn new(job: &JobKey, standing: &Standing) -> JobFacts {
        JobFacts {
            cluster: job.cluster.clone(),
            kind: job.kind.resource_kind().to_string(),
            namespace: job.namespace.clone(),
            name: job.name.clone(),
            tier: standing.tier.clone().unwrap_or_default(),
            autoscaler: standing.autoscaler,
            labels: standing.labels.clone(),
            annotations: standing.annotations.clone(),
        }
    }
}

impl From<&Size> for SizeFacts {
    fn from(size: &Size) -> SizeFacts {
        let task_managers = f64::from(size.task_managers);
        let cpu = size.cpu_millis as f64 / 1000.0;
        let memory_gib = size.memory_bytes as f64 / GIB;
        SizeFacts {
            parallelism: i64::from(size.parallelism),
            task_managers: i64::from(size.task_managers),
            slots_per_task_manager: i64::from(size.slots_per_task_manager),
            slots: i64::from(size.slots()),
            cpu,
            cpu_total: cpu * task_managers,
            memory_gib,
            memory_total_gib: memory_gib * task_managers,
        }
    }
}

impl NowFacts {
    fn at(now_ms: i64) -> NowFacts {
        let time = jiff::Timestamp::from_millisecond(now_ms)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_zoned(jiff::tz::TimeZone::UTC);
        let weekday = match time.weekday() {
            jiff::civil::Weekday::Monday => "monday",
            jiff::civil::Weekday::Tuesday => "tuesday",
            jiff::civil::Weekday::Wednesday => "wednesday",
            jiff::civil::Weekday::Thursday => "thursday",
            jiff::civil::Weekday::Friday => "friday",
            jiff::civil::Weekday::Saturday => "saturday",
            jiff::civil::Weekday::Sunday => "sunday",
        };
        NowFacts {
            unix_ms: now_ms,
            weekday: weekday.to_string(),
            hour: i64::from(time.hour()),
            day: i64::from(time.day()),
            month: i64::from(time.month()),
        }
    }
}

impl Default for Case {
    fn default() -> Case {
        Case {
            job: JobFacts::default(),
            before: SizeFacts::default(),
            after: SizeFacts {
                parallelism: 8,
                task_managers: 2,
                slots: 8,
                cpu_total: 4.0,
                memory_total_gib: 8.0,
                ..SizeFacts::default()
            },
            change: ChangeFacts::default(),
            load: LoadFacts::default(),
            verdicts: vec!["overprovisioned-cpu".to_string()],
            checkpoints: CheckpointFacts::default(),
            last_change: LastChangeFacts::default(),
            now: NowFacts::default(),
        }
    }
}

impl Default for JobFacts {
    fn default() -> JobFacts {
        JobFacts {
            cluster: "prod".to_string(),
            kind: "FlinkDeployment".to_string(),
            namespace: "payments".to_string(),
            name: "orders".to_string(),
            tier: String::new(),
            autoscaler: false,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }
}

impl Default for SizeFacts {
    fn default() -> SizeFacts {
        SizeFacts {
            parallelism: 12,
            task_managers: 3,
            slots_per_task_manager: 4,
            slots: 12,
            cpu: 2.0,
            cpu_total: 6.0,
            memory_gib: 4.0,
            memory_total_gib: 12.0,
        }
    }
}

impl Default for ChangeFacts {
    fn default() -> ChangeFacts {
        ChangeFacts {
            direction: "shrink".to_string(),
            cost_before: 216.0,
            cost_after: 144.0,
            saving_per_month: 72.0,
            saving_share: 1.0 / 3.0,
            probability_short: 0.02,
            tested: false,
            amended: false,
        }
    }
}

impl Default for LoadFacts {
    fn default() -> LoadFacts {
        LoadFacts {
            mean_per_second: 1_000.0,
            highest_per_second: 1_800.0,
            required_per_second: 2_200.0,
            history_days: 14.0,
        }
    }
}

impl Default for CheckpointFacts {
    fn default() -> CheckpointFacts {
        CheckpointFacts {
            enabled: true,
            completed: true,
            last_hours_ago: 0.05,
        }
    }
}

impl Default for LastChangeFacts {
    fn default() -> LastChangeFacts {
        LastChangeFacts {
            known: false,
            hours_ago: 0.0,
            window_hours: 72.0,
            reverted: 0,
        }
    }
}

impl Default for NowFacts {
    fn default() -> NowFacts {
        // 2026-03-02 09:00 UTC, a Monday.
        NowFacts::at(1_772_442_000_000)
    }
}
