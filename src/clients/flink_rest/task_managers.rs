//! TaskManagers: shapes, pools, and what their processes use.

use super::answers::{List, Number, Object, Text};
use super::metric_names::{Collectors, MetricNames, OF_TASK_MANAGERS, encoded, requests};
use super::pass::Pass;
use super::{Rest, Settings};
use crate::flink::metric_names::{collector, pauses};
use crate::quantity::count as counted;
use crate::snapshot::{Gap, MemoryPools, TaskManager};
use futures::StreamExt;
use serde::Deserialize;
use std::collections::BTreeMap;

/// TaskManagers that are read of one cluster.
const MOST_LISTED: usize = 20_000;
/// Metrics of a TaskManager that are asked for in one request, and more.
const MOST_VALUES: usize = 1_000;

/// `/taskmanagers`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Registered {
    taskmanagers: List<Object<Shape>, MOST_LISTED>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Shape {
    id: Text,
    slots_number: Number,
    free_slots: Number,
    hardware: Object<Hardware>,
    memory_configuration: Object<Pools>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Hardware {
    cpu_cores: Number,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pools {
    framework_heap: Number,
    task_heap: Number,
    framework_off_heap: Number,
    task_off_heap: Number,
    network_memory: Number,
    managed_memory: Number,
    jvm_metaspace: Number,
    jvm_overhead: Number,
    total_flink_memory: Number,
    total_process_memory: Number,
}

/// A metric of a TaskManager.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    id: Text,
    value: Number,
}

/// All TaskManagers of the cluster, by id, those within the limit with their metrics.
pub(super) async fn task_managers<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
) -> (Vec<TaskManager>, Vec<Gap>) {
    let document = match pass.read::<Object<Registered>>("/taskmanagers").await {
        Ok(document) => document,
        Err(error) => {
            return (
                Vec::new(),
                vec![Gap::new("TaskManagers", error.to_string())],
            );
        }
    };
    let mut gaps = Vec::new();
    let mut all: Vec<TaskManager> = document
        .taskmanagers
        .iter()
        .filter_map(|found| shape(found))
        .collect();
    if document.taskmanagers.more() > 0 {
        gaps.push(Gap::new(
            "TaskManagers",
            format!(
                "{} more than the {MOST_LISTED} that are read are registered",
                document.taskmanagers.more()
            ),
        ));
    }
    drop(document);
    all.sort_by(|left, right| left.id.cmp(&right.id));
    if all.is_empty() {
        gaps.push(Gap::new("TaskManagers", "none is registered"));
    }
    let unread = all.split_off(all.len().min(settings.most_task_managers));
    if !unread.is_empty() {
        gaps.push(Gap::new(
            format!("metrics of {}", counted(unread.len(), "TaskManager")),
            format!("only {} are read one by one", settings.most_task_managers),
        ));
    }
    let collectors = match all.first() {
        Some(first) => collectors(pass, &first.id).await,
        None => Vec::new(),
    };
    let read: Vec<(TaskManager, Option<Gap>)> = futures::stream::iter(all)
        .map(|task_manager| measured(pass, task_manager, &collectors))
        .buffered(settings.concurrency.max(1))
        .collect()
        .await;
    let mut all = Vec::with_capacity(read.len() + unread.len());
    for (task_manager, gap) in read {
        gaps.extend(gap);
        all.push(task_manager);
    }
    let measured = all.iter().any(|one| one.heap_used.is_some());
    let timed = |one: &TaskManager| one.gc_time_ms.is_some() || one.gc_ms_per_second.is_some();
    if measured && !all.iter().any(timed) {
        gaps.push(no_pauses(&collectors));
    }
    all.extend(unread);
    (all, gaps)
}

/// Collectors to ask for where no list of metrics is to be had.
const USUAL_COLLECTORS: [&str; 9] = [
    "All",
    "G1_Young_Generation",
    "G1_Old_Generation",
    "PS_Scavenge",
    "PS_MarkSweep",
    "Copy",
    "MarkSweepCompact",
    "ZGC_Pauses",
    "ZGC_Cycles",
];

/// The metrics of the collectors that a TaskManager lists: their names are those of its JVM. All have the same image, so one is asked.
async fn collectors<R: Rest>(pass: &Pass<'_, R>, id: &str) -> Vec<String> {
    let path = format!("/taskmanagers/{}/metrics", encoded(id));
    let Ok(names) = pass.read::<MetricNames<Collectors>>(&path).await else {
        // Whoever forbids the list may still answer names.
        return USUAL_COLLECTORS
            .iter()
            .map(|collector| format!("Status.JVM.GarbageCollector.{collector}.Time"))
            .collect();
    };
    names.into_vec()
}

