//! Metrics: names without `get=`, values with it, aggregated or not.

use super::{Question, job};
use crate::simulate::model::spec::Telemetry;
use crate::simulate::model::view::{SubtaskView, TaskManagerView};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A metric of each subtask or TaskManager; NaN where Flink says so.
type Columns = BTreeMap<String, Vec<f64>>;

/// Names, or the values of those asked for that exist.
fn plain(q: &Question, values: &BTreeMap<String, String>) -> Value {
    let entries: Vec<Value> = match q.wanted() {
        None => values.keys().map(|id| json!({"id": id})).collect(),
        Some(wanted) => wanted
            .iter()
            .filter_map(|id| Some(json!({"id": id, "value": values.get(*id)?})))
            .collect(),
    };
    Value::Array(entries)
}

/// Names, or aggregates of those asked for; nothing at all if one of them does not exist.
fn aggregated(q: &Question, columns: &Columns) -> Value {
    let Some(wanted) = q.wanted() else {
        return columns.keys().map(|id| json!({"id": id})).collect();
    };
    if wanted.iter().any(|id| !columns.contains_key(*id)) {
        return json!([]);
    }
    let kinds = q.aggregates();
    wanted
        .iter()
        .map(|id| aggregate(id, &columns[*id], kinds.as_deref()))
        .collect()
}

fn aggregate(id: &str, values: &[f64], kinds: Option<&[&str]>) -> Value {
    let sum: f64 = values.iter().sum();
    let mean = sum / values.len().max(1) as f64;
    // `f64::min` passes over NaN, Flink does not.
    let unknown = values.iter().any(|value| value.is_nan());
    let fold = |pick: fn(f64, f64) -> f64| match unknown {
        true => f64::NAN,
        false => values.iter().copied().reduce(pick).unwrap_or(f64::NAN),
    };
    let off: f64 = values.iter().map(|value| (value - mean).abs()).sum();
    let skew = if mean == 0.0 {
        0.0
    } else {
        off / values.len().max(1) as f64 / mean * 100.0
    };
    let mut entry = Map::new();
    entry.insert("id".to_string(), json!(id));
    for (kind, value) in [
        ("min", fold(f64::min)),
        ("max", fold(f64::max)),
        ("avg", mean),
        ("sum", sum),
        ("skew", skew),
    ] {
        if kinds.is_none_or(|kinds| kinds.contains(&kind)) {
            entry.insert(kind.to_string(), number(value));
        }
    }
    Value::Object(entry)
}

/// Flink writes numbers that JSON does not know as text.
fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else {
        json!("NaN")
    }
}

pub(super) fn of_subtasks(q: &Question, v: usize) -> Value {
    aggregated(q, &columns(q, v))
}

pub(super) fn of_vertex(q: &Question, v: usize) -> Value {
    let mut values = BTreeMap::new();
    for (id, column) in columns(q, v) {
        for (subtask, value) in column.iter().enumerate() {
            let text = if value.is_nan() {
                "NaN".to_string()
            } else {
                value.to_string()
            };
            values.insert(format!("{subtask}.{id}"), text);
        }
    }
    plain(q, &values)
}

/// All metrics of a vertex's tasks and operators.
fn columns(q: &Question, v: usize) -> Columns {
    let mut columns = Columns::new();
    if q.view.running_since().is_none() || q.job.spec.telemetry == Telemetry::Blind {
        return columns;
    }
    let vertex = &q.view.vertices[v];
    let source = q.job.spec.vertices[v].source.as_ref();
    let legacy = source.is_some_and(|s| s.topic.is_none());
    let mut add = |id: &str, of: &dyn Fn(&SubtaskView) -> f64| {
        let column = vertex.subtasks.iter().map(of).collect();
        columns.insert(id.to_string(), column);
    };
    add("mailboxQueueSize", &|_| 0.0);
    add("checkpointStartDelayNanos", &|s| {
        2e6 + 4e9 * s.backpressured
    });
    if !q.view.measured() {
        return columns;
    }
    let from_network = if source.is_some() { 0.0 } else { 1.0 };
    add("busyTimeMsPerSecond", &|s| {
        if legacy { f64::NAN } else { s.busy * 1000.0 }
    });
    add("backPressuredTimeMsPerSecond", &|s| {
        s.backpressured * 1000.0
    });
    add("softBackPressuredTimeMsPerSecond", &|s| {
        s.backpressured * 1000.0
    });
    add("hardBackPressuredTimeMsPerSecond", &|_| 0.0);
    add("idleTimeMsPerSecond", &|s| s.idle * 1000.0);
    add("accumulateBusyTimeMs", &|s| {
        if legacy { f64::NAN } else { s.busy_ms }
    });
    add("accumulateBackPressuredTimeMs", &|s| s.backpressured_ms);
    add("accumulateIdleTimeMs", &|s| s.idle_ms);
    add("numRecordsIn", &|s| s.records_in * from_network);
    add("numRecordsInPerSecond", &|s| s.rate_in * from_network);
    add("numRecordsOut", &|s| s.records_out);
    add("numRecordsOutPerSecond", &|s| s.rate_out);
    add("numBytesInPerSecond", &|s| s.rate_in * from_network * 100.0);
    add("numBytesOutPerSecond", &|s| s.rate_out * 100.0);
    add("buffers.inPoolUsage", &|s| s.busy * from_network);
    add("buffers.outPoolUsage", &|s| s.backpressured);
    if source.is_some() {
        of_source(q, v, &mut columns);
    }
    columns
}

