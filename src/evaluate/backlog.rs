//! The backlog rule of the Beam autoscaler: TaskManagers from backlog, its growth, and CPU.
//!
//! ```text
//! backlog time  = backlog / throughput                         seconds to clear it without new input
//! grow          if backlog time > 120 s or CPU > 90 %
//!   required    = current · (growth + throughput) / throughput  keeps up; current without growth
//!   extra       = current · backlog time / 60 s                 clears what is there in time
//!   new         = min(⌈required + extra⌉, most)
//! shrink        if CPU < 70 %, no growth, and backlog time < 10 s
//!   new         = ⌈current · CPU / 70 %⌉
//! ```
//!
//! Source: Apache Beam blog, "Behind the Scenes: Crafting an Autoscaler for Apache Beam in a
//! High-Volume Streaming Environment" (December 2023). The unit is the TaskManager: in reactive mode
//! Flink takes every slot it gets, and only caps on parallelism hold it back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rule's constants; the defaults are those of the source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Grow above this backlog time, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub grow_backlog_s: f64,
    /// Grow above this CPU, as a share.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub grow_cpu: f64,
    /// Clear a backlog within this time, s.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub clear_within_s: f64,
    /// Shrink below this CPU, as a share; also what is aimed at.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shrink_cpu: f64,
    /// Shrink below this backlog time, s.
    #[schemars(range(min = 0.0))]
    pub shrink_backlog_s: f64,
    /// Most TaskManagers that it asks for; absent: as many as partitions and key groups allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub most_task_managers: Option<u32>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            grow_backlog_s: 120.0,
            grow_cpu: 0.9,
            clear_within_s: 60.0,
            shrink_cpu: 0.7,
            shrink_backlog_s: 10.0,
            most_task_managers: None,
        }
    }
}

/// A job as the rule sees it. `None` is not measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Records processed per second.
    pub throughput: Option<f64>,
    /// Records waiting.
    pub backlog: Option<f64>,
    /// Change of the records waiting, per second.
    pub backlog_growth: Option<f64>,
    /// CPU in use as a share of what the TaskManagers have.
    pub cpu: Option<f64>,
    /// TaskManagers now, at least 1.
    pub task_managers: u32,
    /// Slots of each, at least 1.
    pub slots_per_task_manager: u32,
    /// Partitions of the widest source, if known: more readers would idle.
    pub partitions: Option<u32>,
    /// The job's largest parallelism: its key groups.
    pub max_parallelism: Option<u32>,
    /// Whether the scheduler is reactive, so that parallelism follows from slots and cannot be set.
    pub reactive: bool,
}

/// Why the rule says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BacklogError {
    /// A signal is missing, NaN, infinite, or negative where that means nothing.
    #[error("the backlog rule needs `{signal}`, which was not measured")]
    Missing {
        /// Which signal.
        signal: &'static str,
    },
    /// Records wait or pile up while none are processed: the rule divides by the throughput.
    #[error("records wait, but none are processed; look for what stops the job before resizing it")]
    NothingProcessed,
    /// Without TaskManagers or slots there is nothing to scale.
    #[error("the job has no TaskManagers or no slots; it cannot be scaled from nothing")]
    NoTaskManagers,
}

/// Why the size stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Neither condition holds.
    WithinLimits,
    /// It should grow, but partitions or key groups forbid it, or it is at the limit.
    AtLimit,
    /// CPU is high, but without a backlog the rule asks for no TaskManager more.
    BusyWithoutBacklog,
}

/// What the rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// The size stays.
    Keep(Keep),
    /// Another number of TaskManagers.
    Resize {
        /// How many, at least 1.
        task_managers: u32,
        /// The parallelism to set; `None` in reactive mode, where it follows.
        parallelism: Option<u32>,
    },
}

/// What the rule says about a job.
pub fn advise(job: &Job, limits: &Limits) -> Result<Advice, BacklogError> {
    if job.task_managers == 0 || job.slots_per_task_manager == 0 {
        return Err(BacklogError::NoTaskManagers);
    }
    let throughput = known("throughput", job.throughput, 0.0)?;
    let backlog = known("backlog", job.backlog, 0.0)?;
    let growth = known("backlog growth", job.backlog_growth, f64::NEG_INFINITY)?;
    let cpu = known("CPU", job.cpu, 0.0)?;
    if throughput == 0.0 && (backlog > 0.0 || growth > 0.0) {
        return Err(BacklogError::NothingProcessed);
    }
    let backlog_s = if backlog == 0.0 {
        0.0
    } else {
        backlog / throughput
    };
    let current = f64::from(job.task_managers);
    let most = most_task_managers(job).min(limits.most_task_managers.unwrap_or(u32::MAX).max(1));
    if backlog_s > limits.grow_backlog_s || cpu > limits.grow_cpu {
        let required = if growth > 0.0 {
            current * (growth + throughput) / throughput
        } else {
            current
        };
        let extra = current * backlog_s / limits.clear_within_s;
        let wanted = required + extra;
        if wanted <= current {
            return Ok(Advice::Keep(Keep::BusyWithoutBacklog));
        }
        let wanted = whole(wanted).min(most);
        if wanted <= job.task_managers {
            return Ok(Advice::Keep(Keep::AtLimit));
        }
        return Ok(resize(job, wanted));
    }
    let idle = cpu < limits.shrink_cpu && growth <= 0.0 && backlog_s < limits.shrink_backlog_s;
    let wanted = whole(current * cpu / limits.shrink_cpu).max(1);
    if !idle || wanted >= job.task_managers {
        return Ok(Advice::Keep(Keep::WithinLimits));
    }
    Ok(resize(job, wanted))
}

