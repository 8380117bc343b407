//! Documents about the cluster, the job and its vertices.

use super::{Question, state_word};
use crate::simulate::model::job::Phase;
use crate::simulate::model::spec::Telemetry;
use crate::simulate::model::view::{SubtaskView, VertexView};
use crate::simulate::snapshot::{configuration, slot_sharing_group};
use serde_json::{Map, Value, json};

const TASK_STATES: [&str; 10] = [
    "CREATED",
    "SCHEDULED",
    "DEPLOYING",
    "INITIALIZING",
    "RUNNING",
    "FINISHED",
    "CANCELING",
    "CANCELED",
    "FAILED",
    "RECONCILING",
];

pub(super) fn overview(q: &Question) -> Value {
    let word = state_word(q.view);
    json!({
        "taskmanagers": q.view.task_managers.len(),
        "slots-total": q.view.slots(),
        "slots-available": free_slots(q),
        "jobs-running": u32::from(word != "FAILED"),
        "jobs-finished": 0,
        "jobs-cancelled": 0,
        "jobs-failed": u32::from(word == "FAILED"),
        "flink-version": q.job.spec.flink_version,
        "flink-commit": "simulated",
    })
}

pub(super) fn free_slots(q: &Question) -> u32 {
    q.view.free_slots()
}

pub(super) fn web_config(q: &Question) -> Value {
    json!({
        "refresh-interval": 3000,
        "timezone-name": "Coordinated Universal Time",
        "timezone-offset": 0,
        "flink-version": q.job.spec.flink_version,
        "flink-revision": "simulated",
        "features": {"web-submit": false, "web-cancel": false, "web-rescale": false, "web-history": false},
    })
}

pub(super) fn ids(q: &Question) -> Value {
    json!({"jobs": [{"id": q.view.job_id, "status": state_word(q.view)}]})
}

pub(super) fn jobs_overview(q: &Question) -> Value {
    let tasks: usize = q.view.vertices.iter().map(|v| v.subtasks.len()).sum();
    let now = task_state(q);
    let mut counts = Map::new();
    for state in TASK_STATES {
        let count = if state == now { tasks } else { 0 };
        counts.insert(state.to_lowercase(), json!(count));
    }
    counts.insert("total".to_string(), json!(tasks));
    let mut job = json!({
        "jid": q.view.job_id,
        "name": q.job.spec.key.name,
        "start-time": q.view.submitted_ms,
        "end-time": end_time(q),
        "duration": q.view.at_ms - q.view.submitted_ms,
        "state": state_word(q.view),
        "last-modification": last_change(q),
        "tasks": counts,
    });
    if is_second_generation(q) {
        job["pending-operators"] = json!(0);
    }
    json!({"jobs": [job]})
}

fn is_second_generation(q: &Question) -> bool {
    q.job.spec.flink_version.starts_with('2')
}

fn end_time(q: &Question) -> i64 {
    match q.view.phase {
        Phase::Refused { since_ms, .. } => since_ms,
        _ => -1,
    }
}

fn last_change(q: &Question) -> i64 {
    match q.view.phase {
        Phase::Running { since_ms }
        | Phase::Down { since_ms, .. }
        | Phase::Refused { since_ms, .. } => since_ms,
    }
}

fn task_state(q: &Question) -> &'static str {
    match q.view.phase {
        Phase::Running { .. } => "RUNNING",
        Phase::Down { redeploy: true, .. } => "SCHEDULED",
        Phase::Down { .. } => "CREATED",
        Phase::Refused { .. } => "FAILED",
    }
}

pub(super) fn jobmanager_config(q: &Question) -> Value {
    let options: Vec<Value> = configuration(q.job)
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    Value::Array(options)
}

pub(super) fn config(q: &Question) -> Value {
    json!({
        "jid": q.view.job_id,
        "name": q.job.spec.key.name,
        "execution-config": {
            "restart-strategy": "Cluster level default restart strategy",
            "job-parallelism": q.job.size().parallelism,
            "object-reuse-mode": false,
            "user-config": {},
        },
    })
}

