//! Checkpoint counters, the latest ones, and their settings.

use super::Rest;
use super::answers::{Flag, List, Number, Object, Text};
use super::metric_names::encoded;
use super::pass::Pass;
use crate::snapshot::{Checkpoints, Gap};
use serde::Deserialize;

/// A longer interval or timeout means "never": Flink writes Long.MAX_VALUE when checkpointing is off.
const NEVER_MS: u64 = 366 * 24 * 3600 * 1000;

/// Ended checkpoints that are kept, the newest.
const RECENT: usize = 10;
/// Checkpoints that are read of the list: Flink lists ten unless told otherwise.
const MOST_LISTED: usize = 10_000;

/// `/jobs/:id/checkpoints`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Statistics {
    counts: Object<Counts>,
    latest: Object<Latest>,
    history: List<Object<Checkpoint>, MOST_LISTED>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    completed: Number,
    failed: Number,
    in_progress: Number,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Latest {
    completed: Object<Checkpoint>,
    savepoint: Object<Checkpoint>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Checkpoint {
    status: Text,
    is_savepoint: Flag,
    trigger_timestamp: Number,
    latest_ack_timestamp: Number,
    failure_timestamp: Number,
    end_to_end_duration: Number,
    state_size: Number,
    checkpointed_size: Number,
}

/// `/jobs/:id/checkpoints/config`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Configured {
    interval: Number,
    timeout: Number,
    unaligned_checkpoints: Flag,
    state_backend: Text,
}

/// Reads both documents; without the first there are no checkpoints, without the second no settings.
pub(super) async fn checkpoints<R: Rest>(
    pass: &Pass<'_, R>,
    job_id: &str,
) -> (Option<Checkpoints>, Vec<Gap>) {
    let path = format!("/jobs/{}/checkpoints", encoded(job_id));
    let config_path = format!("{path}/config");
    let (counts, config) = futures::join!(
        pass.read::<Object<Statistics>>(&path),
        pass.read::<Object<Configured>>(&config_path)
    );
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
        Ok(config) if config.interval == Number::Absent => gaps.push(Gap::new(
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

fn counted(document: &Statistics) -> Option<Checkpoints> {
    let counts = &document.counts;
    let latest = &document.latest.completed;
    let savepoint = &document.latest.savepoint;
    Some(Checkpoints {
        completed: counts.completed.count()?,
        failed: counts.failed.count()?,
        in_progress: counts.in_progress.count().unwrap_or(0),
        latest_duration_ms: latest.end_to_end_duration.count(),
        latest_state_bytes: latest.state_size.count(),
        latest_checkpointed_bytes: latest.checkpointed_size.count(),
        latest_completed_at_ms: ended_at_ms(latest),
        latest_savepoint_at_ms: ended_at_ms(savepoint),
        latest_savepoint_bytes: savepoint.state_size.count(),
        recent: document
            .history
            .iter()
            .filter_map(|entry| ended(entry))
            .take(RECENT)
            .collect(),
        ..Checkpoints::default()
    })
}

/// When a checkpoint ended: its last acknowledgement, else its begin and duration.
fn ended_at_ms(checkpoint: &Checkpoint) -> Option<i64> {
    checkpoint.latest_ack_timestamp.time_ms().or_else(|| {
        let begin = checkpoint.trigger_timestamp.time_ms()?;
        let duration = checkpoint.end_to_end_duration.count()?;
        begin.checked_add(i64::try_from(duration).ok()?)
    })
}

/// An ended checkpoint of the history; savepoints take their own time and are left out.
fn ended(entry: &Checkpoint) -> Option<(i64, u64, bool)> {
    let completed = match entry.status.as_str()? {
        "COMPLETED" => true,
        "FAILED" => false,
        _ => return None,
    };
    if entry.is_savepoint == Flag(Some(true)) {
        return None;
    }
    let ended = if completed {
        ended_at_ms(entry)
    } else {
        entry
            .failure_timestamp
            .time_ms()
            .or_else(|| ended_at_ms(entry))
    };
    let begin = entry.trigger_timestamp.time_ms();
    let ended = ended.or(begin)?;
    let duration = entry
        .end_to_end_duration
        .count()
        .or_else(|| u64::try_from(ended.checked_sub(begin?)?).ok())
        .unwrap_or(0);
    Some((ended, duration, completed))
}

fn configure(checkpoints: &mut Checkpoints, config: &Configured) {
    let sensible = |value: Number| value.count().filter(|ms| (1..NEVER_MS).contains(ms));
    checkpoints.interval_ms = sensible(config.interval);
    checkpoints.timeout_ms = sensible(config.timeout);
    checkpoints.unaligned = config.unaligned_checkpoints.0;
    checkpoints.state_backend = config.state_backend.text();
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn statistics(document: Value) -> Object<Statistics> {
        serde_json::from_value(document).expect("checkpoints")
    }

    #[test]
    fn savepoints_and_checkpoints_under_way_are_no_history() {
        let document = statistics(
            json!({"counts": {"completed": 2, "failed": 1}, "latest": {"completed": null}, "history": [
            {"status": "IN_PROGRESS", "trigger_timestamp": 900},
            {"status": "COMPLETED", "trigger_timestamp": 500, "latest_ack_timestamp": 600, "end_to_end_duration": 100},
            {"status": "COMPLETED", "is_savepoint": true, "trigger_timestamp": 300, "latest_ack_timestamp": 400, "end_to_end_duration": 100},
            {"status": "FAILED", "trigger_timestamp": 100, "failure_timestamp": 150, "end_to_end_duration": -1}]}),
        );
        let read = counted(&document).expect("counts");
        assert_eq!(read.recent, vec![(600, 100, true), (150, 50, false)]);
        assert_eq!(
            counted(&statistics(
                json!({"counts": {"completed": -1, "failed": 0}})
            )),
            None
        );
    }

    #[test]
    fn an_endless_interval_is_none() {
        let mut checkpoints = Checkpoints::default();
        let configured = json!({"interval": i64::MAX, "timeout": 600_000});
        let configured: Object<Configured> = serde_json::from_value(configured).expect("settings");
        configure(&mut checkpoints, &configured);
        assert_eq!(
            (checkpoints.interval_ms, checkpoints.timeout_ms),
            (None, Some(600_000))
        );
    }
}
