//! Sentences and cells that several pages share.

use super::escape::{code, markdown};
use super::number;
use crate::classify::{Signal, Unit, Verdict};
use crate::quantity::count;
use crate::recommend::Size;
use crate::record::{FieldChange, Thresholds};
use crate::snapshot::JobKey;

/// A signal as `CPU used 11 % (limit 30 %)`, escaped for Markdown.
pub fn signal(signal: &Signal) -> String {
    format!("{} {}", markdown(&signal.name), signal_value(signal))
}

/// A signal's value with its threshold.
pub fn signal_value(signal: &Signal) -> String {
    let value = in_unit(signal.value, signal.unit);
    match signal.threshold {
        Some(threshold) => format!("{value} (limit {})", in_unit(threshold, signal.unit)),
        None => value,
    }
}

fn in_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => number::percent(value),
        Unit::Bytes => number::bytes(value),
        Unit::Cores => format!("{} cores", number::cores(value)),
        Unit::RecordsPerSecond => format!("{}/s", number::rate(value)),
        Unit::Records => number::rate(value),
        Unit::Millis => number::span(value as i64),
        Unit::Count => number::cores(value),
    }
}

/// A verdict's signals in one line.
pub fn signals(verdict: &Verdict) -> String {
    verdict
        .signals
        .iter()
        .map(signal)
        .collect::<Vec<_>>()
        .join(", ")
}

/// `12 → 8 slots`, `4096m → 2560m per TaskManager`: what changes, for a title. Plain text.
pub fn what_changes(now: &Size, proposed: &Size, fields: &[FieldChange]) -> Vec<String> {
    let mut parts = Vec::new();
    let grid = (now.task_managers, now.slots_per_task_manager);
    let grid_then = (proposed.task_managers, proposed.slots_per_task_manager);
    if grid != grid_then {
        parts.push(format!(
            "{} × {} → {} × {} slots",
            grid.0, grid.1, grid_then.0, grid_then.1
        ));
    } else if now.parallelism != proposed.parallelism {
        parts.push(format!(
            "parallelism {} → {}",
            now.parallelism, proposed.parallelism
        ));
    } else if now.vertex_parallelism != proposed.vertex_parallelism {
        parts.push("parallelism of vertices".to_string());
    }
    if now.memory_bytes != proposed.memory_bytes {
        let (before, after) = texts(fields, "memory").unwrap_or_else(|| {
            (
                number::bytes(now.memory_bytes as f64),
                number::bytes(proposed.memory_bytes as f64),
            )
        });
        parts.push(format!("{before} → {after} per TaskManager"));
    }
    if now.cpu_millis != proposed.cpu_millis {
        let cores = |millis: u64| number::cores(millis as f64 / 1000.0);
        parts.push(format!(
            "CPU {} → {}",
            cores(now.cpu_millis),
            cores(proposed.cpu_millis)
        ));
    }
    if parts.is_empty() && now.options != proposed.options {
        parts.push("memory pools".to_string());
    }
    parts
}

/// Old and new text of the field whose path ends in a word.
pub fn texts(fields: &[FieldChange], last: &str) -> Option<(String, String)> {
    let field = fields.iter().find(|field| {
        field.path.ends_with(last) || field.path.ends_with(&format!("{last}.process.size\"]"))
    })?;
    Some((plain(field.before.as_ref()), plain(field.after.as_ref())))
}

/// A value of a manifest as text.
pub fn plain(value: Option<&serde_json::Value>) -> String {
    match value {
        None => "not set".to_string(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `namespace/name` for a title: anything that is no part of a Kubernetes name becomes `?`.
pub fn job_in_title(job: &JobKey) -> String {
    job.short()
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "-./".contains(character) {
                character
            } else {
                '?'
            }
        })
        .take(80)
        .collect()
}

/// A vertex's name, short enough for a table, in a code span.
pub fn vertex(name: &str) -> String {
    let short: String = if name.chars().count() > 48 {
        name.chars().take(47).chain(std::iter::once('…')).collect()
    } else {
        name.to_string()
    };
    code(&short)
}

/// What will revert a change, one phrase each.
pub fn thresholds(thresholds: &Thresholds) -> Vec<String> {
    let span = number::span;
    vec![
        format!(
            "backpressure above {} for {}",
            number::percent(thresholds.backpressure_share),
            span(thresholds.backpressure_for_ms)
        ),
        format!(
            "lag above {} for {}",
            span(thresholds.lag_ms),
            span(thresholds.lag_for_ms)
        ),
        if thresholds.out_of_memory <= 1 {
            "any OOM kill".to_string()
        } else {
            format!("{} OOM kills", thresholds.out_of_memory)
        },
        format!(
            "{} in {}",
            count(thresholds.restarts, "restart"),
            span(thresholds.restarts_within_ms)
        ),
        format!(
            "checkpoints above {}",
            span(thresholds.checkpoint_duration_ms)
        ),
        format!(
            "over {} of {} checkpoints failed",
            number::percent(thresholds.checkpoint_failure_share),
            thresholds.checkpoint_failure_of
        ),
        format!(
            "garbage collection above {} of the time",
            number::percent(thresholds.gc_share)
        ),
    ]
}
