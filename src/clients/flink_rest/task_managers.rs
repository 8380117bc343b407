//! TaskManagers: shapes, pools, and what their processes use.

use super::answers::{amount, count, list, small_count, text};
use super::metric_names::{OF_TASK_MANAGERS, encoded, of_collectors, requests};
use super::pass::Pass;
use super::{Rest, Settings};
use crate::flink::metric_names::{collector, pauses};
use crate::quantity::count as counted;
use crate::snapshot::{Gap, MemoryPools, TaskManager};
use futures::StreamExt;
use serde_json::Value;
use std::collections::BTreeMap;

/// All TaskManagers of the cluster, by id, those within the limit with their metrics.
pub(super) async fn task_managers<R: Rest>(
    pass: &Pass<'_, R>,
    settings: &Settings,
) -> (Vec<TaskManager>, Vec<Gap>) {
    let document = match pass.json("/taskmanagers").await {
        Ok(document) => document,
        Err(error) => {
            return (
                Vec::new(),
                vec![Gap::new("TaskManagers", error.to_string())],
            );
        }
    };
    let mut gaps = Vec::new();
    let mut all: Vec<TaskManager> = list(&document["taskmanagers"])
        .iter()
        .filter_map(shape)
        .collect();
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
    let Ok(document) = pass.json(&path).await else {
        // Whoever forbids the list may still answer names.
        return USUAL_COLLECTORS
            .iter()
            .map(|collector| format!("Status.JVM.GarbageCollector.{collector}.Time"))
            .collect();
    };
    let names: Vec<String> = list(&document)
        .iter()
        .filter_map(|metric| text(&metric["id"]))
        .collect();
    of_collectors(names.iter().map(String::as_str))
        .into_iter()
        .map(str::to_string)
        .collect()
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

fn shape(found: &Value) -> Option<TaskManager> {
    Some(TaskManager {
        id: text(&found["id"])?,
        slots: small_count(&found["slotsNumber"]).unwrap_or(0),
        free_slots: small_count(&found["freeSlots"]).unwrap_or(0),
        cpus_seen: amount(&found["hardware"]["cpuCores"]).filter(|cpus| *cpus > 0.0),
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
        pools: pools(&found["memoryConfiguration"]),
    })
}

/// The pools, when the process's size is known: a TaskManager started without one (in a test, by hand) has none to report.
fn pools(found: &Value) -> Option<MemoryPools> {
    let bytes = |name: &str| count(&found[name]).unwrap_or(0);
    let total_process = count(&found["totalProcessMemory"]).filter(|bytes| *bytes > 0)?;
    Some(MemoryPools {
        framework_heap: bytes("frameworkHeap"),
        task_heap: bytes("taskHeap"),
        framework_off_heap: bytes("frameworkOffHeap"),
        task_off_heap: bytes("taskOffHeap"),
        network: bytes("networkMemory"),
        managed: bytes("managedMemory"),
        metaspace: bytes("jvmMetaspace"),
        overhead: bytes("jvmOverhead"),
        total_flink: bytes("totalFlinkMemory"),
        total_process,
    })
}

async fn measured<R: Rest>(
    pass: &Pass<'_, R>,
    mut task_manager: TaskManager,
    collectors: &[String],
) -> (TaskManager, Option<Gap>) {
    let path = format!("/taskmanagers/{}/metrics", encoded(&task_manager.id));
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    let gap =
        |id: &str, reason: String| Some(Gap::new(format!("metrics of TaskManager {id}"), reason));
    let names = OF_TASK_MANAGERS
        .into_iter()
        .chain(collectors.iter().map(String::as_str));
    for request in requests(&path, names) {
        match pass.json(&request).await {
            Ok(document) => values.extend(
                list(&document)
                    .iter()
                    .filter_map(|metric| Some((text(&metric["id"])?, metric["value"].clone()))),
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

fn fill(task_manager: &mut TaskManager, values: &BTreeMap<String, Value>) {
    let value = |name: &str| values.get(name).unwrap_or(&Value::Null);
    let bytes = |name: &str| count(value(name));
    task_manager.cpu_time_ns = count(value("Status.JVM.CPU.Time"));
    // The JVM says a negative number when it does not know.
    task_manager.cpu_load = amount(value("Status.JVM.CPU.Load")).filter(|load| *load <= 1.0);
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
                .filter_map(|(name, value)| Some((collector(name, ending)?, amount(value)?))),
        )
    };
    task_manager.gc_time_ms = together(".Time").map(|time| time as u64);
    task_manager.gc_ms_per_second = together(".TimeMsPerSecond").map(super::answers::kept);
}