/// What the source's operator reports under its own name.
fn of_source(q: &Question, v: usize, columns: &mut Columns) {
    let vertex = &q.view.vertices[v];
    let operator = operator_name(&vertex.name);
    let column =
        |of: &dyn Fn(&SubtaskView) -> f64| -> Vec<f64> { vertex.subtasks.iter().map(of).collect() };
    columns.insert(
        format!("{operator}.numRecordsOut"),
        column(&|s| s.records_out),
    );
    columns.insert(
        format!("{operator}.numRecordsOutPerSecond"),
        column(&|s| s.rate_out),
    );
    let topic = q.job.spec.vertices[v]
        .source
        .as_ref()
        .and_then(|source| source.topic.as_ref());
    let Some((topic, partitions)) = topic else {
        return;
    };
    columns.insert(
        format!("{operator}.numRecordsIn"),
        column(&|s| s.records_in),
    );
    columns.insert(
        format!("{operator}.numRecordsInPerSecond"),
        column(&|s| s.rate_in),
    );
    columns.insert(format!("{operator}.numRecordsInErrors"), column(&|_| 0.0));
    if let Some(pending) = vertex.pending {
        let all: f64 = vertex.subtasks.iter().map(|s| s.rate_in).sum();
        let count = vertex.subtasks.len() as f64;
        // Whole records for each subtask, with the rest at the first, so that the sum is exact.
        let mut parts: Vec<f64> = column(&|s| {
            let part = if all > 0.0 {
                s.rate_in / all
            } else {
                1.0 / count
            };
            (pending * part).floor()
        });
        let rest = pending - parts.iter().sum::<f64>();
        if let Some(first) = parts.first_mut() {
            *first += rest;
        }
        columns.insert(format!("{operator}.pendingRecords"), parts);
    }
    let read: f64 = vertex.subtasks.iter().map(|s| s.records_in).sum();
    for partition in 0..*partitions {
        let offset = (read / f64::from(*partitions)).floor() + f64::from(partition);
        let head = format!("{operator}.KafkaSourceReader.topic.{topic}.partition.{partition}");
        columns.insert(format!("{head}.currentOffset"), vec![offset]);
        columns.insert(
            format!("{head}.committedOffset"),
            vec![(offset - 1.0).max(-1.0)],
        );
    }
}