fn no_pauses(collectors: &[String]) -> Gap {
    let names: Vec<&str> = collectors
        .iter()
        .filter_map(|name| collector(name, ".Time"))
        .filter(|name| *name != "All")
        .collect();
    let reason = if names.is_empty() {
        "no TaskManager reports Status.JVM.GarbageCollector.*.Time".to_string()
    } else {
        format!(
            "the TaskManagers report only concurrent cycles ({}), which are no pauses",
            names.join(", ")
        )
    };
    Gap::new("GC time", reason)
}

fn shape(found: &Shape) -> Option<TaskManager> {
    Some(TaskManager {
        id: found.id.text()?,
        slots: found.slots_number.small_count().unwrap_or(0),
        free_slots: found.free_slots.small_count().unwrap_or(0),
        cpus_seen: found.hardware.cpu_cores.amount().filter(|cpus| *cpus > 0.0),
        cpu_time_ns: None,
        cpu_load: None,
        heap_used: None,
        heap_max: None,
        managed_used: None,
        managed_total: None,
        network_used: None,
        network_total: None,
        metaspace_used: None,
        non_heap_used: None,
        direct_used: None,
        container_used: None,
        container_limit: None,
        gc_time_ms: None,
        gc_ms_per_second: None,
        pools: pools(&found.memory_configuration),
    })
}

/// The pools, when the process's size is known: a TaskManager started without one (in a test, by hand) has none to report.
fn pools(found: &Pools) -> Option<MemoryPools> {
    let bytes = |size: Number| size.count().unwrap_or(0);
    let total_process = found
        .total_process_memory
        .count()
        .filter(|bytes| *bytes > 0)?;
    Some(MemoryPools {
        framework_heap: bytes(found.framework_heap),
        task_heap: bytes(found.task_heap),
        framework_off_heap: bytes(found.framework_off_heap),
        task_off_heap: bytes(found.task_off_heap),
        network: bytes(found.network_memory),
        managed: bytes(found.managed_memory),
        metaspace: bytes(found.jvm_metaspace),
        overhead: bytes(found.jvm_overhead),
        total_flink: bytes(found.total_flink_memory),
        total_process,
    })
}

async fn measured<R: Rest>(
    pass: &Pass<'_, R>,
    mut task_manager: TaskManager,
    collectors: &[String],
) -> (TaskManager, Option<Gap>) {
    let path = format!("/taskmanagers/{}/metrics", encoded(&task_manager.id));
    let mut values: BTreeMap<String, Number> = BTreeMap::new();
    let gap =
        |id: &str, reason: String| Some(Gap::new(format!("metrics of TaskManager {id}"), reason));
    let names = OF_TASK_MANAGERS
        .into_iter()
        .chain(collectors.iter().map(String::as_str));
    for request in requests(&path, names) {
        match pass
            .read::<List<Object<Metric>, MOST_VALUES>>(&request)
            .await
        {
            Ok(metrics) => values.extend(
                metrics
                    .iter()
                    .filter_map(|metric| Some((metric.id.text()?, metric.value))),
            ),
            Err(error) => {
                let gap = gap(&task_manager.id, error.to_string());
                return (task_manager, gap);
            }
        }
    }
    fill(&mut task_manager, &values);
    let gap = if task_manager.cpu_time_ns.is_none() && task_manager.heap_used.is_none() {
        gap(
            &task_manager.id,
            "neither Status.JVM.CPU.Time nor Status.JVM.Memory.Heap.Used is reported (they come some seconds after a start)"
                .to_string(),
        )
    } else {
        None
    };
    (task_manager, gap)
}

fn fill(task_manager: &mut TaskManager, values: &BTreeMap<String, Number>) {
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let bytes = |name: &str| value(name).count();
    task_manager.cpu_time_ns = value("Status.JVM.CPU.Time").count();
    // The JVM says a negative number when it does not know.
    task_manager.cpu_load = value("Status.JVM.CPU.Load")
        .amount()
        .filter(|load| *load <= 1.0);
    task_manager.heap_used = bytes("Status.JVM.Memory.Heap.Used");
    task_manager.heap_max = bytes("Status.JVM.Memory.Heap.Max");
    task_manager.metaspace_used = bytes("Status.JVM.Memory.Metaspace.Used");
    task_manager.non_heap_used = bytes("Status.JVM.Memory.NonHeap.Used");
    task_manager.direct_used = bytes("Status.JVM.Memory.Direct.MemoryUsed");
    task_manager.managed_used = bytes("Status.Flink.Memory.Managed.Used");
    task_manager.managed_total = bytes("Status.Flink.Memory.Managed.Total");
    task_manager.network_used = bytes("Status.Shuffle.Netty.UsedMemory");
    task_manager.network_total = bytes("Status.Shuffle.Netty.TotalMemory");
    let together = |ending: &str| {
        pauses(
            values
                .iter()
                .filter_map(|(name, value)| Some((collector(name, ending)?, value.amount()?))),
        )
    };
    task_manager.gc_time_ms = together(".Time").map(|time| time as u64);
    task_manager.gc_ms_per_second = together(".TimeMsPerSecond").map(super::answers::kept);
}
