//! A session cluster as one unit: its TaskManagers belong to all of its jobs together, so they are told, and priced, once.

use super::item::Item;
use crate::recommend::{Prices, Size};
use crate::snapshot::{JobKey, JobKind, Shape, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What runs in a session cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionUnit {
    /// Its session jobs that are known, in order.
    pub jobs: Vec<JobKey>,
    /// Its TaskManagers, as the newest look at one of its jobs shows them; absent when none of them was seen running.
    pub task_managers: Option<u32>,
    /// Process memory of each, bytes; absent when unknown.
    pub memory_bytes: Option<u64>,
    /// CPU of each, thousandths of a core; absent when unknown.
    pub cpu_millis: Option<u64>,
    /// What they cost a month, together and once; absent when a part of their size is unknown.
    pub cost_per_month: Option<f64>,
    /// The cost's currency.
    pub currency: String,
}

/// A session job, with what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionPart {
    /// Which job.
    pub job: JobKey,
    /// The name of its session cluster, a FlinkDeployment of its namespace.
    pub cluster: String,
    /// The newest look at it while it ran: when, Unix milliseconds, and which TaskManagers the cluster had.
    pub seen: Option<(i64, Shape)>,
}

impl SessionPart {
    /// A session job with its newest look while it ran.
    pub fn new(job: &JobKey, cluster: &str, running: Option<&Snapshot>) -> SessionPart {
        SessionPart {
            job: job.clone(),
            cluster: cluster.to_string(),
            seen: running.map(|look| (look.taken_at_ms, Shape::of(look))),
        }
    }

    fn cluster_key(&self) -> JobKey {
        JobKey {
            kind: JobKind::Deployment,
            name: self.cluster.clone(),
            ..self.job.clone()
        }
    }
}

/// Puts the jobs and the size of each session cluster into its own item, and says them in its message.
pub fn group_sessions(items: &mut [Item], parts: &[SessionPart], prices: &Prices) {
    let mut of_cluster: BTreeMap<JobKey, Vec<&SessionPart>> = BTreeMap::new();
    for part in parts {
        of_cluster.entry(part.cluster_key()).or_default().push(part);
    }
    for item in items {
        if !item.is_session_cluster() {
            continue;
        }
        let parts = of_cluster.remove(&item.job).unwrap_or_default();
        let unit = unit(&parts, prices);
        item.message = format!("{}; {}", item.message, sentence(&unit));
        item.unit = Some(unit);
    }
}

fn unit(parts: &[&SessionPart], prices: &Prices) -> SessionUnit {
    let mut jobs: Vec<JobKey> = parts.iter().map(|part| part.job.clone()).collect();
    jobs.sort();
    // Every look shows all TaskManagers of the cluster: the newest one counts, and they are never added up.
    let shape = parts
        .iter()
        .filter_map(|part| part.seen.as_ref())
        .max_by_key(|(at_ms, _)| *at_ms)
        .map(|(_, shape)| shape);
    let task_managers = shape.map(|shape| shape.task_managers);
    let memory_bytes = shape
        .map(|shape| shape.memory_bytes)
        .filter(|bytes| *bytes > 0);
    let cpu_millis = shape
        .map(|shape| shape.cpu_millis)
        .filter(|millis| *millis > 0);
    let cost_per_month = match (task_managers, memory_bytes, cpu_millis) {
        (Some(task_managers), Some(memory_bytes), Some(cpu_millis)) => {
            Some(prices.per_month(&Size {
                parallelism: 1,
                vertex_parallelism: BTreeMap::new(),
                task_managers,
                slots_per_task_manager: 1,
                memory_bytes,
                cpu_millis,
                options: BTreeMap::new(),
            }))
        }
        _ => None,
    };
    SessionUnit {
        jobs,
        task_managers,
        memory_bytes,
        cpu_millis,
        cost_per_month,
        currency: prices.currency.clone(),
    }
}

fn sentence(unit: &SessionUnit) -> String {
    let names: Vec<&str> = unit.jobs.iter().map(|job| job.name.as_str()).collect();
    let jobs = match names.len() {
        0 => return "no FlinkSessionJob of it is known".to_string(),
        1 => format!("its one job is {}", names[0]),
        count => format!("its {count} jobs are {}", names.join(", ")),
    };
    let Some(task_managers) = unit.task_managers else {
        return format!("{jobs}; none of them was seen running");
    };
    let each = match (unit.memory_bytes, unit.cpu_millis) {
        (Some(bytes), Some(millis)) => {
            format!(" of {} and {} CPU", memory(bytes), millis as f64 / 1000.0)
        }
        (Some(bytes), None) => format!(" of {}", memory(bytes)),
        _ => String::new(),
    };
    let cost = unit.cost_per_month.map_or_else(String::new, |cost| {
        format!(", {cost:.0} {} a month in all", unit.currency)
    });
    let together = if names.len() > 1 { "share" } else { "has" };
    let who = if names.len() > 1 { "they" } else { "it" };
    format!("{jobs}; {who} {together} {task_managers} TaskManagers{each}{cost}")
}

fn memory(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    if bytes.is_multiple_of(1024 * MIB) {
        format!("{} GiB", bytes / (1024 * MIB))
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part(name: &str, seen: Option<(i64, u32, u64, u64)>) -> SessionPart {
        SessionPart {
            job: format!("prod/sessionjob/payments/{name}").parse().unwrap(),
            cluster: "shared".to_string(),
            seen: seen.map(|(at_ms, task_managers, memory_bytes, cpu_millis)| {
                let shape = Shape {
                    task_managers,
                    slots_per_task_manager: 2,
                    memory_bytes,
                    cpu_millis,
                    parallelism: BTreeMap::new(),
                };
                (at_ms, shape)
            }),
        }
    }

    #[test]
    fn task_managers_of_a_session_cluster_count_once() {
        let prices = Prices {
            core_month: 30.0,
            gib_month: 3.0,
            currency: "EUR".to_string(),
        };
        let gib = 1 << 30;
        let table: [(&[SessionPart], &str, Option<f64>); 5] = [
            (&[], "no FlinkSessionJob", None),
            (&[part("a", None)], "its one job is a; none of them", None),
            (
                &[part("a", Some((1, 4, 2 * gib, 1000)))],
                "it has 4 TaskManagers of 2 GiB and 1 CPU, 144 EUR",
                Some(144.0),
            ),
            // Both looks show all of them; the newer one knows better.
            (
                &[
                    part("b", Some((2, 3, 2 * gib, 500))),
                    part("a", Some((1, 4, 2 * gib, 500))),
                ],
                "its 2 jobs are a, b; they share 3 TaskManagers of 2 GiB and 0.5 CPU, 63 EUR",
                Some(63.0),
            ),
            (
                &[part("a", Some((1, 2, 0, 0)))],
                "it has 2 TaskManagers",
                None,
            ),
        ];
        for (parts, said, cost) in table {
            let unit = unit(&parts.iter().collect::<Vec<_>>(), &prices);
            let told = sentence(&unit);
            assert!(told.contains(said), "{told}");
            assert_eq!(unit.cost_per_month, cost, "{told}");
        }
    }
}