pub(super) fn details(q: &Question) -> Value {
    let view = q.view;
    let word = state_word(view);
    let mut timestamps = Map::new();
    for state in [
        "RESTARTING",
        "SUSPENDED",
        "RECONCILING",
        "INITIALIZING",
        "FAILED",
        "CANCELLING",
        "CREATED",
        "FAILING",
        "FINISHED",
        "CANCELED",
        "RUNNING",
    ] {
        timestamps.insert(state.to_string(), json!(0));
    }
    timestamps.insert("INITIALIZING".to_string(), json!(view.submitted_ms));
    timestamps.insert("CREATED".to_string(), json!(view.submitted_ms + 180));
    timestamps.insert(word.to_string(), json!(last_change(q)));
    let vertices: Vec<Value> = view.vertices.iter().map(|v| in_details(q, v)).collect();
    let mut counts = Map::new();
    for state in TASK_STATES {
        let count = if state == task_state(q) {
            vertices.len()
        } else {
            0
        };
        counts.insert(state.to_string(), json!(count));
    }
    let mut document = json!({
        "jid": view.job_id,
        "name": q.job.spec.key.name,
        "isStoppable": false,
        "state": word,
        "job-type": "STREAMING",
        "start-time": view.submitted_ms,
        "end-time": end_time(q),
        "duration": view.at_ms - view.submitted_ms,
        "maxParallelism": -1,
        "now": view.at_ms,
        "timestamps": timestamps,
        "vertices": vertices,
        "status-counts": counts,
        "plan": plan(q),
    });
    if is_second_generation(q) {
        document["pending-operators"] = json!(0);
    }
    document
}

fn in_details(q: &Question, vertex: &VertexView) -> Value {
    let mut tasks = Map::new();
    for state in TASK_STATES {
        let count = if state == task_state(q) {
            vertex.subtasks.len()
        } else {
            0
        };
        tasks.insert(state.to_string(), json!(count));
    }
    let start = q.view.running_since().unwrap_or(-1);
    json!({
        "id": vertex.id,
        "slotSharingGroupId": slot_sharing_group(q.job),
        "name": vertex.name,
        "maxParallelism": q.job.spec.vertices[vertex.index].max_parallelism,
        "parallelism": vertex.subtasks.len(),
        "status": task_state(q),
        "start-time": start,
        "end-time": -1,
        "duration": if start < 0 { -1 } else { q.view.at_ms - start },
        "tasks": tasks,
        "metrics": io_metrics(q, vertex, &vertex.subtasks),
    })
}

/// Counters since the execution began. Read and written bytes are records of a hundred bytes.
fn io_metrics(q: &Question, vertex: &VertexView, subtasks: &[SubtaskView]) -> Value {
    let spec = &q.job.spec.vertices[vertex.index];
    let sum = |of: &dyn Fn(&SubtaskView) -> f64| subtasks.iter().map(of).sum::<f64>();
    // Flink's I/O counters know only what goes through the network stack: a source reads nothing.
    let read = if spec.source.is_some() {
        0.0
    } else {
        sum(&|s| s.records_in)
    };
    let written = sum(&|s| s.records_out);
    let blind = q.job.spec.telemetry == Telemetry::Blind;
    let complete = q.view.measured() && !blind;
    let legacy = spec.source.as_ref().is_some_and(|s| s.topic.is_none());
    let mut metrics = json!({
        "read-bytes": (read * 100.0) as u64,
        "read-bytes-complete": complete,
        "write-bytes": (written * 100.0) as u64,
        "write-bytes-complete": complete,
        "read-records": read as u64,
        "read-records-complete": complete,
        "write-records": written as u64,
        "write-records-complete": complete,
    });
    if complete {
        metrics["accumulated-backpressured-time"] = json!(sum(&|s| s.backpressured_ms) as u64);
        metrics["accumulated-idle-time"] = json!(sum(&|s| s.idle_ms) as u64);
        metrics["accumulated-busy-time"] = if legacy {
            json!("NaN")
        } else {
            json!(sum(&|s| s.busy_ms))
        };
    }
    metrics
}

pub(super) fn plan(q: &Question) -> Value {
    let nodes: Vec<Value> = q
        .view
        .vertices
        .iter()
        .map(|vertex| {
            let spec = &q.job.spec.vertices[vertex.index];
            let mut node = json!({
                "id": vertex.id,
                "parallelism": vertex.subtasks.len(),
                "operator": "",
                "operator_strategy": "",
                "description": format!("{}<br/>", vertex.name.replace(" -> ", "<br/>+- ")),
                "optimizer_properties": {},
            });
            if !spec.inputs.is_empty() {
                let inputs: Vec<Value> = spec
                    .inputs
                    .iter()
                    .enumerate()
                    .map(|(number, edge)| {
                        json!({
                            "num": number,
                            "id": q.view.vertices[edge.from].id,
                            "ship_strategy": edge.strategy,
                            "exchange": "pipelined_bounded",
                        })
                    })
                    .collect();
                node["inputs"] = Value::Array(inputs);
            }
            node
        })
        .collect();
    json!({"jid": q.view.job_id, "name": q.job.spec.key.name, "type": "STREAMING", "nodes": nodes})
}