/// The first operator of a chain as it stands in metric names: everything that is no letter, digit, bracket or dash becomes a line.
fn operator_name(vertex: &str) -> String {
    vertex
        .split(" -> ")
        .next()
        .unwrap_or(vertex)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "[]-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// The metrics of a process as Flink names them.
fn of_process(q: &Question, tm: &TaskManagerView) -> Vec<(&'static str, f64)> {
    let pools = &q.view.pools;
    let heap = (pools.framework_heap + pools.task_heap) as f64;
    let load = (tm.cores_now / f64::from(q.view.cpus_seen)).clamp(0.0, 1.0);
    vec![
        ("Status.Flink.Memory.Managed.Total", pools.managed as f64),
        ("Status.Flink.Memory.Managed.Used", tm.managed_used.floor()),
        ("Status.JVM.CPU.Load", load),
        ("Status.JVM.CPU.Time", (tm.cpu_seconds * 1e9).floor()),
        ("Status.JVM.GarbageCollector.All.Count", tm.gc_count.floor()),
        ("Status.JVM.GarbageCollector.All.Time", tm.gc_ms.floor()),
        (
            "Status.JVM.GarbageCollector.All.TimeMsPerSecond",
            tm.gc_ms_per_second,
        ),
        ("Status.JVM.GarbageCollector.G1_Old_Generation.Count", 0.0),
        ("Status.JVM.GarbageCollector.G1_Old_Generation.Time", 0.0),
        (
            "Status.JVM.GarbageCollector.G1_Young_Generation.Count",
            tm.gc_count.floor(),
        ),
        (
            "Status.JVM.GarbageCollector.G1_Young_Generation.Time",
            tm.gc_ms.floor(),
        ),
        (
            "Status.JVM.Memory.Direct.MemoryUsed",
            tm.direct_used.floor(),
        ),
        ("Status.JVM.Memory.Heap.Committed", heap),
        ("Status.JVM.Memory.Heap.Max", heap),
        ("Status.JVM.Memory.Heap.Used", tm.heap_used.floor()),
        (
            "Status.JVM.Memory.Metaspace.Used",
            tm.metaspace_used.floor(),
        ),
        ("Status.JVM.Memory.NonHeap.Used", tm.non_heap_used.floor()),
        ("Status.JVM.Threads.Count", 60.0 + 6.0 * f64::from(tm.slots)),
        ("Status.Shuffle.Netty.TotalMemory", pools.network as f64),
        ("Status.Shuffle.Netty.UsedMemory", tm.network_used.floor()),
    ]
}

pub(super) fn of_task_manager(q: &Question, t: usize) -> Value {
    let mut values = BTreeMap::new();
    if q.job.spec.telemetry == Telemetry::Full {
        for (id, value) in of_process(q, &q.view.task_managers[t]) {
            values.insert(id.to_string(), value.to_string());
        }
    }
    plain(q, &values)
}

pub(super) fn of_all_task_managers(q: &Question) -> Value {
    let mut columns = Columns::new();
    if q.job.spec.telemetry == Telemetry::Full {
        for tm in &q.view.task_managers {
            for (id, value) in of_process(q, tm) {
                columns.entry(id.to_string()).or_default().push(value);
            }
        }
    }
    aggregated(q, &columns)
}

pub(super) fn of_jobmanager(q: &Question) -> Value {
    let age = (q.view.at_ms - q.view.submitted_ms).max(0) as f64 / 1000.0;
    let values: BTreeMap<String, String> = [
        ("Status.JVM.CPU.Load", 0.02),
        ("Status.JVM.CPU.Time", ((12.0 + age * 0.01) * 1e9).floor()),
        ("Status.JVM.Memory.Heap.Max", 671_088_640.0),
        ("Status.JVM.Memory.Heap.Used", 251_658_240.0),
        ("Status.JVM.Memory.Metaspace.Used", 92_274_688.0),
        (
            "numRegisteredTaskManagers",
            q.view.task_managers.len() as f64,
        ),
        ("numRunningJobs", 1.0),
        ("taskSlotsAvailable", f64::from(job::free_slots(q))),
        ("taskSlotsTotal", f64::from(q.view.slots())),
    ]
    .into_iter()
    .map(|(id, value)| (id.to_string(), value.to_string()))
    .collect();
    plain(q, &values)
}

pub(super) fn of_job(q: &Question) -> Value {
    let now = &q.view.checkpoints;
    let up = q
        .view
        .running_since()
        .map_or(0, |since_ms| q.view.at_ms - since_ms);
    let latest = now.latest.as_ref();
    let of_latest = |value: i64| latest.map_or(-1, |_| value);
    let duration = latest.map_or(-1, |c| c.ended_at_ms - c.triggered_at_ms);
    let mut values: BTreeMap<String, String> = [
        ("numRestarts", q.view.restarts as i64),
        ("fullRestarts", q.view.restarts as i64),
        ("uptime", up),
        ("runningTime", up),
        ("downtime", 0),
        ("numberOfCompletedCheckpoints", now.completed as i64),
        ("numberOfFailedCheckpoints", now.failed as i64),
        (
            "numberOfInProgressCheckpoints",
            i64::from(now.under_way.is_some()),
        ),
        ("lastCheckpointDuration", duration),
        (
            "lastCheckpointSize",
            of_latest(latest.map_or(0, |c| c.written_bytes as i64)),
        ),
        (
            "lastCheckpointFullSize",
            of_latest(latest.map_or(0, |c| c.state_bytes as i64)),
        ),
    ]
    .into_iter()
    .map(|(id, value)| (id.to_string(), value.to_string()))
    .collect();
    if q.job.spec.flink_version.starts_with('2') {
        // 2.x renamed it.
        values.remove("fullRestarts");
    }
    plain(q, &values)
}
