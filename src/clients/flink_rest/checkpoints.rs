//! Checkpoint counters, the latest ones, and their settings.

use super::Rest;
use super::answers::{count, list, text, time_ms};
use super::metric_names::encoded;
use super::pass::Pass;
use crate::snapshot::{Checkpoints, Gap};
use serde_json::Value;

/// A longer interval or timeout means "never": Flink writes Long.MAX_VALUE when checkpointing is off.
const NEVER_MS: u64 = 366 * 24 * 3600 * 1000;

/// Reads both documents; without the first there are no checkpoints, without the second no settings.
pub(super) async fn checkpoints<R: Rest>(
    pass: &Pass<'_, R>,
    job_id: &str,
) -> (Option<Checkpoints>, Vec<Gap>) {
    let path = format!("/jobs/{}/checkpoints", encoded(job_id));
    let config_path = format!("{path}/config");
    let (counts, config) = futures::join!(pass.json(&path), pass.json(&config_path));
    let mut gaps = Vec::new();
    let counts = match counts {
        Ok(counts) => counts,
        Err(error) if error.is_not_found() => {
            gaps.push(Gap::new(
                "checkpoints",
                "the JobManager has none of this job (checkpointing is off, or the job has just gone)",
            ));
            return (None, gaps);
        }
        Err(error) => {
            gaps.push(Gap::new("checkpoints", error.to_string()));
            return (None, gaps);
        }
    };
    let mut checkpoints = counted(&counts);
    if checkpoints.is_none() {
        gaps.push(Gap::new(
            "checkpoints",
            "the answer holds no counts, or negative ones",
        ));
    }
    match config {
        Ok(config) if config["interval"].is_null() => gaps.push(Gap::new(
            "checkpoint settings",
            "the answer holds no interval",
        )),
        Ok(config) => {
            if let Some(checkpoints) = &mut checkpoints {
                configure(checkpoints, &config);
            }
        }
        Err(error) => gaps.push(Gap::new("checkpoint settings", error.to_string())),
    }
    (checkpoints, gaps)
}

fn counted(document: &Value) -> Option<Checkpoints> {
    let counts = &document["counts"];
    let latest = &document["latest"]["completed"];
    let savepoint = &document["latest"]["savepoint"];
    Some(Checkpoints {
        completed: count(&counts["completed"])?,
        failed: count(&counts["failed"])?,
        in_progress: count(&counts["in_progress"]).unwrap_or(0),
        latest_duration_ms: count(&latest["end_to_end_duration"]),
        latest_state_bytes: count(&latest["state_size"]),
        latest_checkpointed_bytes: count(&latest["checkpointed_size"]),
        latest_completed_at_ms: ended_at_ms(latest),
        latest_savepoint_at_ms: ended_at_ms(savepoint),
        latest_savepoint_bytes: count(&savepoint["state_size"]),
        recent: list(&document["history"])
            .iter()
            .filter_map(ended)
            .take(10)
            .collect(),
        ..Checkpoints::default()
    })
}

/// When a checkpoint ended: its last acknowledgement, else its begin and duration.
fn ended_at_ms(checkpoint: &Value) -> Option<i64> {
    time_ms(&checkpoint["latest_ack_timestamp"]).or_else(|| {
        let begin = time_ms(&checkpoint["trigger_timestamp"])?;
        let duration = count(&checkpoint["end_to_end_duration"])?;
        begin.checked_add(i64::try_from(duration).ok()?)
    })
}

/// An ended checkpoint of the history; savepoints take their own time and are left out.
fn ended(entry: &Value) -> Option<(i64, u64, bool)> {
    let completed = match entry["status"].as_str()? {
        "COMPLETED" => true,
        "FAILED" => false,
        _ => return None,
    };
    if entry["is_savepoint"] == Value::Bool(true) {
        return None;
    }
    let ended = if completed {
        ended_at_ms(entry)
    } else {
        time_ms(&entry["failure_timestamp"]).or_else(|| ended_at_ms(entry))
    };
    let begin = time_ms(&entry["trigger_timestamp"]);
    let ended = ended.or(begin)?;
    let duration = count(&entry["end_to_end_duration"])
        .or_else(|| u64::try_from(ended.checked_sub(begin?)?).ok())
        .unwrap_or(0);
    Some((ended, duration, completed))
}

fn configure(checkpoints: &mut Checkpoints, config: &Value) {
    let sensible = |name: &str| count(&config[name]).filter(|ms| (1..NEVER_MS).contains(ms));
    checkpoints.interval_ms = sensible("interval");
    checkpoints.timeout_ms = sensible("timeout");
    checkpoints.unaligned = config["unaligned_checkpoints"].as_bool();
    checkpoints.state_backend = text(&config["state_backend"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn savepoints_and_checkpoints_under_way_are_no_history() {
        let document = json!({"counts": {"completed": 2, "failed": 1}, "latest": {"completed": null}, "history": [
            {"status": "IN_PROGRESS", "trigger_timestamp": 900},
            {"status": "COMPLETED", "trigger_timestamp": 500, "latest_ack_timestamp": 600, "end_to_end_duration": 100},
            {"status": "COMPLETED", "is_savepoint": true, "trigger_timestamp": 300, "latest_ack_timestamp": 400, "end_to_end_duration": 100},
            {"status": "FAILED", "trigger_timestamp": 100, "failure_timestamp": 150, "end_to_end_duration": -1}]});
        let read = counted(&document).expect("counts");
        assert_eq!(read.recent, vec![(600, 100, true), (150, 50, false)]);
        assert_eq!(
            counted(&json!({"counts": {"completed": -1, "failed": 0}})),
            None
        );
    }

    #[test]
    fn an_endless_interval_is_none() {
        let mut checkpoints = Checkpoints::default();
        configure(
            &mut checkpoints,
            &json!({"interval": i64::MAX, "timeout": 600_000}),
        );
        assert_eq!(
            (checkpoints.interval_ms, checkpoints.timeout_ms),
            (None, Some(600_000))
        );
    }
}