fn known(signal: &'static str, value: Option<f64>, least: f64) -> Result<f64, BacklogError> {
    let value = value.filter(|value| value.is_finite() && *value >= least);
    value.ok_or(BacklogError::Missing { signal })
}

/// Up to a whole number; a hair above one is that one, lest rounding buy a TaskManager.
fn whole(task_managers: f64) -> u32 {
    (task_managers - 1e-9).ceil() as u32
}

/// As many as the narrower of partitions and key groups can use.
fn most_task_managers(job: &Job) -> u32 {
    let subtasks = [job.partitions, job.max_parallelism].into_iter().flatten();
    let subtasks = subtasks.filter(|subtasks| *subtasks > 0).min();
    subtasks.map_or(u32::MAX, |subtasks| {
        subtasks.div_ceil(job.slots_per_task_manager)
    })
}

fn resize(job: &Job, task_managers: u32) -> Advice {
    let slots = task_managers.saturating_mul(job.slots_per_task_manager);
    let subtasks = [job.partitions, job.max_parallelism].into_iter().flatten();
    let limit = subtasks.filter(|subtasks| *subtasks > 0).min();
    Advice::Resize {
        task_managers,
        parallelism: (!job.reactive).then(|| slots.min(limit.unwrap_or(slots))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(throughput: f64, backlog: f64, growth: f64, cpu: f64) -> Job {
        Job {
            throughput: Some(throughput),
            backlog: Some(backlog),
            backlog_growth: Some(growth),
            cpu: Some(cpu),
            task_managers: 10,
            slots_per_task_manager: 2,
            partitions: Some(100),
            max_parallelism: Some(128),
            reactive: false,
        }
    }

    fn resize(task_managers: u32, parallelism: u32) -> Advice {
        Advice::Resize {
            task_managers,
            parallelism: Some(parallelism),
        }
    }

    #[test]
    fn the_rule_by_its_cases() {
        let table = [
            // 10 · (500 + 1000)/1000 = 15 and 10 · 180/60 = 30.
            (job(1000.0, 180_000.0, 500.0, 0.5), resize(45, 90)),
            // A steady backlog of 150 s: 10 + 25.
            (job(1000.0, 150_000.0, 0.0, 0.5), resize(35, 70)),
            // Beyond the partitions.
            (job(1000.0, 900_000.0, 0.0, 0.5), resize(50, 100)),
            // High CPU with a small growing backlog: 11 + 10 · 6/60.
            (job(1000.0, 6000.0, 100.0, 0.95), resize(12, 24)),
            (
                job(1000.0, 0.0, 0.0, 0.95),
                Advice::Keep(Keep::BusyWithoutBacklog),
            ),
            (job(0.0, 0.0, 0.0, 0.35), resize(5, 10)),
            (job(1000.0, 0.0, 0.0, 0.35), resize(5, 10)),
            (job(1000.0, 0.0, -5.0, 0.0), resize(1, 2)),
            (job(1000.0, 0.0, 0.0, 0.8), Advice::Keep(Keep::WithinLimits)),
            (job(1000.0, 0.0, 1.0, 0.3), Advice::Keep(Keep::WithinLimits)),
            (
                job(1000.0, 20_000.0, 0.0, 0.3),
                Advice::Keep(Keep::WithinLimits),
            ),
            (
                job(1000.0, 0.0, 0.0, 0.69),
                Advice::Keep(Keep::WithinLimits),
            ),
        ];
        for (job, expected) in table {
            assert_eq!(advise(&job, &Limits::default()), Ok(expected), "{job:?}");
        }
    }

    #[test]
    fn reactive_jobs_get_task_managers_only() {
        let reactive = Job {
            reactive: true,
            ..job(1000.0, 0.0, 0.0, 0.35)
        };
        let advice = Advice::Resize {
            task_managers: 5,
            parallelism: None,
        };
        assert_eq!(advise(&reactive, &Limits::default()), Ok(advice));
    }

    #[test]
    fn at_the_partitions_it_stays() {
        let narrow = Job {
            partitions: Some(20),
            ..job(1000.0, 180_000.0, 500.0, 0.5)
        };
        let advice = advise(&narrow, &Limits::default());
        assert_eq!(advice, Ok(Advice::Keep(Keep::AtLimit)));
    }

    #[test]
    fn a_stopped_job_is_not_resized() {
        for stopped in [job(0.0, 10.0, 0.0, 0.1), job(0.0, 0.0, 10.0, 0.95)] {
            let advice = advise(&stopped, &Limits::default());
            assert_eq!(advice, Err(BacklogError::NothingProcessed));
        }
    }

    #[test]
    fn what_is_not_measured_is_said() {
        for (cpu, backlog) in [
            (None, Some(1.0)),
            (Some(f64::NAN), Some(1.0)),
            (Some(0.5), None),
        ] {
            let unknown = Job {
                cpu,
                backlog,
                ..job(1000.0, 0.0, 0.0, 0.5)
            };
            let advice = advise(&unknown, &Limits::default());
            assert!(
                matches!(advice, Err(BacklogError::Missing { .. })),
                "{cpu:?} {backlog:?}"
            );
        }
    }
}
