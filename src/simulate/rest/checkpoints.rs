//! Checkpoints: counts, the latest ones, the history, the settings.

use super::Question;
use crate::simulate::model::checkpoint::Ended;
use crate::simulate::snapshot::backend_name;
use serde_json::{Value, json};

pub(super) fn all(q: &Question) -> Value {
    let now = &q.view.checkpoints;
    let in_progress = u64::from(now.under_way.is_some());
    let completed: Vec<&Ended> = now.recent.iter().filter(|c| c.completed).collect();
    let failed = now.recent.iter().find(|c| !c.completed);
    let mut history: Vec<Value> = Vec::new();
    if let Some(started) = &now.under_way {
        history.push(json!({
            "className": "in_progress",
            "id": started.id,
            "status": "IN_PROGRESS",
            "is_savepoint": false,
            "savepointFormat": null,
            "trigger_timestamp": started.triggered_at_ms,
            "latest_ack_timestamp": -1,
            "checkpointed_size": 0,
            "state_size": 0,
            "end_to_end_duration": (q.view.at_ms - started.triggered_at_ms).max(0),
            "num_subtasks": tasks(q),
            "num_acknowledged_subtasks": 0,
            "checkpoint_type": "CHECKPOINT",
            "tasks": {},
        }));
    }
    history.extend(now.recent.iter().map(|c| ended(q, c)));
    let duration = |c: &&Ended| (c.ended_at_ms - c.triggered_at_ms) as f64;
    json!({
        "counts": {
            "restored": u64::from(q.view.savepoint.is_some()),
            "total": now.completed + now.failed + in_progress,
            "in_progress": in_progress,
            "completed": now.completed,
            "failed": now.failed,
        },
        "summary": {
            "checkpointed_size": summary(completed.iter().map(|c| c.written_bytes.floor())),
            "state_size": summary(completed.iter().map(|c| c.state_bytes.floor())),
            "end_to_end_duration": summary(completed.iter().map(duration)),
            "alignment_buffered": summary(completed.iter().map(|_| 0.0)),
            "processed_data": summary(completed.iter().map(|_| 0.0)),
            "persisted_data": summary(completed.iter().map(|_| 0.0)),
        },
        "latest": {
            "completed": now.latest.as_ref().map(|c| ended(q, c)),
            "savepoint": q.view.savepoint.map(|(at, bytes)| savepoint(q, at, bytes)),
            "failed": failed.map(|c| ended(q, c)),
            "restored": null,
        },
        "history": history,
    })
}

fn tasks(q: &Question) -> usize {
    q.view.vertices.iter().map(|v| v.subtasks.len()).sum()
}

fn ended(q: &Question, c: &Ended) -> Value {
    let mut entry = json!({
        "className": if c.completed { "completed" } else { "failed" },
        "id": c.id,
        "status": if c.completed { "COMPLETED" } else { "FAILED" },
        "is_savepoint": false,
        "savepointFormat": null,
        "trigger_timestamp": c.triggered_at_ms,
        "latest_ack_timestamp": c.ended_at_ms,
        "checkpointed_size": c.written_bytes as u64,
        "state_size": c.state_bytes as u64,
        "end_to_end_duration": (c.ended_at_ms - c.triggered_at_ms).max(0),
        "alignment_buffered": 0,
        "processed_data": 0,
        "persisted_data": 0,
        "num_subtasks": tasks(q),
        "num_acknowledged_subtasks": if c.completed { tasks(q) } else { tasks(q) / 2 },
        "checkpoint_type": "CHECKPOINT",
        "tasks": {},
    });
    if c.completed {
        entry["external_path"] = json!(format!(
            "s3://simulated/{}/chk-{}",
            q.job.spec.key.name, c.id
        ));
        entry["discarded"] = json!(false);
    } else {
        entry["failure_timestamp"] = json!(c.ended_at_ms);
        entry["failure_message"] = json!("Checkpoint expired before completing.");
    }
    entry
}

fn savepoint(q: &Question, at_ms: i64, bytes: f64) -> Value {
    json!({
        "className": "completed",
        "id": 1,
        "status": "COMPLETED",
        "is_savepoint": true,
        "savepointFormat": "CANONICAL",
        "trigger_timestamp": at_ms - 2_000,
        "latest_ack_timestamp": at_ms,
        "checkpointed_size": bytes as u64,
        "state_size": bytes as u64,
        "end_to_end_duration": 2_000,
        "num_subtasks": tasks(q),
        "num_acknowledged_subtasks": tasks(q),
        "checkpoint_type": "SAVEPOINT",
        "tasks": {},
        "external_path": format!("s3://simulated/{}/savepoint", q.job.spec.key.name),
        "discarded": false,
    })
}

/// Flink's summary of a number over the ended checkpoints: NaN percentiles where there is none.
fn summary(values: impl Iterator<Item = f64>) -> Value {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return json!({"min": 0, "max": 0, "avg": 0, "p50": "NaN", "p90": "NaN", "p95": "NaN", "p99": "NaN", "p999": "NaN"});
    };
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    json!({
        "min": *first as u64, "max": *last as u64, "avg": mean as u64,
        "p50": at(0.5), "p90": at(0.9), "p95": at(0.95), "p99": at(0.99), "p999": at(0.999),
    })
}

pub(super) fn config(q: &Question) -> Value {
    let settings = &q.job.spec.checkpoints;
    json!({
        "mode": "exactly_once",
        "interval": settings.interval_ms,
        "timeout": settings.timeout_ms,
        "min_pause": 0,
        "max_concurrent": 1,
        "externalization": {"enabled": true, "delete_on_cancellation": false},
        "state_backend": backend_name(q.job),
        "checkpoint_storage": "FileSystemCheckpointStorage",
        "unaligned_checkpoints": settings.unaligned,
        "tolerable_failed_checkpoints": 1_000,
        "aligned_checkpoint_timeout": 0,
        "checkpoints_after_tasks_finish": true,
        "state_changelog_enabled": false,
        "changelog_periodic_materialization_interval": 600_000,
        "changelog_storage": "memory",
    })
}