pub(super) fn exceptions(q: &Question) -> Value {
    let entries: Vec<Value> = q
        .view
        .incidents
        .iter()
        .map(|incident| {
            let message = if let Phase::Refused { reason, .. } = &q.view.phase {
                reason.as_str()
            } else if incident.out_of_memory {
                "Java heap space"
            } else {
                "simulated"
            };
            json!({
                "exceptionName": incident.class,
                "stacktrace": format!("{}: {message}\n\tat org.apache.flink.streaming.runtime.tasks.StreamTask.invoke(StreamTask.java)\n", incident.class),
                "timestamp": incident.at_ms,
                "failureLabels": {},
                "concurrentExceptions": [],
            })
        })
        .collect();
    let refused = match &q.view.phase {
        Phase::Refused { reason, since_ms } => Some((reason, since_ms)),
        _ => None,
    };
    json!({
        "root-exception": refused.map(|(reason, _)| reason),
        "timestamp": refused.map(|(_, since_ms)| since_ms),
        "all-exceptions": [],
        "truncated": false,
        "exceptionHistory": {"entries": entries, "truncated": false},
    })
}

pub(super) fn vertex(q: &Question, v: usize) -> Value {
    let vertex = &q.view.vertices[v];
    let start = q.view.running_since().unwrap_or(-1);
    let subtasks: Vec<Value> = vertex
        .subtasks
        .iter()
        .enumerate()
        .map(|(i, subtask)| {
            let manager = q.view.task_managers.get(subtask.task_manager);
            json!({
                "subtask": i,
                "status": task_state(q),
                "attempt": q.view.restarts,
                "host": manager.map_or("(unassigned)", |tm| tm.id.as_str()),
                "endpoint": manager.map_or("(unassigned)".to_string(), |tm| format!("{}:6122", tm.id)),
                "start-time": start,
                "end-time": -1,
                "duration": if start < 0 { -1 } else { q.view.at_ms - start },
                "metrics": io_metrics(q, vertex, std::slice::from_ref(subtask)),
                "taskmanager-id": manager.map_or("(unassigned)", |tm| tm.id.as_str()),
                "start_time": start,
            })
        })
        .collect();
    json!({
        "id": vertex.id,
        "name": vertex.name,
        "parallelism": vertex.subtasks.len(),
        "maxParallelism": q.job.spec.vertices[v].max_parallelism,
        "now": q.view.at_ms,
        "subtasks": subtasks,
    })
}

pub(super) fn vertex_task_managers(q: &Question, v: usize) -> Value {
    let vertex = &q.view.vertices[v];
    let start = q.view.running_since().unwrap_or(-1);
    let managers: Vec<Value> = q
        .view
        .task_managers
        .iter()
        .enumerate()
        .filter_map(|(t, manager)| {
            let own: Vec<SubtaskView> = vertex
                .subtasks
                .iter()
                .filter(|subtask| subtask.task_manager == t)
                .copied()
                .collect();
            (!own.is_empty()).then(|| {
                json!({
                    "host": format!("{}:6122", manager.id),
                    "endpoint": format!("{}:6122", manager.id),
                    "status": task_state(q),
                    "start-time": start,
                    "end-time": -1,
                    "duration": if start < 0 { -1 } else { q.view.at_ms - start },
                    "metrics": io_metrics(q, vertex, &own),
                    "taskmanager-id": manager.id,
                })
            })
        })
        .collect();
    json!({"id": vertex.id, "name": vertex.name, "now": q.view.at_ms, "taskmanagers": managers})
}

pub(super) fn backpressure(q: &Question, v: usize) -> Value {
    let level = |ratio: f64| match ratio {
        r if r > 0.5 => "high",
        r if r > 0.1 => "low",
        _ => "ok",
    };
    let vertex = &q.view.vertices[v];
    let seen = q.view.measured() && q.job.spec.telemetry == Telemetry::Full;
    let legacy = q.job.spec.vertices[v]
        .source
        .as_ref()
        .is_some_and(|s| s.topic.is_none());
    let number = |value: f64, known: bool| {
        if known {
            json!((value * 1000.0).round() / 1000.0)
        } else {
            json!("NaN")
        }
    };
    let subtasks: Vec<Value> = vertex
        .subtasks
        .iter()
        .enumerate()
        .map(|(i, subtask)| {
            let ratio = if seen { subtask.backpressured } else { 0.0 };
            json!({
                "subtask": i,
                "backpressureLevel": level(ratio),
                "ratio": number(ratio, seen),
                "idleRatio": number(subtask.idle, seen),
                "busyRatio": number(subtask.busy, seen && !legacy),
                "backpressure-level": level(ratio),
            })
        })
        .collect();
    let highest = vertex
        .subtasks
        .iter()
        .map(|s| s.backpressured)
        .fold(0.0, f64::max);
    let word = level(if seen { highest } else { 0.0 });
    json!({
        "status": "ok",
        "backpressureLevel": word,
        "end-timestamp": q.view.at_ms,
        "subtasks": subtasks,
        "backpressure-level": word,
    })
}
